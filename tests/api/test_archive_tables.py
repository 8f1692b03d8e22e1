# SPDX-License-Identifier: Apache-2.0
"""Archives whose tables come in another format: what is in them, who waits, and what the cache may do meanwhile."""

import concurrent.futures
import gzip
import io
import itertools
import json
import os
import pathlib
import re
import subprocess
import threading
import zipfile

import pytest
import requests
from harness import BLOBS, FILED, INLINE, Wire, eventually, expect, problem, request_head, sha256, sleep_until
from tables import FORMATS, MEDIA_TYPES, ask, convert

SETTINGS = {"sweep_interval": "1s"}
ROWS = "".join(f"{i},some words of row {i}\n" for i in range(60_000))
WIDE = ",".join(f"c{i}" for i in range(16385)) + "\n" + "1," * 16384 + "1\n"
numbers = itertools.count(1_000_000)


def unique(rows="1,x\n"):
    """A CSV text that no other test has: what was made of it before does not count."""
    return f"id,text\n{rows}{next(numbers)},end\n"


def put(api, job, name, data, kind=None, **arguments):
    headers = {"Content-Type": MEDIA_TYPES[kind]} if kind else {}
    data = data if isinstance(data, bytes) else data.encode()
    return api.upload(job, name, data, headers=headers, **arguments)


def fetch(api, job, format_=None, headers=None, kind="jobs", stream=False, **parameters):
    if format_:
        parameters["format"] = format_
    return api.get(f"/{kind}/{job}/archive.zip", params=parameters, headers=headers, stream=stream)


def head(api, job, format_, headers=None, **parameters):
    return api.head(f"/jobs/{job}/archive.zip", params={"format": format_, **parameters}, headers=headers)


def opened(answer):
    """(manifest, {path: bytes}) of an archive that holds what its manifest says, and nothing else."""
    assert answer.status_code == 200, answer.text[:500]
    assert answer.headers["Content-Length"] == str(len(answer.content))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        infos = archive.infolist()
        files = {info.filename: archive.read(info) for info in infos}
    assert len(files) == len(infos) and infos[0].filename == "MANIFEST.json"
    assert all(info.compress_type == zipfile.ZIP_STORED for info in infos)
    manifest = json.loads(files.pop("MANIFEST.json"))
    assert [file["path"] for file in manifest["files"]] == list(files)
    for file in manifest["files"]:
        assert (file["size"], file["sha256"]) == (len(files[file["path"]]), sha256(files[file["path"]]))
    return manifest, files


def can_be_had(api, result, format_):
    try:
        return ask(api, result, format_).status_code == 200
    except requests.exceptions.ChunkedEncodingError:
        return False


def made(server):
    return server.metric("resultd_conversions_total")


def tables(api, count, rows=ROWS):
    """A job with so many tables, of which nothing was made."""
    job = api.job()["id"]
    for number in range(count):
        put(api, job, f"t{number}.csv", unique(rows), "csv")
    return job


