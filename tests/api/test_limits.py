# SPDX-License-Identifier: Apache-2.0
"""Limits: what a slow, greedy or dead client may take, and that it takes it from nobody else."""

import concurrent.futures
import contextlib
import pathlib
import re
import select
import socket
import time

import pytest
from harness import BASE, FILED, PATIENCE, Wire, eventually, expect, problem, raw, request_head

SETTINGS = {"header_timeout": "2s", "body_timeout": "3s", "keepalive_timeout": "4s"}
SLOW_PIECES = 7  # half a second apart: longer in all than body_timeout, shorter each
LISTENS = "0A"  # a socket's state in /proc/net/tcp


def begin_put(wire, api, job, name="a", length=len(FILED)):
    wire.send(request_head("PUT", f"{BASE}/jobs/{job}/results/{name}", api.key, Content_Length=length))


# ---- sizes ------------------------------------------------------------------------------------------------


def test_a_header_of_50_kib_is_accepted(api):
    assert raw(api.server, request_head("GET", f"{BASE}/jobs", api.key, X_Pad="x" * 50 * 1024)).status_code == 200


TOO_LONG = {"one header": {"X_Pad": "x" * 70 * 1024}, "many headers": {f"X_{n}": "x" * 100 for n in range(680)}}


@pytest.mark.parametrize("headers", TOO_LONG.values(), ids=TOO_LONG.keys())
def test_a_header_beyond_64_kib_is_431(api, headers):
    assert raw(api.server, request_head("GET", f"{BASE}/jobs", api.key, **headers)).status_code == 431


@pytest.mark.slow
def test_a_flood_of_headers_is_cut_off(server):
    with Wire(server) as wire, contextlib.suppress(ConnectionError):
        wire.send(b"GET /-/live HTTP/1.1\r\nHost: x\r\n")
        for _ in range(200):
            wire.send(b"X-Flood: " + b"x" * 65536 + b"\r\n")
        wire.send(b"\r\n")
        assert not wire.rest().startswith(b"HTTP/1.1 2")
    assert server.get("/-/live").status_code == 200


def json_of(size):
    start, end = b'{"kind":"big","input":"', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


def test_a_json_body_of_1_mib_is_accepted_and_a_byte_more_is_413(api):
    expect(api.post("/jobs", data=json_of(1 << 20)), 201)
    problem(api.post("/jobs", data=json_of((1 << 20) + 1)), 413)


def test_a_json_body_too_large_in_chunks_is_413(api):
    body = json_of((1 << 20) + 1)
    problem(api.post("/jobs", data=(body[at : at + 65536] for at in range(0, len(body), 65536))), 413)


def test_a_json_body_too_large_by_its_length_is_413_before_it_is_sent(api):
    problem(raw(api.server, request_head("POST", f"{BASE}/jobs", api.key, Content_Length=1 << 40), "POST"), 413)


def test_the_limits_of_json_are_settings(fresh_server):
    api = fresh_server(json_body_limit="1KiB", json_depth_limit="4").api()
    expect(api.post("/jobs", data=json_of(1024)), 201)
    problem(api.post("/jobs", data=json_of(1025)), 413)
    problem(api.post("/jobs", json={"kind": "deep", "input": [[[[]]]]}), 400)


def test_the_values_of_a_body_are_limited_but_an_input_is_one(fresh_server):
    api = fresh_server(json_values_limit="100").api()
    assert own_input(api.job(input=[0] * 1000)) == [0] * 1000
    detail = problem(api.claim(kinds=["k"] * 100), 400, code="bad_json")["detail"]
    assert "100 values" in detail
    problem(api.claim(kinds=["k"] * 101), 400, code="bad_json")


def own_input(job):
    return job["input"]


def resident(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) << 10


@pytest.mark.slow
@pytest.mark.plain
def test_bodies_of_very_many_values_take_little_more_memory_than_their_text(fresh_server):
    """A tree of all these zeros would be forty times as large, and whatever is committed together is held at once."""
    server = fresh_server()
    api = server.api()
    body = b'{"kind":"zeros","input":[' + b"0," * (500 << 10) + b"0]}"
    before = resident(server)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: api.clone().post("/jobs", data=body).status_code, range(32)))
    assert answers == [201] * 32
    assert resident(server) < before + (200 << 20)


def begin_body(wire, api, size, sent):
    wire.send(request_head("POST", f"{BASE}/jobs", api.key, Content_Length=size) + bytes(sent))


