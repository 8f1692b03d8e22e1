# SPDX-License-Identifier: Apache-2.0
"""Buckets of a project's own: results are published there, delivered from there, and never removed there."""

import concurrent.futures
import datetime
import io
import json
import os
import re
import subprocess
import time
import urllib.parse
import zipfile

import faulty_s3
import pytest
import requests
import s3
from faulty_s3 import FaultyS3, answer_200, cut, status
from harness import (
    FILED, INLINE, SCOPES, Server, eventually, expect, free_port, ids, nobody, problem, sha256, sleep_until,
)
from ricloud_client import Ricloud, failed
from storages import ALL, storage, words

LARGE = FILED * 120  # more than two parts
TABLE = b"name,count\nanna,1\nberta,2\n"
HASTY = {"bucket_tries": 2, "bucket_patience": "2s", "bucket_silence": "1s"}


@pytest.fixture
def serve(tmp_path_factory):
    made = []

    def start(**settings):
        settings = {"private_endpoints": "on", **settings}
        running = Server(tmp_path_factory.mktemp("storages"), **settings).start()
        made.append(running)
        return running

    yield start
    for running in made:
        running.stop()
        said = running.stderr()
        assert faulty_s3.SECRET not in said and "Signature=" not in said


@pytest.fixture
def server(serve):
    return serve()


@pytest.fixture
def api(server):
    return server.api(ALL)


def body_of(store, result):
    """What the bucket has for a result."""
    bucket, _, key = result["url"].removeprefix("s3://").partition("/")
    assert bucket == "results"
    with store.lock:
        return store.objects[key].body


# ---- the objects ------------------------------------------------------------------------------------------


def test_a_storage_is_made_shown_changed_and_removed(server, api, store):
    answer = api.post("/storages", json=words(store))
    made = expect(answer, 201)
    assert answer.headers["Location"] == f"/api/v1/storages/{made['id']}"
    assert made == {
        "id": made["id"], "name": "acme", "url": "s3://results/from us/here",
        "endpoint": f"http://127.0.0.1:{store.port}", "region": "eu-test-1", "path_style": None, "deliver": "proxy",
        "link_lifetime": None, "default": False, "credentials": {"access_key_id": faulty_s3.ACCESS_KEY},
        "state": "new", "creator": made["creator"], "created_at": made["created_at"], "changed_at": made["created_at"],
    }  # fmt: skip
    assert expect(api.get(f"/storages/{made['id']}"), 200) == made
    other = expect(api.post("/storages", json=words(store, "other", default=True, path_style=True)), 201)
    assert (other["default"], other["path_style"]) == (True, True)
    assert ids(expect(api.get("/storages"), 200)["data"]) == [other["id"], made["id"]]
    assert ids(api.walk("/storages", limit=1)) == [other["id"], made["id"]]
    changed = expect(
        api.request("PATCH", f"/storages/{made['id']}", json={"deliver": "redirect", "link_lifetime": 60, "default": True}), 200
    )
    assert changed == made | {
        "deliver": "redirect", "link_lifetime": 60, "default": True, "changed_at": changed["changed_at"],
    }  # fmt: skip
    assert not expect(api.get(f"/storages/{other['id']}"), 200)["default"], "there is one default"
    back = expect(api.request("PATCH", f"/storages/{made['id']}", json={"default": False, "link_lifetime": None}), 200)
    assert (back["default"], back["link_lifetime"]) == (False, None)
    assert api.delete(f"/storages/{made['id']}").status_code == 204
    problem(api.get(f"/storages/{made['id']}"), 404, "not_found")
    assert faulty_s3.SECRET not in json.dumps([made, changed, back])
    assert faulty_s3.SECRET.encode() not in server.stored()


@pytest.mark.parametrize(
    "change, pointer",
    [
        ({"name": None}, "/name"),
        ({"name": "default"}, "/name"),
        ({"name": "a/b"}, "/name"),
        ({"url": "s3://UPPER"}, "/url"),
        ({"url": "s3://results//x"}, "/url"),
        ({"url": "https://results"}, "/url"),
        ({"url": "s3://results/" + "x" * 600}, "/url"),
        ({"endpoint": "ftp://host"}, "/endpoint"),
        ({"endpoint": "http://host/path"}, "/endpoint"),
        ({"endpoint": "http://user@host"}, "/endpoint"),
        ({"region": "eu west"}, "/region"),
        ({"path_style": "yes"}, "/path_style"),
        ({"deliver": "fax"}, "/deliver"),
        ({"link_lifetime": 604801}, "/link_lifetime"),
        ({"link_lifetime": "1"}, "/link_lifetime"),
        ({"default": 1}, "/default"),
        ({"credentials": {}}, "/credentials"),
        ({"credentials": {"access_key_id": "a b", "secret_access_key": "x"}}, "/credentials/access_key_id"),
        ({"credentials": {"access_key_id": "a", "password": "x"}}, "/credentials/password"),
        ({"extra": 1}, "/extra"),
    ],
    ids=str,
)
def test_a_wrong_one_is_refused(api, store, change, pointer):
    body = {name: value for name, value in (words(store) | change).items() if value is not None}
    problem(api.post("/storages", json=body), 400, pointer=pointer)
    assert expect(api.get("/storages"), 200)["data"] == []


