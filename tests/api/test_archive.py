# SPDX-License-Identifier: Apache-2.0
"""Archives: all results of a job or a batch as one ZIP file, which several unpackers must read."""

import email.utils
import io
import json
import random
import re
import subprocess
import unicodedata
import zipfile

import pytest
from harness import (
    FILED,
    INLINE,
    Wire,
    eventually,
    expect,
    moment,
    nobody,
    problem,
    request_head,
    sha256,
    sleep_until,
)

UNPACKERS = {
    "unzip": ["unzip", "-q", "{zip}", "-d", "{to}"],
    "bsdtar": ["bsdtar", "-x", "-f", "{zip}", "-C", "{to}"],
    "7z": ["7z", "x", "-bd", "-o{to}", "{zip}"],
}
TESTERS = {
    "unzip": ["unzip", "-tqq", "{zip}"],
    "zipinfo": ["zipinfo", "-v", "{zip}"],
    "bsdtar": ["bsdtar", "-t", "-f", "{zip}"],
    "7z": ["7z", "t", "-bd", "{zip}"],
}
FORBIDDEN = set('<>:"\\|?*')


def archive_of(kind, id_):
    return f"/{'jobs' if kind == 'job' else 'batches'}/{id_}/archive.zip"


def fetch(api, kind, id_, **headers):
    return api.get(archive_of(kind, id_), headers={name.replace("_", "-"): value for name, value in headers.items()})


def whole(api, kind, id_):
    """The bytes of an archive."""
    response = fetch(api, kind, id_)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Length"] == str(len(response.content))
    return response.content


