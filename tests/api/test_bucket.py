# SPDX-License-Identifier: Apache-2.0
"""Bytes in a bucket that answers late, wrongly, in part or not at all: what was acknowledged is there whole, and
nobody gets less than all of it as if it were all. Every request's signature is checked by another signer."""

import datetime
import http.client
import random
import signal
import time
import urllib.parse

import faulty_s3
import pytest
import requests
from faulty_s3 import ERROR_IN_200, FaultyS3, answer_200, cut, hang, lost, shorter, stall, status
from harness import PATIENCE, Server, eventually, expect, problem, program, sha256

PART = 8 << 20
SMALL = bytes(random.Random(1).randbytes(200_000))
LARGE = bytes(random.Random(2).randbytes(2 * PART + 12345))
HASTY = {"bucket_tries": 3, "bucket_patience": "3s", "bucket_silence": "1s"}


@pytest.fixture
def serve(store, tmp_path_factory):
    made = []

    def start(environment=None, **settings):
        settings = {"blobs": store.url, "inline_limit": "1KiB", "bucket_removal_delay": "0", **settings}
        running = Server(
            tmp_path_factory.mktemp("bucket"), environment=environment or store.environment, **settings
        ).start()
        made.append(running)
        return running

    yield start
    for running in made:
        running.stop()
        said = running.stderr()
        assert faulty_s3.SECRET not in said and "Signature=" not in said


def stored(api, data, name="file.bin"):
    result = api.publish(name, data)
    assert result["sha256"] == sha256(data)
    return result["id"]


def keys(store):
    with store.lock:
        return sorted(key.rsplit("/", 1)[-1] for key in store.blobs)


def gets(store, result):
    """The header fields of each request for a result's bytes."""
    with store.lock:
        return [fields for method, key, _, fields in store.requests if method == "GET" and key.endswith(result)]


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["one request", "parts"])
def test_bytes_go_there_and_back(store, serve, data):
    api = serve().api()
    result = stored(api, data)
    assert keys(store) == [result]
    assert all(key.startswith(f"some/where/{result[24:26]}/") for key in store.blobs)
    assert api.content(result).content == data
    ranged = api.content(result, Range="bytes=1000-1999")
    assert (ranged.status_code, ranged.content) == (206, data[1000:2000])
    assert gets(store, result)[-1]["range"] == "bytes=1000-1999", "no more than that was asked for"
    several = api.content(result, Range="bytes=0-9,100000-100009,-5")
    assert several.status_code == 206
    for piece in (data[:10], data[100000:100010], data[-5:]):
        assert piece in several.content
    assert store.uploads == {}


@pytest.mark.parametrize(
    "fault", [status(500), status(503, "SlowDown"), status(503, ""), status(429, "Throttling")], ids=["500", "slow", "bare", "429"]
)
@pytest.mark.parametrize("where", ["partNumber=2", "uploads", "uploadId"])
def test_what_passes_is_tried_again(store, serve, fault, where):
    method = "PUT" if where.startswith("part") else "POST"
    api = serve().api()
    store.fail(method, fault, times=2, where=where)
    result = stored(api, LARGE)
    store.fail("GET", fault, times=2, where=result)
    assert api.content(result).content == LARGE
    assert not store.faults or all(entry[3] == 0 for entry in store.faults), "all of it went wrong"


@pytest.mark.parametrize("data,where", [(SMALL, ""), (LARGE, "uploadId=")], ids=["one request", "parts"])
def test_a_lost_answer_to_the_last_request_is_found_out(store, serve, data, where):
    api = serve().api()
    store.fail("PUT" if data is SMALL else "POST", lost(), where=where)
    result = stored(api, data)
    assert keys(store) == [result]
    assert api.content(result).content == data
    assert store.count("HEAD") == 1, "it looked"


def test_an_error_inside_a_200_is_an_error(store, serve):
    api = serve(**HASTY).api()
    store.fail("POST", answer_200(ERROR_IN_200), times=1, where="uploadId=")
    result = stored(api, LARGE)
    store.fail("POST", answer_200(ERROR_IN_200), times=99, where="uploadId=")
    answer = api.try_publish("other", LARGE)
    problem(answer, 503, "storage")
    assert answer.headers["Retry-After"]
    store.heal()
    assert [row["id"] for row in api.results()] == [result]
    assert keys(store) == [result], "nothing can be seen of the other"
    eventually(lambda: not store.uploads, "its upload is aborted")


