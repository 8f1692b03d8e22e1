# SPDX-License-Identifier: Apache-2.0
"""The Nostradamus API: the seed's own lines, what its snippets send, collections, and data that is appended."""

import io
import os
import re

import openpyxl
import pytest
import requests
from harness import FILED, SCOPES, Wire, eventually, expect, ids, nobody, request_head, sleep_until
from tables import MEDIA_TYPES

ROWS = [{"shop": "north", "sold": 3}, {"shop": "south", "sold": 10}]
AS_JSON = b'[{"shop":"north","sold":3},{"shop":"south","sold":10}]'
AS_CSV = b"shop,sold\r\nnorth,3\r\nsouth,10\r\n"
FLAGS = ("jsonAvailable", "csvAvailable", "xlsxAvailable")


class Nostradamus:
    """The API as its documented snippets send: Authorization: Token, GET with an empty dict for a body."""

    def __init__(self, api):
        self.api = api
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update({"Authorization": f"Token {api.key}"})

    def request(self, method, path, **arguments):
        return self.session.request(method, self.api.server.url + path, timeout=120, **arguments)

    def get(self, path, **parameters):
        return self.request("GET", path, data={}, params=parameters)

    def post(self, path, body):
        return self.request("POST", path, json=body)

    def collection(self, name="sales", **members):
        return expect(self.post("/api/collection", {"name": name, **members}), 201)

    def invoke(self, kind="boosting", args=None, collection=None):
        collection = collection or self.collection()["id"]
        body = {"collectionId": collection, "invocationType": kind, "args": args}
        return expect(self.post("/api/invocation", body), 201)

    def invocation(self, id_):
        return expect(self.get(f"/api/invocation/{id_}"), 200)

    def done(self, *files, primary=None):
        """An invocation that a worker has completed with these (name, bytes, kind) files; its id and theirs."""
        id_ = self.invoke()["id"]
        made = []
        for name, data, kind in files:
            headers = {"Content-Type": MEDIA_TYPES.get(kind, kind)}
            more = {"primary": "true"} if name == primary else {}
            made.append(self.api.upload(id_, name, data, headers=headers, **more)["id"])
        expect(self.api.move(id_, "finish"), 200)
        return id_, *made

    def append(self, collection, data=AS_CSV, name="sales.csv", separator=None, kind="sales", **more):
        fields = {} if separator is None else {"separator": separator}
        files = {"file": (name, data, "text/csv")}
        return self.request("POST", f"/api/collection/{collection}/data/{kind}/append", files=files, data=fields, **more)


@pytest.fixture
def nostradamus(own_api):
    return Nostradamus(own_api)


def failed(response, status):
    """{"detail": "…"} and nothing else."""
    assert response.status_code == status, response.text
    body = response.json()
    assert list(body) == ["detail"] and isinstance(body["detail"], str) and body["detail"], body
    return body["detail"]


# ---- the seed's own lines ---------------------------------------------------------------------------------


def test_the_status_of_an_invocation(nostradamus):
    """curl --location 'https://nostradamus.u-hopper.com/api/invocation/{invocation-id}'"""
    made = nostradamus.invoke()
    shown = nostradamus.invocation(made["id"])
    assert shown["status"] == "queued" and "invocationResults" not in shown
    job = expect(nostradamus.api.claim(kinds=["boosting"]), 200)
    assert job["id"] == made["id"]
    assert nostradamus.invocation(made["id"])["status"] == "running"
    nostradamus.api.upload(job["id"], "r.json", AS_JSON, headers={"Content-Type": "application/json"})
    expect(nostradamus.api.move(job["id"], "finish", lease=job["lease"]), 200)
    assert nostradamus.invocation(made["id"])["status"] == "completed"


