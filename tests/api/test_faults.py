# SPDX-License-Identifier: Apache-2.0
"""Faults of the machine: full and read-only disks, a locked database, damaged files."""

import concurrent.futures
import contextlib
import os
import subprocess
import sys
import time

import pytest
from harness import BASE, FILED, INLINE, Wire, eventually, expect, orphan_beside, problem, request_head

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


@pytest.mark.slow
def test_an_upload_that_fills_the_disk_is_507_and_leaves_nothing(small_disk, fresh_server):
    api = fresh_server(data=small_disk / "data", disk_floor="0").api()
    job = api.job()["id"]
    first = api.upload(job, "first", FILED)
    files = api.server.files()
    problem(put_until_refused(api, job, "too-much", bytes(40 << 20)), 507)
    eventually(lambda: api.server.files() == files, "the unfinished file is gone")
    assert [row["name"] for row in api.get_job(job)["results"]] == ["first"]
    assert api.content(first["id"]).content == FILED
    api.upload(job, "fits", FILED)
    assert api.server.check().returncode == 0


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


def test_a_folder_that_cannot_be_made_is_said_clearly(fresh_server, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    server = fresh_server(start=False, data=tmp_path / "file" / "data")
    server.spawn()
    assert server.wait() != 0
    assert str(server.data) in server.stderr()


# ---- a locked database ------------------------------------------------------------------------------------

LOCKER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
database.execute("ROLLBACK")
"""


@contextlib.contextmanager
def locked(path):
    """Another process holds the write lock of the database."""
    arguments = [sys.executable, "-c", LOCKER, str(path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            other.stdin.close()
            other.wait()


def try_later(response):
    problem(response, 503)
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.slow
def test_with_the_database_locked_writes_are_503_reads_go_on_and_all_recovers(fresh_server):
    api = fresh_server(db_busy_timeout="1s").api()
    result = api.publish("a", FILED)["id"]
    with locked(api.server.database()):
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
        with locked(api.server.database()):
            waiting = pool.submit(api.clone().post, "/jobs", json={"kind": "a"})
            time.sleep(0.5)
            assert not waiting.done()
        expect(waiting.result(), 201)


@pytest.mark.slow
def test_a_full_write_queue_is_503_and_those_in_it_are_served(fresh_server):
    api = fresh_server(db_busy_timeout="10m", write_queue_limit="2", write_batch_limit="1").api()
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        with locked(api.server.database()):
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


def truncate(blob):
    os.truncate(blob, 1000)


def change_a_byte(blob):
    with open(blob, "r+b") as file:
        file.seek(70_000)
        file.write(bytes([FILED[70_000] ^ 1]))


DAMAGES = {"unlinked": os.unlink, "truncated": truncate, "changed": change_a_byte}


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
    os.chmod(blob, 0o600)
    damage(blob)
    found_by_check(api.server, result, blob)
    api.server.stop()
    found_by_check(api.server, result, blob)


@pytest.mark.parametrize("damage", [os.unlink, truncate], ids=["unlinked", "truncated"])
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


@pytest.mark.slow
def test_one_bad_row_does_not_stop_the_sweeper(fresh_server):
    """The file of one expired result is gone, that of another cannot be removed; the third is swept."""
    api = fresh_server(sweep_interval="1s").api()
    datas = [FILED + word for word in (b"gone", b"stuck", b"fine")]
    for number, data in enumerate(datas):
        api.publish(f"n{number}", data, expires_in="3")
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


def test_a_damaged_database_is_said_clearly_at_the_start(fresh_server):
    server = fresh_server()
    server.api().publish("a", INLINE)
    database = server.database()
    server.stop()
    database.write_bytes(b"SQLite format 3\0" + b"garbage" * 10_000)
    server.spawn()
    assert server.wait() != 0
    assert server.stderr().strip()