def test_names_are_unique_in_a_project_only(server, api, store):
    made = storage(api, store)
    problem(api.post("/storages", json=words(store)), 409, "taken", pointer="/name")
    other = storage(api, store, "other")
    problem(api.request("PATCH", f"/storages/{other['id']}", json={"name": "acme"}), 409, "taken", pointer="/name")
    stranger = server.api(ALL)
    storage(stranger, store)
    problem(stranger.get(f"/storages/{made['id']}"), 404)
    problem(stranger.request("PATCH", f"/storages/{made['id']}", json={"deliver": "redirect"}), 404)
    problem(stranger.delete(f"/storages/{made['id']}"), 404)
    problem(stranger.post(f"/storages/{made['id']}/test"), 404)


def test_storages_are_for_who_administers(server, api, store):
    made = storage(api, store)
    other = server.api(SCOPES, api.project)
    for method, path in (("GET", ""), ("POST", ""), ("GET", f"/{made['id']}"), ("PATCH", f"/{made['id']}"),
                         ("DELETE", f"/{made['id']}"), ("POST", f"/{made['id']}/test")):  # fmt: skip
        problem(other.request(method, "/storages" + path, json={}), 403, "forbidden")


def test_another_endpoint_needs_the_secret(api, store):
    made = storage(api, store)
    elsewhere = {"endpoint": "https://evil.example.net"}
    problem(api.request("PATCH", f"/storages/{made['id']}", json=elsewhere), 400, "missing")
    elsewhere["credentials"] = {"secret_access_key": "known"}
    expect(api.request("PATCH", f"/storages/{made['id']}", json=elsewhere), 200)


# ---- publishing there -------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", INLINE, FILED, LARGE], ids=["nothing", "small", "large", "parts"])
def test_bytes_go_there_and_back(server, api, store, data):
    storage(api, store)
    result = api.publish("report one.csv", data, storage="acme", headers={"Content-Type": "text/plain; charset=utf-8"})
    assert result["storage"] == "acme"
    assert result["url"] == f"s3://results/from us/here/{result['id']}/report_one.csv"
    assert (result["size"], result["sha256"]) == (len(data), sha256(data))
    assert body_of(store, result) == data
    assert api.result(result["id"]) == result
    assert api.results() == [result]
    answer = api.content(result["id"])
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (200, data, f'"{sha256(data)}"')
    assert api.head(f"/results/{result['id']}/content").headers["Content-Length"] == str(len(data))
    assert api.content(result["id"], **{"If-None-Match": f'"{sha256(data)}"'}).status_code == 304
    if len(data) > 100:
        ranged = api.content(result["id"], Range="bytes=10-19")
        assert (ranged.status_code, ranged.content) == (206, data[10:20])
        several = api.content(result["id"], Range="bytes=0-9,-5")
        assert data[:10] in several.content and data[-5:] in several.content
    assert not any(data in path.read_bytes() for path in server.local_files()) or len(data) < 10, "it is only there"
    assert [r[3].get("content-type") for r in store.requests if r[0] in ("PUT", "POST") and r[1]][0] == "text/plain; charset=utf-8"
    assert expect(api.ack(result["id"], sha256=sha256(data), size=len(data)), 200)["state"] == "consumed"
    assert api.usage()["bytes"] == len(data)
    assert server.check().returncode == 0


def test_the_upload_the_job_or_the_project_says_where(api, store):
    for name in ("of-upload", "of-job", "of-project"):
        storage(api, store, name, url=f"s3://results/{name}")
    problem(api.try_publish("x", INLINE, storage="nowhere"), 400, "bad_reference", parameter="storage")
    problem(api.post("/jobs", json={"kind": "k", "storage": "nowhere"}), 400, "bad_reference", pointer="/storage")
    job = api.job(storage="of-job")
    assert job["storage"] == "of-job"
    assert api.get_job(job["id"])["storage"] == "of-job"
    assert expect(api.get("/jobs"), 200)["data"][0]["storage"] == "of-job"
    assert api.upload(job["id"], "a", INLINE)["storage"] == "of-job"
    assert api.upload(job["id"], "b", INLINE, storage="of-upload")["storage"] == "of-upload"
    assert api.upload(job["id"], "c", INLINE, storage="default")["storage"] == "default"
    plain = api.job()
    assert plain["storage"] is None
    assert api.upload(plain["id"], "a", INLINE)["storage"] == "default"
    row = expect(api.get("/storages"), 200)["data"][0]
    expect(api.request("PATCH", f"/storages/{row['id']}", json={"default": True}), 200)
    assert api.upload(plain["id"], "b", INLINE)["storage"] == "of-project"
    assert api.publish("p", FILED)["storage"] == "of-project"
    assert api.upload(job["id"], "d", FILED)["storage"] == "of-job"
    with store.lock:
        assert sorted(key.split("/")[0] for key in store.objects) == ["of-job", "of-job", "of-project", "of-project", "of-upload"]