def test_invocation_results_tell_status_and_formats(nostradamus):
    """"resultId": {"primaryResult": true, "status": "completed", "jsonAvailable": true, …"""
    id_, first, second = nostradamus.done(("a", AS_JSON, "json"), ("b", AS_CSV, "csv"), primary="b")
    row = {"status": "completed", "jsonAvailable": True, "csvAvailable": True, "xlsxAvailable": True}
    shown = nostradamus.invocation(id_)
    assert shown["invocationResults"] == {first: {"primaryResult": False, **row}, second: {"primaryResult": True, **row}}
    assert list(shown["invocationResults"][first]) == ["primaryResult", "status", *FLAGS]


def test_the_first_result_is_primary_where_none_is_marked(nostradamus):
    id_, first, second = nostradamus.done(("a", AS_JSON, "json"), ("b", b"x", "text/plain"))
    results = nostradamus.invocation(id_)["invocationResults"]
    assert [results[first]["primaryResult"], results[second]["primaryResult"]] == [True, False]
    assert nostradamus.get(f"/api/invocation/{id_}/json").content == AS_JSON


@pytest.mark.parametrize("path", ["/api/invocation/{0}/json", "/api/invocation/{0}/result/{1}/json"])
def test_a_result_in_json_format(nostradamus, path):
    """/api/invocation/{invocationId}/json · /api/invocation/{invocation-id}/result/{result-id}/json"""
    response = nostradamus.get(path.format(*nostradamus.done(("a", AS_CSV, "csv"))))
    assert response.json() == ROWS
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["/api/invocation/{0}/csv", "/api/invocation/{0}/result/{1}/csv"])
def test_a_result_in_csv_format(nostradamus, path):
    """/api/invocation/{invocationId}/csv · /api/invocation/{invocation-id}/result/{result-id}/csv"""
    response = nostradamus.get(path.format(*nostradamus.done(("a", AS_JSON, "json"))))
    assert response.content == AS_CSV
    assert response.headers["Content-Type"].split(";")[0] == "text/csv"


@pytest.mark.parametrize("path", ["/api/invocation/{0}/xlsx", "/api/invocation/{0}/result/{1}/xlsx"])
def test_a_result_in_xlsx_format(nostradamus, path):
    """/api/invocation/{invocationId}/xlsx · /api/invocation/{invocation-id}/result/{result-id}/xlsx"""
    response = nostradamus.get(path.format(*nostradamus.done(("a", AS_JSON, "json"))))
    assert response.headers["Content-Type"] == MEDIA_TYPES["xlsx"]
    sheet = openpyxl.load_workbook(io.BytesIO(response.content)).worksheets[0]
    assert [list(row) for row in sheet.iter_rows(values_only=True)] == [["shop", "sold"], ["north", 3], ["south", 10]]


def test_the_others_are_accessory_results(nostradamus):
    """The primary result is the one that is considered the main result of the invocation."""
    id_, other, main = nostradamus.done(("a", b"[]", "json"), ("b", AS_JSON, "json"), primary="b")
    assert nostradamus.get(f"/api/invocation/{id_}/json").content == AS_JSON
    assert nostradamus.get(f"/api/invocation/{id_}/result/{other}/json").content == b"[]"
    assert nostradamus.get(f"/api/invocation/{id_}/result/{main}/json").content == AS_JSON


# ---- what is available ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, kind, status, available",
    [
        (AS_JSON, "json", "completed", (True, True, True)),
        (b'{"model":{"r2":0.9}}', "json", "completed", (True, False, False)),
        (b"[{}]", "json", "completed", (True, False, False)),
        (b'{"a":1}\n', "ndjson", "completed", (True, True, True)),
        (b"a\tb\n1\t2\n", "tsv", "completed", (True, True, True)),
        (b"PK\3\4", "xlsx", "completed", (False, False, True)),
        (b"%PDF", "application/pdf", "completed", (False, False, False)),
        (b'[{"a":1},{"a"', "json", "error", (False, False, False)),
        (b"a,b\n1,2,3\n", "csv", "error", (False, False, False)),
    ],
)
def test_formats_that_are_available_can_be_had_and_others_are_404(nostradamus, data, kind, status, available):
    id_, result = nostradamus.done(("a", data, kind))
    row = nostradamus.invocation(id_)["invocationResults"][result]
    assert (row["status"], tuple(row[flag] for flag in FLAGS)) == (status, available)
    for format_, there in zip(("json", "csv", "xlsx"), available):
        for path in (f"/api/invocation/{id_}/{format_}", f"/api/invocation/{id_}/result/{result}/{format_}"):
            response = nostradamus.get(path)
            if there:
                assert response.status_code == 200, response.text
            else:
                assert format_ in failed(response, 404)