@pytest.mark.parametrize(
    "answer",
    [
        "<InitiateMultipartUploadResult><UploadId>abc</UploadId>",
        "<InitiateMultipartUploadResult><UploadId>abc</UploadId></InitiateMultipartUploadResult>&",
        "<InitiateMultipartUploadResult><UploadId></UploadId></InitiateMultipartUploadResult>",
        "<Other><UploadId>abc</UploadId></Other>",
        "",
    ],
    ids=["cut", "damaged", "no id", "another", "nothing"],
)
def test_an_upload_of_parts_that_does_not_begin_well(store, serve, answer):
    api = serve(**HASTY).api()
    store.fail("POST", answer_200(answer), times=99, where="uploads")
    problem(api.try_publish("parts", LARGE), 503, "storage")
    assert api.results() == []
    store.heal()
    assert api.content(stored(api, LARGE)).content == LARGE


@pytest.mark.parametrize("fault", [status(500), status(403, "AccessDenied"), hang(60)], ids=["500", "403", "silence"])
@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["one request", "parts"])
def test_what_cannot_be_stored_is_not_acknowledged(store, serve, fault, data):
    server = serve(**HASTY)
    api = server.api()
    store.fail("PUT", fault, times=99)
    began = time.monotonic()
    answer = api.try_publish("refused", data)
    problem(answer, 503, "storage")
    assert answer.headers["Retry-After"]
    assert time.monotonic() - began < PATIENCE
    assert str(store.port) not in answer.text and "some/where" not in answer.text
    assert api.results() == []
    store.heal()
    eventually(lambda: not store.uploads, "nothing is left")
    assert keys(store) == []
    assert api.content(stored(api, data)).content == data, "and all is well again"


def test_a_full_bucket_is_said_to_be_full(store, serve):
    api = serve().api()
    store.fail("PUT", status(403, "QuotaExceeded"), times=99)
    problem(api.try_publish("large", LARGE), 507, "storage_full")
    store.heal()
    assert api.results() == []


def test_an_answer_that_breaks_off_goes_on_from_there(store, serve):
    api = serve().api()
    result = stored(api, LARGE)
    store.fail("GET", cut(3_000_000), times=1, where=result)
    store.fail("GET", cut(5_000_000), times=1, where=result)
    assert api.content(result).content == LARGE
    asked = gets(store, result)
    assert len(asked) == 3
    assert [fields["range"].split("-")[0] for fields in asked] == ["bytes=0", "bytes=3000000", "bytes=8000000"]
    assert "if-match" not in asked[0] and asked[1]["if-match"] == asked[2]["if-match"]


def read_all(server, api, result):
    """(bytes, whether the end came as announced)"""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=2 * PATIENCE)
    connection.request("GET", f"/api/v1/results/{result}/content", headers={"Authorization": f"Bearer {api.key}"})
    answer = connection.getresponse()
    assert answer.status == 200
    try:
        return answer.read(), True
    except http.client.IncompleteRead as broken:
        return broken.partial, False
    finally:
        connection.close()


@pytest.mark.parametrize("how", ["changed", "gone", "for good", "shorter", "silent"])
def test_less_than_all_is_never_a_clean_end(store, serve, how):
    server = serve(**HASTY)
    api = server.api()
    result = stored(api, LARGE)
    key = next(iter(store.blobs))
    store.fail("GET", stall(3_000_000, 60) if how == "silent" else cut(3_000_000), times=99 if how == "for good" else 1, where=result)
    if how == "silent":
        store.fail("GET", hang(60), times=99, where=result)
    if how == "for good":
        store.fail("GET", status(500), times=99, where=result)
        store.faults[0][3] = 1
    if how == "shorter":
        store.fail("GET", shorter(10), times=99, where=result)

    def spoil():
        if how == "changed":
            store.objects[key] = store.objects[key]._replace(body=b"x" * len(LARGE), etag='"other"')
        if how == "gone":
            del store.objects[key]

    def meanwhile(handler, go_on):
        spoil()
        status(503)(handler, go_on)

    if how in ("changed", "gone"):
        store.fail("GET", meanwhile, times=1, where=result)
    body, whole = read_all(server, api, result)
    assert not whole and LARGE.startswith(body) and len(body) < len(LARGE)
    eventually(lambda: "an answer breaks off" in server.stderr(), "the operator is told")


