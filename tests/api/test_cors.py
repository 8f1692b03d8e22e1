# SPDX-License-Identifier: Apache-2.0
"""Pages of other origins in browsers: what they are told, preflights, and that nobody is told anything by default."""

import signal

import pytest
import requests
from harness import BASE, FILED, eventually, expect, nobody, problem

PAGE, OTHER = "https://app.example.org", "http://localhost:3000"
SETTINGS = {"cors_origins": f"{PAGE}, {OTHER}"}


def words(response, name):
    return {word.strip().lower() for word in response.headers.get(name, "").split(",")} - {""}


def told(response):
    """The header fields that are about origins, but for Vary."""
    return {name.lower() for name in response.headers if name.lower().startswith("access-control-")}


def preflight(server, path, method="GET", origin=PAGE, **headers):
    asked = {"Origin": origin, "Access-Control-Request-Method": method, **headers}
    return requests.options(server.url + path, headers=asked, timeout=120)


def test_an_allowed_origin_is_told_so_and_what_it_may_read(api, payload):
    result = api.publish("a", payload)["id"]
    for origin in (PAGE, OTHER):
        answer = api.get(f"/results/{result}/content", headers={"Origin": origin})
        assert answer.content == payload
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert {"etag", "content-range", "x-request-id", "location"} <= words(answer, "Access-Control-Expose-Headers")
        assert "origin" in words(answer, "Vary")
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_answers_of_every_kind_tell_it(server, api):
    result = api.publish("a", FILED)
    page = {"Origin": PAGE}
    etag = api.head(f"/results/{result['id']}/content").headers["ETag"]
    answers = {
        200: api.get("/results", headers=page),
        201: api.post("/jobs", json={"kind": "report"}, headers=page),
        206: api.get(f"/results/{result['id']}/content", headers={**page, "Range": "bytes=1-2"}),
        304: api.get(f"/results/{result['id']}/content", headers={**page, "If-None-Match": etag}),
        401: server.get(BASE + "/results", headers=page),
        404: api.get(f"/results/{nobody()}", headers=page),
        405: api.put("/results", headers=page),
        413: api.post("/jobs", data=b"x" * (2 << 20), headers=page),
    }
    for status, answer in answers.items():
        assert (answer.status_code, answer.headers.get("Access-Control-Allow-Origin")) == (status, PAGE)


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://app.example.org", PAGE + ":8443", "*"])
def test_others_are_told_nothing_but_that_it_depends(api, origin):
    answer = api.get("/results", headers={"Origin": origin} if origin else {})
    assert answer.status_code == 200
    assert told(answer) == set()
    assert "origin" in words(answer, "Vary")


METHODS = [
    (BASE + "/jobs", {"get", "head", "post"}),
    (BASE + "/jobs/x/results/a%2Fb", {"put"}),
    (BASE + "/results/x", {"get", "head", "delete"}),
    ("/results/x/ack", {"get", "post"}),
    ("/-/d/a/b", {"get", "head"}),
]


@pytest.mark.parametrize("path, methods", METHODS)
def test_a_preflight_is_told_the_methods_of_its_address(server, path, methods):
    answer = preflight(server, path, "PATCH", **{"Access-Control-Request-Headers": "authorization"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert words(answer, "Access-Control-Allow-Methods") == methods
    assert {"authorization", "content-type", "range", "x-api-key"} <= words(answer, "Access-Control-Allow-Headers")
    assert answer.headers["Access-Control-Max-Age"] == "86400"
    assert "origin" in words(answer, "Vary")
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_preflight_to_nowhere_is_404(server):
    problem(preflight(server, BASE + "/nope"), 404)
    assert preflight(server, "/results/x/nope").json()["error"] == "not-found"


def test_a_preflight_of_another_origin_is_405(server):
    answer = preflight(server, BASE + "/jobs", origin="https://evil.example")
    problem(answer, 405)
    assert told(answer) == set()


def test_options_that_is_no_preflight_is_405_with_allow(api):
    answer = api.request("OPTIONS", "/jobs", headers={"Origin": PAGE})
    problem(answer, 405)
    assert words(answer, "Allow") == {"get", "head", "post"}


def test_a_connection_goes_on_after_a_preflight_with_a_body(server, api):
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    assert api.request("OPTIONS", "/jobs", headers=asked, data=b"x" * 1000).status_code == 204
    expect(api.get("/jobs"), 200)


def test_all_origins(fresh_server):
    api = fresh_server(cors_origins="*").api()
    for origin in ("https://any.example", "null"):
        assert api.get("/results", headers={"Origin": origin}).headers["Access-Control-Allow-Origin"] == "*"
    assert preflight(api.server, BASE + "/jobs").headers["Access-Control-Allow-Origin"] == "*"
    assert told(api.get("/results")) == set()


def test_nobody_is_told_anything_by_default_until_sighup(fresh_server, tmp_path):
    config = tmp_path / "resultd.conf"
    config.write_text("")
    server = fresh_server(config=config)
    api = server.api()
    answer = api.get("/results", headers={"Origin": PAGE})
    assert (told(answer), words(answer, "Vary")) == (set(), set())
    refused = preflight(server, BASE + "/jobs")
    problem(refused, 405)
    assert (told(refused), words(refused, "Allow")) == (set(), {"get", "head", "post"})
    config.write_text(f"cors_origins = {PAGE}\n")
    server.signal(signal.SIGHUP)
    eventually(lambda: preflight(server, BASE + "/jobs").status_code == 204, "the new origin may")


def test_an_origin_that_could_never_match_is_refused_at_the_start(fresh_server):
    server = fresh_server(start=False, cors_origins=PAGE + "/").spawn()
    assert server.wait() != 0
    assert "cors_origins must" in server.stderr()