def test_what_has_the_format_already_comes_as_it_was_uploaded(nostradamus):
    odd = b'{ "summary": 1.10, "data": [ {"a": 1} ] }'
    id_, result = nostradamus.done(("a", odd, "json"))
    assert nostradamus.get(f"/api/invocation/{id_}/json").content == odd
    id_, result = nostradamus.done(("a", b"a;b\n1;2\n", "csv"))
    assert nostradamus.get(f"/api/invocation/{id_}/csv").content == b"a;b\n1;2\n"
    assert nostradamus.get(f"/api/invocation/{id_}/json").json() == [{"a": 1, "b": 2}]


def test_an_expired_result_is_an_error_and_gone(nostradamus):
    id_ = nostradamus.invoke()["id"]
    made = nostradamus.api.upload(id_, "a", AS_JSON, headers={"Content-Type": "application/json"}, expires_in="1")
    expect(nostradamus.api.move(id_, "finish"), 200)
    sleep_until(made["expires_at"])
    row = nostradamus.invocation(id_)["invocationResults"][made["id"]]
    assert row["status"] == "error" and not any(row[flag] for flag in FLAGS)
    failed(nostradamus.get(f"/api/invocation/{id_}/json"), 410)
    failed(nostradamus.get(f"/api/invocation/{id_}/result/{made['id']}/csv"), 410)


def test_downloads_have_ranges_conditions_and_head(nostradamus):
    id_, _ = nostradamus.done(("a", AS_JSON, "json"))
    whole = nostradamus.get(f"/api/invocation/{id_}/csv")
    part = nostradamus.request("GET", f"/api/invocation/{id_}/csv", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, AS_CSV[:4])
    same = nostradamus.request("GET", f"/api/invocation/{id_}/csv", headers={"If-None-Match": whole.headers["ETag"]})
    assert same.status_code == 304
    head = nostradamus.request("HEAD", f"/api/invocation/{id_}/csv")
    assert (head.status_code, head.headers["ETag"]) == (200, whole.headers["ETag"])


# ---- submitting -------------------------------------------------------------------------------------------


def test_an_invocation_becomes_a_queued_job_with_the_request_as_its_input(nostradamus):
    collection = nostradamus.collection()["id"]
    body = {"collectionId": collection, "invocationType": "demand-prediction", "args": {"weeks": 4}, "extra": 1}
    made = expect(nostradamus.post("/api/invocation", body), 201)
    assert {**made, "id": "x"} == {
        "id": "x",
        "status": "queued",
        "collectionId": collection,
        "invocationType": "demand-prediction",
        "args": {"weeks": 4},
    }
    job = expect(nostradamus.api.claim(kinds=["demand-prediction"]), 200)
    assert (job["id"], job["kind"], job["input"]) == (made["id"], "demand-prediction", body)


def test_a_job_that_failed_is_an_error_with_its_reason(nostradamus):
    id_ = nostradamus.invoke()["id"]
    error = {"code": "no_data", "message": "the collection is empty"}
    expect(nostradamus.api.move(id_, "fail", error=error), 200)
    shown = nostradamus.invocation(id_)
    assert (shown["status"], shown["error"], shown["invocationResults"]) == ("error", error, {})
    failed(nostradamus.get(f"/api/invocation/{id_}/json"), 404)
    cancelled = nostradamus.invoke()["id"]
    expect(nostradamus.api.move(cancelled, "cancel"), 200)
    assert nostradamus.invocation(cancelled)["status"] == "error"


