# SPDX-License-Identifier: Apache-2.0
"""What a service manager is told and gives: notifications, the watchdog, sockets. The test takes its place."""

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
import requests
from harness import BINARY, PATIENCE, Wire, clean_environment, eventually, free_port, locked, program, request_head

LARGE = os.urandom(30_000_000)


class Manager:
    """The end of NOTIFY_SOCKET at which systemd would be."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.setblocking(False)
        self.heard = []

    def listen(self):
        while True:
            try:
                self.heard.append(self.socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return self.heard

    def has(self, line):
        return any(line in message for message in self.listen())

    def count(self, line):
        return sum(line in message for message in self.listen())


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    path = str(tmp_path / "notify") if request.param == "path" else f"\0resultd-test-{os.getpid()}-{time.monotonic_ns()}"
    running = Manager(path)
    running.name = path.replace("\0", "@")
    yield running
    running.socket.close()


@pytest.fixture
def watched(fresh_server, manager):
    def make(watchdog=None, **settings):
        environment = {"NOTIFY_SOCKET": manager.name, **({"WATCHDOG_USEC": str(watchdog)} if watchdog else {})}
        server = fresh_server(start=False, environment=environment, **settings)
        return server.start()

    return make


def test_ready_reloading_stopping(watched, manager):
    server = watched()
    eventually(lambda: manager.has("READY=1"), "it says that it is ready")
    assert manager.has(f"STATUS=listening on 127.0.0.1:{server.port}")
    before = time.monotonic_ns() // 1000
    server.signal(signal.SIGHUP)
    eventually(lambda: manager.count("READY=1") == 2, "it has reloaded")
    reloading = next(message for message in manager.heard if "RELOADING=1" in message)
    moment = int(reloading[1].removeprefix("MONOTONIC_USEC="))
    assert before <= moment <= time.monotonic_ns() // 1000
    server.stop()
    assert manager.has("STOPPING=1")
    assert not manager.has("WATCHDOG=1"), "nobody asked for that"


def test_nobody_is_told_ready_by_a_server_that_does_not_start(manager, tmp_path):
    done = program("serve", "--data", tmp_path / "data", "--listen", "nowhere", NOTIFY_SOCKET=manager.name)
    assert done.returncode != 0 and not manager.has("READY=1")


def test_more_time_is_asked_for_while_requests_end(watched, manager):
    server = watched()
    api = server.api()
    made = api.publish("a.bin", LARGE)
    with Wire(server) as wire:
        wire.send(request_head("GET", f"/api/v1/results/{made['id']}/content", api.key))
        wire.line()
        server.signal(signal.SIGTERM)
        eventually(lambda: manager.has("STATUS=stopping: requests under way: 1"), "it says what it waits for")
        eventually(lambda: manager.count("EXTEND_TIMEOUT_USEC=30000000") >= 3, "it asks again and again")
        assert wire.rest_of(len(LARGE)) == LARGE
    assert server.wait() == 0


def test_a_manager_that_does_not_read_keeps_nobody_from_stopping(watched, manager):
    server = watched()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                other.sendto(b"full", manager.socket.getsockname())
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_the_watchdog_hears_of_a_server_that_is_well(watched, manager):
    watched(watchdog=10_000_000)
    eventually(lambda: manager.count("WATCHDOG=1") >= 3, "it says so again and again")


def test_the_watchdog_of_another_process_is_not_ours(fresh_server, manager):
    environment = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}
    server = fresh_server(start=False, environment=environment).start()
    server.signal(signal.SIGHUP)  # a second of its loop has gone by when this was taken
    time.sleep(2.5)
    server.signal(signal.SIGHUP)
    eventually(lambda: manager.count("READY=1") == 3, "its loop goes round")
    assert not manager.has("WATCHDOG=1")


def test_a_writer_that_hangs_silences_the_watchdog(watched, manager):
    """Another process holds the database for longer than half of the watchdog's time."""
    server = watched(watchdog=4_000_000, db_busy_timeout="60s", write_queue_timeout="60s")
    api = server.api()
    with locked(server):
        with Wire(server) as wire:
            wire.send(request_head("POST", "/api/v1/jobs", api.key, Content_Type="application/json", Content_Length=12))
            wire.send(b'{"kind":"a"}')

            def silent():
                before = manager.count("WATCHDOG=1")
                time.sleep(1.6)
                return manager.count("WATCHDOG=1") == before

            eventually(silent, "nothing is heard any more")
            assert server.get("/-/live").status_code == 200, "the event loops are well"
    heard = manager.count("WATCHDOG=1")
    eventually(lambda: manager.count("WATCHDOG=1") > heard, "it is heard again")