def test_repeating_an_upload_is_harmless(api, store):
    storage(api, store)
    job = api.job(storage="acme")["id"]
    first = api.upload(job, "a", FILED)
    again = expect(api.try_upload(job, "a", FILED), 200)
    assert again == first
    problem(api.try_upload(job, "a", FILED + b"x"), 409, "taken")
    wrong = {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    problem(api.try_upload(job, "b", FILED, headers=wrong), 400, "digest_mismatch")

    def rest():
        with store.lock:
            return list(store.objects) == [first["url"].removeprefix("s3://results/")]

    eventually(rest, "what became no result is gone again")
    assert store.uploads == {}


@pytest.mark.parametrize(
    "name, key",
    [
        ("ä ö?.txt", "ä_ö_.txt"), ("../../etc", None), ("a#b%20&c+d", "a_b_20_c_d"), ("CON", None),
        ("報告.csv", "報告.csv"), ("x" * 255, None), ("..x", None),
    ],
)  # fmt: skip
def test_keys_are_safe_and_readable(api, store, name, key):
    storage(api, store)
    if "/" in name:
        problem(api.try_publish(name, b"1", storage="acme"), 400)
        return
    result = api.publish(name, b"1", storage="acme")
    last = result["url"].removeprefix(f"s3://results/from us/here/{result['id']}/")
    assert "/" not in last and re.fullmatch(r"[\w.\-]+", last), last
    assert key is None or last == key
    assert body_of(store, result) == b"1"
    assert api.content(result["id"]).content == b"1"


def test_conversions_rows_and_archives_work_alike(api, store):
    storage(api, store)
    job = api.job(storage="acme")["id"]
    csv = {"Content-Type": "text/csv"}
    table = api.upload(job, "table.csv", TABLE, headers=csv)
    api.upload(job, "other.bin", FILED)
    api.upload(job, "own.txt", b"ours", storage="default")
    assert table["rows"] == 2 and "json" in table["formats"]
    content = api.get(f"/results/{table['id']}/content", params={"format": "json"})
    assert expect(content, 200) == [{"name": "anna", "count": 1}, {"name": "berta", "count": 2}]
    rows = expect(api.get(f"/results/{table['id']}/rows"), 200)
    assert rows["total"] == 2
    for parameters in ({}, {"format": "json"}):
        answer = api.get(f"/jobs/{job}/archive.zip", params=parameters)
        assert answer.status_code == 200
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        assert archive.testzip() is None
        assert archive.read("other.bin") == FILED and archive.read("own.txt") == b"ours"
        assert ("table.json" in archive.namelist()) == bool(parameters)


# ---- delivery ---------------------------------------------------------------------------------------------


def seconds_of(url):
    return int(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))["X-Amz-Expires"])


def test_redirects_are_signed_anew_by_the_storage_s_keys(server, api, store):
    made = storage(api, store, deliver="redirect", link_lifetime=600)
    result = api.publish("file.bin", FILED, storage="acme", expires_in=300)
    answer = api.content(result["id"])
    assert (answer.status_code, answer.headers["Cache-Control"]) == (307, "no-store")
    url = answer.headers["Location"]
    assert url.startswith(f"http://127.0.0.1:{store.port}/results/from%20us/here/{result['id']}/file.bin?")
    assert 295 <= seconds_of(url) <= 300, "not beyond the result's own life"
    assert requests.get(url, timeout=10).content == FILED
    link = api.link(result["id"], expires_in=60)
    followed = requests.get(link["url"], timeout=10, allow_redirects=False)
    assert followed.status_code == 307 and 55 <= seconds_of(followed.headers["Location"]) <= 60
    assert requests.get(link["url"], timeout=10).content == FILED
    assert api.head(f"/results/{result['id']}/content").status_code == 200
    credentials = {"access_key_id": "another", "secret_access_key": "other"}
    expect(api.request("PATCH", f"/storages/{made['id']}", json={"credentials": credentials}), 200)
    fresh = api.content(result["id"]).headers["Location"]
    assert "Credential=another" in fresh, "keys are those of now"
    assert api.delete(f"/results/{result['id']}").status_code == 204
    problem(api.content(result["id"]), 410, "deleted")
    assert requests.get(link["url"], timeout=10).status_code == 410