def test_a_job_of_the_native_api_is_an_invocation_too(nostradamus):
    made = nostradamus.api.publish("a.json", AS_JSON, headers={"Content-Type": "application/json"})
    shown = nostradamus.invocation(made["job"])
    assert (shown["collectionId"], shown["invocationType"], shown["args"]) == (None, "publish", None)
    assert list(shown["invocationResults"]) == [made["id"]]
    assert nostradamus.get(f"/api/invocation/{made['job']}/csv").content == AS_CSV


def test_results_of_an_invocation_that_goes_on_are_409(nostradamus):
    id_ = nostradamus.invoke()["id"]
    made = nostradamus.api.upload(id_, "a", AS_JSON, headers={"Content-Type": "application/json"})["id"]
    for format_ in ("json", "csv", "xlsx"):
        assert "not ready" in failed(nostradamus.get(f"/api/invocation/{id_}/{format_}"), 409)
        failed(nostradamus.get(f"/api/invocation/{id_}/result/{made}/{format_}"), 409)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"collectionId": "COLLECTION"}',
        '{"invocationType": "boosting"}',
        '{"collectionId": "COLLECTION", "invocationType": ""}',
        '{"collectionId": "COLLECTION", "invocationType": 1}',
        '{"collectionId": "COLLECTION", "invocationType": "a\\u0007b"}',
        '{"collectionId": "my-collection-id", "invocationType": "boosting", "args": null}',
    ],
)
def test_a_wrong_invocation_is_refused_and_makes_no_job(nostradamus, body):
    body = body.replace("COLLECTION", nostradamus.collection()["id"])
    failed(nostradamus.request("POST", "/api/invocation", data=body), 400)
    assert expect(nostradamus.api.get("/jobs"), 200)["data"] == []


# ---- collections ------------------------------------------------------------------------------------------


def test_a_collection_comes_back_as_it_was_made(nostradamus):
    body = {"name": "sales", "product": "mantissa", "timezone": "Europe/Rome", "tag": {"a": "b"}, "properties": {"x": 1.10}}
    made = expect(nostradamus.post("/api/collection", {**body, "unknown": True}), 201)
    assert {name: made[name] for name in body} == body and set(made) == {"id", *body}
    bare = nostradamus.collection("bare")
    assert bare == {"id": bare["id"], "name": "bare", "product": None, "timezone": None, "tag": {}, "properties": {}}
    assert expect(nostradamus.get("/api/collection"), 200)["results"] == [made, bare]


def test_collections_are_listed_by_limit_and_offset(nostradamus):
    made = [nostradamus.collection(f"c{number}")["id"] for number in range(5)]
    page = expect(nostradamus.get("/api/collection", limit=2), 200)
    assert (page["count"], ids(page["results"]), page["previous"]) == (5, made[:2], None)
    page = expect(nostradamus.session.get(page["next"], timeout=120), 200)
    assert ids(page["results"]) == made[2:4]
    last = expect(nostradamus.session.get(page["next"], timeout=120), 200)
    assert (ids(last["results"]), last["next"]) == (made[4:], None)
    back = expect(nostradamus.session.get(last["previous"], timeout=120), 200)
    assert ids(back["results"]) == made[2:4]
    beyond = expect(nostradamus.get("/api/collection", offset=9, search="x"), 200)
    assert (beyond["count"], beyond["results"], beyond["next"]) == (5, [], None)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "offset=-1", "offset=x"])
def test_a_wrong_limit_or_offset_is_refused(nostradamus, query):
    failed(nostradamus.get(f"/api/collection?{query}"), 400)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"name": 1}', '{"name": ""}', '{"name": "a", "tag": []}'])
