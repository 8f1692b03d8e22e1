# SPDX-License-Identifier: Apache-2.0
"""Bad input: each kind gets a clear problem and leaves the server well."""

import http.client
import json
import time

import pytest
from harness import BASE, Wire, expect, nobody, problem, raw, request_head

JSON_ROUTES = ["/jobs", "/jobs/claim", "/batches"]


@pytest.fixture(autouse=True)
def the_server_stays_well(server):
    yield
    assert server.get("/-/live").status_code == 200


# ---- paths and methods ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/nope", "/jobs/", "/jobs/x/y/z", "/results/x/nope", "/", "", "/JOBS", "/job"])
def test_an_unknown_path_is_404(api, path):
    problem(api.get(path), 404)


def test_an_unknown_path_outside_the_api_is_404(server):
    for path in ("/nope", "/api", "/api/v2/jobs", "/-/nope", "/-", "/favicon.ico.nope"):
        problem(server.get(path), 404)


WRONG_METHODS = [
    ("DELETE", "/jobs", {"GET", "POST"}),
    ("PATCH", "/jobs", {"GET", "POST"}),
    ("PUT", "/jobs/{id}", {"GET", "DELETE"}),
    ("GET", "/jobs/{id}/finish", {"POST"}),
    ("GET", "/jobs/{id}/restore", {"POST"}),
    ("DELETE", "/batches/{id}", {"GET"}),
    ("POST", "/jobs/{id}/results/name", {"PUT"}),
    ("PATCH", "/results", {"GET", "POST"}),
    ("POST", "/results/{id}", {"GET", "DELETE"}),
    ("PUT", "/results/{id}/content", {"GET", "HEAD"}),
    ("GET", "/results/{id}/ack", {"POST"}),
    ("GET", "/results/{id}/keep", {"PUT", "DELETE"}),
    ("GET", "/results/{id}/links", {"POST"}),
    ("POST", "/usage", {"GET"}),
]


@pytest.mark.parametrize("method, path, allowed", WRONG_METHODS)
def test_a_wrong_method_is_405_with_allow(api, method, path, allowed):
    response = api.request(method, path.format(id=nobody()))
    problem(response, 405)
    told = {word.strip() for word in response.headers["Allow"].split(",")}
    assert allowed <= told
    assert method not in told


def test_a_wrong_method_on_the_servers_own_pages_is_405(server):
    answer = raw(server, request_head("POST", "/-/live", Content_Length=0))
    problem(answer, 405)
    assert "GET" in answer.headers["Allow"]


def test_a_made_up_method_is_refused(api):
    assert api.request("FLY", "/jobs").status_code in (400, 405, 501)


TRICKS = [
    "/../../../../etc/passwd",
    BASE + "/../../../../../etc/passwd",
    BASE + "/results/../../../../etc/passwd",
    BASE + "/results/..%2f..%2f..%2fetc%2fpasswd/content",
    BASE + "/results/%2e%2e/%2e%2e/content",
    BASE + "/results/%00/content",
    BASE + "/jobs%00",
    BASE + "/jobs/%",
    BASE + "/jobs/%zz",
    BASE + "/jobs/%c0%af",
    BASE + "/jobs/%ff%fe",
    BASE + "/jobs/%ed%a0%80",
    BASE + "/jobs/" + "a" * 8000,
    BASE + "/jobs/" + "%41" * 4000,
    "//api//v1//jobs",
    BASE + "/jobs;x=y",
    BASE + "//jobs",
    BASE + "/./jobs/.",
    "/-/d/../ready",
    "/-/d/",
    "/-/d/%00",
    "/-/d/" + "A" * 4000,
    "/-/d/..%2f..%2fetc%2fpasswd",
    "/\\..\\..\\etc\\passwd",
]


@pytest.mark.parametrize("target", TRICKS, ids=lambda target: target[:40])
def test_a_path_trick_leads_nowhere(api, target):
    answer = raw(api.server, request_head("GET", target, api.key))
    assert answer.status_code in (400, 403, 404, 414), answer.text[:200]
    assert b"root:" not in answer.content