def test_an_object_that_its_owner_changed_or_removed_is_not_served_as_if_it_were_the_result(api, store):
    storage(api, store)
    changed, removed = (api.publish(f"{n}.bin", FILED, storage="acme") for n in ("changed", "removed"))
    with store.lock:
        key = changed["url"].removeprefix("s3://results/")
        store.objects[key] = store.objects[key]._replace(body=bytes(len(FILED)), etag='"other"')
        del store.objects[removed["url"].removeprefix("s3://results/")]
    for result in (changed, removed):
        body = problem(api.content(result["id"]), 503, "storage")
        assert "acme" in body["detail"]


def test_a_bucket_that_fails_says_so_and_holds_up_nobody_else(serve, store):
    server = serve(**HASTY)
    api = server.api(ALL)
    storage(api, store)
    kept = api.publish("kept", FILED, storage="acme")
    store.fail("*", status(403, "AccessDenied"), times=1000)
    body = problem(api.try_publish("x", FILED, storage="acme"), 503, "storage")
    assert "AccessDenied" in body["detail"] and "acme" in body["detail"]
    problem(api.content(kept["id"]), 503, "storage")
    assert api.publish("own", FILED)["storage"] == "default"
    store.heal()
    store.fail("GET", cut(1000), times=1)
    assert api.content(kept["id"]).content == FILED, "a broken answer is asked for again"


# ---- nothing is removed there -----------------------------------------------------------------------------


def test_cleanup_lets_go_of_rows_and_leaves_objects(serve, store):
    server = serve(sweep_interval="1s", trash_ttl="1s")
    api = server.api(ALL)
    made = storage(api, store)
    expired = api.publish("expired", FILED, storage="acme", expires_in=1)
    deleted = api.publish("deleted", INLINE, storage="acme")
    purged = api.publish("purged", INLINE, storage="acme")
    assert api.delete(f"/results/{deleted['id']}").status_code == 204
    assert api.delete(f"/results/{purged['id']}?permanent=true").status_code == 204
    sleep_until(expired["expires_at"])
    problem(api.content(expired["id"]), 410, "expired")
    eventually(lambda: api.get(f"/results/{deleted['id']}").status_code == 404, "it is purged")
    eventually(lambda: api.result(expired["id"])["expired_at"], "its end is recorded")
    eventually(lambda: api.usage()["bytes"] == 0, "the bytes are let go of")
    with store.lock:
        assert len(store.objects) == 3 and not any(r[0] == "DELETE" for r in store.requests)
    assert server.check().returncode == 0
    problem(api.delete(f"/storages/{made['id']}"), 409, "wrong_state")
    assert api.delete(f"/results/{expired['id']}?permanent=true").status_code == 204
    assert api.delete(f"/storages/{made['id']}").status_code in (204, 409)


def test_a_storage_in_use_stays(api, store):
    made = storage(api, store, default=True)
    job = api.job(storage="acme")["id"]
    problem(api.delete(f"/storages/{made['id']}"), 409, "wrong_state")
    result = api.upload(job, "a", INLINE)
    body = problem(api.request("PATCH", f"/storages/{made['id']}", json={"url": "s3://results/elsewhere"}), 409)
    assert body["pointer"] == "/url"
    expect(api.request("PATCH", f"/storages/{made['id']}", json={"name": "renamed"}), 200)
    assert api.result(result["id"])["storage"] == "renamed"
    other = storage(api, store, "other")
    assert api.delete(f"/storages/{other['id']}").status_code == 204


def test_a_storage_that_goes_while_an_upload_comes_makes_no_result(api, store):
    made = storage(api, store)

    def chunks():
        yield FILED
        assert api.clone().delete(f"/storages/{made['id']}").status_code == 204
        yield FILED

    problem(api.try_publish("x", chunks(), storage="acme"), 400, "bad_reference")
    assert api.results() == []
    eventually(lambda: not store.objects, "nothing remains there")


@pytest.mark.parametrize("change", [{"url": "s3://elsewhere"}, {"region": "eu-test-2"}, {"path_style": True}])
def test_a_storage_that_leads_elsewhere_after_an_upload_began_refuses_it(api, store, change):
    made = storage(api, store)

    def chunks():
        yield LARGE  # more than lies between us and a server that has not begun
        expect(api.clone().request("PATCH", f"/storages/{made['id']}", json=change), 200)
        yield FILED

    problem(api.try_publish("x", chunks(), storage="acme"), 409, "wrong_state")
    assert api.results() == []
    eventually(lambda: not store.objects, "what was sent is removed")


def test_a_link_that_fails_does_not_show_where_the_bytes_are(server, api, store):
    storage(api, store)
    result = api.publish("x", FILED, storage="acme")
    link = api.link(result["id"])["url"]
    with store.lock:
        store.objects.clear()
    body = problem(requests.get(link), 503)
    assert not any(word in json.dumps(body) for word in ("acme", "here/", result["id"]))
    assert "acme" in problem(api.content(result["id"]), 503)["detail"]


# ---- reconciling ------------------------------------------------------------------------------------------


