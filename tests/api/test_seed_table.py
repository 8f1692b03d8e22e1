# SPDX-License-Identifier: Apache-2.0
"""Every endpoint that the established APIs' documents and clients name is a route of the server.

One table for each API, of which a line is a method and a path; what stands in braces may be anything. Whether the
server has a route there is asked by a method that nothing takes: the answer, in whatever words and with whatever
status that API has for it, names in Allow what the address takes. So neither keys nor objects are needed, and
endpoints that anybody may call count like the others.
"""

import re

import pytest
import requests
from harness import PATIENCE

TABLES = {
    "playment": """
        POST /v1/projects/{project_id}/batch
        POST /v1/project/{project_id}/batch
        POST /v1/projects/{project_id}/jobs
        POST /v0/projects/{project_id}/jobs
        POST /projectsvc/projects/{project_id}/jobs
        GET  /v1/projects/{project_id}/batch/{batch_id}
        GET  /v1/projects/{project_id}/batch/{batch_id}?page_token=
        GET  /v0/projects/{project_id}/batch/{batch_id}
        GET  /v0/projects/{project_id}/batch/{batch_id}?page_token=1575822103313046000
        GET  /v1/projects/{project_id}/jobs/{job_id}
        GET  /v0/projects/{project_id}/jobs/{job_id}
        GET  /v1/attachments?url={result_url}
        GET  /v1/projects/{project_id}/details
        GET  /v0/projects/{project_id}/details
        GET  /v0/projects/{project_id}/stats
    """,
    "ufdl": """
        POST   /v1/auth/obtain
        POST   /v1/auth/refresh
        POST   /v1/auth/verify
        POST   /v1/job-outputs/list
        GET    /v1/job-outputs/{PK}
        DELETE /v1/job-outputs/{PK}
        DELETE /v1/job-outputs/{PK}/hard
        DELETE /v1/job-outputs/{PK}/reinstate
        POST   /v1/job-outputs/{PK}/download
        POST   /v1/job-templates/list
        POST   /v1/job-templates/{PK}/create-job
        POST   /v1/jobs/list
        GET    /v1/jobs/{PK}
        GET    /v1/jobs/{PK}/acquire
        DELETE /v1/jobs/{PK}/release
        POST   /v1/jobs/{PK}/start
        POST   /v1/jobs/{PK}/progress/0.5
        POST   /v1/jobs/{PK}/outputs/{name}/{type}
        GET    /v1/jobs/{PK}/outputs/{name}/{type}
        GET    /v1/jobs/{PK}/outputs/{name}/{type}/info
        DELETE /v1/jobs/{PK}/outputs/{name}/{type}
        POST   /v1/jobs/{PK}/finish
        DELETE /v1/jobs/{PK}/reset
        DELETE /v1/jobs/{PK}/abort
        DELETE /v1/jobs/{PK}/cancel
        DELETE /v1/jobs/{PK}
        DELETE /v1/jobs/{PK}/hard
        DELETE /v1/jobs/{PK}/reinstate
        POST   /v1/nodes/list
        POST   /v1/nodes/create
        PATCH  /v1/nodes/{PK}
        GET    /v1/nodes/ping
    """,
}

ENDPOINTS = [
    pytest.param(*line.split(), id=f"{api} {' '.join(line.split())}")
    for api, table in TABLES.items()
    for line in table.strip().splitlines()
]


def taken(server, path):
    """The methods that the server takes at a path; none where it has no route."""
    url = server.url + re.sub(r"\{\w+\}", "7", path)
    answer = requests.request("PURGE", url, timeout=PATIENCE)
    assert 400 <= answer.status_code < 500, f"{answer.status_code} {answer.text[:500]}"
    return [method.strip() for method in answer.headers.get("Allow", "").split(",") if method.strip()]


@pytest.mark.parametrize("method, path", ENDPOINTS)
def test_each_endpoint_is_a_route(server, method, path):
    assert method in taken(server, path)


def test_each_table_names_an_endpoint_once():
    named = [param.values for param in ENDPOINTS]
    assert len(named) == len(set(named))


@pytest.mark.parametrize("path", ["/v0/projects/7", "/v1/projects/7/nothing", "/v1/attachments/7", "/nothing"])
def test_where_no_route_is_nothing_is_taken(server, path):
    assert taken(server, path) == []
