# SPDX-License-Identifier: Apache-2.0
"""Every endpoint that the established APIs' documents and clients name (endpoints.py) is a route of the server.

Whether the server has a route there is asked by a method that nothing takes: the answer, in whatever words and with
whatever status that API has for it, names in Allow what the address takes. So neither keys nor objects are needed, and
endpoints that anybody may call count like the others.
"""

import re

import pytest
import requests
from endpoints import ENDPOINTS
from harness import PATIENCE


def taken(server, path):
    """The methods that the server takes at a path; none where it has no route."""
    url = server.url + re.sub(r"\{\w+\}", "7", path)
    answer = requests.request("PURGE", url, timeout=PATIENCE)
    assert 400 <= answer.status_code < 500, f"{answer.status_code} {answer.text[:500]}"
    return [method.strip() for method in answer.headers.get("Allow", "").split(",") if method.strip()]


@pytest.mark.parametrize("api, method, path", ENDPOINTS, ids=map(" ".join, ENDPOINTS))
def test_each_endpoint_is_a_route(server, api, method, path):
    assert method in taken(server, path)


def test_each_table_names_an_endpoint_once():
    assert len(ENDPOINTS) == len(set(ENDPOINTS))


NOWHERE = [
    "/v0/projects/7",
    "/v1/projects/7/nothing",
    "/v1/attachments/7",
    "/nothing",
    "/results/7/nothing",
    "/api/invocation/7/pdf",
    "/v3/results",
    "/v1/job-outputs",
    "/v1/job-outputs/abc",
]


@pytest.mark.parametrize("path", NOWHERE)
def test_where_no_route_is_nothing_is_taken(server, path):
    assert taken(server, path) == []