@pytest.mark.parametrize(
    "lines",
    [
        "Host: evil.example/path",
        "Host: evil.example#@localhost",
        "Host: user@evil.example",
        "Host: a b",
        "Host: a,b",
        "Host: a:x",
        "Host: a:65536",
        "Host: a:80:80",
        "Host: [::1",
        'Host: "a"',
        "Host: <script>",
        "Host: a%0d%0ab",
        "Host: \u00e4",
        "Host: " + 256 * "a",
        "Host: a\r\nHost: b",
        "Host: a\r\nHost: a",
        "X-Forwarded-Host: a",
    ],
    ids=lambda lines: lines[:40],
)
def test_a_host_is_a_name_or_an_address_or_the_request_is_refused(api, lines):
    for path in "/results", "/api/v1/results", "/v1/job-outputs/1", "/nothing":
        answer = raw(api.server, f"GET {path} HTTP/1.1\r\n{lines}\r\nx-api-key: {api.key}\r\n\r\n".encode())
        assert answer.status_code == 400, answer.text[:200]
        assert b"evil" not in answer.content


@pytest.mark.parametrize("host", ["", "a", "a_b-c.example.", "a.example:", "a:1", "127.0.0.1:65535", "[::1]:80", "[::1]"])
def test_any_name_or_address_is_a_host(api, host):
    answer = raw(api.server, f"GET /api/v1/results HTTP/1.1\r\nHost: {host}\r\nx-api-key: {api.key}\r\n\r\n".encode())
    assert answer.status_code == 200, answer.text[:200]


def test_without_a_host_the_answer_is_one_and_a_problem(api):
    """libmicrohttpd's own would have its header twice."""
    with Wire(api.server) as wire:
        wire.send(b"GET /api/v1/results HTTP/1.1\r\nConnection: close\r\n\r\n")
        answer = wire.answer()
        assert wire.rest() == b""
    assert "Host" in problem(answer, 400, code="bad_request")["detail"]


@pytest.mark.parametrize("target", ["/api/v1/results/a b", "/api/v1/results?name=a b", "/api/v1/results?a HTTP/1.1", "/a\tb"])
def test_a_blank_in_an_address_is_400(api, target):
    problem(raw(api.server, request_head("GET", target, api.key)), 400, code="bad_request")


def test_old_clients_need_no_host(api):
    answer = raw(api.server, f"GET /api/v1/results HTTP/1.0\r\nx-api-key: {api.key}\r\n\r\n".encode())
    assert answer.status_code == 200, answer.text[:200]


# header lines that leave it open where the body ends, and the status
WRONG_FRAMES = {
    "two lengths": ("Content-Length: 2\r\nContent-Length: 9\r\n", 400),
    "two lengths, the other way": ("Content-Length: 9\r\nContent-Length: 2\r\n", 400),
    "two lengths, one is nothing": ("Content-Length: 0\r\nContent-Length: 2\r\n", 400),
    "length and chunked": ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", 400),
    "chunked and length": ("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", 400),
    "gzip": ("Transfer-Encoding: gzip\r\n", 400),
    "identity": ("Transfer-Encoding: identity\r\n", 400),
    "chunked twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
    "chunked and then gzip": ("Transfer-Encoding: chunked, gzip\r\n", 400),
    "gzip and then chunked": ("Transfer-Encoding: gzip, chunked\r\n", 501),
    "nothing": ("Transfer-Encoding: \r\n", 400),
}


@pytest.mark.parametrize("method, path", [("POST", "/jobs"), ("POST", "/results?name=a"), ("GET", "/jobs")])
@pytest.mark.parametrize("lines, status", WRONG_FRAMES.values(), ids=WRONG_FRAMES)
def test_a_body_whose_end_nobody_knows_ends_the_connection(api, lines, status, method, path):
    """At once, and what may be another request behind it is not taken for one (RFC 9112 section 6.3)."""
    head = f"{method} {BASE}{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {api.key}\r\n{lines}\r\n"
    behind = b"{}" + request_head("GET", "/-/live")
    started = time.monotonic()
    with Wire(api.server) as wire:
        wire.send(head.encode() + behind)
        answer = wire.answer()
        assert wire.rest() == b"", "there is one answer"
    problem(answer, status)
    assert answer.headers["Connection"] == "close"
    assert time.monotonic() - started < 5


def test_the_same_length_twice_is_that_length(api):
    with Wire(api.server) as wire:
        head = request_head("POST", f"{BASE}/batches", api.key, Content_Type="application/json", Content_Length=12)
        wire.send(head[:-2] + b"Content-Length: 12\r\n\r\n" + b'{"name":"b"}')
        assert wire.answer().status_code == 201