def test_a_wrong_collection_is_refused(nostradamus, body):
    failed(nostradamus.request("POST", "/api/collection", data=body), 400)
    assert expect(nostradamus.get("/api/collection"), 200)["count"] == 0


# ---- data -------------------------------------------------------------------------------------------------


def test_data_is_appended_and_its_request_can_be_polled(nostradamus):
    collection = nostradamus.collection()["id"]
    made = expect(nostradamus.append(collection, b"a;b\n1;2\n", separator=";"), 201)
    assert {**made, "id": "x"} == {
        "id": "x",
        "status": "completed",
        "collectionId": collection,
        "dataType": "sales",
        "separator": ";",
    }
    shown = nostradamus.invocation(made["id"])
    assert (shown["status"], shown["collectionId"], shown["invocationType"]) == ("completed", collection, "append")
    assert nostradamus.get(f"/api/invocation/{made['id']}/json").json() == [{"a": 1, "b": 2}]
    (result,) = nostradamus.api.results(job=made["id"])
    assert (result["name"], result["type"], result["primary"]) == ("sales.csv", "sales", True)
    assert nostradamus.api.content(result["id"]).content == b"a;b\n1;2\n"
    assert nostradamus.api.get_job(made["id"])["input"] == {
        "collectionId": collection,
        "dataType": "sales",
        "separator": ";",
    }


def test_the_separator_decides_how_the_file_is_read(nostradamus):
    collection = nostradamus.collection()["id"]
    data = b"a,x:b\n1,y:2\n"  # two columns either way
    by_colon = expect(nostradamus.append(collection, data, separator=":"), 201)["id"]
    assert nostradamus.get(f"/api/invocation/{by_colon}/json").json() == [{"a,x": "1,y", "b": 2}]
    found = expect(nostradamus.append(collection, data), 201)["id"]
    assert nostradamus.get(f"/api/invocation/{found}/json").json() == [{"a": 1, "x:b": "y:2"}]
    tab = expect(nostradamus.append(collection, b"a,b\tc\n1,2\t3\n", separator="\\t"), 201)["id"]
    assert nostradamus.get(f"/api/invocation/{tab}/json").json() == [{"a,b": "1,2", "c": 3}]


def test_a_large_file_is_stored_byte_by_byte(nostradamus):
    collection = nostradamus.collection()["id"]
    data = b"\r\n--".join([FILED] * 40)  # 6 MB, of which much could begin a boundary
    made = expect(nostradamus.append(collection, data), 201)["id"]
    (result,) = nostradamus.api.results(job=made)
    assert nostradamus.api.content(result["id"]).content == data


def test_a_chunked_form_with_fields_that_are_not_known(nostradamus):
    collection = nostradamus.collection()["id"]
    prepared = requests.Request(
        "POST", "http://x/", files={"file": ("C:\\dir\\x.csv", AS_CSV)}, data={"other": "y" * 100_000}
    ).prepare()

    def pieces():
        for at in range(0, len(prepared.body), 777):
            yield prepared.body[at : at + 777]

    headers = {"Content-Type": prepared.headers["Content-Type"]}
    path = f"/api/collection/{collection}/data/sales/append"
    made = expect(nostradamus.request("POST", path, data=pieces(), headers=headers), 201)["id"]
    (result,) = nostradamus.api.results(job=made)
    assert (result["name"], result["size"], result["rows"]) == ("x.csv", len(AS_CSV), 2)


def form(*parts, end="--B--\r\n"):
    text = "".join(f'--B\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n' for head, body in parts)
    return (text + end).encode()


FILE = ('name="file"; filename="a.csv"', "a\n1\n")