# ---- sockets ----------------------------------------------------------------------------------------------


def listening(family=socket.AF_INET, address="127.0.0.1"):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.bind((address, free_port()))
    server.listen()
    return server


def hand_over(sockets, folder, names=None, pid="$$"):
    """A server that finds these sockets at its descriptors from 3 on."""
    moves = "".join(f" {at}<&{own.fileno()}" for at, own in enumerate(sockets, 3) if own.fileno() != at)
    named = f"LISTEN_FDNAMES={':'.join(names)} " if names else ""
    script = f'exec{moves}\nLISTEN_PID={pid} LISTEN_FDS={len(sockets)} {named}exec "$0" "$@"'
    with open(folder / "log", "ab") as log:
        return subprocess.Popen(
            ["bash", "-c", script, BINARY, "serve", "--data", folder / "data", "--listen", f"127.0.0.1:{free_port()}"],
            pass_fds=[own.fileno() for own in sockets], stderr=log, env=clean_environment(),
        )


def end(process):
    process.terminate()
    assert process.wait(PATIENCE) == 0


def spare(own):
    """A copy at a number that the first ones do not overwrite."""
    copy = socket.socket(fileno=fcntl.fcntl(own, fcntl.F_DUPFD_CLOEXEC, 60))
    own.close()
    return copy


def live(own):
    host, port = own.getsockname()[:2]
    place = f"[{host}]" if ":" in host else host
    return requests.get(f"http://{place}:{port}/-/live", timeout=PATIENCE).status_code


@pytest.mark.parametrize("family, address", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_it_listens_on_what_it_was_given(tmp_path, family, address):
    with spare(listening(family, address)) as own:
        process = hand_over([own], tmp_path)
        assert live(own) == 200
        end(process)
        host = f"[{address}]" if ":" in address else address
        assert f'"listening" address={host}:{own.getsockname()[1]}' in (tmp_path / "log").read_text()


def test_no_connection_is_refused_between_two_servers(tmp_path):
    """The socket is the manager's: who connects while there is no server waits for the next one."""
    with spare(listening()) as own:
        first = hand_over([own], tmp_path)
        assert live(own) == 200
        end(first)
        with socket.create_connection(own.getsockname(), PATIENCE) as waiting:
            waiting.sendall(b"GET /-/live HTTP/1.1\r\nHost: a\r\n\r\n")
            second = hand_over([own], tmp_path)
            assert waiting.recv(100).startswith(b"HTTP/1.1 200")
        end(second)


def test_of_several_the_one_called_http_is_taken(tmp_path):
    with spare(listening()) as other, spare(listening()) as own:
        process = hand_over([other, own], tmp_path, ["metrics", "http"])
        assert live(own) == 200
        end(process)


def test_several_without_that_name_are_refused(tmp_path):
    with spare(listening()) as one, spare(listening()) as two:
        assert hand_over([one, two], tmp_path).wait(PATIENCE) == 2
    assert "handed over 2 sockets" in (tmp_path / "log").read_text()


def test_a_socket_that_cannot_be_listened_on_is_refused(tmp_path):
    with spare(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as own:
        assert hand_over([own], tmp_path).wait(PATIENCE) == 2
    assert re.search(r"descriptor 3, which is not a stream socket .*ListenStream=", (tmp_path / "log").read_text())


def test_sockets_of_another_process_are_not_touched(tmp_path):
    with spare(listening()) as own:
        process = hand_over([own], tmp_path, pid="1")
        eventually(lambda: "listening" in (tmp_path / "log").read_text(), "it listens on its own")
        assert f":{own.getsockname()[1]}" not in (tmp_path / "log").read_text()
        end(process)


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="there is no systemd here")
def test_systemd_starts_it_by_the_first_connection(tmp_path):
    port = free_port()
    with open(tmp_path / "log", "ab") as log:
        process = subprocess.Popen(
            ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", BINARY, "serve", "--data", tmp_path / "data"],
            stderr=log, env=clean_environment(),
        )

    def answers():
        try:
            return requests.get(f"http://127.0.0.1:{port}/-/live", timeout=PATIENCE).status_code == 200
        except requests.ConnectionError:
            return False

    eventually(answers, "it answers")
    end(process)