GARBAGE = [
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    b"A" * 100_000,
    b"GET / HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n",
    b"GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
]


@pytest.mark.parametrize("data", GARBAGE, ids=lambda data: repr(data[:30]))
def test_garbage_instead_of_a_request_is_refused(server, data):
    with Wire(server) as wire:
        wire.send(data)
        wire.end_of_sending()
        said = wire.rest()
    status = said[len("HTTP/1.1 ") :][:3]
    assert status in (b"", b"505") or status.startswith(b"4"), said[:200]


# ---- JSON bodies ------------------------------------------------------------------------------------------

BROKEN = [
    "",
    " ",
    "{",
    '{"kind":"a"',
    '{"kind":"a",}',
    '{"kind":"a"} x',
    '{"kind":"a"}{}',
    "{'kind':'a'}",
    '{"kind":a}',
    '{"kind":"a","input":01}',
    '{"kind":"a","input":NaN}',
    '{"kind":"a\n"}',
    '{"kind":"\\x"}',
    '{"kind":"\\ud800"}',
    b'{"kind":"\xff"}',
    b'{"kind":"\xc0\xaf"}',
    b'\xff\xfe{\x00}\x00',
    b"\x00",
]


@pytest.mark.parametrize("body", BROKEN, ids=repr)
def test_broken_json_is_400(api, body):
    problem(api.post_text("/jobs", body), 400)


@pytest.mark.parametrize("body", ["[]", '"kind"', "1", "null", "true", '[{"kind":"a"}]'])
def test_json_that_is_no_object_is_400(api, body):
    problem(api.post_text("/jobs", body), 400)


def nested(levels):
    """A job whose body is `levels` deep in all, the body itself being the first."""
    return '{"kind":"deep","input":' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


def test_64_levels_of_json_are_accepted_and_65_are_400(api):
    expect(api.post_text("/jobs", nested(64)), 201)
    problem(api.post_text("/jobs", nested(65)), 400)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_very_deep_json_is_400(api, opening):
    problem(api.post_text("/jobs", '{"kind":"deep","input":' + opening * 100_000), 400)


@pytest.mark.parametrize("path", JSON_ROUTES)
def test_an_unknown_member_is_400_naming_it(api, path):
    members = {"kind": "a"} if path == "/jobs" else {"name": "b"} if path == "/batches" else {}
    problem(api.post(path, json={**members, "colour": 1}), 400, pointer="/colour")


@pytest.mark.parametrize("name, pointer", [("a/b", "/a~1b"), ("a~b", "/a~0b"), ("", "/"), ("é", "/é")])
def test_the_pointer_is_escaped_as_a_json_pointer(api, name, pointer):
    problem(api.post("/jobs", json={"kind": "a", name: 1}), 400, pointer=pointer)


def test_a_duplicate_member_is_400_naming_it(api):
    problem(api.post_text("/jobs", '{"kind":"a","kind":"a"}'), 400, pointer="/kind")


def test_a_duplicate_member_inside_input_is_400(api):
    problem(api.post_text("/jobs", '{"kind":"a","input":{"x":1,"x":2}}'), 400)


NESTED = [
    ('{"b":{"a":1,"a":2}}', "/b/a"),
    ('[1,{"b":[{"a":1,"a":2}]}]', "/1/b/0/a"),
    ('{"a/b":{"c~d":[[{"é":1,"é":1}]]}}', "/a~1b/c~0d/0/0/é"),
    ('{"' + "x" * 200 + '":{"a":1,"a":2}}', ""),  # too long to be named: what it is in
]


@pytest.mark.parametrize("value, below", NESTED, ids=[below or "long" for _, below in NESTED])
def test_a_duplicate_member_is_named_from_the_top(api, value, below):
    problem(api.post_text("/jobs", '{"kind":"a","input":' + value + "}"), 400, pointer="/input" + below)


@pytest.mark.parametrize("value", ["[1,[2,}]", '{"a":[1,{"b" 1}]}'])
def test_what_is_no_json_has_no_pointer(api, value):
    problem(api.post_text("/jobs", '{"kind":"a","input":' + value + "}"), 400, code="bad_json", pointer="")


def test_a_missing_member_is_400_naming_it(api):
    problem(api.post("/jobs", json={}), 400, pointer="/kind")
    problem(api.post("/batches", json={}), 400, pointer="/name")