def test_bodies_together_have_a_limit_and_what_is_above_it_is_503(fresh_server):
    server = fresh_server(body_memory="1MiB", json_body_limit="900KiB")
    api = server.api()
    with Wire(server) as first, Wire(server) as second:
        for wire in (first, second):
            begin_body(wire, api, 500_000, 490_000)
        eventually(lambda: on_their_way(server) == 0, "both have come")
        answer = api.post("/jobs", data=json_of(100_000))
        problem(answer, 503, code="busy")
        assert answer.headers["Retry-After"]
        expect(api.post("/jobs", data=json_of(1_000)), 201)
        expect(api.get("/jobs"), 200)
    eventually(lambda: api.post("/jobs", data=json_of(500_000)).status_code == 201, "they have left")


def on_their_way(server):
    """Bytes that were sent to a server, which it has not yet read."""
    count = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, queues = line.split()[:5]
        unsent, unread = (int(n, 16) for n in queues.split(":"))
        to_server, of_server = (int(address.rpartition(":")[2], 16) == server.port for address in (remote, local))
        count += unsent * to_server + unread * (of_server and state != LISTENS)
    return count


def test_a_body_that_has_no_room_gives_back_what_it_had(fresh_server):
    """Refused in its middle, it is received on without keeping it."""
    server = fresh_server(body_memory="1MiB", json_body_limit="900KiB")
    api = server.api()
    with Wire(server) as first, Wire(server) as second:
        for wire in (first, second):
            begin_body(wire, api, 800_000, 700_000)
        eventually(lambda: on_their_way(server) == 0, "both have come")
        eventually(lambda: api.post("/jobs", data=json_of(200_000)).status_code == 201, "one of the two was dropped")
        for wire in (first, second):
            wire.send(bytes(100_000))
        assert sorted(wire.answer().status_code for wire in (first, second)) == [400, 503]


# ---- slowness ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", b"GET /-/live HTTP/1.1\r\nHost: x\r\nX-Slow"], ids=["nothing", "half a header"])
def test_a_silent_connection_is_closed(server, said):
    """And told why, if it has begun a request."""
    with Wire(server) as wire:
        wire.send(said)
        if said:
            answer = wire.answer()
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")
        assert wire.rest() == b""


@pytest.mark.slow
def test_a_slow_second_request_is_told_so_and_an_idle_connection_is_not(server):
    with Wire(server) as slow, Wire(server) as idle:
        for wire in (slow, idle):
            wire.send(request_head("GET", "/-/live"))
            assert wire.answer().status_code == 200
        slow.send(b"GET /-/live HTTP/1.1\r\nHost: x\r\nX-Slow")
        assert slow.answer().status_code == 408
        assert idle.rest() == b""