def reconcile(server, api, name="acme", **settings):
    """(exit status, findings, the last line)"""
    flags = [word for key, value in {"private_endpoints": "on", **settings}.items() for word in ("--" + key.replace("_", "-"), value)]
    done = server.command("reconcile", name, "--project", api.project, *flags)
    assert done.returncode in (0, 1), done.stderr
    assert faulty_s3.SECRET not in done.stdout + done.stderr
    *found, last = done.stdout.splitlines()
    return done.returncode, found, last


def test_reconcile_tells_what_is_missing_changed_and_unknown(server, api, store):
    storage(api, store)
    storage(api, store, "other", url="s3://results/elsewhere")
    store.page = 7
    results = [api.publish(f"file-{n}", INLINE + bytes([n]), storage="acme") for n in range(25)]
    api.publish("not here", INLINE, storage="other")
    assert reconcile(server, api)[:2] == (0, [])
    keys = [result["url"].removeprefix("s3://results/") for result in results]
    assert keys == sorted(keys)
    assert api.delete(f"/results/{results[20]['id']}?permanent=true").status_code == 204
    old = store.now() - datetime.timedelta(hours=2)
    with store.lock:
        for n in (0, 13, 24):
            del store.objects[keys[n]]
        store.objects[keys[3]] = store.objects[keys[3]]._replace(body=b"short")
        store.objects[keys[4]] = store.objects[keys[4]]._replace(etag='"other"')
        stranger = store.objects[keys[5]]._replace(time=old)
        for key in ("from us/here/!first", "from us/here/é\nlast", keys[10] + "~"):
            store.objects[key] = stranger
        store.objects["from us/here/young"] = store.objects[keys[6]]
        store.objects["outside"] = stranger
        store.objects[keys[20]] = store.objects[keys[20]]._replace(time=old)
    before, asked = dict(store.objects), len(store.requests)
    status, found, last = reconcile(server, api)
    assert status == 1
    assert found == [
        "unknown from us/here/!first: no result knows this object",
        f"missing {keys[0]}: the object of result {results[0]['id']} is not there",
        f"changed {keys[3]}: the object of result {results[3]['id']} has another size than was written",
        f"changed {keys[4]}: the object of result {results[4]['id']} has another ETag than was written",
        f"unknown {keys[10]}~: no result knows this object",
        f"missing {keys[13]}: the object of result {results[13]['id']} is not there",
        f"unknown {keys[20]}: no result knows this object",
        f"missing {keys[24]}: the object of result {results[24]['id']} is not there",
        "unknown from us/here/é?last: no result knows this object",
    ], found
    assert last == (
        "26 objects and 24 results: 3 missing, 2 changed; 4 unknown, 1 more within their grace period; 0 of expired results"
    )
    assert store.objects == before and not any(r[0] in ("PUT", "DELETE") for r in store.requests[asked:])
    problem_ = server.command("reconcile", "nobody", "--project", api.project)
    assert problem_.returncode == 1 and "no storage" in problem_.stderr
    assert server.command("reconcile", "acme").returncode == 2


def test_reconcile_ends_with_a_list_that_goes_round_in_circles(server, api, store):
    storage(api, store)
    page = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
    store.fail("GET", answer_200(page), times=99, where="list-type")
    done = server.command("reconcile", "acme", "--project", api.project, "--private-endpoints", "on")
    assert done.returncode == 1 and "goes on where it has gone on already" in done.stderr
    assert store.count("GET", "list-type") == 2


def test_an_etag_that_no_header_takes_counts_as_none(server, api, store):
    storage(api, store)

    def strange(handler, go_on):
        handler.read_body()
        handler.answer(200, b"", ETag='"\xff\xfe"')

    store.fail("PUT", strange, times=1)
    result = api.publish("x", b"abc", storage="acme")
    ((etag,),) = server.sql(f"SELECT coalesce(etag, '') FROM result WHERE id = '{result['id']}'")
    assert etag == ""


def test_reconcile_reads_more_than_a_page_of_rows(server, api, store):
    storage(api, store)
    job = api.job(storage="acme")["id"]

    def some(first):
        own = api.clone()
        for n in range(first, 1105, 8):
            own.upload(job, f"n{n}", b"%d" % n)

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(some, range(8)))
    store.page = 300
    assert reconcile(server, api) == (0, [], "1105 objects and 1105 results: 0 missing, 0 changed; 0 unknown, 0 more within "
                                             "their grace period; 0 of expired results")  # fmt: skip
    with store.lock:
        store.objects.clear()
    status, found, _ = reconcile(server, api)
    assert status == 1 and len(found) == 1105


def test_expired_results_are_no_findings(serve, store):
    server = serve(sweep_interval="1s")
    api = server.api(ALL)
    storage(api, store)
    result = api.publish("short", INLINE, storage="acme", expires_in=1)
    eventually(lambda: api.result(result["id"])["expired_at"] and api.usage()["bytes"] == 0)
    assert reconcile(server, api) == (0, [], "1 objects and 1 results: 0 missing, 0 changed; 0 unknown, 0 more within their "
                                             "grace period; 1 of expired results")  # fmt: skip
    with store.lock:
        store.objects.clear()
    assert reconcile(server, api)[:2] == (0, [])