MISTYPED = [
    ("kind", 1),
    ("kind", None),
    ("kind", ["a"]),
    ("batch", 1),
    ("batch", "not-a-uuid"),
    ("reference_id", 1),
    ("tag", {}),
    ("priority_weight", "high"),
    ("priority_weight", 1e300),
]


@pytest.mark.parametrize("member, value", MISTYPED)
def test_a_mistyped_member_is_400_naming_it(api, member, value):
    problem(api.post("/jobs", json={"kind": "a", member: value}), 400, pointer=f"/{member}")


def test_a_number_beyond_64_bits_is_400(api):
    problem(api.post_text("/jobs", '{"kind":"a","priority_weight":99999999999999999999}'), 400)


@pytest.mark.parametrize("error", [1, "boom", [], {"code": 1, "message": "m"}, {"code": "c", "message": []}])
def test_a_mistyped_error_of_a_failed_job_is_400(api, error):
    job = api.job()["id"]
    body = problem(api.move(job, "fail", error=error), 400)
    assert body["pointer"].startswith("/error")
    assert api.get_job(job)["status"] == "queued"


@pytest.mark.parametrize("verb", ["finish", "cancel", "progress", "fail"])
def test_an_unknown_member_of_a_move_is_400_naming_it(api, verb):
    members = {"progress": {"progress": 0.5}, "fail": {"error": {"code": "c", "message": "m"}}}.get(verb, {})
    job = api.job()["id"]
    problem(api.move(job, verb, colour=1, **members), 400, pointer="/colour")
    assert api.get_job(job)["status"] == "queued"


def test_an_unknown_member_of_ack_or_links_is_400_naming_it(api):
    result = api.publish()["id"]
    problem(api.ack(result, colour=1), 400, pointer="/colour")
    assert api.result(result)["state"] == "available"
    problem(api.post(f"/results/{result}/links", json={"colour": 1}), 400, pointer="/colour")


def test_json_needs_no_content_type(api):
    expect(api.post("/jobs", data=json.dumps({"kind": "a"}).encode()), 201)


def test_json_with_a_charset_is_accepted(api):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    expect(api.post("/jobs", data=b'{"kind":"a"}', headers=headers), 201)


def test_json_in_chunks_is_accepted(api):
    expect(api.post("/jobs", data=iter([b'{"ki', b'nd":"a"}'])), 201)


# ---- query parameters -------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["limit=%00", "limit=1%00", "limit=%ff", "limit=%", "limit=%zz", "limit=%31%2"])
def test_a_badly_encoded_parameter_is_400(api, query):
    problem(raw(api.server, request_head("GET", f"{BASE}/jobs?{query}", api.key)), 400)


def test_a_plus_in_a_query_is_a_space(api):
    job = api.job(tag="a b")
    listed = expect(api.get("/jobs?tag=a+b"), 200)["data"]
    assert job["id"] in [row["id"] for row in listed]


def test_a_unicode_filter_is_decoded(own_api):
    job = own_api.job(tag="größe")
    assert expect(own_api.get("/jobs?tag=gr%C3%B6%C3%9Fe"), 200)["data"][0]["id"] == job["id"]


def test_sql_in_a_parameter_is_only_text(own_api):
    job = own_api.job(tag="x' OR '1'='1")
    own_api.job(tag="other")
    rows = expect(own_api.get("/jobs", params={"tag": "x' OR '1'='1"}), 200)["data"]
    assert [row["id"] for row in rows] == [job["id"]]


# ---- errors on a kept connection --------------------------------------------------------------------------


def test_a_connection_goes_on_after_errors(api):
    connection = http.client.HTTPConnection("127.0.0.1", api.server.port, timeout=120)
    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
    calls = [("POST", "/jobs", "{"), ("GET", "/nope", None), ("POST", "/jobs", '{"kind":1}'), ("GET", "/jobs", None)]
    statuses = []
    for method, path, body in calls:
        connection.request(method, BASE + path, body, headers)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
    assert statuses == [400, 404, 400, 200]


def test_an_error_tells_nothing_of_the_inside(api):
    for response in (api.post_text("/jobs", "{"), api.get("/nope"), api.get("/jobs?limit=x")):
        assert str(api.server.data) not in response.text
        assert "sqlite" not in response.text.lower()
