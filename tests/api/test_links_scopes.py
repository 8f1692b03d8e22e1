# SPDX-License-Identifier: Apache-2.0
"""A key without the scope read gets no address that opens bytes by itself, whichever API it asks."""

import threading
import time

import pytest
import requests
from harness import expect

UNREADING = ["ack", "write", "delete"]


@pytest.fixture(scope="module")
def project(server):
    return server.project()


@pytest.fixture(scope="module")
def everything(server, project):
    return server.api(["read", "ack", "write", "delete"], project)


@pytest.fixture(scope="module")
def done(everything):
    """A completed job as ids and numbers, with a result that tests may acknowledge, and one that they leave."""
    job = everything.job(kind="/v3/data/products", reference_id="r")
    result = everything.upload(job["id"], "a.json", b"[]", headers={"Content-Type": "application/json"})
    everything.upload(job["id"], "b.json", b"[]", headers={"Content-Type": "application/json"})
    expect(everything.move(job["id"], "finish"), 200)
    return {"job": job["id"], "job_pk": job["pk"], "result": result["id"], "pk": result["pk"], "url": result["url"]}


def ask(api, method, path, **arguments):
    headers = {"Authorization": f"Bearer {api.key}", **arguments.pop("headers", {})}
    return requests.request(
        method, api.server.url + path, headers=headers, timeout=60, allow_redirects=False, **arguments
    )


def links_in(response):
    """Whether an answer, its header included, has the address of a signed link."""
    return "/-/d/" in response.text or "/-/d/" in str(response.headers)


# Of each API what shows or makes signed links: method, path, body; and the scope that opens the route.
CALLS = [
    ("POST", "/api/v1/results/{result}/links", {}, "read"),
    ("GET", "/results/{result}", None, "read"),
    ("GET", "/results?task={job}", None, "read"),
    ("GET", "/results/{result}/ack", None, "ack"),
    ("POST", "/results/{result}/ack", {}, "ack"),
    ("POST", "/results/ack", {"results": ["{result}"]}, "ack"),
    ("GET", "/tasks/{job}", None, "read"),
    ("GET", "/v3/results/{job_pk}", None, "read"),
    ("GET", "/v1/attachments?url={url}", None, "read"),
]


def call(api, done, method, path, body):
    if body and "results" in body:
        body = {"results": [done["result"]]}
    return ask(api, method, path.format(**done), json=body)


@pytest.mark.parametrize("method, path, body, scope", CALLS, ids=[f"{c[0]} {c[1]}" for c in CALLS])
def test_only_a_key_that_may_read_gets_a_link(server, project, done, method, path, body, scope):
    for single in UNREADING:
        answer = call(server.api([single], project), done, method, path, body)
        assert (answer.status_code == 200) == (single == scope), answer.text
        assert not links_in(answer), f"{single}: {answer.text}"
    answer = call(server.api({"read", scope}, project), done, method, path, body)
    assert answer.status_code in (200, 201, 302), answer.text
    assert links_in(answer), answer.text


def test_who_may_only_acknowledge_still_sees_what_it_did(server, project, everything):
    result = everything.publish()["id"]
    shown = expect(ask(server.api(["ack"], project), "GET", f"/results/{result}/ack"), 200)
    assert (shown["id"], shown["state"], shown["signed_url"]) == (result, "consumed", None)


@pytest.mark.parametrize(
    "path, body", [("/polls", {"payload": {"data_types": ["a"]}}), ("/tasks", {"type": "a"})], ids=["polls", "tasks"]
)
def test_who_may_only_submit_sees_no_link_when_it_waits_for_the_end(server, path, body):
    """Submits and waits (Ricloud-Await), while a worker does the job."""

    def work():
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            claimed = worker.claim()
            if claimed.status_code == 200:
                job = claimed.json()
                worker.upload(job["id"], "a", b"1")
                expect(worker.move(job["id"], "finish", lease=job["lease"]), 200)
                return
            time.sleep(0.05)

    project = server.project()
    worker = server.api(["read", "write"], project)
    for scopes, opens in ((["write"], False), (["read", "write"], True)):
        thread = threading.Thread(target=work)
        thread.start()
        answer = ask(server.api(scopes, project), "POST", path, json=body, headers={"Ricloud-Await": "10"})
        thread.join()
        assert len(expect(answer, 201)["results"]["data"]) == 1
        assert links_in(answer) == opens, answer.text