def opened(data):
    """(manifest, {path: bytes}) of an archive that holds what its manifest says, and nothing else."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        infos = archive.infolist()
        files = {info.filename: archive.read(info) for info in infos}
    assert len(files) == len(infos), "a path stands twice"
    assert infos[0].filename == "MANIFEST.json"
    assert all(info.compress_type == zipfile.ZIP_STORED for info in infos)
    manifest = json.loads(files.pop("MANIFEST.json"))
    assert [file["path"] for file in manifest["files"]] == [info.filename for info in infos[1:]]
    for file in manifest["files"]:
        content = files[file["path"]]
        assert (file["size"], file["sha256"]) == (len(content), sha256(content))
    return manifest, files


def paths(api, kind, id_):
    return [file["path"] for file in opened(whole(api, kind, id_))[0]["files"]]


@pytest.fixture(scope="module")
def mixed(api):
    """(batch, its jobs) with results in the database and in files, of three jobs, two of them taking turns."""
    batch = api.batch()["id"]
    jobs = [
        api.job(batch=batch, reference_id="Invoices: July")["id"],
        api.job(batch=batch)["id"],
        api.job(batch=batch, reference_id="invoices? july")["id"],
    ]
    chance = random.Random(2)
    for number in range(24):
        size = chance.choice([0, 1, 700, 30_000, 40_000, 200_000])
        headers = {"Content-Type": chance.choice(["text/csv", "application/json", "application/x-thing"])}
        api.upload(jobs[number % 2], f"file {number}", chance.randbytes(size), headers=headers)
    api.upload(jobs[2], "Ünïcode ☃ 日本.txt", FILED)
    return batch, jobs


# ---- what is in -------------------------------------------------------------------------------------------


def test_a_job_with_one_result_of_each_kind(api, payload):
    job = api.job(reference_id=f"reference {sha256(payload)[:4]}")
    result = api.upload(job["id"], "report", payload, headers={"Content-Type": "text/csv; charset=utf-8"})
    manifest, files = opened(whole(api, "job", job["id"]))
    assert manifest == {
        "job": job["id"],
        "files": [
            {
                "path": "report.csv",
                "id": result["id"],
                "name": "report",
                "type": "",
                "size": len(payload),
                "sha256": sha256(payload),
            }
        ],
        "missing": [],
    }
    assert files == {"report.csv": payload}


def test_a_job_without_results_has_a_manifest_alone(api):
    job = api.job()["id"]
    assert opened(whole(api, "job", job)) == ({"job": job, "files": [], "missing": []}, {})
    batch = api.batch()["id"]
    assert opened(whole(api, "batch", batch)) == ({"batch": batch, "files": [], "missing": []}, {})


def test_a_batch_has_a_folder_for_each_job(api, mixed):
    batch, jobs = mixed
    manifest, files = opened(whole(api, "batch", batch))
    assert manifest["batch"] == batch
    assert len(files) == 25
    assert {path.split("/")[0] for path in files} == {"Invoices_ July", jobs[1], "invoices_ july (2)"}
    assert files["invoices_ july (2)/Ünïcode ☃ 日本.txt"] == FILED
    made = [result["id"] for result in reversed(api.walk("/results", batch=batch))]
    assert [file["id"] for file in manifest["files"]] == made, "in the order in which they were published"
    for number, job in enumerate(jobs):
        alone = opened(whole(api, "job", job))[1]
        assert len(alone) == (12, 12, 1)[number]
        folder = ("Invoices_ July", jobs[1], "invoices_ july (2)")[number]
        assert {f"{folder}/{path}": content for path, content in alone.items()}.items() <= files.items()


@pytest.mark.parametrize("tool", sorted(TESTERS))
def test_other_programs_find_no_fault(api, mixed, tmp_path, tool):
    (tmp_path / "a.zip").write_bytes(whole(api, "batch", mixed[0]))
    command = [word.format(zip=tmp_path / "a.zip") for word in TESTERS[tool]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "warning" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr


@pytest.mark.parametrize("tool", sorted(UNPACKERS))
def test_other_programs_unpack_the_same(api, mixed, tmp_path, tool):
    data = whole(api, "batch", mixed[0])
    (tmp_path / "a.zip").write_bytes(data)
    to = tmp_path / "to"
    to.mkdir()
    command = [word.format(zip=tmp_path / "a.zip", to=to) for word in UNPACKERS[tool]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"LC_ALL": "C.UTF-8", "TZ": "UTC"})
    assert done.returncode == 0, done.stdout + done.stderr
    manifest, files = opened(data)
    unpacked = {str(path.relative_to(to)): path for path in to.rglob("*") if path.is_file()}
    assert set(unpacked) == set(files) | {"MANIFEST.json"}
    for path, content in files.items():
        assert unpacked[path].read_bytes() == content
        assert unpacked[path].stat().st_mode & 0o777 in (0o644, 0o640, 0o600)
    for file in manifest["files"]:
        created = moment(api.result(file["id"])["created_at"]).timestamp()
        assert abs(unpacked[file["path"]].stat().st_mtime - created) <= 2


def test_consumed_results_are_in(own_api):
    result = own_api.publish("a.bin")
    before = whole(own_api, "job", result["job"])
    expect(own_api.ack(result["id"]), 200)
    assert whole(own_api, "job", result["job"]) == before


def test_deleted_results_are_named_as_missing(own_api):
    job = own_api.job()["id"]
    first, second = (own_api.upload(job, name, INLINE) for name in ("one", "two"))
    before = whole(own_api, "job", job)
    expect(own_api.delete(f"/results/{first['id']}"), 204)
    manifest, files = opened(whole(own_api, "job", job))
    assert manifest["missing"] == [{"id": first["id"], "name": "one", "reason": "deleted"}]
    assert list(files) == ["two"] and manifest["files"][0]["id"] == second["id"]
    expect(own_api.post(f"/results/{first['id']}/restore"), 200)
    assert whole(own_api, "job", job) == before
    expect(own_api.delete(f"/results/{first['id']}", params={"permanent": "true"}), 204)
    assert opened(whole(own_api, "job", job))[0]["missing"] == []


def test_expired_results_are_named_as_missing_before_and_after_the_sweep(fresh_server):
    server = fresh_server(sweep_interval="1h")
    api = server.api()
    server.wait_for_sweeper()
    job = api.job()["id"]
    brief = api.upload(job, "brief", FILED, expires_in=1)
    api.upload(job, "lasting", FILED + b"x")
    sleep_until(brief["expires_at"])
    due = whole(api, "job", job)
    missing = [{"id": brief["id"], "name": "brief", "reason": "expired"}]
    assert server.blob_of(FILED), "it is due and not yet swept"
    manifest, files = opened(due)
    assert manifest["missing"] == missing and list(files) == ["lasting"]
    server.stop()
    server.settings["sweep_interval"] = "1s"
    server.start()
    eventually(lambda: not server.blob_of(FILED), "the sweep")
    assert whole(api, "job", job) == due


def test_the_jobs_of_a_batch_may_be_deleted(own_api):
    batch = own_api.batch()["id"]
    jobs = [own_api.job(batch=batch)["id"] for _ in range(2)]
    results = [own_api.upload(job, "same", INLINE) for job in jobs]
    expect(own_api.delete(f"/jobs/{jobs[0]}"), 204)
    manifest, files = opened(whole(own_api, "batch", batch))
    assert manifest["missing"] == [{"id": results[0]["id"], "name": "same", "reason": "deleted"}]
    assert list(files) == [f"{jobs[1]}/same"]
    gone = problem(fetch(own_api, "job", jobs[0]), 410, "deleted")
    moment(gone["at"])


# ---- names ------------------------------------------------------------------------------------------------


def test_names_are_safe_and_unique(api):
    job = api.job()["id"]
    given = ["a.txt", "A.TXT", "a:b", "a?b", "CON", "nul.txt", "Com7", "MANIFEST.json", "dots...", "blank ", "x.", "日本"]
    given += ["x_", "a (2).txt", '<>:"\\|?*', "con.tar.gz", "LPT¹", "console", "ä" * 127]
    for name in given:
        api.upload(job, name, INLINE)
    for type_ in ("one", "two"):
        api.upload(job, "typed.csv", INLINE, type=type_)
    got = paths(api, "job", job)
    assert got == [
        *["a.txt", "A (2).TXT", "a_b", "a_b (2)", "_CON", "_nul.txt", "_Com7", "MANIFEST (2).json", "dots___", "blank_"],
        *["x_", "日本", "x_ (2)", "a (2) (2).txt", "________", "_con.tar.gz", "_LPT¹", "console", "ä" * 127],
        *["typed.csv", "typed (2).csv"],
    ]
    assert not FORBIDDEN & set("".join(got))


def test_names_are_unique_where_case_and_form_of_letters_do_not_count(api):
    job = api.job()["id"]
    given = ["É.csv", "é.csv", "e\u0301.csv", "maß", "MASS", "\uff21", "a", "in\u202evoice", "in\u200bvoice", "❤", "❤\ufe0f"]
    for name in given:
        api.upload(job, name, INLINE)
    want = ["É.csv", "é (2).csv", "e\u0301 (3).csv", "maß", "MASS (2)", "\uff21", "a", "in_voice", "in_voice (2)", "❤", "❤\ufe0f (2)"]
    got = paths(api, "job", job)
    assert got == want
    assert len({unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold()) for name in got}) == len(got)


def test_an_extension_is_added_where_there_is_none(api):
    job = api.job()["id"]
    for name, media_type in [("a", "text/csv"), ("a.csv", "text/csv"), ("n" * 255, "application/x-ndjson")]:
        api.upload(job, name, INLINE, headers={"Content-Type": media_type})
    assert paths(api, "job", job) == ["a.csv", "a (2).csv", "n" * 248 + ".ndjson"]


def test_the_archive_has_a_name(api):
    named = api.job(reference_id='all/of "it"')["id"]
    assert 'filename="all_of _it_.zip"' in fetch(api, "job", named).headers["Content-Disposition"]
    for kind, id_ in (("job", api.job()["id"]), ("batch", api.batch()["id"])):
        assert f'filename="{id_}.zip"' in fetch(api, kind, id_).headers["Content-Disposition"]


# ---- as a representation ----------------------------------------------------------------------------------


def test_the_headers(api, mixed):
    response = fetch(api, "batch", mixed[0])
    head = api.head(archive_of("batch", mixed[0]))
    assert (head.status_code, head.content) == (200, b"")
    assert response.headers["Content-Type"] == "application/zip"
    assert re.fullmatch(r'"[0-9a-f]{64}"', response.headers["ETag"])
    assert response.headers["Accept-Ranges"] == "bytes"
    assert "Repr-Digest" not in response.headers and "Transfer-Encoding" not in response.headers
    modified = email.utils.parsedate_to_datetime(response.headers["Last-Modified"])
    newest = max(moment(result["created_at"]) for result in api.walk("/results", batch=mixed[0]))
    assert abs((modified - newest).total_seconds()) < 1
    for name in ("Content-Type", "Content-Length", "ETag", "Last-Modified", "Accept-Ranges", "Content-Disposition"):
        assert head.headers[name] == response.headers[name]


def test_ranges_are_slices_of_the_whole(api, mixed):
    data = whole(api, "batch", mixed[0])
    chance = random.Random(3)
    for number in range(60):
        first = chance.randrange(len(data)) if number % 2 else len(data) - 1 - chance.randrange(4000)
        last = min(len(data) - 1, first + chance.choice([0, 1, 50, 5000, 300_000]))
        part = fetch(api, "batch", mixed[0], Range=f"bytes={first}-{last}")
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes {first}-{last}/{len(data)}"
        assert part.content == data[first : last + 1]
    assert fetch(api, "batch", mixed[0], Range="bytes=-22").content == data[-22:]


def test_several_ranges(api, mixed):
    data = whole(api, "batch", mixed[0])
    middle = len(data) // 2
    ranges = [(len(data) - 500, len(data) - 1), (0, 99), (middle, middle + 70_000)]
    response = fetch(api, "batch", mixed[0], Range="bytes=" + ",".join(f"{first}-{last}" for first, last in ranges))
    assert response.status_code == 206
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", response.headers["Content-Type"])[1]
    want = b""
    for first, last in ranges:
        want += f"\r\n--{boundary}\r\nContent-Type: application/zip\r\n".encode()
        want += f"Content-Range: bytes {first}-{last}/{len(data)}\r\n\r\n".encode() + data[first : last + 1]
    assert response.content == want.removeprefix(b"\r\n") + f"\r\n--{boundary}--\r\n".encode()


def test_resuming_in_the_middle(own_api):
    job = own_api.job()["id"]
    own_api.upload(job, "one", FILED)
    first = fetch(own_api, "job", job)
    tag, middle = first.headers["ETag"], len(first.content) // 2
    rest = fetch(own_api, "job", job, Range=f"bytes={middle}-", If_Range=tag)
    assert (rest.status_code, rest.content) == (206, first.content[middle:])
    own_api.upload(job, "two", INLINE)
    changed = fetch(own_api, "job", job, Range=f"bytes={middle}-", If_Range=tag)
    assert changed.status_code == 200 and changed.headers["ETag"] != tag
    assert list(opened(changed.content)[1]) == ["one", "two"]


def test_a_date_is_not_enough_to_resume(own_api):
    """Neither a purge nor a restore moves it."""
    job = own_api.job()["id"]
    dated = {name: fetch(own_api, "job", job).headers["Last-Modified"] for name in ("If_Range", "If_Modified_Since")}
    assert fetch(own_api, "job", job, Range="bytes=5-9", If_Range=dated["If_Range"]).status_code == 200
    assert fetch(own_api, "job", job, If_Modified_Since=dated["If_Modified_Since"]).status_code == 200


def test_conditions(api, mixed):
    tag = fetch(api, "batch", mixed[0]).headers["ETag"]
    same = fetch(api, "batch", mixed[0], If_None_Match=tag)
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert fetch(api, "batch", mixed[0], If_Match=tag).status_code == 200
    problem(fetch(api, "batch", mixed[0], If_Match='"other"'), 412)
    beyond = fetch(api, "batch", mixed[0], Range="bytes=9999999999-")
    problem(beyond, 416)
    assert re.fullmatch(r"bytes \*/\d+", beyond.headers["Content-Range"])


def test_the_tag_goes_with_the_state(own_api):
    job = own_api.job()["id"]
    tags = [fetch(own_api, "job", job).headers["ETag"]]

    def changed():
        tags.append(fetch(own_api, "job", job).headers["ETag"])
        return tags[-1] not in tags[:-1]

    one = own_api.upload(job, "one", INLINE)
    assert changed()
    two = own_api.upload(job, "two", INLINE)
    assert changed()
    expect(own_api.ack(one["id"]), 200)
    assert not changed(), "acknowledging changes no byte"
    expect(own_api.delete(f"/results/{two['id']}"), 204)
    assert changed()
    expect(own_api.post(f"/results/{two['id']}/restore"), 200)
    assert not changed() and tags[-1] == tags[2]


# ---- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["job", "batch"])
def test_what_is_not_there_or_not_ours_is_404(server, api, own_api, kind):
    other = own_api.job()["id"] if kind == "job" else own_api.batch()["id"]
    for id_ in (nobody(), "x", other):
        problem(fetch(api, kind, id_), 404, "not_found")
    assert fetch(own_api, kind, other).status_code == 200


def test_a_key_needs_the_scope_read(server, api, mixed):
    writer = server.api(scopes=("write", "ack", "delete"), project=api.project)
    for kind, id_ in (("job", mixed[1][0]), ("batch", mixed[0])):
        problem(fetch(writer, kind, id_), 403, "forbidden")
        assert server.api(scopes=("read",), project=api.project).head(archive_of(kind, id_)).status_code == 200
        assert server.get("/api/v1" + archive_of(kind, id_)).status_code == 401


def test_parameters_and_methods(api, mixed):
    problem(api.get(archive_of("batch", mixed[0]), params={"colour": "red"}), 400, "unknown_parameter", parameter="colour")
    refused = api.post(archive_of("batch", mixed[0]))
    assert refused.status_code == 405 and set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_the_limit(fresh_server):
    api = fresh_server(archive_limit=3).api()
    batch = api.batch()["id"]
    job = api.job(batch=batch)["id"]
    results = [api.upload(job, f"r{number}", INLINE) for number in range(3)]
    expect(api.delete(f"/results/{results[0]['id']}"), 204)
    assert fetch(api, "batch", batch).status_code == 200
    api.upload(job, "one more", INLINE)
    for kind, id_ in (("batch", batch), ("job", job)):
        assert "archive_limit" in problem(fetch(api, kind, id_), 409, "limit")["detail"]


# ---- removal while it is sent -----------------------------------------------------------------------------


def begin(server, api, job):
    """A download of which only the head has been read: (wire, Content-Length)."""
    wire = Wire(server)
    wire.send(request_head("GET", "/api/v1" + archive_of("job", job), api.key))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += wire.line()
    assert head.startswith(b"HTTP/1.1 200 ")
    return wire, int(re.search(rb"Content-Length: (\d+)", head)[1])


@pytest.mark.parametrize("size", [20_000, 1_000_000], ids=["inline", "file"])
def test_a_purge_in_the_middle_breaks_the_connection(server, own_api, size):
    job = own_api.job()["id"]
    own_api.upload(job, "large", random.Random(4).randbytes(24_000_000))  # more than sockets hold
    last = own_api.upload(job, "last", random.Random(size).randbytes(size))
    wire, length = begin(server, own_api, job)
    blob = server.blob_of(random.Random(size).randbytes(size))
    expect(own_api.delete(f"/results/{last['id']}", params={"permanent": "true"}), 204)
    eventually(lambda: not (blob and blob.exists()), "the file is gone")
    with wire:
        received = len(wire.rest())
    assert 23_000_000 < received < length - size
    assert own_api.get(f"/jobs/{job}").status_code == 200


def test_what_is_open_is_read_to_its_end(fresh_server):
    server = fresh_server(sweep_interval="1s")  # a bucket's connection waits five seconds for its reader
    own_api = server.api()
    job = own_api.job()["id"]
    data = random.Random(5).randbytes(24_000_000)
    large = own_api.upload(job, "large", data)
    wire, length = begin(server, own_api, job)
    start = wire.socket.recv(65536)
    blob = server.blob_of(data)
    expect(own_api.delete(f"/results/{large['id']}", params={"permanent": "true"}), 204)
    eventually(lambda: not blob.exists(), "the file is gone")
    received = start
    with wire:
        while len(received) < length:
            piece = wire.socket.recv(1 << 20)
            assert piece, f"broken after {len(received)} of {length}"
            received += piece
    assert opened(received)[1] == {"large": data}
