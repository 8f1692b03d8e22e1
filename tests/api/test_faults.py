# SPDX-License-Identifier: Apache-2.0
"""Faults of the machine: full and read-only disks, a locked database, damaged files."""

import concurrent.futures
import contextlib
import os
import subprocess
import time

import pytest
from harness import (
    BASE,
    FILED,
    INLINE,
    Wire,
    eventually,
    expect,
    locked,
    on_disk,
    orphan_beside,
    problem,
    program,
    request_head,
    sqlite_only,
)

ROOT = os.geteuid() == 0


# ---- a small disk -----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 24 MiB; requested before fresh_server, so that it is unmounted after the server's end."""
    if not ROOT:
        pytest.skip("mounting needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder):
    """Takes all that is left of the disk; returns the file to remove."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def put_until_refused(api, job, name, data):
    """An upload whose answer is read even if the server stops taking the body."""
    with Wire(api.server) as wire:
        wire.send(request_head("PUT", f"{BASE}/jobs/{job}/results/{name}", api.key, Content_Length=len(data)))
        with contextlib.suppress(ConnectionError):
            wire.send(data)
        return wire.answer()


@on_disk
@pytest.mark.slow
def test_an_upload_that_fills_the_disk_is_507_and_leaves_nothing(small_disk, fresh_server):
    api = fresh_server(data=small_disk / "data", disk_floor="0").api()
    job = api.job()["id"]
    first = api.upload(job, "first", FILED)
    files = api.server.files()
    problem(put_until_refused(api, job, "too-much", bytes(40 << 20)), 507)
    eventually(lambda: api.server.files() <= files, "the unfinished file is gone")
    assert [row["name"] for row in api.get_job(job)["results"]] == ["first"]
    assert api.content(first["id"]).content == FILED
    api.upload(job, "fits", FILED)
    assert api.server.check().returncode == 0


@sqlite_only
@pytest.mark.slow
def test_a_full_disk_refuses_writes_serves_reads_and_recovers(small_disk, fresh_server):
    api = fresh_server(data=small_disk / "data", disk_floor="0").api()
    stored = api.publish("a", FILED)["id"]
    filler = fill(small_disk)
    made, refused = [], None
    for number in range(500):
        response = api.post("/jobs", json={"kind": "big", "input": "x" * 20_000})
        if response.status_code != 201:
            refused = response
            break
        made.append(response.json()["id"])
    assert refused is not None, "the disk was not full"
    assert refused.status_code in (503, 507)
    problem(refused, refused.status_code)
    assert api.content(stored).content == FILED
    assert api.server.get("/-/live").status_code == 200
    filler.unlink()
    eventually(lambda: api.post("/jobs", json={"kind": "after"}).status_code == 201, "writes work again")
    for job in made:
        assert api.get_job(job)["id"] == job


@on_disk
def test_below_the_disk_floor_ready_fails_and_uploads_are_507(fresh_server):
    server = fresh_server(start=False, disk_floor="1PiB").start(until="/-/live")
    api = server.api()
    assert server.get("/-/ready").status_code == 503
    problem(api.try_upload(api.job()["id"], "a", FILED), 507)
    problem(api.try_publish("a", INLINE), 507)
    expect(api.get("/results"), 200)


def test_a_read_only_folder_is_said_clearly_at_the_start(small_disk, fresh_server):
    server = fresh_server(data=small_disk / "data", disk_floor="0")
    server.stop()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    server.spawn()
    assert server.wait() != 0
    assert str(server.data) in server.stderr()


@pytest.fixture
def blobs_mount(tmp_path):
    """A data folder whose blobs are a mount of their own: it can be made read-only although the database is open."""
    if not ROOT:
        pytest.skip("mounting needs root")
    folder = tmp_path / "data"
    blobs = folder / "blobs"
    blobs.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(blobs)], check=True)
    yield folder
    subprocess.run(["umount", str(blobs)], check=True)


def remount(folder, how):
    """Uploads that have just been answered may hold their file for a moment."""
    command = ["mount", "-o", f"remount,{how}", str(folder)]
    eventually(lambda: subprocess.run(command, capture_output=True).returncode == 0, f"{folder} is {how}")


@on_disk
def test_a_folder_that_becomes_read_only_stops_uploads_of_files_and_nothing_else(blobs_mount, fresh_server):
    """Until it is writable again, without a restart."""
    server = fresh_server(data=blobs_mount, disk_floor="0", sweep_interval="1s")
    api = server.api()
    job = api.job()["id"]
    before = api.upload(job, "before", FILED)
    dying = api.upload(job, "dying", FILED + b"dying", expires_in="6")
    remount(blobs_mount / "blobs", "ro")
    answer = problem(api.try_upload(job, "during", FILED), 503, code="storage")
    assert str(server.data) not in answer["detail"] and "blobs" not in answer["detail"]
    assert api.content(api.upload(job, "small", INLINE)["id"]).content == INLINE
    assert api.content(before["id"]).content == FILED
    expect(api.ack(before["id"]), 200)
    eventually(lambda: "cannot remove" in server.stderr(), "the sweeper has met it, too")
    problem(api.content(dying["id"]), 410)
    assert [row["name"] for row in api.get_job(job)["results"]] == ["before", "dying", "small"]
    remount(blobs_mount / "blobs", "rw")
    assert api.content(api.upload(job, "during", FILED)["id"]).content == FILED
    eventually(lambda: server.blob_of(FILED + b"dying") is None, "the sweeper has tried again")
    assert server.check().returncode == 0


def test_a_folder_that_cannot_be_made_is_said_clearly(fresh_server, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    server = fresh_server(start=False, data=tmp_path / "file" / "data")
    server.spawn()
    assert server.wait() != 0
    assert str(server.data) in server.stderr()


# ---- a locked database ------------------------------------------------------------------------------------

def try_later(response):
    problem(response, 503)
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.slow
def test_with_the_database_locked_writes_are_503_reads_go_on_and_all_recovers(fresh_server):
    api = fresh_server(db_busy_timeout="1s").api()
    result = api.publish("a", FILED)["id"]
    with locked(api.server):
        try_later(api.post("/jobs", json={"kind": "a"}))
        try_later(api.ack(result))
        assert api.result(result)["state"] == "available"
        assert api.content(result).content == FILED
        try_later(api.try_publish("b", INLINE))
    api.job()
    expect(api.ack(result), 200)
    assert [row["name"] for row in api.results(state="any")] == ["a"]
    assert api.server.check().returncode == 0


def test_a_write_waits_for_a_short_lock(fresh_server):
    api = fresh_server(db_busy_timeout="10m").api()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with locked(api.server):
            waiting = pool.submit(api.clone().post, "/jobs", json={"kind": "a"})
            time.sleep(0.5)
            assert not waiting.done()
        expect(waiting.result(), 201)


@pytest.mark.slow
def test_a_full_write_queue_is_503_and_those_in_it_are_served(fresh_server):
    api = fresh_server(db_busy_timeout="10m", write_queue_limit="2", write_batch_limit="1").api()
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        with locked(api.server):
            waiting = [pool.submit(api.clone().post, "/jobs", json={"kind": "a"}) for _ in range(12)]
            eventually(lambda: any(future.done() for future in waiting), "some are refused")
        answers = [future.result() for future in waiting]
    made = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code != 201]
    for answer in refused:
        try_later(answer)
    assert made and refused
    assert len(api.walk("/jobs")) == len(made)


# ---- damaged files ----------------------------------------------------------------------------------------


def remove(blob):
    blob.unlink()


def truncate(blob):
    blob.write_bytes(blob.read_bytes()[:1000])


def change_a_byte(blob):
    whole = bytearray(blob.read_bytes())
    whole[70_000] ^= 1
    blob.write_bytes(bytes(whole))


DAMAGES = {"unlinked": remove, "truncated": truncate, "changed": change_a_byte}


@on_disk
@sqlite_only
def test_a_backup_that_ends_early_says_that_it_is_none(small_disk, fresh_server):
    """The target is full: nothing is wrong with the folder."""
    api = fresh_server().api()
    api.publish("a", bytes(40 << 20))
    copied = program("backup", "--data", api.server.data, small_disk / "copy")
    assert (copied.returncode, copied.stdout) == (1, "")
    assert "is no backup" in copied.stderr


def found_by_check(server, result, blob):
    done = server.check()
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert any(word in said for word in (result, result.replace("-", ""), blob.name)), said


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_check_reports_a_damaged_file(fresh_server, damage):
    api = fresh_server().api()
    api.publish("sound", FILED + b"sound")
    result = api.publish("damaged", FILED)["id"]
    blob = api.server.blob_of(FILED)
    assert api.server.check().returncode == 0
    blob.chmod(0o600)
    damage(blob)
    found_by_check(api.server, result, blob)
    api.server.stop()
    found_by_check(api.server, result, blob)


@pytest.mark.parametrize("damage", [remove, truncate], ids=["unlinked", "truncated"])
def test_a_damaged_file_is_never_a_clean_200(fresh_server, damage):
    api = fresh_server().api()
    sound = api.publish("sound", FILED + b"sound")["id"]
    result = api.publish("damaged", FILED)["id"]
    damage(api.server.blob_of(FILED))
    response = api.content(result)
    if response.status_code == 200:
        assert len(response.content) < int(response.headers["Content-Length"])
    else:
        assert response.status_code >= 500
        problem(response, response.status_code)
    assert api.content(sound).content == FILED + b"sound"
    assert api.result(result)["size"] == len(FILED)


@on_disk
@pytest.mark.slow
def test_one_bad_row_does_not_stop_the_sweeper(fresh_server):
    """The file of one expired result is gone, that of another cannot be removed; the third is swept."""
    api = fresh_server(sweep_interval="1s").api()
    datas = [FILED + word for word in (b"gone", b"stuck", b"fine")]
    for number, data in enumerate(datas):
        api.publish(f"n{number}", data, expires_in="10")
    missing, stuck, fine = map(api.server.blob_of, datas)
    missing.unlink()
    stuck.unlink()
    stuck.mkdir()
    (stuck / "in the way").write_text("x")
    eventually(lambda: not fine.exists(), "the third is swept")
    eventually(lambda: len(api.results(state="expired")) == 3, "all are expired")
    later = FILED + b"later"
    api.publish("later", later, expires_in="1")
    eventually(lambda: api.server.blob_of(later) is None, "later ones are swept too")


@on_disk
def test_check_forgives_a_young_orphan_and_reports_an_old_one(fresh_server):
    api = fresh_server().api()
    api.publish("a", FILED)
    blob = api.server.blob_of(FILED)
    orphan_beside(blob)
    assert api.server.check().returncode == 0
    orphan = orphan_beside(blob, age=7200)
    done = api.server.check()
    assert done.returncode != 0
    assert orphan.name in done.stdout + done.stderr


@on_disk
@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "01890000-0000-7000-8000-0000000000zz", "folder/"])
def test_check_reports_what_is_none_of_its_files_and_the_sweeper_leaves_it(fresh_server, name):
    api = fresh_server(sweep_interval="1s", orphan_grace="1s").api()
    api.publish("a", FILED)
    stray = api.server.blob_of(FILED).parent / name
    if name.endswith("/"):
        stray.mkdir()
    else:
        stray.write_text("not a result")
    os.utime(stray, (1, 1))
    canary = FILED + b"a sweep"
    api.publish("canary", canary, expires_in="1")
    eventually(lambda: api.server.blob_of(canary) is None, "a sweep has passed")
    done = api.server.check()
    assert done.returncode == 1 and f"stray {name.rstrip('/')}:" in done.stdout and "1 strays" in done.stdout
    assert stray.exists()


@on_disk
def test_check_reports_a_file_in_another_files_folder(fresh_server):
    """Named as a result is, but where nobody looks for it."""
    api = fresh_server().api()
    result = api.publish("a", FILED)["id"]
    blob = api.server.blob_of(FILED)
    other = next(folder for folder in blob.parent.parent.iterdir() if folder != blob.parent)
    (other / blob.name).write_bytes(FILED)
    done = api.server.check()
    assert done.returncode == 1 and f"stray {result}" in done.stdout


def damage_by_sql(server, sql):
    server.stop()
    server.sql(sql)


WRONG_ROWS = {
    "crc32": ("UPDATE result SET crc32 = crc32 + 1", "damaged"),
    "result_count": ("UPDATE job SET result_count = 7", "inconsistent"),
    "usage": ("UPDATE usage SET bytes = bytes + 1", "inconsistent"),
    "state": ("UPDATE result_state SET in_state = 'expired'", "inconsistent"),
    "states": ("INSERT INTO result_state SELECT in_project, in_state, pk + 1 FROM result_state", "inconsistent"),
}


@pytest.mark.parametrize("sql, word", WRONG_ROWS.values(), ids=WRONG_ROWS)
@pytest.mark.parametrize("data", [INLINE, FILED], ids=["inline", "file"])
def test_check_compares_what_the_rows_say_of_each_other_and_of_bytes(fresh_server, sql, word, data):
    server = fresh_server()
    server.api().publish("a", data)
    assert server.check().returncode == 0
    damage_by_sql(server, sql)
    done = server.check()
    assert done.returncode == 1 and done.stdout.startswith(word), done.stdout


@pytest.mark.parametrize("damage", DAMAGES, ids=DAMAGES.keys())
def test_check_looks_at_representations_too(fresh_server, damage):
    api = fresh_server().api()
    table = "".join(f'{{"n":{n}}}\n' for n in range(30_000)).encode()
    result = api.publish("a.ndjson", table, headers={"Content-Type": "application/x-ndjson"})["id"]
    made = expect_bytes(api.get(f"/results/{result}/content?format=csv"))
    blob = eventually(lambda: api.server.blob_of(made), "the representation is kept")
    eventually(lambda: api.server.check().stdout.endswith("; 0 orphans, 0 more within their grace period; 0 strays; "
                                                          "0 inconsistencies\n"), "its row is there")
    DAMAGES[damage](blob)
    done = api.server.check()
    assert done.returncode == 1 and f"inconsistent {blob.name}: a representation" in done.stdout
    assert expect_bytes(api.content(result)) == table


def expect_bytes(response):
    assert response.status_code == 200, response.text[:300]
    return response.content


def test_check_makes_nothing(fresh_server, tmp_path):
    server = fresh_server(start=False)
    server.project()
    before = sorted(server.data.rglob("*"))
    assert server.check().returncode == 0
    assert [path for path in sorted(server.data.rglob("*")) if path.suffix not in (".db-shm", ".db-wal")] == [
        path for path in before if path.suffix not in (".db-shm", ".db-wal")
    ]


@sqlite_only
def test_a_damaged_database_is_said_clearly_at_the_start(fresh_server):
    server = fresh_server()
    server.api().publish("a", INLINE)
    database = server.database()
    server.stop()
    database.write_bytes(b"SQLite format 3\0" + b"garbage" * 10_000)
    server.spawn()
    assert server.wait() != 0
    assert server.stderr().strip()