# ---- tests ------------------------------------------------------------------------------------------------


def test_a_test_writes_reads_and_removes(api, store):
    made = storage(api, store)
    answer = expect(api.post(f"/storages/{made['id']}/test"), 200)
    steps = ["list", "write", "read", "remove"]
    assert answer == {"ok": True, "steps": [{"step": s, "ok": True, "code": None, "detail": None} for s in steps]}
    assert [r[0] for r in store.requests] == ["GET", "PUT", "GET", "DELETE"] and store.objects == {}
    assert store.requests[0][2]["prefix"] == "from us/here/"
    assert expect(api.get(f"/storages/{made['id']}"), 200)["state"] == "valid"
    expect(api.request("PATCH", f"/storages/{made['id']}", json={"deliver": "redirect"}), 200)
    assert expect(api.get(f"/storages/{made['id']}"), 200)["state"] == "new"


@pytest.mark.parametrize("method, step", [("GET", "list"), ("PUT", "write"), ("DELETE", "remove")])
def test_a_test_says_what_failed(api, store, method, step):
    made = storage(api, store)
    store.fail(method, status(403, "AccessDenied"))
    answer = expect(api.post(f"/storages/{made['id']}/test"), 200)
    assert not answer["ok"]
    assert (answer["steps"][-1]["step"], answer["steps"][-1]["code"]) == (step, "access-denied")
    assert "AccessDenied" in answer["steps"][-1]["detail"]
    assert all(s["ok"] for s in answer["steps"][:-1])
    assert expect(api.get(f"/storages/{made['id']}"), 200)["state"] == "invalid"


@pytest.mark.parametrize(
    "change, code",
    [
        ({"credentials": {"access_key_id": faulty_s3.ACCESS_KEY, "secret_access_key": "wrong"}}, "access-denied"),
        ({"url": "s3://no-bucket"}, "no-such-bucket"),
        ({"endpoint": f"http://127.0.0.1:{free_port()}"}, "connection-failed"),
    ],
    ids=["secret", "bucket", "nobody"],
)
def test_a_test_of_what_is_wrong(serve, change, code):
    with FaultyS3() as store:
        api = serve().api(ALL)
        made = storage(api, store, **change)
        answer = expect(api.post(f"/storages/{made['id']}/test"), 200)
        assert [s["code"] for s in answer["steps"]] == [code]


# ---- where it may go --------------------------------------------------------------------------------------

HOSTS = ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "169.254.169.254",
         "10.0.0.1", "192.168.1.1", "224.0.0.1", "[fe80::1]", "[fd00::1]", "[::]"]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_addresses_that_are_not_public_are_not_gone_to(serve, store, host):
    server = serve(private_endpoints="off", **HASTY)
    api = server.api(ALL)
    made = storage(api, store, endpoint=f"http://{host}:{store.port}")
    answer = expect(api.post(f"/storages/{made['id']}/test"), 200)
    code = "connection-failed" if host == "localhost" else "address-not-allowed"
    assert [s["code"] for s in answer["steps"]] == [code]
    body = problem(api.try_publish("x", FILED, storage="acme"), 503, "storage")
    assert "private_endpoints" in body["detail"]
    assert store.requests == []


@pytest.mark.parametrize("private", ["on", "off"])
def test_what_a_name_stands_for_is_the_operator_s_to_know(serve, store, private):
    """Neither what is told nor its code differs between a name of this network and one that there is not."""
    server = serve(private_endpoints=private, **HASTY)
    api = server.api(ALL)
    told = set()
    for number, host in enumerate(("localhost", "no-such-name.invalid")):
        made = storage(api, store, f"s{number}", endpoint=f"http://{host}:{free_port()}")
        step = expect(api.post(f"/storages/{made['id']}/test"), 200)["steps"][0]
        body = problem(api.try_publish("x", FILED, storage=f"s{number}"), 503, "storage")
        told.add((step["code"], step["detail"].replace(made["name"], ""), body["detail"].replace(made["name"], "")))
    assert len(told) == 1, told
    assert told.pop()[0] == "connection-failed"
    said = server.stderr()
    assert "resolve" in said and "no answer to PUT" in said, "the operator is told"


RESOLVER = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