@pytest.mark.slow
def test_a_header_that_trickles_in_is_cut_off_all_the_same(server):
    """A byte now and then keeps no connection: the whole header has header_timeout."""
    deadline = time.monotonic() + PATIENCE
    with Wire(server) as wire, contextlib.suppress(ConnectionError):
        wire.send(b"GET /-/live HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        while not select.select([wire.socket], [], [], 0.2)[0]:
            wire.send(b"x")
            assert time.monotonic() < deadline, "the header may trickle for ever"
        assert not wire.rest().startswith(b"HTTP/1.1 2")


@pytest.mark.slow
def test_a_body_that_stops_is_cut_off_and_leaves_nothing(api):
    job, files = api.job()["id"], api.server.files()
    with Wire(api.server) as wire:
        begin_put(wire, api, job)
        wire.send(FILED[:100_000])
        assert b" 201 " not in wire.rest().split(b"\r\n")[0]
    assert api.get_job(job)["results"] == []
    eventually(lambda: api.server.files() <= files, "the unfinished file is gone")


@pytest.mark.slow
def test_a_json_body_that_stops_is_cut_off(api):
    with Wire(api.server) as wire:
        wire.send(request_head("POST", f"{BASE}/jobs", api.key, Content_Length=100) + b'{"kind":')
        assert b" 201 " not in wire.rest().split(b"\r\n")[0]


@pytest.mark.slow
def test_a_slow_but_steady_body_arrives(api):
    job = api.job()["id"]
    with Wire(api.server) as wire:
        begin_put(wire, api, job)
        step = len(FILED) // SLOW_PIECES + 1
        for start in range(0, len(FILED), step):
            time.sleep(0.5)
            wire.send(FILED[start : start + step])
        expect(wire.answer(), 201)


ESTABLISHED = "01"


def server_side_state(server, wire):
    """The state of the server's end of a connection, None when it is gone (from /proc/net/tcp)."""
    ours = wire.socket.getsockname()[1]
    wanted = (f":{server.port:04X}", f":{ours:04X}")
    for line in open("/proc/net/tcp").readlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if local.endswith(wanted[0]) and remote.endswith(wanted[1]):
            return state
    return None


def reluctant(server, api, result):
    """A connection that asks for a content and does not read it."""
    wire = Wire(server)
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.send(request_head("GET", f"{BASE}/results/{result}/content", api.key))
    return wire


@pytest.mark.slow
def test_a_reader_that_stops_is_cut_off(server, api):
    result = api.publish("big", FILED * 200)["id"]
    with reluctant(server, api, result) as wire:
        assert server_side_state(server, wire) == ESTABLISHED
        eventually(lambda: server_side_state(server, wire) != ESTABLISHED, "the server has let go")


@pytest.mark.slow
def test_slow_and_dead_clients_hold_nothing_but_their_own_connections(fresh_server):
    server = fresh_server()
    api = server.api()
    result = api.publish("big", FILED * 100)["id"]
    job = api.job()["id"]
    with contextlib.ExitStack() as stack:
        for number in range(30):
            stack.enter_context(reluctant(server, api, result))
            upload = stack.enter_context(Wire(server))
            begin_put(upload, api, job, f"n{number}")
            upload.send(FILED[:10_000])
            header = stack.enter_context(Wire(server))
            header.send(b"GET / HTTP/1.1\r\nHos")
        for _ in range(5):
            expect(api.ack(api.publish("a", FILED)["id"]), 200)
            expect(api.get("/jobs"), 200)
        assert api.content(result).status_code == 200


# ---- connections ------------------------------------------------------------------------------------------


def served(wires, patience=0.3):
    """How many of the connections get an answer; the rest are closed or left waiting."""
    count = 0
    for wire in wires:
        with contextlib.suppress(OSError):
            wire.send(request_head("GET", "/-/live"))
    for wire in wires:
        wire.socket.settimeout(patience)
        with contextlib.suppress(OSError):
            count += wire.socket.recv(100).startswith(b"HTTP/1.1 200")
    return count


def connections(stack, server, number, source="127.0.0.1"):
    return [stack.enter_context(Wire(server, source)) for _ in range(number)]


def answers(server):
    with contextlib.suppress(OSError):
        return server.get("/-/live").status_code == 200
    return False


@pytest.mark.slow
def test_one_address_gets_no_more_connections_than_its_limit_and_others_still_get_theirs(fresh_server):
    server = fresh_server(connection_limit_per_address="6")
    with contextlib.ExitStack() as stack:
        held = 0

        def six_are_held():
            nonlocal held
            held += served(connections(stack, server, 1), 5)
            return held == 6

        eventually(six_are_held, "six connections are served")
        assert served(connections(stack, server, 6), 5) == 0
        other = stack.enter_context(Wire(server, "127.0.0.2"))
        other.send(request_head("GET", "/-/live"))
        assert other.answer().status_code == 200
    eventually(lambda: answers(server), "the address is served again")


@pytest.mark.slow
def test_all_addresses_together_get_no_more_connections_than_the_limit(fresh_server):
    server = fresh_server(connection_limit="8")
    with contextlib.ExitStack() as stack:
        wires = []
        for number in range(8):
            wires += connections(stack, server, 3, f"127.0.0.{10 + number}")
        assert 1 <= served(wires) <= 8
    eventually(lambda: answers(server), "the server is served again")


def test_uploads_together_larger_than_upload_memory_all_arrive(fresh_server):
    api = fresh_server(upload_memory="1MiB").api()
    job, data = api.job()["id"], FILED * 20

    def put(number):
        return api.clone().try_upload(job, f"n{number}", data).status_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(put, range(8))) == [201] * 8


@pytest.mark.slow
def test_hundreds_of_connections_are_served(fresh_server):
    server = fresh_server()
    with contextlib.ExitStack() as stack:
        for wire in connections(stack, server, 300):
            wire.send(request_head("GET", "/-/live"))
            assert wire.answer().status_code == 200