@pytest.mark.parametrize("fault", [shorter(1), status(404, "NoSuchKey"), status(500), hang(60)], ids=["short", "404", "500", "silence"])
def test_what_does_not_begin_is_an_error_and_not_an_answer(store, serve, fault):
    server = serve(**HASTY)
    api = server.api()
    result = stored(api, SMALL)
    store.fail("GET", fault, times=99, where=result)
    answer = api.content(result)
    problem(answer, 503, "storage")
    assert answer.headers["Retry-After"]
    assert expect(server.get("/-/live"), 200)
    store.heal()
    assert api.content(result).content == SMALL


def test_event_loops_do_not_wait_for_the_bucket(store, serve):
    server = serve(threads=1)
    api = server.api()
    result = stored(api, SMALL)
    store.fail("GET", hang(60), times=1, where=result)
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api.clone().content, result)
        eventually(lambda: store.count("GET", result) == 1, "it asks the bucket")
        for _ in range(20):
            began = time.monotonic()
            api.result(result)
            assert time.monotonic() - began < 2
        assert not waiting.done(), waiting.result().text
        store.heal()
        assert waiting.result().content == SMALL


def test_an_object_of_another_size_is_damage(store, serve):
    server = serve(**HASTY)
    api = server.api()
    result = stored(api, SMALL)
    key = next(iter(store.blobs))
    store.objects[key] = store.objects[key]._replace(body=SMALL[:-1])
    problem(api.content(result), 503, "storage")
    checked = server.command("check", AWS_ACCESS_KEY_ID=faulty_s3.ACCESS_KEY, AWS_SECRET_ACCESS_KEY=faulty_s3.SECRET, **{})
    assert checked.returncode == 1 and f"truncated {result}" in checked.stdout


def test_conversions_and_archives_read_and_write_there(store, serve):
    server = serve()
    api = server.api()
    rows = "".join(f"{i},name {i}\n" for i in range(60_000))
    job = api.job()["id"]
    result = api.upload(job, "table.csv", ("id,name\n" + rows).encode(), headers={"Content-Type": "text/csv"})["id"]
    first = api.get(f"/results/{result}/content", params={"format": "ndjson"})
    assert first.status_code == 200 and first.text.count("\n") == 60_000
    eventually(lambda: len(keys(store)) == 2, "what was made is kept")
    made = next(key for key in keys(store) if key != result)

    def comes_from_there():
        again = api.get(f"/results/{result}/content", params={"format": "ndjson"})
        assert again.content == first.content
        return store.count("GET", made) == 1

    eventually(comes_from_there, "it is not held in memory any more")
    page = expect(api.get(f"/results/{result}/rows", params={"offset": 59_990, "limit": 5}), 200)
    assert page["rows"][0] == ["59990", "name 59990"] or page["rows"][0] == [59990, "name 59990"]
    api.upload(job, "large", LARGE)
    archive = api.get(f"/jobs/{job}/archive.zip")
    assert archive.status_code == 200 and LARGE in archive.content
    tables = api.get(f"/jobs/{job}/archive.zip", params={"format": "ndjson"})
    assert tables.status_code == 200 and first.content in tables.content
    with store.lock:
        del store.objects[next(key for key in store.objects if key.endswith(made))]
    third = api.get(f"/results/{result}/content", params={"format": "ndjson"})
    assert third.status_code == 200 and third.content == first.content, "what is missing is made again"


def test_what_a_killed_process_left_is_aborted(store, serve):
    server = serve(orphan_grace="2s", sweep_interval="1s")
    api = server.api()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.putrequest("POST", "/api/v1/results?name=half")
    connection.putheader("Authorization", f"Bearer {api.key}")
    connection.putheader("Content-Length", str(len(LARGE)))
    connection.endheaders()
    connection.send(LARGE[: PART + 1000])
    eventually(lambda: any(upload.parts for upload in store.uploads.values()), "the first part is there")
    server.kill()
    connection.close()
    assert store.uploads
    server.start()
    eventually(lambda: not store.uploads, "the sweeper aborts it")
    eventually(lambda: "nobody went on with" in server.stderr(), "the log says so")
    assert keys(store) == []