/* Names below .rebind.example have a public address first and one of this machine second, or, while the file
 * REBOUND is there, only the latter. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!node || !strstr(node, ".rebind.example"))
        return real(node, service, hints, ret);
    struct addrinfo plain = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *mine = NULL, *other = NULL;
    FILE *f = fopen(getenv("REBOUND"), "r");
    if (f)
        fclose(f);
    if (real("127.0.0.1", service, &plain, &mine))
        return EAI_FAIL;
    if (!f && real("2001:4860:4860::8888", service, &plain, &other) == 0) {
        other->ai_next = mine;
        mine = other;
    }
    *ret = mine;
    return 0;
}
"""


@pytest.mark.skipif("asan" in os.environ.get("RESULTD", "") or "tsan" in os.environ.get("RESULTD", ""),
                    reason="a sanitizer must be loaded first")  # fmt: skip
def test_a_name_that_is_bound_to_another_address_meanwhile_does_not_pass(tmp_path, store):
    source, library, rebound = tmp_path / "resolver.c", tmp_path / "resolver.so", tmp_path / "rebound"
    source.write_text(RESOLVER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    environment = {"LD_PRELOAD": str(library), "REBOUND": str(rebound)}
    server = Server(tmp_path, environment=environment, private_endpoints="off", **HASTY).start()
    try:
        api = server.api(ALL)
        made = storage(api, store, endpoint=f"http://a.rebind.example:{store.port}")
        for change in (lambda: None, rebound.touch, server.restart):
            change()
            answer = expect(api.post(f"/storages/{made['id']}/test"), 200)
            assert not answer["ok"]
            problem(api.try_publish("x", FILED, storage="acme"), 503, "storage")
        assert answer["steps"][-1]["code"] == "connection-failed"
        assert store.requests == []
        server.stop()
        server.settings["private_endpoints"] = "on"
        server.start()
        assert expect(api.post(f"/storages/{made['id']}/test"), 200)["ok"], "the name does lead there"
    finally:
        server.stop()


def test_redirects_of_a_bucket_are_not_followed(api, store):
    made = storage(api, store)
    with FaultyS3() as other:

        def moved(handler, go_on):
            handler.read_body()
            handler.answer(307, Location=f"http://127.0.0.1:{other.port}{handler.path}")

        store.fail("*", moved, times=100)
        answer = expect(api.post(f"/storages/{made['id']}/test"), 200)
        assert [s["code"] for s in answer["steps"]] == ["unexpected-answer"]
        assert other.requests == []


# ---- the key that seals -----------------------------------------------------------------------------------


def sealed_texts(server):
    """Of storages and documents, as they stand in the database."""
    texts = [row[0] for row in server.sql("SELECT secret FROM storage")]
    bodies = [row[0] for row in server.sql("SELECT body FROM document")]
    return texts + re.findall(r'"_\w+":"(1\.[^"]+)"', "".join(bodies))


def test_secrets_are_sealed_anew_while_the_server_works(server, api, store):
    ricloud = Ricloud(api)
    storage(api, store)
    user = ricloud.make("/users", identifier="u")["id"]
    sessions = [
        ricloud.make("/sessions", source={"user": user, "type": "t", "identifier": str(n)}, payload={"password": n})["id"]
        for n in range(250)
    ]
    ricloud.make("/configs/webhook", url="https://example.net")
    before = sealed_texts(server)
    assert len(before) == 252
    assert server.succeed("key", "rotate-secrets") == "252 secrets are sealed by the new key\n"
    after = sealed_texts(server)
    assert len(after) == 252 and not set(before) & set(after)
    assert api.publish("x", FILED, storage="acme")["storage"] == "acme"
    assert expect(ricloud.get(f"/sessions/{sessions[7]}/payload"), 200)["payload"] == {"password": 7}
    late = ricloud.make("/sessions", source={"user": user, "type": "t", "identifier": "late"}, payload={"password": -1})["id"]
    key = server.data / "secret.key"
    assert (key.stat().st_size, key.stat().st_mode & 0o777) == (64, 0o600)
    server.stop()
    key.write_bytes(key.read_bytes()[:32])  # the old one is not needed any more
    server.start()
    assert expect(ricloud.get(f"/sessions/{late}/payload"), 200)["payload"] == {"password": -1}
    assert expect(ricloud.get(f"/sessions/{sessions[249]}/payload"), 200)["payload"] == {"password": 249}
    assert api.publish("y", FILED, storage="acme")["storage"] == "acme"
    assert server.command("key", "rotate-secrets", "--prepared").returncode == 1
    server.succeed("key", "rotate-secrets", "--prepare")
    assert server.succeed("key", "rotate-secrets", "--prepared") == "253 secrets are sealed by the new key\n"


# ---- ricloud ----------------------------------------------------------------------------------------------


def test_a_config_of_ricloud_is_the_same_object(server, api, store):
    ricloud = Ricloud(api)
    credentials = words(store)["credentials"] | {"endpoint": f"http://127.0.0.1:{store.port}", "region": "eu-test-1"}
    made = ricloud.make("/configs/storage", url="s3://results/theirs", credentials=credentials)
    time.sleep(0.02)
    (shown,) = expect(api.get("/storages"), 200)["data"]
    assert (shown["id"], shown["name"], shown["url"]) == (made["id"], made["id"], "s3://results/theirs")
    subscriber = ricloud.make("/users", identifier="u")["id"]
    session = ricloud.make("/sessions", source={"user": subscriber, "type": "t"}, payload={})["id"]
    subscription = ricloud.make("/subscriptions", session=session, poll_payload={}, storage_config=made["id"])
    assert subscription["storage_config"] == made["id"]
    polls = [
        ricloud.make("/polls", payload={"files": ["a"]}, storage_config=made["id"]),
        ricloud.make("/polls", subscription=subscription["id"]),
    ]
    failed(ricloud.post("/polls", json.dumps({"storage_config": nobody()})), 400, "invalid")
    tasks = [poll["tasks_pending"][0] for poll in polls]
    tasks.append(ricloud.make("/tasks", type="x", storage_config=made["id"])["id"])
    for task in tasks:
        result = api.upload(task, "out.json", b"[]")
        row = expect(ricloud.get(f"/results/{result['id']}"), 200)
        assert row["url"] == f"s3://results/theirs/{result['id']}/out.json" == result["url"]
        assert requests.get(row["signed_url"]["url"], timeout=10).content == b"[]"
    assert expect(ricloud.get("/organisation"), 200)["storage_config_default"] is None
    expect(api.request("PATCH", f"/storages/{made['id']}", json={"default": True}), 200)
    assert expect(ricloud.get("/organisation"), 200)["storage_config_default"] == made["id"]
    failed(ricloud.request("DELETE", f"/configs/storage/{made['id']}"), 409, "conflict")
    change = {"signed_urls_enabled": True, "signed_urls_expiry": 77}
    expect(ricloud.post(f"/configs/storage/{made['id']}", json.dumps(change)), 200)
    (shown,) = expect(api.get("/storages"), 200)["data"]
    assert (shown["deliver"], shown["link_lifetime"]) == ("redirect", 77)


# ---- a real service ---------------------------------------------------------------------------------------


@pytest.mark.skipif("RESULTD_TEST_S3" not in os.environ, reason="there is no bucket to test against")
def test_a_bucket_of_a_real_service(serve):
    server = serve()
    api = server.api(ALL)
    bucket, prefix = s3.Bucket(), f"storages-{nobody()}"
    body = {
        "name": "real", "url": f"s3://{bucket.name}/{prefix}", "endpoint": bucket.endpoint, "region": bucket.region,
        "credentials": {"access_key_id": bucket.access_key, "secret_access_key": bucket.secret},
    }  # fmt: skip
    made = expect(api.post("/storages", json=body), 201)
    time.sleep(0.02)
    try:
        tried = expect(api.post(f"/storages/{made['id']}/test"), 200)
        assert tried["ok"], tried
        assert bucket.list(prefix) == {}
        results = []
        for name, data in (("empty", b""), ("small ä.txt", INLINE), ("file.bin", FILED), ("parts.bin", LARGE)):
            result = api.publish(name, data, storage="real")
            results.append(result)
            assert bucket.get(result["url"].removeprefix(f"s3://{bucket.name}/")) == data
            assert api.content(result["id"]).content == data
            if data:
                assert api.content(result["id"], Range="bytes=5-14").content == data[5:15]
        assert bucket.uploads(prefix) == []
        assert reconcile(server, api, "real") == (
            0, [], "4 objects and 4 results: 0 missing, 0 changed; 0 unknown, 0 more within their grace period; "
                   "0 of expired results")  # fmt: skip
        expect(api.request("PATCH", f"/storages/{made['id']}", json={"deliver": "redirect"}), 200)
        moved = api.content(results[3]["id"])
        assert moved.status_code == 307
        fetched = requests.get(moved.headers["Location"], timeout=60)
        assert fetched.content == LARGE and "parts.bin" in fetched.headers["Content-Disposition"]
        expect(api.request("PATCH", f"/storages/{made['id']}", json={"deliver": "proxy"}), 200)
        keys = [result["url"].removeprefix(f"s3://{bucket.name}/") for result in results]
        bucket.put(keys[1], bytes(len(INLINE)))
        bucket.delete(keys[2])
        problem(api.content(results[1]["id"]), 503, "storage")
        problem(api.content(results[2]["id"]), 503, "storage")
        status_, found, _ = reconcile(server, api, "real")
        assert status_ == 1 and [line.split()[0] for line in found] == ["changed", "missing"]
        for result in results:
            assert api.delete(f"/results/{result['id']}?permanent=true").status_code == 204
        assert len(bucket.list(prefix)) == 3, "what is there stays"
        wrong = {"access_key_id": bucket.access_key, "secret_access_key": "wrong"}
        expect(api.request("PATCH", f"/storages/{made['id']}", json={"credentials": wrong}), 200)
        assert expect(api.post(f"/storages/{made['id']}/test"), 200)["steps"][0]["code"] == "access-denied"
    finally:
        for key in bucket.list(prefix):
            bucket.delete(key)
