# SPDX-License-Identifier: Apache-2.0
"""Reads in threads of their own: nothing waits in an event loop, queues are bounded in length and in time.

A database that does not answer is made by taking the locks that SQLite's readers need, in its shared memory:
they try again for about ten seconds. There is one event loop, so whatever it waited for would stop them all.
"""

import contextlib
import fcntl
import os
import signal
import time

import pytest
from harness import BASE, FILED, INLINE, Api, Wire, eventually, expect, request_head, sqlite_only

pytestmark = sqlite_only  # PostgreSQL's own readers, and how it is made to stop, are in test_pg.py

SETTINGS = {"readers": 2, "senders": 1, "threads": 1}
READ_LOCKS = 123  # the first of five bytes, one for each of the marks that readers hold


@contextlib.contextmanager
def stuck(server):
    """As long as this lasts nobody can begin to read the database."""
    path = server.data / "resultd.db-shm"
    file = os.open(path, os.O_RDWR)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX, 5, READ_LOCKS)
        yield
    finally:
        os.close(file)


def ask(server, target, key=None):
    wire = Wire(server)
    wire.send(request_head("GET", target, key))
    return wire


def threads(server):
    folder = f"/proc/{server.process.pid}/task"
    return [open(f"{folder}/{task}/comm", encoding="ascii").read().strip() for task in os.listdir(folder)]


def sockets(server):
    folder = f"/proc/{server.process.pid}/fd"
    count = 0
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
    return count


def is_alive(server):
    """Of the only event loop: whether it answers at once."""
    began = time.monotonic()
    assert server.get("/-/live").status_code == 200
    return time.monotonic() - began < 5  # a loop that waits for the database does so for ten


def assert_busy(answer):
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["code"] == "busy"


def test_readers_run_only_where_they_are_asked_for(server, fresh_server):
    assert threads(server).count("reader") == 2
    assert threads(server).count("sender") == 1
    other = fresh_server(readers=0)
    assert "reader" not in threads(other)
    assert "sender" not in threads(other)


def test_the_event_loop_goes_on_while_the_database_does_not_answer(server, own_api):
    result = own_api.upload(own_api.job()["id"], "a", INLINE)
    with stuck(server):
        waiting = [ask(server, f"{BASE}/results/{result['id']}/content", own_api.key) for _ in range(4)]
        for _ in range(5):
            assert is_alive(server)
    for wire in waiting:
        answer = wire.answer()
        assert (answer.status_code, answer.content) == (200, INLINE)
        wire.close()


def test_a_full_queue_is_503_at_once_and_a_long_wait_after_its_time(fresh_server):
    server = fresh_server(readers=2, threads=1, read_queue_limit=3, read_queue_timeout="4s")
    api = server.api()
    job = api.job()["id"]
    with stuck(server):
        began = time.monotonic()
        held = [ask(server, f"{BASE}/jobs/{job}", api.key) for _ in range(2)]
        time.sleep(0.7)  # the two readers have them
        queued = [ask(server, f"{BASE}/jobs/{job}", api.key) for _ in range(3)]
        time.sleep(0.7)
        with ask(server, f"{BASE}/jobs/{job}", api.key) as wire:
            assert_busy(wire.answer())
        assert time.monotonic() - began < 3.9
        for wire in queued:
            assert_busy(wire.answer())
            wire.close()
        assert 4.0 < time.monotonic() - began < 8.0
        assert is_alive(server)
    for wire in held:
        assert wire.answer().status_code == 200
        wire.close()
    assert api.get_job(job)["id"] == job
    assert api.server.metric('resultd_reads_refused_total{why="full"}') == 1
    assert api.server.metric('resultd_reads_refused_total{why="late"}') == 3
    assert api.server.metric("resultd_read_queue") == 0


def test_clients_that_leave_while_their_request_waits_cost_nothing(server, own_api):
    job = own_api.job()["id"]
    own_api.session.close()
    before = sockets(server)
    with stuck(server):
        for _ in range(8):
            ask(server, f"{BASE}/jobs/{job}", own_api.key).close()
        assert is_alive(server)
    assert own_api.get_job(job)["id"] == job
    own_api.session.close()
    eventually(lambda: sockets(server) <= before, "their connections are closed")


@pytest.mark.slow
def test_a_database_that_stays_away_is_503(fresh_server):
    """SQLite gives up after about ten seconds: an error of the database, of which a client may try again."""
    server = fresh_server(readers=1, threads=1)
    api = server.api()
    job = api.job()["id"]
    with stuck(server), ask(server, f"{BASE}/jobs/{job}", api.key) as wire:
        answer = wire.answer()
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
    assert api.get_job(job)["id"] == job


def test_what_waits_is_answered_before_the_end(fresh_server):
    server = fresh_server(readers=1, threads=1)
    api = server.api()
    job = api.job()["id"]
    with stuck(server):
        waiting = [ask(server, f"{BASE}/jobs/{job}", api.key) for _ in range(4)]
        time.sleep(1)
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
    for wire in waiting:
        answer = wire.answer()
        assert answer.status_code == 200
        assert answer.headers["Connection"] == "close"
        wire.close()
    assert server.wait() == 0