def test_what_others_left_without_a_row_goes_after_its_grace(store, serve):
    server = serve(orphan_grace="2s", sweep_interval="1s")
    result = stored(server.api(), SMALL)
    orphan = result[:-1] + ("0" if result[-1] != "0" else "1")
    other = faulty_s3.Object(b"x", '"x"', {}, store.now())
    with store.lock:
        store.objects[f"some/where/{orphan[24:26]}/{orphan}"] = other
        store.objects["some/where/of somebody else"] = other
        store.objects[f"some/where/{orphan[24:26]}/stray"] = other
        store.objects["elsewhere"] = other
    eventually(lambda: orphan not in keys(store), "the orphan goes")
    assert sorted(key.rsplit("/", 1)[-1] for key in store.blobs) == sorted([result, "stray", "of somebody else", "elsewhere"])

    assert "stray stray" in server.command("check", **store.environment).stdout


def test_lists_go_on_over_pages(store, serve):
    store.page = 7
    server = serve(orphan_grace="2s", sweep_interval="1s")
    base = stored(server.api(), SMALL)
    orphans = [f"{base[:26]}{i:010x}" for i in range(40)]  # all of one part
    with store.lock:
        for orphan in orphans:
            store.objects[f"some/where/{orphan[24:26]}/{orphan}"] = faulty_s3.Object(b"", '"x"', {}, store.now())
    eventually(lambda: keys(store) == [base], "all of them go")


def test_a_backup_copies_the_database_and_says_where_the_bytes_stay(store, serve, tmp_path):
    server = serve()
    api = server.api()
    small, large = stored(api, b"inline", "a"), stored(api, SMALL, "b")
    done = server.command("backup", tmp_path / "copy", **store.environment)
    assert done.returncode == 0 and "stay in the bucket" in done.stdout
    server.stop()
    of_copy = {**server.settings, "db": ""}
    copy = Server(tmp_path, data=tmp_path / "copy", environment=store.environment, **of_copy)
    assert copy.command("adopt", **store.environment).returncode == 0
    copy.start()
    try:
        api.server = copy
        assert api.content(small).content == b"inline" and api.content(large).content == SMALL
        assert copy.command("check", **store.environment).returncode == 0
    finally:
        copy.stop()


# ---- keys -------------------------------------------------------------------------------------------------


def failing_start(tmp_path, store, **environment):
    done = program("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:1", "--blobs", store.url, **environment)
    assert done.returncode in (1, 2) and "Signature=" not in done.stderr
    return done.stderr