@pytest.fixture(scope="module")
def mixed(api):
    """A job with something of everything."""
    job = api.job()["id"]
    records = json.dumps([{"id": 1, "n": {"a": "é", "b": 1.50}}, {"id": 2, "n": {}}])
    put(api, job, "records.json", records, "json")
    put(api, job, "wrapped", json.dumps({"at": 1, "data": [{"a": 1}]}), "json")
    put(api, job, "semicolons.csv", "a;b\n1;2\n", "csv")
    put(api, job, "large.csv", unique(ROWS), "csv")
    put(api, job, "tabs.tsv", "a\tb\n1\t2\n", "tsv")
    put(api, job, "lines.ndjson", '{"a":1}\n{"a":"x"}\n', "ndjson")
    put(api, job, "lines.csv", "a\n1\n", "csv")
    put(api, job, "packed.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0), "csv")
    put(api, job, "wide.csv", WIDE, "csv")
    put(api, job, "broken.csv", 'a,b\n1,"2\n', "csv")
    put(api, job, "picture.png", FILED)
    gone = put(api, job, "deleted.csv", "a\n1\n", "csv")
    expect(api.delete(f"/results/{gone['id']}"), 204)
    brief = put(api, job, "expired.csv", "a\n2\n", "csv", expires_in=1)
    sleep_until(brief["expires_at"])
    expect(api.ack(put(api, job, "consumed.csv", "a\n3\n", "csv")["id"]), 200)
    return job


# ---- what is in -------------------------------------------------------------------------------------------

STAYS = {  # what has the format already, or cannot be had in it
    "json": {"records.json", "wrapped"},
    "csv": {"semicolons.csv", "large.csv", "lines.csv", "wide.csv", "consumed.csv"},
    "tsv": {"tabs.tsv"},
    "ndjson": {"lines.ndjson"},
    "xlsx": {"wide.csv"},
}


@pytest.mark.parametrize("format_", FORMATS)
def test_tables_are_converted_and_everything_else_is_as_it_was(api, mixed, format_):
    manifest, files = opened(fetch(api, mixed, format_))
    assert [(gone["name"], gone["reason"]) for gone in manifest["missing"]] == [
        ("deleted.csv", "deleted"), ("expired.csv", "expired")]
    stems = ["records", "wrapped", "semicolons", "large", "tabs", "lines", "lines (2)", "packed"]
    want = [f"{stem}.{format_}" for stem in stems]
    want += ["wide.csv" if format_ == "xlsx" else f"wide.{format_}", "broken.csv", "picture.png", f"consumed.{format_}"]
    assert list(files) == want
    for file in manifest["files"]:
        if file["name"] in STAYS[format_] | {"broken.csv", "picture.png"}:
            assert files[file["path"]] == api.content(file["id"]).content and "format" not in file
        else:
            assert files[file["path"]] == convert(api, file, format_) and file["format"] == format_
    reasons = {file["name"]: file["unavailable"] for file in manifest["files"] if "unavailable" in file}
    broken = next(file for file in manifest["files"] if file["name"] == "broken.csv")
    assert reasons.pop("broken.csv") == api.result(broken["id"])["unavailable"]["*"]
    assert reasons == ({"wide.csv": "16385 columns, 16384 is the most"} if format_ == "xlsx" else {})
    assert set(manifest["files"][-2]) == {"path", "id", "name", "type", "size", "sha256"}, "no table, nothing to say"


@pytest.mark.parametrize("command", [["unzip", "-tqq"], ["bsdtar", "-t", "-f"], ["7z", "t", "-bd"]])
def test_other_programs_find_no_fault(api, mixed, tmp_path, command):
    (tmp_path / "a.zip").write_bytes(fetch(api, mixed, "xlsx").content)
    done = subprocess.run([*command, tmp_path / "a.zip"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "warning" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr


def test_a_batch_has_folders(own_api):
    batch = own_api.batch()["id"]
    jobs = [own_api.job(batch=batch, reference_id=name)["id"] for name in ("one", "two")]
    text = unique()
    for job in jobs:
        put(own_api, job, "t.csv", text, "csv")
    put(own_api, jobs[0], "b.bin", INLINE)
    _, files = opened(fetch(own_api, batch, "tsv", kind="batches"))
    assert list(files) == ["one/t.tsv", "two/t.tsv", "one/b.bin"]
    assert files["one/t.tsv"] == files["two/t.tsv"] == text.replace(",", "\t").replace("\n", "\r\n").encode()


def test_without_tables_it_is_complete_at_once(own_api):
    job = own_api.job()["id"]
    assert opened(fetch(own_api, job, "csv"))[1] == {}
    put(own_api, job, "b.bin", INLINE)
    assert opened(fetch(own_api, job, "csv"))[1] == {"b.bin": INLINE}
    assert "Content-Length" in head(own_api, job, "csv").headers


def test_with_options_all_tables_are_converted(own_api):
    job = own_api.job()["id"]
    put(own_api, job, "one.csv", "a;b\n1;2,5\n", "csv")
    put(own_api, job, "two.json", '[{"a":{"x":"=1"},"b":[1]}]', "json")
    assert opened(fetch(own_api, job, "csv"))[1]["one.csv"] == b"a;b\n1;2,5\n"
    files = opened(fetch(own_api, job, "csv", delimiter=",", eol="lf", bom="1", safe="1", nested="json"))[1]
    assert files["one.csv"] == b'\xef\xbb\xbfa,b\n1,"2,5"\n'
    assert files["two.csv"] == b'\xef\xbb\xbfa,b\n"{""x"":""=1""}",[1]\n'
    assert opened(fetch(own_api, job, "json", types="text"))[1]["one.json"] == b'[\n{"a":"1","b":"2,5"}\n]\n'


@pytest.mark.parametrize("format_, kind, data, names", [
    ("csv", "csv", "a\n1\n", {"a.json": "a.csv", "b.CSV": "b.CSV", "c": "c.csv", "d.txt": "d.txt.csv"}),
    ("ndjson", "ndjson", '{"a":1}\n', {"a.json": "a.ndjson", "b.jsonl": "b.jsonl", "c": "c.ndjson"}),
])
def test_what_has_the_format_has_its_extension(api, format_, kind, data, names):
    job = api.job()["id"]
    for name in names:
        put(api, job, name, data, kind)
    put(api, job, "text.json", "nothing", "csv" if kind == "ndjson" else "json")
    _, files = opened(fetch(api, job, format_))
    assert list(files)[:len(names)] == list(names.values())
    assert set(list(files.values())[:len(names)]) == {data.encode()}
    _, files = opened(fetch(api, job))
    assert set(names) - {"c"} <= set(files), "as they are called where nothing is converted"


def test_what_turns_out_not_to_fit_stays_as_it_was(own_api):
    """With nested=json it is judged when it is made."""
    job = own_api.job()["id"]
    text = json.dumps([{"a": list(range(9000))}])
    put(own_api, job, "a.json", text, "json")
    put(own_api, job, "b.json", '[{"a":[1]}]', "json")
    etags = set()
    for _ in range(2):
        answer = fetch(own_api, job, "xlsx", nested="json")
        manifest, files = opened(answer)
        assert list(files) == ["a.json", "b.xlsx"] and files["a.json"] == text.encode()
        assert "32767 is the most" in manifest["files"][0]["unavailable"]
        etags.add(answer.headers["ETag"])
    assert len(etags) == 1


def test_thousands_of_tables(own_api):
    """More than are looked up in one go; the same bytes are made once."""
    job = own_api.job()["id"]
    text = unique()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        clones = [own_api.clone() for _ in range(8)]
        list(pool.map(lambda n: put(clones[n % 8], job, "t.csv", text, "csv", type=f"k{n}"), range(1100)))
    before = made(own_api.server)
    _, files = opened(fetch(own_api, job, "ndjson"))
    assert len(files) == 1100 and len(set(files.values())) == 1
    assert made(own_api.server) == before + 1


# ---- as a representation ----------------------------------------------------------------------------------


def test_each_form_has_a_tag_of_its_own_from_the_start(server, own_api):
    job = tables(own_api, 2, "1,x\n")
    forms = [{"format": format_} for format_ in FORMATS] + [{}, {"format": "csv", "eol": "lf"}, {"format": "json", "nested": "json"}]
    before = [own_api.head(f"/jobs/{job}/archive.zip", params=form).headers["ETag"] for form in forms]
    assert len(set(before)) == len(forms)
    for form, etag in zip(forms, before):
        for _ in range(2):
            assert fetch(own_api, job, **form).headers["ETag"] == etag
    put(own_api, job, "more.bin", INLINE)
    assert own_api.head(f"/jobs/{job}/archive.zip", params=forms[0]).headers["ETag"] != before[0]


def test_head_and_conditions_make_nothing(server, own_api):
    job = tables(own_api, 2, "1,x\n")
    count = made(server)
    first = head(own_api, job, "json")
    etag = first.headers["ETag"]
    assert (first.status_code, first.headers.get("Content-Length")) == (200, None)
    for method in (fetch, head):
        same = method(own_api, job, "json", headers={"If-None-Match": etag})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    problem(fetch(own_api, job, "json", headers={"If-Match": '"other"'}), 412)
    assert made(server) == count
    answer = fetch(own_api, job, "json", headers={"If-Match": etag})
    after = head(own_api, job, "json")
    for name in ("Content-Length", "ETag", "Content-Type", "Last-Modified", "Content-Disposition", "Accept-Ranges"):
        assert after.headers[name] == answer.headers[name]
    assert made(server) == count + 2


def test_ranges(own_api):
    job = tables(own_api, 3)
    middle = fetch(own_api, job, "json", headers={"Range": "bytes=3000000-3999999"})
    data = fetch(own_api, job, "json").content
    assert (middle.status_code, middle.content) == (206, data[3_000_000:4_000_000])
    assert middle.headers["Content-Range"] == f"bytes 3000000-3999999/{len(data)}"
    several = fetch(own_api, job, "json", headers={"Range": f"bytes=0-99,5000000-5999999,{len(data) - 500}-"})
    assert several.status_code == 206 and several.headers["Content-Length"] == str(len(several.content))
    for part in (data[:100], data[5_000_000:6_000_000], data[-500:]):
        assert part in several.content
    problem(fetch(own_api, job, "json", headers={"Range": "bytes=999999999-"}), 416)


def test_refusals(api, mixed):
    problem(fetch(api, mixed, "tar"), 400, "bad_value", parameter="format")
    problem(fetch(api, mixed, nested="json"), 400, "missing", parameter="format")
    problem(fetch(api, mixed, "json", bom="1"), 400, "bad_value", parameter="bom")
    for name in ("fields", "field", "omit", "where", "offset", "limit"):
        refused = problem(fetch(api, mixed, "csv", **{name: "1"}), 400, "unknown_parameter", parameter=name)
        assert "all their rows and columns" in refused["detail"]
    problem(fetch(api, mixed, "csv", colour="red"), 400, "unknown_parameter", parameter="colour")


# ---- the cache --------------------------------------------------------------------------------------------


def held(server):
    """How many files that were removed are still open."""
    links = pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir()
    return sum(_deleted(link) for link in links)


def _deleted(link):
    try:
        return "blobs" in os.readlink(link) and os.readlink(link).endswith("(deleted)")
    except FileNotFoundError:
        return False


def size_of(path):
    """0 for a file that has gone since it was listed."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("limit", ["0", "12MiB"])
def test_a_cache_that_does_not_hold_it_gives_the_same_bytes(fresh_server, limit):
    """What was made has gone when it is reached, and is made again while the answer waits."""
    big, small = fresh_server(), fresh_server(cache_limit=limit, **SETTINGS)
    texts = [unique(ROWS * 4) for _ in range(3)] + [unique() for _ in range(8)] + [unique(ROWS * 4)]
    archives = []
    for server in (big, small):
        api = server.api()
        job = api.job()["id"]
        for number, text in enumerate(texts):
            put(api, job, f"t{number}.csv", text, "csv")
        files = server.files()
        answer = fetch(api, job, "ndjson", stream=True)
        start = answer.raw.read(100_000)
        eventually(lambda: server is big or held(server) <= 1, "what was made is let go of")
        answer._content = start + answer.raw.read()
        archives.append(opened(answer)[1])
        assert made(server) == 12 or server is small
    assert archives[0] == archives[1]
    assert BLOBS != "disk" or made(small) >= 12 + 2  # in a bucket they go later
    eventually(lambda: sum(size_of(path) for path in small.files() - files) <= 20 << 20, "the others have gone")
    etag, data = answer.headers["ETag"], answer.content
    for first in (len(data) // 3, len(data) - 4000):
        eventually(lambda: held(small) == 0, "nothing is kept but the cache")
        rest = fetch(api, job, "ndjson", headers={"Range": f"bytes={first}-", "If-Range": etag})
        assert (rest.status_code, rest.content) == (206, data[first:])
    several = fetch(api, job, "ndjson", headers={"Range": f"bytes=100-12000000,{len(data) - 3000}-"})
    assert data[100:12000001] in several.content and data[-3000:] in several.content
    assert " 0 missing, 0 truncated, 0 damaged" in small.check().stdout


def test_two_who_ask_at_once_make_each_table_once(server, own_api):
    job = tables(own_api, 6)
    before = made(server)
    start = threading.Barrier(5)

    def get(_):
        mine = own_api.clone()
        start.wait()
        return fetch(mine, job, "json")

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(get, range(5)))
    assert len({answer.content for answer in answers}) == 1
    assert len(opened(answers[0])[1]) == 6
    assert made(server) == before + 6


def test_the_limit_of_conversions_does_not_stop_it(fresh_server):
    server = fresh_server(conversion_limit=1, **SETTINGS)
    api = server.api()
    assert len(opened(fetch(api, tables(api, 5), "json"))[1]) == 5


def test_what_was_made_for_single_results_is_used(server, own_api):
    job = tables(own_api, 1)
    data = convert(own_api, own_api.results(job=job)[0], "json")
    eventually(lambda: "Content-Length" in head(own_api, job, "json").headers)
    before = made(server)
    assert opened(fetch(own_api, job, "json"))[1] == {"t0.json": data}
    assert made(server) == before


def preparing(api, job):
    said = (api.result(result["id"])["preparing"] for result in api.results(job=job))
    return [one for one in said if one]


def test_it_says_what_is_being_prepared(own_api):
    job = tables(own_api, 8, ROWS * 4)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(fetch, own_api.clone(), job, "json")
        said = eventually(lambda: preparing(own_api, job) or answer.done())
        assert said is not True and said[0]["format"] == "json" and said[0]["rows"] == 4 * 60_000 + 1
        assert len(opened(answer.result())[1]) == 8


# ---- who leaves, and what fails ---------------------------------------------------------------------------


def test_who_leaves_early_stops_the_making(fresh_server):
    server = fresh_server(converters=1, **SETTINGS)
    api = server.api()
    job = tables(api, 30)
    with Wire(server) as wire:
        wire.send(request_head("GET", f"/api/v1/jobs/{job}/archive.zip?format=json", key=api.key))
        eventually(lambda: server.metric("resultd_conversions") > 0, "it has begun")
    eventually(lambda: server.metric("resultd_conversions") == 0, "it has stopped")
    assert made(server) < 30
    assert len(opened(fetch(api, job, "json"))[1]) == 30
    assert made(server) == 30


def test_who_leaves_in_the_middle_leaves_nothing(fresh_server):
    server = fresh_server(cache_limit="0", **SETTINGS)
    api = server.api()
    job = tables(api, 10)
    for _ in range(3):
        with Wire(server) as wire:
            wire.send(request_head("GET", f"/api/v1/jobs/{job}/archive.zip?format=json", key=api.key))
            while b"t1.json" not in wire.socket.recv(65536):
                pass
    eventually(lambda: server.metric("resultd_conversions") == 0)
    assert len(opened(fetch(api, job, "json"))[1]) == 10


def test_a_damaged_result_is_an_error(server, own_api):
    job = tables(own_api, 3)
    text = unique(ROWS)
    damaged = put(own_api, job, "damaged.csv", text, "csv")
    blob = server.blob_of(text.encode())
    whole = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(whole[:-1000] + b"\xff" + whole[-999:])
    for headers in ({}, {"Range": "bytes=0-10"}):
        refused = problem(fetch(own_api, job, "json", headers=headers), 503, "storage")
        assert damaged["id"] in refused["detail"] and refused["detail"].count(":") == 1
    blob.write_bytes(whole)
    assert len(opened(fetch(own_api, job, "json"))[1]) == 4


@pytest.mark.parametrize("how", ["purge", "damage"])
def test_what_fails_while_it_is_sent_breaks_the_connection(fresh_server, how):
    server = fresh_server(cache_limit="0", **SETTINGS)
    api = server.api()
    job = api.job()["id"]
    put(api, job, "first.csv", unique(ROWS * 15), "csv")  # more than sockets hold
    text = unique(ROWS)
    last = put(api, job, "last.csv", text, "csv")
    blob = server.blob_of(text.encode())
    with Wire(server) as wire:
        wire.send(request_head("GET", f"/api/v1/jobs/{job}/archive.zip?format=json", key=api.key))
        line = b""
        while not line.startswith(b"Content-Length"):
            line = wire.line()
        length = int(line.split()[1])
        if how == "purge":
            expect(api.delete(f"/results/{last['id']}", params={"permanent": "true"}), 204)
        else:
            blob.chmod(0o600)
            blob.write_bytes(blob.read_bytes()[:-1000] + b"\xff" * 1000)
            convert(api, put(api, api.job()["id"], "other.csv", unique(), "csv"), "json")  # takes the cache's place
            eventually(lambda: not can_be_had(api, last, "json"), "what was made of it before has gone")
        received = len(wire.rest())
    assert 20_000_000 < received < length
    assert api.get(f"/jobs/{job}").status_code == 200


def test_a_result_that_goes_while_it_is_prepared(fresh_server):
    own_api = fresh_server(converters=1, **SETTINGS).api()
    job = tables(own_api, 12, ROWS * 3)
    last = own_api.results(job=job)[0]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(fetch, own_api.clone(), job, "json")
        eventually(lambda: own_api.server.metric("resultd_conversions") > 0, "it has begun")
        expect(own_api.delete(f"/results/{last['id']}"), 204)
        refused = problem(answer.result(), 503, "busy")
    assert last["id"] in refused["detail"]
    manifest, files = opened(fetch(own_api, job, "json"))
    assert len(files) == 11 and manifest["missing"][0]["id"] == last["id"]


def test_a_server_that_stops_ends_it(fresh_server):
    server = fresh_server(shutdown_timeout="1s", converters=1, **SETTINGS)
    api = server.api()
    job = tables(api, 12, ROWS * 10)
    with Wire(server) as wire:
        wire.send(request_head("GET", f"/api/v1/jobs/{job}/archive.zip?format=json", key=api.key))
        eventually(lambda: made(server) >= 1, "it has begun")
        server.stop()
        answer = wire.rest()
    head_, _, body = answer.partition(b"\r\n\r\n")
    if head_.startswith(b"HTTP/1.1 200"):  # all were made within that second, and what nobody reads is cut then
        assert len(body) < int(re.search(rb"Content-Length: (\d+)", head_)[1]), "its length says so"
    else:
        assert head_[:12] in (b"HTTP/1.1 503", b"")