def test_what_still_waits_at_the_end_is_refused(fresh_server):
    server = fresh_server(readers=1, threads=1, shutdown_timeout="1s", read_queue_timeout="1m")
    api = server.api()
    job = api.job()["id"]
    began = time.monotonic()
    with stuck(server):
        waiting = [ask(server, f"{BASE}/jobs/{job}", api.key) for _ in range(3)]
        time.sleep(1)
        server.signal(signal.SIGTERM)
        for wire in waiting[1:]:
            answer = wire.answer()
            assert (answer.status_code, answer.json()["code"]) == (503, "shutting_down")
            wire.close()
        assert time.monotonic() - began < 5
    waiting[0].close()
    assert server.wait() == 0


def put_head(api, job, name, key=None, **headers):
    return request_head("PUT", f"{BASE}/jobs/{job}/results/{name}", key or api.key, **headers)


def test_the_decision_about_an_upload_falls_before_the_client_is_told_to_go_on(server, own_api):
    job = own_api.job()["id"]
    with stuck(server), Wire(server, timeout=0.5) as wire:
        wire.send(put_head(own_api, job, "a", Content_Length=len(FILED), Expect="100-continue"))
        with pytest.raises(TimeoutError):
            wire.line()
    with Wire(server) as wire:
        wire.send(put_head(own_api, job, "a", Content_Length=len(FILED), Expect="100-continue"))
        assert wire.line() == b"HTTP/1.1 100 Continue\r\n"
        assert wire.line() == b"\r\n"
        wire.send(FILED)
        assert wire.answer().status_code == 201
    with Wire(server) as wire:
        wire.send(put_head(own_api, job, "b", "rk_no", Content_Length=len(FILED), Expect="100-continue"))
        assert wire.answer().status_code == 401


def test_a_large_body_that_is_refused_is_answered_at_once(server, own_api):
    job = own_api.job()["id"]
    with Wire(server) as wire:
        wire.send(put_head(own_api, job, "a", "rk_no", Content_Length=1 << 30) + bytes(100_000))
        assert wire.answer().status_code == 401
        wire.send(bytes(100_000))
        assert wire.rest() == b""


def test_a_body_that_comes_with_its_header_waits_for_the_decision(server, own_api):
    job = own_api.job()["id"]
    with Wire(server) as wire:
        with stuck(server):
            wire.send(put_head(own_api, job, "a", Content_Length=len(FILED)) + FILED)
            assert is_alive(server)
        assert wire.answer().status_code == 201
        wire.send(request_head("GET", f"{BASE}/jobs/{job}", own_api.key))
        assert [r["name"] for r in wire.answer().json()["results"]] == ["a"]


def test_a_key_that_was_just_seen_needs_no_reader(server, own_api):
    """For five milliseconds, which a busy machine may need for one request: so there are several rounds."""

    def reads_of_20_acknowledgements():
        ids = [own_api.upload(own_api.job()["id"], "a", INLINE)["id"] for _ in range(20)]
        heads = [request_head("POST", f"{BASE}/results/{id_}/ack", own_api.key, Content_Length=0) for id_ in ids]
        before = own_api.server.metric("resultd_reads_total")
        with Wire(server) as wire:
            for head in heads:
                wire.send(head)
                assert wire.answer().status_code == 200
        return own_api.server.metric("resultd_reads_total") - before - 1  # for the metrics

    eventually(lambda: reads_of_20_acknowledgements() < 15, "most are admitted without a reader")


def test_a_revoked_key_is_refused(fresh_server):
    server = fresh_server(readers=2)
    api = server.api()
    expect(api.get("/usage"), 200)
    server.succeed("key", "revoke", api.key[3:15])
    time.sleep(0.05)
    assert Api(server, api.key).get("/usage").status_code == 401


def test_an_archive_is_read_outside_of_the_event_loop(server, own_api):
    job = own_api.job()["id"]
    for i in range(20):
        own_api.upload(job, f"small-{i}", INLINE)
        own_api.upload(job, f"large-{i}", FILED)
    whole = expect_bytes(own_api.get(f"/jobs/{job}/archive.zip"), 200)
    assert len(whole) > 20 * len(FILED)
    part = expect_bytes(own_api.get(f"/jobs/{job}/archive.zip", headers={"Range": "bytes=1000-900000"}), 206)
    assert part == whole[1000:900001]
    parts = own_api.get(f"/jobs/{job}/archive.zip", headers={"Range": "bytes=0-99,500000-1500000"})
    assert whole[500000:1500001] in expect_bytes(parts, 206)


def test_the_event_loop_goes_on_while_an_archive_waits_for_the_database(server, own_api):
    """Small results of an archive are read from the database while it is sent."""
    job = own_api.job()["id"]
    for i in range(300):
        own_api.upload(job, f"small-{i:03}", bytes([i % 250]) * 30000)
    with Wire(server) as wire:
        wire.send(request_head("GET", f"{BASE}/jobs/{job}/archive.zip", own_api.key))
        assert wire.line() == b"HTTP/1.1 200 OK\r\n"
        with stuck(server):
            for _ in range(5):
                assert is_alive(server)
        received = 0
        while received < 300 * 30000:
            piece = wire.socket.recv(1 << 20)
            assert piece
            received += len(piece)


def expect_bytes(response, status):
    assert response.status_code == status
    return response.content