@pytest.mark.parametrize(
    "body, headers",
    [
        (form(FILE), {"Content-Type": "application/json"}),
        (form(FILE), {"Content-Type": "multipart/form-data"}),
        (form(FILE), {}),
        (b"", {}),
        (form(), {}),
        (form(FILE, end=""), {}),
        (form(FILE, end="--B-"), {}),
        (form(FILE, FILE), {}),
        (form(('name="other"', "1")), {}),
        (form(('name="separator"', ";;"), FILE), {}),
        (form(('name="separator"', '"'), FILE), {}),
        (form(FILE, ('name="separator"', "x" * 100_000)), {}),
        (form(('name="file"; filename=".."', "a\n")), {}),
        (form(('filename="a.csv"', "a\n")), {}),
        (b"--B\r\nContent-Disposition: " + b"x" * 9000, {}),
    ],
)
def test_a_wrong_form_is_refused_and_nothing_is_kept(nostradamus, body, headers):
    path = f"/api/collection/{nostradamus.collection()['id']}/data/sales/append"
    if not headers and b"--B--" in body and body == form(FILE):
        headers = {"Content-Type": "text/csv; boundary=B"}
    headers = headers or {"Content-Type": "multipart/form-data; boundary=B"}
    response = nostradamus.request("POST", path, data=body, headers=headers)
    failed(response, 413 if b"x" * 9000 in body and b"separator" not in body else 400)
    assert expect(nostradamus.api.get("/jobs"), 200)["data"] == []
    assert nostradamus.api.usage()["bytes"] == 0


def test_data_for_a_collection_that_is_not_there_is_refused_before_it_is_sent(server, nostradamus):
    foreign = Nostradamus(server.api()).collection()["id"]
    for collection in (nobody(), foreign, "x"):
        failed(nostradamus.append(collection), 404)
    head = request_head(
        "POST",
        f"/api/collection/{foreign}/data/sales/append",
        nostradamus.api.key,
        Content_Type="multipart/form-data; boundary=B",
        Content_Length=1 << 30,
        Expect="100-continue",
    )
    with Wire(server) as wire:
        wire.send(head)
        assert wire.answer("POST").status_code == 404


def test_a_form_that_breaks_off_leaves_nothing(server, nostradamus):
    path = f"/api/collection/{nostradamus.collection()['id']}/data/sales/append"
    before = server.files()
    with Wire(server) as wire:
        head = {"Content_Type": "multipart/form-data; boundary=B", "Content_Length": 10_000_000}
        wire.send(request_head("POST", path, nostradamus.api.key, **head))
        wire.send(form(FILE, end="")[:-8] + os.urandom(1 << 20))
    assert expect(nostradamus.api.get("/jobs"), 200)["data"] == []
    eventually(lambda: server.files() <= before, "nothing is left")


@pytest.mark.plain
def test_memory_does_not_grow_with_the_form(fresh_server):
    server = fresh_server()
    nostradamus = Nostradamus(server.api())
    path = f"/api/collection/{nostradamus.collection()['id']}/data/sales/append"
    status = f"/proc/{server.process.pid}/status"

    def resident():
        with open(status, encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1])

    row = b"1" * 100 + b"\r\n"

    def pieces(count):
        yield form(FILE, end="")[:-2]
        for _ in range(count):
            yield row * 600
        yield b"\r\n--B--"

    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    expect(nostradamus.request("POST", path, data=pieces(500), headers=headers), 201)
    before = resident()
    expect(nostradamus.request("POST", path, data=pieces(2000), headers=headers), 201)
    assert resident() < before + 16_000, "120 MB have passed"


# ---- who may ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Authorization": "Token {}"}, 200),
        ({"Authorization": "Bearer {}"}, 200),
        ({"x-api-key": "{}"}, 200),
        ({"Authorization": "Token {}x"}, 401),
        ({"Authorization": "Token"}, 401),
        ({"Authorization": "Basic {}"}, 401),
        ({}, 401),
    ],
    ids=str,
)
def test_the_ways_of_carrying_the_key(server, own_api, headers, status):
    made = {name: value.format(own_api.key) for name, value in headers.items()}
    response = server.get("/api/collection", headers=made)
    if status == 401:
        failed(response, 401)
        assert response.headers["WWW-Authenticate"] == "Token"
    else:
        expect(response, 200)