def test_a_start_without_right_keys_says_what_is_wrong(tmp_path):
    with FaultyS3() as store:
        missing = failing_start(tmp_path, store, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
        assert "AWS_ACCESS_KEY_ID" in missing
        wrong = {"AWS_ACCESS_KEY_ID": faulty_s3.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": "not-it-at-all"}
        said = failing_start(tmp_path, store, **wrong)
        assert "SignatureDoesNotMatch" in said and "not-it-at-all" not in said


@pytest.mark.parametrize(
    "url",
    ["s3:/x", "s3://", "s3://b?colour=red", "s3://b?endpoint=ftp://h", "s3://b?endpoint=http://h/path", "s3://b/%zz",
     "s3://b//x", "s3://b?region=a%20b", "s3://b?path_style=maybe", "file:///x"],
)
def test_addresses_of_buckets_that_are_none(tmp_path, url):
    done = program("serve", "--data", tmp_path / "data", "--blobs", url)
    assert done.returncode == 2 and "blobs must be" in done.stderr


def test_keys_come_from_a_file_and_may_change(store, serve, tmp_path):
    file = tmp_path / "keys"
    file.write_text(
        f"# ours\n[default]\naws_access_key_id = {faulty_s3.ACCESS_KEY}\naws_secret_access_key={faulty_s3.SECRET}\n"
        "[other]\naws_access_key_id = nobody\n"
    )
    api = serve(environment={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, blobs_credentials=file).api()
    first = stored(api, SMALL)
    token = "temporary/token=="
    file.write_text(file.read_text().replace("[other]", f"aws_session_token = {token}\n[other]"))
    def sent():
        assert api.content(first).content == SMALL
        return store.requests[-1][3].get("x-amz-security-token") == token

    eventually(sent, "the new keys are used")


# ---- redirects --------------------------------------------------------------------------------------------


def location(answer):
    assert answer.status_code == 307, answer.text
    assert answer.content == b"" and answer.headers["Cache-Control"] == "no-store"
    return answer.headers["Location"]


def lifetime(url):
    return int(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))["X-Amz-Expires"])


def test_a_redirect_leads_to_the_bytes(store, serve):
    api = serve(deliver="redirect", redirect_lifetime="90s").api()
    result = api.publish("ä file.csv", SMALL, headers={"Content-Type": "text/csv"})["id"]
    url = location(api.content(result))
    assert lifetime(url) == 90 and api.key not in url
    there = requests.get(url)
    assert (there.status_code, there.content) == (200, SMALL)
    assert there.headers["Content-Type"] == "text/csv"
    assert there.headers["Content-Disposition"] == api.head(f"/results/{result}/content").headers["Content-Disposition"]
    assert requests.get(url, headers={"Range": "bytes=5-9"}).content == SMALL[5:10]
    tampered = requests.get(url.replace("text%2Fcsv", "text%2Fhtml"))
    assert tampered.status_code == 403
    assert store.refused.pop()[0] == "SignatureDoesNotMatch"


def test_what_is_not_redirected(store, serve):
    server = serve(deliver="redirect")
    api = server.api()
    small = api.publish("inline", b"few bytes")["id"]
    assert api.content(small).content == b"few bytes"
    result = api.publish("table.csv", b"a,b\n" + b"1,2\n" * 5000, headers={"Content-Type": "text/csv"})
    head = api.head(f"/results/{result['id']}/content")
    assert head.status_code == 200 and head.headers["Content-Length"] == str(result["size"])
    etag = head.headers["ETag"]
    assert api.content(result["id"], **{"If-None-Match": etag}).status_code == 304
    problem(api.content(result["id"], **{"If-Match": '"other"'}), 412)
    converted = api.get(f"/results/{result['id']}/content", params={"format": "json"})
    assert converted.status_code == 200 and len(converted.json()) == 5000
    assert server.api().content(result["id"]).status_code == 404, "another project's key"
    expect(api.delete(f"/results/{result['id']}"), 204)
    problem(api.content(result["id"]), 410)
    link = api.link(api.publish("linked", SMALL)["id"])
    followed = requests.get(link["url"], allow_redirects=False)
    assert requests.get(location(followed)).content == SMALL


def test_an_address_does_not_outlive_the_keys_that_sign_it(store, serve):
    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=600)
    environment = {**store.environment, "AWS_CREDENTIAL_EXPIRATION": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}
    api = serve(environment=environment, deliver="redirect", redirect_lifetime="7d").api()
    url = location(api.content(stored(api, SMALL)))
    assert 500 < lifetime(url) <= 600
    other = store.url.replace("/some/where", "/else/where")
    api = serve(blobs=other, deliver="redirect", redirect_lifetime="7d").api()
    assert lifetime(location(api.content(stored(api, SMALL, "b")))) == 7 * 24 * 3600


# ---- back-pressure ----------------------------------------------------------------------------------------


def high_water(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) << 10


@pytest.mark.plain
def test_a_slow_reader_costs_little_memory(store, serve):
    server = serve(body_timeout="2m")
    api = server.api()
    data = LARGE * 2
    result = stored(api, data)
    before = high_water(server)
    sockets = []
    for _ in range(8):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=2 * PATIENCE)
        connection.request("GET", f"/api/v1/results/{result}/content", headers={"Authorization": f"Bearer {api.key}"})
        sockets.append(connection)
    answers = [connection.getresponse() for connection in sockets]
    time.sleep(7)  # longer than a request to the bucket waits for its reader: it is made again
    assert high_water(server) - before < 48 << 20
    for answer in answers:
        assert answer.read() == data
    assert len(gets(store, result)) > 8, "dropped and asked for again"
    for connection in sockets:
        connection.close()


def test_a_server_that_waits_for_the_bucket_can_be_stopped(store, serve):
    server = serve(shutdown_timeout="1s")
    api = server.api()
    result = stored(api, SMALL)
    store.fail("GET", hang(60), times=9, where=result)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("GET", f"/api/v1/results/{result}/content", headers={"Authorization": f"Bearer {api.key}"})
    eventually(lambda: store.count("GET", result) == 1, "it asks the bucket")
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert time.monotonic() - began < 10
    connection.close()