def test_objects_of_another_project_are_not_there(server, nostradamus):
    id_, result = nostradamus.done(("a", AS_JSON, "json"))
    mine, _ = nostradamus.done(("a", AS_JSON, "json"))
    other = Nostradamus(server.api())
    for path in (id_, f"{id_}/json", f"{id_}/result/{result}/json", nobody(), "x", f"{nobody()}/csv"):
        failed(other.get(f"/api/invocation/{path}"), 404)
    failed(nostradamus.get(f"/api/invocation/{mine}/result/{result}/json"), 404)
    failed(nostradamus.get(f"/api/invocation/{mine}/result/{nobody()}/json"), 404)
    foreign = nostradamus.collection()["id"]
    body = {"collectionId": foreign, "invocationType": "boosting", "args": None}
    failed(other.post("/api/invocation", body), 400)
    assert expect(other.get("/api/collection"), 200)["count"] == 0


def test_what_was_deleted_is_not_there(nostradamus):
    id_, first, second = nostradamus.done(("a", AS_JSON, "json"), ("b", AS_CSV, "csv"))
    expect(nostradamus.api.delete(f"/results/{first}"), 204)
    assert list(nostradamus.invocation(id_)["invocationResults"]) == [second]
    failed(nostradamus.get(f"/api/invocation/{id_}/result/{first}/json"), 404)
    expect(nostradamus.api.delete(f"/jobs/{id_}"), 204)
    failed(nostradamus.get(f"/api/invocation/{id_}"), 404)
    failed(nostradamus.get(f"/api/invocation/{id_}/csv"), 404)


def test_scopes_follow_what_is_done(server, own_api):
    reader = Nostradamus(server.api(["read"], own_api.project))
    writer = Nostradamus(server.api(["write"], own_api.project))
    collection = writer.collection()["id"]
    made = writer.invoke(collection=collection)["id"]
    expect(writer.append(collection), 201)
    expect(reader.get(f"/api/invocation/{made}"), 200)
    failed(reader.post("/api/collection", {"name": "a"}), 403)
    failed(reader.post("/api/invocation", {}), 403)
    failed(reader.append(collection), 403)
    failed(writer.get("/api/collection"), 403)
    failed(writer.get(f"/api/invocation/{made}"), 403)


def test_unknown_paths_and_methods_answer_in_its_words(nostradamus):
    failed(nostradamus.get("/api/invocation"), 405)
    failed(nostradamus.get("/api/invocation/a/tsv"), 404)
    failed(nostradamus.get("/api/collection/a"), 404)
    failed(nostradamus.request("DELETE", "/api/collection"), 405)
    assert nostradamus.get("/api/other").headers["Content-Type"] == "application/problem+json"


def test_the_api_can_be_mounted_under_a_prefix(fresh_server):
    server = fresh_server(nostradamus_prefix="/far/nos")
    nostradamus = Nostradamus(server.api())
    made = [expect(nostradamus.post("/far/nos/api/collection", {"name": name}), 201)["id"] for name in "ab"]
    page = expect(nostradamus.get("/far/nos/api/collection", limit=1), 200)
    assert page["next"] == f"{server.url}/far/nos/api/collection?limit=1&offset=1"
    assert ids(expect(nostradamus.session.get(page["next"], timeout=120), 200)["results"]) == made[1:]
    body = {"collectionId": nobody(), "invocationType": "boosting"}
    assert "POST /far/nos/api/collection" in failed(nostradamus.post("/far/nos/api/invocation", body), 400)
    assert nostradamus.get("/api/collection").headers["Content-Type"] == "application/problem+json"


def test_the_api_can_be_switched_off(fresh_server):
    nostradamus = Nostradamus(fresh_server(nostradamus="off").api(SCOPES))
    response = nostradamus.get("/api/collection")
    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")
