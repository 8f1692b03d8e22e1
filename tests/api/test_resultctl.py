# SPDX-License-Identifier: Apache-2.0
"""resultctl against a real server: what it puts and gets, what it says, and how it ends."""

import contextlib
import fcntl
import http.server
import json
import os
import pathlib
import pty
import re
import resource
import shlex
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

import pytest
import requests
from harness import (
    BINARY, CHECKOUT, FILED, INLINE, PATIENCE, assert_sanitizers_silent, clean_environment, eventually, expect, nobody, sha256,
    sleep_until,
)

RESULTCTL = pathlib.Path(BINARY).parent / "resultctl"
OTHER, USAGE, KEY, ABSENT, CONFLICT, REFUSED, UNREACHABLE, DAMAGED, LOCAL, JOB, TIME = range(1, 12)
LARGE = os.urandom(6_000_000)


class Ctl:
    """The program, in a folder of its own, with a server's address and key in its environment."""

    def __init__(self, folder, url, key):
        self.folder = folder
        self.environment = clean_environment(
            RESULTD_URL=url, RESULTD_KEY=key, XDG_CONFIG_HOME=str(folder / "config"), HOME=str(folder), TZ="UTC"
        )
        self.work = folder / "work"
        self.work.mkdir(exist_ok=True)

    def run(self, *words, stdin="", **options):
        binary = isinstance(stdin, bytes)
        done = subprocess.run(
            [RESULTCTL, *map(str, words)], input=stdin, capture_output=True, text=not binary, cwd=self.work,
            env=self.environment, timeout=4 * PATIENCE, **options,
        )
        assert_sanitizers_silent(done.stderr.decode() if binary else done.stderr)
        return done

    def ok(self, *words, **options):
        done = self.run(*words, **options)
        assert done.returncode == 0, (words, done.returncode, done.stderr)
        return done.stdout

    def fails(self, status, *words, **options):
        """What it says on standard error."""
        done = self.run(*words, **options)
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        assert done.stderr.strip()
        return done.stderr

    def json(self, *words, **options):
        return [json.loads(line) for line in self.ok(*words, "--json", **options).splitlines()]

    def file(self, name, data):
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def parts(self):
        return [path for path in self.work.rglob(".resultctl-*")]


@pytest.fixture
def ctl(tmp_path, own_api):
    made = Ctl(tmp_path, own_api.server.url, own_api.key)
    made.api = own_api
    return made


class Relay:
    """A TCP proxy that can break off, refuse and hold back, and remembers the requests that went through it."""

    def __init__(self, port):
        self.target = port
        self.cut_after = None  # bytes of answers, of the next connection that gets so far
        self.cut_request_after = None  # bytes of requests
        self.hold_after = None  # bytes of requests, until `released`
        self.stall_after = None  # bytes of answers, until `released`
        self.falsify = None  # (what, by what), in the next answer that has it
        self.released = threading.Event()
        self.refusals = []  # answers instead of the server's, one for each request, or what makes it; None: the server's
        self.heads = []
        self.received = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client):
        server = socket.create_connection(("127.0.0.1", self.target))
        with contextlib.suppress(OSError), client, server:
            back = threading.Thread(target=self.backward, args=[server, client], daemon=True)
            back.start()
            sent = 0
            while piece := client.recv(65536):
                if re.match(rb"(GET|PUT|POST|HEAD|DELETE) ", piece):
                    self.heads.append(piece.partition(b"\r\n\r\n")[0].decode())
                    if self.refusals and (refusal := self.refusals.pop(0)):
                        client.sendall(refusal(self.heads[-1]) if callable(refusal) else refusal)
                        client.shutdown(socket.SHUT_WR)
                        while client.recv(65536):  # what is not read would come back as a reset
                            pass
                        break
                sent += len(piece)
                if self.cut_request_after is not None and sent > self.cut_request_after:
                    self.cut_request_after = None
                    break
                if self.hold_after is not None and sent > self.hold_after:
                    self.hold_after = None
                    self.released.wait(PATIENCE)
                server.sendall(piece)

    def backward(self, server, client):
        got = 0
        with contextlib.suppress(OSError):
            while piece := server.recv(65536):
                got += len(piece)
                if self.falsify and self.falsify[0] in piece:
                    piece, self.falsify = piece.replace(*self.falsify), None
                if self.cut_after is not None and got > self.cut_after:
                    client.sendall(piece[: len(piece) - (got - self.cut_after)])
                    self.received += len(piece) - (got - self.cut_after)
                    self.cut_after = None
                    break
                self.received += len(piece)
                client.sendall(piece)
                if self.stall_after is not None and got > self.stall_after:
                    self.stall_after = None
                    self.released.wait(PATIENCE)
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def asked(self, what):
        return [head for head in self.heads if what in head]

    def close(self):
        self.listener.close()


@pytest.fixture
def relay(ctl):
    made = Relay(int(ctl.api.server.url.rpartition(":")[2]))
    ctl.environment["RESULTD_URL"] = made.url
    yield made
    made.close()


def jobs(api, **parameters):
    return expect(api.get("/jobs", params=parameters), 200)["data"]


def busy(after=0, status="503 Service Unavailable", code="busy"):
    body = json.dumps({"code": code, "detail": "not now", "status": int(status[:3])}).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nRetry-After: {after}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def on_terminal(ctl, *words, columns=80, stdin=None, when=None):
    """(exit status, all that it wrote), on a terminal of so many columns. `when`: a text, and what is done once it is there."""
    terminal, its_end = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    running = subprocess.Popen([RESULTCTL, *map(str, words)], stdin=its_end, stdout=its_end, stderr=its_end, cwd=ctl.work,
                               env={**ctl.environment, "TERM": "xterm"}, start_new_session=True)
    os.close(its_end)
    written = b""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65536):
            written += piece
            if stdin and b"Key for" in written:  # what was typed before is thrown away
                os.write(terminal, stdin)
                stdin = None
            if when and when[0].encode() in written:
                when[1]()
                when = None
    os.close(terminal)
    return running.wait(PATIENCE), written.decode()


# ---- put --------------------------------------------------------------------------------------------------


def test_files_become_the_results_of_a_completed_job(ctl):
    ctl.file("a.csv", b"x,y\n1,2\n")
    ctl.file("out/b.bin", LARGE)
    ctl.file("out/deep/c.txt", b"deep")
    done = ctl.run("put", "a.csv", "out", "--new-batch", "july", "--reference-id", "crawl-17", "--tag", "t", "--primary")
    assert done.returncode == 0, done.stderr
    listed = dict(reversed(line.split("\t")) for line in done.stdout.splitlines())
    assert sorted(listed) == ["a.csv", "b.bin", "deep_c.txt"]
    (job,) = jobs(ctl.api, reference_id="crawl-17")
    assert (job["status"], job["kind"], job["tag"]) == ("completed", "publish", "t")
    assert expect(ctl.api.get(f"/batches/{job['batch']}"), 200)["name"] == "july"
    first = ctl.api.result(listed["a.csv"])
    assert (first["media_type"], first["rows"], first["primary"]) == ("text/csv", 1, True)
    assert ctl.api.content(listed["b.bin"]).content == LARGE
    assert not ctl.api.result(listed["b.bin"])["primary"]


def test_what_comes_from_standard_input_is_a_result(ctl):
    (result,) = ctl.json("put", "-", "--name", "s.bin", "--type", "dump", "--expires", "2h", stdin=LARGE)
    assert (result["size"], result["sha256"], result["type"]) == (len(LARGE), sha256(LARGE), "dump")
    assert "needs a --name" in ctl.fails(USAGE, "put", "-", stdin="x")


def test_results_are_added_to_a_job_and_it_is_completed_only_if_asked_for(ctl):
    job = ctl.api.job()["id"]
    ctl.file("a", b"1")
    ctl.ok("put", "--job", job, "a")
    assert ctl.api.get_job(job)["status"] == "queued"
    ctl.ok("put", "--job", job, "a", "--finish")
    assert ctl.api.get_job(job)["status"] == "completed"
    assert [row["name"] for row in ctl.api.get_job(job)["results"]] == ["a"]


def test_who_writes_slowly_is_waited_for(ctl):
    """Longer than the server waits between two pieces of a body; nothing of it is sent until all of it is there."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as out, os.fdopen(reading, "rb") as into:
        running = subprocess.Popen([RESULTCTL, "put", "-", "--name", "s"], stdin=into, cwd=ctl.work, env=ctl.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        out.write(b"first ")
        out.flush()
        time.sleep(1)
        assert ctl.api.results() == []
        out.write(b"second")
    assert running.wait(PATIENCE) == 0, running.stderr.read()
    (result,) = ctl.api.results()
    assert ctl.api.content(result["id"]).content == b"first second"


def test_what_is_no_file_is_told(ctl):
    ctl.file("real", b"1")
    (ctl.work / "in").mkdir()
    (ctl.work / "in" / "link").symlink_to("../real")
    assert ctl.ok("put", "in").split("\t")[1] == "link\n"
    (ctl.work / "in" / "broken").symlink_to("nowhere")
    assert "leads nowhere" in ctl.fails(LOCAL, "put", "in")
    (ctl.work / "in" / "broken").unlink()
    os.mkfifo(ctl.work / "in" / "pipe")
    assert "neither a file nor a folder" in ctl.fails(LOCAL, "put", "in")


def test_a_pattern_in_quotes_is_expanded(ctl):
    for name in ("a.csv", "b.csv", "c.txt"):
        ctl.file(name, name.encode())
    assert sorted(line.split("\t")[1] for line in ctl.ok("put", "*.csv").splitlines()) == ["a.csv", "b.csv"]
    assert "nothing here matches" in ctl.fails(LOCAL, "put", "*.pdf")


def test_two_files_of_one_name_are_refused_before_anything_is_sent(ctl):
    ctl.file("x/a", b"1")
    ctl.file("y/a", b"2")
    said = ctl.fails(USAGE, "put", "x/a", "y/a")
    assert "x/a and y/a would both be named" in said
    assert jobs(ctl.api) == []


def test_a_file_that_changes_while_it_is_sent_is_not_taken(ctl, relay):
    path = ctl.file("moving.bin", os.urandom(40_000_000))
    relay.hold_after = 1_000_000

    def change():
        eventually(lambda: relay.hold_after is None, "it is on its way")
        with path.open("r+b") as file:
            file.write(b"changed")
        relay.released.set()

    changing = threading.Thread(target=change)
    changing.start()
    said = ctl.fails(CONFLICT, "put", "moving.bin", "--tries", "1")
    changing.join()
    assert "changed while it was sent; nothing of it was kept" in said
    assert ctl.api.results() == [] and [job["status"] for job in jobs(ctl.api)] == ["cancelled"]


@pytest.mark.parametrize("how", ["file", "stdin"])
def test_a_put_that_breaks_off_is_sent_again(ctl, relay, how):
    ctl.file("a.bin", LARGE)
    relay.refusals = [busy() for _ in range(2)]
    relay.cut_request_after = 2_000_000
    if how == "file":
        ctl.ok("put", "a.bin")
    else:
        ctl.ok("put", "-", "--name", "a.bin", stdin=LARGE)
    (result,) = ctl.api.results()
    assert result["sha256"] == sha256(LARGE)
    assert len(jobs(ctl.api)) == 1 and len(relay.asked("PUT ")) == 2


def test_an_interrupted_put_leaves_nothing_half_and_says_how_to_go_on(ctl, relay):
    ctl.file("a.bin", os.urandom(30_000_000))
    relay.hold_after = 1_000_000
    running = subprocess.Popen([RESULTCTL, "put", "a.bin"], cwd=ctl.work, env=ctl.environment, text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    eventually(lambda: relay.hold_after is None, "it is on its way")
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=PATIENCE)[1]
    relay.released.set()
    assert running.returncode == 130
    job = re.search(r"go on with: resultctl put --job (\S+) --finish", said)[1]
    assert ctl.api.get_job(job)["status"] == "running" and ctl.api.results() == []
    ctl.ok("put", "--job", job, "--finish", "a.bin")
    assert ctl.api.get_job(job)["status"] == "completed"


def test_a_put_of_which_nothing_was_taken_leaves_no_job_that_runs(ctl):
    (ctl.work / "a").write_bytes(FILED)
    ctl.fails(REFUSED, "put", "a", "--expires", "30000d")
    assert [job["status"] for job in jobs(ctl.api)] == ["cancelled"]
    ctl.environment["RESULTD_KEY"] = ctl.api.server.api(["write"], ctl.api.project).key
    said = ctl.fails(KEY, "put", "a", "--keep")
    assert 'lacks the scope "delete"' in said and "the job was cancelled" in said
    assert {job["status"] for job in jobs(ctl.api)} == {"cancelled"}


def test_other_bytes_under_the_same_name_are_a_conflict(ctl):
    job = ctl.api.job()["id"]
    ctl.file("a", b"1")
    ctl.ok("put", "--job", job, "a")
    ctl.file("a", b"2")
    assert "with other bytes" in ctl.fails(CONFLICT, "put", "--job", job, "a")


# ---- get --------------------------------------------------------------------------------------------------


def test_a_batch_is_got_with_a_folder_for_each_job(ctl):
    batch = ctl.api.batch()["id"]
    for number in range(2):
        job = ctl.api.job(batch=batch, reference_id=f"shop/{number}")["id"]
        ctl.api.upload(job, "a.bin", LARGE + bytes([number]))
        ctl.api.upload(job, "same", b"1", type="x")
        ctl.api.upload(job, "same", b"2", type="y")
        ctl.api.upload(job, ".hidden", b"3")
    assert "8 files" in ctl.run("get", "--batch", batch, "-o", "out").stderr
    got = {str(path.relative_to(ctl.work)): path.read_bytes() for path in ctl.work.rglob("*") if path.is_file()}
    assert got["out/shop_1/a.bin"] == LARGE + b"\1"
    assert {got["out/shop_0/same"], got["out/shop_0/same (2)"]} == {b"1", b"2"}
    assert got["out/shop_0/_hidden"] == b"3" and len(got) == 8


def test_what_is_there_already_is_not_fetched_again(ctl, relay):
    result = ctl.api.publish("a.bin", LARGE)["id"]
    ctl.ok("get", result)
    assert (ctl.work / "a.bin").read_bytes() == LARGE
    before = len(relay.asked("/content"))
    assert "1 of them there already" in ctl.run("get", result).stderr
    assert len(relay.asked("/content")) == before
    (ctl.work / "a.bin").write_bytes(b"mine")
    assert "is there already, with other bytes" in ctl.fails(CONFLICT, "get", result)
    assert (ctl.work / "a.bin").read_bytes() == b"mine"
    ctl.ok("get", result, "--force")
    assert (ctl.work / "a.bin").read_bytes() == LARGE


def test_half_a_file_is_gone_on_with(ctl, relay):
    result = ctl.api.publish("a.bin", LARGE)["id"]
    relay.cut_after = 2_000_000
    said = ctl.fails(UNREACHABLE, "get", result, "--tries", "1")
    assert said
    (part,) = ctl.parts()
    have = part.stat().st_size
    assert 1_000_000 < have < 2_000_000 and not (ctl.work / "a.bin").exists()
    assert LARGE.startswith(part.read_bytes())
    before = relay.received
    ctl.ok("get", result)
    assert (ctl.work / "a.bin").read_bytes() == LARGE and ctl.parts() == []
    assert f"Range: bytes={have}-" in relay.asked("/content")[-1]
    assert relay.received - before < len(LARGE) - have + 10_000


def test_a_get_that_breaks_off_goes_on_by_itself(ctl, relay):
    result = ctl.api.publish("a.bin", LARGE)["id"]
    relay.cut_after = 3_000_000
    ctl.ok("get", result)
    assert (ctl.work / "a.bin").read_bytes() == LARGE
    assert relay.received < len(LARGE) + 100_000


def test_a_killed_get_goes_on_where_it_was(ctl, relay):
    result = ctl.api.publish("a.bin", LARGE)["id"]
    relay.stall_after = 2_500_000
    running = subprocess.Popen([RESULTCTL, "get", result], cwd=ctl.work, env=ctl.environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: ctl.parts() and ctl.parts()[0].stat().st_size > 2_000_000, "half of it is there")
    running.kill()
    running.wait()
    relay.released.set()
    have = ctl.parts()[0].stat().st_size
    ctl.ok("get", result)
    assert f"Range: bytes={have}-" in relay.asked("/content")[-1]
    assert (ctl.work / "a.bin").read_bytes() == LARGE and ctl.parts() == []


def test_killed_five_times_no_byte_that_is_there_is_fetched_again(ctl, relay):
    job = ctl.api.job()["id"]
    files = {f"{n}.bin": os.urandom(600_000 + n) for n in range(12)}
    names = {ctl.api.upload(job, name, data)["id"]: name for name, data in files.items()}

    def have():
        """Of each file how many bytes are there, in a part or whole."""
        parts = {names[id_]: path.stat().st_size for path in ctl.parts() for id_ in names if id_ in path.name}
        return parts | {name: len(files[name]) for name in files if (ctl.work / name).exists()}

    def check(before, heads):
        for head in heads:
            there = next(before.get(name, 0) for id_, name in names.items() if id_ in head)
            asked = re.search(r"^Range: bytes=(\d+)-", head, re.M)
            assert int(asked[1]) == there if asked else there == 0, head

    for _ in range(5):
        before, seen = have(), len(relay.asked("/content"))
        relay.released, relay.stall_after = threading.Event(), 400_000
        running = subprocess.Popen([RESULTCTL, "get", "--job", job, "-P", "1"], cwd=ctl.work, env=ctl.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        more = lambda: relay.stall_after is None and sum(have().values()) > sum(before.values())  # noqa: E731
        eventually(more, "more of it is there, and a file half")
        running.kill()
        running.wait()
        relay.released.set()
        check(before, relay.asked("/content")[seen:])
    before, seen = have(), len(relay.asked("/content"))
    ctl.ok("get", "--job", job)
    check(before, relay.asked("/content")[seen:])
    assert {name: (ctl.work / name).read_bytes() for name in files} == files and ctl.parts() == []


def test_two_at_the_same_file_do_not_disturb_each_other(ctl, relay):
    result = ctl.api.publish("a.bin", LARGE)["id"]
    relay.stall_after = 1_000_000
    first = subprocess.Popen([RESULTCTL, "get", result], cwd=ctl.work, env=ctl.environment,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: ctl.parts() and ctl.parts()[0].stat().st_size > 500_000, "one is at it")
    assert "another resultctl is receiving" in ctl.fails(CONFLICT, "get", result)
    relay.released.set()
    assert first.wait(PATIENCE) == 0
    assert (ctl.work / "a.bin").read_bytes() == LARGE


def test_a_later_result_does_not_take_the_name_of_an_earlier_one(ctl):
    job = ctl.api.job()["id"]
    ctl.api.upload(job, "same", b"first", type="x")
    ctl.ok("get", "--job", job)
    ctl.api.upload(job, "same", b"second", type="y")
    ctl.ok("get", "--job", job)
    assert [(ctl.work / name).read_bytes() for name in ("same", "same (2)")] == [b"first", b"second"]


def test_one_that_is_not_there_does_not_keep_the_others(ctl):
    result = ctl.api.publish("a", FILED)["id"]
    said = ctl.fails(ABSENT, "get", nobody(), result)
    assert "1 of 2 could not be had" in said
    assert (ctl.work / "a").read_bytes() == FILED


def test_a_whole_part_of_a_table_is_proved_before_it_is_named(ctl):
    text = "id,text\n" + "".join(f"{number},x\n" for number in range(1000))
    result = ctl.api.publish("t.csv", text.encode(), headers={"Content-Type": "text/csv"})["id"]
    made = ctl.api.get(f"/results/{result}/content", params={"format": "json"})
    head = eventually(lambda: (answer := ctl.api.head(f"/results/{result}/content?format=json")).headers.get("Repr-Digest") and answer)
    tag = sha256(head.headers["ETag"].encode())[:16]
    ctl.file(f".resultctl-{result}-json-{tag}.part", bytes(len(made.content)))
    assert "have the sha256" in ctl.fails(DAMAGED, "get", result, "--format", "json", "--ack")
    assert ctl.api.result(result)["state"] == "available"
    ctl.ok("get", result, "--format", "json", "--ack")
    assert (ctl.work / "t.json").read_bytes() == made.content


def test_bytes_that_are_not_the_same_get_no_name(ctl):
    result = ctl.api.publish("a.bin", LARGE)["id"]
    tag = sha256(sha256(LARGE).encode())[:16]
    part = ctl.file(f".resultctl-{result}-{tag}.part", bytes(1000))
    said = ctl.fails(DAMAGED, "get", result)
    assert "have the sha256" in said
    assert not (ctl.work / "a.bin").exists() and not part.exists()
    ctl.ok("get", result)
    assert (ctl.work / "a.bin").read_bytes() == LARGE


def test_a_table_is_got_as_another_format_and_gone_on_with(ctl, relay):
    text = "id,text\n" + "".join(f"{number},{'x' * 40}\n" for number in range(60_000))
    result = ctl.api.publish("t.csv", text.encode(), headers={"Content-Type": "text/csv"})["id"]
    whole = ctl.api.get(f"/results/{result}/content", params={"format": "json"}).content
    relay.cut_after = 1_500_000
    ctl.fails(UNREACHABLE, "get", result, "--format", "json", "--tries", "1")
    (part,) = ctl.parts()
    have = part.stat().st_size
    ctl.ok("get", result, "--format", "json")
    assert (ctl.work / "t.json").read_bytes() == whole and ctl.parts() == []
    assert f"Range: bytes={have}-" in relay.asked("GET /api/v1/results/" + result + "/content")[-1]
    assert "1 of them there already" in ctl.run("get", result, "--format", "json").stderr


@pytest.mark.parametrize("words", [["get", "--ack"], ["cat", "--ack"]])
def test_a_table_that_was_just_made_is_proved_all_the_same(ctl, relay, words):
    """While it is being made the server knows no sum of it, and its first reader is told none."""
    text = "id,text\n" + "".join(f"{number},{'x' * 40}\n" for number in range(60_000))
    result = ctl.api.publish("t.csv", text.encode(), headers={"Content-Type": "text/csv"})["id"]
    relay.falsify = (b'"id":2000,', b'"id":2001,')
    said = ctl.fails(DAMAGED, *words, result, "--format", "json", stdin=b"").decode()
    assert relay.falsify is None and "have the sha256" in said
    assert ctl.api.result(result)["state"] == "available" and list(ctl.work.iterdir()) == []
    ctl.ok(*words, result, "--format", "tsv")
    assert ctl.api.result(result)["state"] == "consumed"


def test_an_empty_table_is_got(ctl):
    result = ctl.api.publish("t.json", b"[]", headers={"Content-Type": "application/json"})["id"]
    ctl.ok("get", result, "--format", "ndjson")
    assert (ctl.work / "t.ndjson").read_bytes() == b"" == ctl.ok("cat", result, "--format", "ndjson", stdin=b"")


def test_an_acknowledgement_follows_the_file(ctl):
    result = ctl.api.publish("a.bin", FILED)["id"]
    (ctl.work / "a.bin").write_bytes(b"mine")
    ctl.fails(CONFLICT, "get", result, "--ack")
    assert ctl.api.result(result)["state"] == "available"
    ctl.ok("get", result, "--ack", "--force")
    assert ctl.api.result(result)["state"] == "consumed"


def test_what_has_expired_is_told(ctl):
    job = ctl.api.job()["id"]
    gone = ctl.api.upload(job, "gone", b"1", expires_in="1")
    ctl.api.upload(job, "here", b"2")
    sleep_until(gone["expires_at"])
    said = ctl.fails(ABSENT, "get", "--job", job)
    assert "gone" in said and "has expired at" in said and "1 of 2 could not be had" in said
    assert (ctl.work / "here").read_bytes() == b"2"


def test_what_is_in_the_trash_is_told(ctl):
    batch = ctl.api.batch()["id"]
    job, other = (ctl.api.job(batch=batch, reference_id=name)["id"] for name in ("shop", "other"))
    gone = ctl.api.upload(job, "gone", b"1")["id"]
    ctl.api.upload(job, "here", b"2")
    ctl.api.upload(other, "rest", b"3")
    for each in (job, other):
        expect(ctl.api.post(f"/jobs/{each}/finish"), 200)
    ctl.ok("rm", gone)
    for words in (["--job", job], ["--batch", batch]):
        said = ctl.fails(ABSENT, "get", *words)
        assert f"resultctl restore {gone} brings it back" in said and "could not be had" in said and "not completed" not in said
    assert "resultctl restore" in ctl.fails(ABSENT, "get", gone)
    got = {str(path.relative_to(ctl.work)) for path in ctl.work.rglob("*") if path.is_file()}
    assert got == {"here", "shop/here", "other/rest"}
    ctl.ok("job", "rm", job)
    assert f"resultctl job restore {job} brings it back" in ctl.fails(ABSENT, "get", "--job", job)
    said = ctl.fails(ABSENT, "get", "--batch", batch)
    assert f"resultctl job restore {job} brings it back" in said and "1 of 2 could not be had" in said
    ctl.ok("job", "restore", job)
    ctl.ok("restore", gone)
    ctl.ok("get", "--batch", batch)


def test_of_a_job_that_is_not_completed_it_is_told(ctl):
    job = ctl.api.job()["id"]
    ctl.api.upload(job, "here", b"2")
    ctl.ok("job", "cancel", job)
    assert f"the job {job} is cancelled, not completed" in ctl.run("get", "--job", job).stderr
    assert (ctl.work / "here").read_bytes() == b"2"


def test_a_job_or_batch_that_is_not_there_does_not_keep_the_others(ctl):
    result = ctl.api.publish("a", FILED)
    for flag in ("--job", "--batch"):
        assert "1 of 2 could not be had" in ctl.fails(ABSENT, "get", "--job", result["job"], flag, nobody())
        assert (ctl.work / "a").read_bytes() == FILED


def test_many_are_got_at_once(ctl):
    job = ctl.api.job()["id"]
    for number in range(60):
        ctl.api.upload(job, f"n{number}", INLINE + str(number).encode())
    rows = ctl.json("get", "--job", job, "-o", "many", "--parallel", "16", "--ack")
    assert len(rows) == 60 and not any(row["was_there"] for row in rows)
    for number in range(60):
        assert (ctl.work / "many" / f"n{number}").read_bytes() == INLINE + str(number).encode()
    assert len(ctl.api.results(job=job, state="consumed")) == 60


def test_one_file_can_be_named(ctl):
    result = ctl.api.publish("a", FILED)["id"]
    ctl.ok("get", result, "-o", "other.bin")
    assert (ctl.work / "other.bin").read_bytes() == FILED


def test_a_full_disk_is_said_and_gone_on_from(ctl):
    result = ctl.api.publish("a.bin", LARGE)["id"]

    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    said = ctl.fails(LOCAL, "get", result, preexec_fn=little_room)
    assert "cannot write" in said and not (ctl.work / "a.bin").exists()
    ctl.ok("get", result)
    assert (ctl.work / "a.bin").read_bytes() == LARGE


def test_a_name_of_255_bytes_and_another_format(ctl):
    name = "ä" * 125 + ".json"
    result = ctl.api.publish(name, b'[{"a":1}]', headers={"Content-Type": "application/json"})["id"]
    ctl.ok("get", result)
    ctl.ok("get", result, "--format", "ndjson")
    assert sorted(len(path.name.encode()) for path in ctl.work.iterdir()) == [255, 255]


# ---- streams, archives, rows ------------------------------------------------------------------------------


def test_cat_goes_on_after_a_break_and_proves_what_it_wrote(ctl, relay):
    result = ctl.api.publish("a.bin", LARGE)["id"]
    relay.cut_after = 2_000_000
    assert ctl.ok("cat", result, stdin=b"") == LARGE
    assert relay.received < len(LARGE) + 100_000


def test_an_archive_is_gone_on_with(ctl, relay):
    job = ctl.api.job()["id"]
    ctl.api.upload(job, "a.bin", LARGE)
    expect(ctl.api.post(f"/jobs/{job}/finish"), 200)
    relay.cut_after = 2_000_000
    ctl.fails(UNREACHABLE, "archive", "--job", job, "--tries", "1")
    ctl.ok("archive", "--job", job)
    assert (ctl.work / f"{job}.zip").read_bytes() == ctl.api.get(f"/jobs/{job}/archive.zip").content
    assert "Range: bytes=" in relay.asked("GET /api/v1/jobs/" + job + "/archive.zip")[-1]
    assert ctl.ok("archive", "--job", job, "-o", "-", stdin=b"") == (ctl.work / f"{job}.zip").read_bytes()
    (told,) = ctl.json("archive", "--job", job, "--force")
    assert told == {"file": f"{job}.zip", "size": (ctl.work / f"{job}.zip").stat().st_size}


def test_rows_are_a_table(ctl):
    text = "name,price\n" + "".join(f"n{number},{number}\n" for number in range(100))
    result = ctl.api.publish("t.csv", text.encode(), headers={"Content-Type": "text/csv"})["id"]
    shown = ctl.ok("rows", result, "--where", "price>=97", "--fields", "price,name")
    assert shown.splitlines() == ["97\tn97", "98\tn98", "99\tn99"]
    status, written = on_terminal(ctl, "rows", result, "--offset", "5", "--limit", "1")
    assert status == 0
    assert written.replace("\r\n", "\n") == "name  price\nn5        5\n100 rows in all\n"


# ---- jobs -------------------------------------------------------------------------------------------------


def test_a_worker_s_loop(ctl):
    job = ctl.ok("job", "create", "resize", "--input", '{"width": 1.10}', "--priority", "9").strip()
    (claimed,) = ctl.json("job", "claim", "--kind", "resize", "--lease", "10m")
    assert claimed["id"] == job and claimed["input"] == {"width": 1.10}
    assert ctl.fails(CONFLICT, "job", "finish", job)
    assert "no flag --lease" in ctl.fails(USAGE, "job", "finish", job, "--lease", claimed["lease"])
    ctl.environment["RESULTD_LEASE"] = claimed["lease"]
    ctl.ok("job", "progress", job, "40%")
    assert ctl.api.get_job(job)["progress"] == 0.4
    ctl.ok("job", "finish", job)
    assert ctl.run("wait", job).returncode == 0
    assert "no job is waiting" in ctl.fails(ABSENT, "job", "claim")


def test_waiting_ends_with_what_became_of_the_job(ctl):
    failing, endless = ctl.api.job()["id"], ctl.api.job()["id"]
    ctl.ok("job", "fail", failing, "--code", "oom", "--message", "out of memory")
    assert "out of memory (oom)" in ctl.fails(JOB, "wait", failing)
    assert "still queued" in ctl.fails(TIME, "wait", endless, "--timeout", "1s")
    assert "still queued" in ctl.fails(TIME, "wait", endless, "--timeout", "0")
    assert "such as 90s" in ctl.fails(USAGE, "wait", endless, "--timeout", "soon")
    ctl.ok("job", "cancel", endless)
    assert "cancelled" in ctl.fails(JOB, "wait", endless)


class Worker:
    """examples/worker.sh, in a session of its own."""

    def __init__(self, ctl, *words, **environment):
        self.folder = ctl.folder / "worker"
        self.folder.mkdir()
        environment = {**ctl.environment, "PATH": f"{RESULTCTL.parent}:{os.environ['PATH']}", "WAIT": "1s", "BEAT": "1s",
                       "TMPDIR": str(self.folder), **environment}
        self.process = subprocess.Popen([CHECKOUT / "examples" / "worker.sh", *words], env=environment, start_new_session=True,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def signal(self, number):
        self.process.send_signal(number)

    def leaves_nothing(self):
        self.process.wait(4 * PATIENCE)
        left = ["pgrep", "-s", str(self.process.pid)]
        eventually(lambda: subprocess.run(left, stdout=subprocess.DEVNULL).returncode == 1, "nothing of it stays behind", 10)
        assert list(self.folder.iterdir()) == []

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def worker(ctl):
    made = []

    def start(*words, **environment):
        made.append(Worker(ctl, *words, **environment))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_a_worker_uploads_what_its_command_made(ctl, worker):
    good, bad = (ctl.ok("job", "create", "upper", "--input", text).strip() for text in ('{"text": "abc"}', "null"))
    worker("upper", "bash", "-c", "jq -e -r .text | tr a-z A-Z > result.txt; exit ${PIPESTATUS[0]}").leaves_nothing()
    assert ctl.api.get_job(good)["status"] == "completed"
    (result,) = ctl.api.results(job=good)
    assert ctl.api.content(result["id"]).content == b"ABC\n"
    failed = ctl.api.get_job(bad)
    assert failed["status"] == "failed" and failed["error"]["message"] == "bash failed"


@pytest.mark.parametrize("command, told", [(["true"], "true made no file"), (["mkdir", "empty"], "mkdir made no file"),
                                           (["touch", "a\nb"], "its files were not taken")])
def test_a_worker_says_why_there_is_no_result(ctl, worker, command, told):
    job = ctl.ok("job", "create", "k").strip()
    worker("k", *command).leaves_nothing()
    failed = ctl.api.get_job(job)
    assert failed["status"] == "failed" and failed["error"]["message"] == told


def test_a_worker_that_is_ended_leaves_nothing(ctl, relay, worker):
    waiting = worker("slow", "sleep", "1000", WAIT="1000s")
    eventually(lambda: relay.asked("/claim"), "it waits for a job")
    ctl.ok("job", "create", "slow")
    eventually(lambda: len(relay.asked("/progress")) > 2, "it works, and renews the lease")
    waiting.signal(signal.SIGTERM)
    waiting.leaves_nothing()


def test_a_worker_without_a_job_ends_at_once(ctl, relay, worker):
    waiting = worker("slow", "sleep", "1000", WAIT="1000s")
    eventually(lambda: relay.asked("/claim"), "it waits for a job")
    waiting.signal(signal.SIGTERM)
    waiting.leaves_nothing()


def is_quiet(relay):
    before = len(relay.asked("/progress"))
    time.sleep(3)
    return len(relay.asked("/progress")) == before


def test_a_worker_that_is_killed_renews_nothing(ctl, relay, worker):
    """Else its job would never be queued again."""
    ctl.ok("job", "create", "slow")
    killed = worker("slow", "sleep", "1000")
    eventually(lambda: len(relay.asked("/progress")) > 2, "it renews the lease")
    killed.signal(signal.SIGKILL)
    killed.process.wait()
    eventually(lambda: is_quiet(relay), "nobody renews the lease")


def test_progress_is_told_again_until_it_counts_no_more(ctl, relay):
    ctl.ok("job", "create", "k")
    (job,) = ctl.json("job", "claim")
    ctl.environment["RESULTD_LEASE"] = job["lease"]
    words = ["job", "progress", job["id"], "0.5", "--tries", "1"]
    beating = subprocess.Popen([RESULTCTL, *words, "--every", "1s"], env=ctl.environment, text=True, stderr=subprocess.PIPE)
    eventually(lambda: len(relay.asked("/progress")) > 2, "it is told again")
    relay.refusals.append(busy())
    eventually(lambda: not relay.refusals, "the server is away")
    ctl.ok("job", "finish", job["id"])
    said = beating.communicate(timeout=PATIENCE)[1]
    assert beating.returncode == CONFLICT and "not now" in said
    assert ctl.run(*words, "--every", "1s").returncode == CONFLICT
    assert "ends --every" in ctl.fails(USAGE, *words, "--pid", "1")


def test_progress_goes_on_however_it_began(ctl, relay):
    job = ctl.api.job()["id"]
    relay.refusals.append(busy())
    beating = subprocess.Popen([RESULTCTL, "job", "progress", job, "0.5", "--every", "1s", "--tries", "1"], env=ctl.environment,
                               stderr=subprocess.DEVNULL)
    eventually(lambda: ctl.api.get_job(job)["progress"] == 0.5, "it is told when the server is back")
    beating.terminate()
    assert beating.wait(PATIENCE) == 0


def test_progress_ends_when_it_is_interrupted(ctl, relay):
    job = ctl.api.job()["id"]
    beating = subprocess.Popen([RESULTCTL, "job", "progress", job, "0", "--every", "1s", "--quiet"], env=ctl.environment,
                               text=True, stderr=subprocess.PIPE)
    eventually(lambda: len(relay.asked("/progress")) > 1, "it is told again")
    beating.send_signal(signal.SIGTERM)
    assert beating.communicate(timeout=PATIENCE)[1] == "" and beating.returncode == 0


def test_a_claimed_job_is_completed_by_its_last_put(ctl):
    ctl.ok("job", "create", "k")
    (job,) = ctl.json("job", "claim")
    ctl.file("a", b"a")
    assert "lease" in ctl.fails(CONFLICT, "put", "--job", job["id"], "--finish", "a")
    ctl.environment["RESULTD_LEASE"] = job["lease"]
    ctl.ok("put", "--job", job["id"], "--finish", "a")
    assert ctl.api.get_job(job["id"])["status"] == "completed"
    ctl.ok("put", "a")  # a job of its own has none


def test_watch_tells_what_changes(ctl, relay):
    job = ctl.api.job()["id"]
    watching = subprocess.Popen([RESULTCTL, "watch", "--interval", "1s"], cwd=ctl.work, env=ctl.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    eventually(lambda: len(relay.asked("GET /api/v1/jobs")) > 1, "it knows what was there before")
    ctl.api.upload(job, "seen.txt", INLINE)
    expect(ctl.api.post(f"/jobs/{job}/finish"), 200)
    patience = threading.Timer(PATIENCE, watching.kill)  # what is not told does not hold up everything
    patience.start()
    lines = [watching.stdout.readline().split("\t") for _ in range(2)]
    watching.send_signal(signal.SIGINT)
    assert watching.wait(PATIENCE) == 130
    patience.cancel()
    assert {(line[1], line[3]) for line in lines} <= {("job", "completed 100 %"), ("job", "queued 0 %"), ("result", "available")}
    assert any(line[4] == "seen.txt\n" for line in lines)


# ---- single results ---------------------------------------------------------------------------------------


def test_the_life_of_a_result(ctl):
    result = ctl.api.publish("a", FILED)["id"]
    (shown,) = ctl.json("show", result)
    assert shown["id"] == result
    ctl.ok("keep", result)
    assert "kept" in ctl.ok("ls")
    assert ctl.fails(CONFLICT, "rm", result)
    ctl.ok("keep", result, "--off")
    ctl.ok("ack", result)
    assert ctl.ok("ls") == ""
    assert "consumed" in ctl.ok("ls", "--state", "any")
    ctl.ok("rm", result)
    assert ctl.fails(ABSENT, "cat", result)
    ctl.ok("restore", result)
    assert "Nobody can be asked here; --yes says yes" in ctl.fails(USAGE, "rm", result, "--permanent")
    ctl.ok("rm", result, "--permanent", "--yes")
    assert ctl.fails(ABSENT, "show", result)


def test_what_is_gone_by_a_try_whose_answer_was_lost_is_gone(ctl, relay):
    result = ctl.api.publish("a", FILED)["id"]
    relay.cut_after = 0
    ctl.ok("rm", result, "--permanent", "--yes")
    assert len(relay.asked("DELETE")) == 2
    assert ctl.fails(ABSENT, "rm", result, "--permanent", "--yes")


def test_one_that_fails_does_not_stop_the_others(ctl):
    first, second = (ctl.api.publish(name, INLINE)["id"] for name in "ab")
    said = ctl.fails(ABSENT, "ack", first, nobody(), second)
    assert "404" in said or "no result" in said or "there is no" in said
    assert len(ctl.api.results(state="consumed")) == 2


def test_a_link_opens_without_a_key(ctl):
    result = ctl.api.publish("a", FILED)["id"]
    url = ctl.ok("link", result, "--expires", "10m").strip()
    assert ctl.api.server.get(url.removeprefix(ctl.api.server.url)).content == FILED


def test_lists_are_whole_and_in_pages(ctl):
    for number in range(12):
        ctl.api.publish(f"n{number}", INLINE)
    assert len(ctl.ok("ls").splitlines()) == 12
    assert len(ctl.ok("ls", "--limit", "5").splitlines()) == 5
    assert [row["name"] for row in ctl.json("ls", "--name", "n3")] == ["n3"]
    assert len(ctl.json("job", "ls", "--status", "completed", "--all")) == 12
    assert "all\t12\t" in ctl.ok("usage")


# ---- how it ends ------------------------------------------------------------------------------------------


def test_keys_that_do_not_open(ctl):
    result = ctl.api.publish("a", INLINE)["id"]
    reader = ctl.api.server.api(scopes=["read"], project=ctl.api.project)
    ctl.environment["RESULTD_KEY"] = reader.key
    assert "ack" in ctl.fails(KEY, "ack", result)
    ctl.environment["RESULTD_KEY"] = "nonsense"
    assert ctl.fails(KEY, "ls")
    del ctl.environment["RESULTD_KEY"]
    assert "wants a key" in ctl.fails(KEY, "ls")


def test_nobody_at_the_address(ctl):
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        said = ctl.fails(UNREACHABLE, "ls", "--url", f"http://127.0.0.1:{port}", "--tries", "2")
    assert f"http://127.0.0.1:{port}" in said
    assert "begins with http" in ctl.fails(USAGE, "ls", "--url", "ftp://x")
    assert "no user or password" in ctl.fails(USAGE, "ls", "--url", "http://ada:secret@127.0.0.1")
    assert "not both" in ctl.fails(USAGE, "ls", "--url", "http://127.0.0.1", "--server", "here")


def test_somebody_else_at_the_address(ctl):
    with answering(b"<html></html") as url:
        said = ctl.fails(DAMAGED, "ls", "--url", url)
    assert "is not JSON" in said


# Every command, but for those that ask no server.
BY_THEIR_ANSWERS = [
    ["ls"], ["show", "x"], ["get", "x", "--ack"], ["get", "--job", "x"], ["cat", "x"], ["ack", "x"], ["restore", "x"],
    ["keep", "x"], ["link", "x"], ["rows", "x"], ["wait", "x", "--timeout", "0"], ["watch"], ["usage"],
    ["put", "f.txt", "--batch", "x"], ["job create", "k"], ["job claim"], ["job progress", "x", "1"], ["job finish", "x"],
    ["job fail", "x"], ["job cancel", "x"], ["job restore", "x"], ["job ls"], ["batch create", "b"], ["batch ls"],
    ["key create", "k", "--scopes", "read"], ["key rotate", "x"], ["key ls"], ["user create", "u"],
    ["user change", "1", "--staff"], ["user ls"], ["login"], ["rm", "x"], ["rm", "x", "--permanent", "--yes"], ["keep", "x", "--off"],
    ["job rm", "x"], ["key revoke", "x"], ["archive", "--job", "x"], ["archive", "--batch", "x", "-o", "all.zip", "--force"],
    ["archive", "--job", "x", "-o", "-"],
]
ASK_NOBODY = {"logout", "servers", "completion"}
GONE = {"rm", "job rm", "key revoke"}


@contextlib.contextmanager
def answering(answer, status=200, **fields):
    """The address of a server that gives this answer to all that is asked."""
    fields = {"Content_Length": str(len(answer)), **fields}

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for name, value in fields.items():
                if value is not None:
                    self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{other.server_port}"
        other.shutdown()


def assert_noticed(ctl, url, commands):
    (ctl.work / "f.txt").write_text("x")
    (ctl.work / "all.zip").write_text("mine")
    for command, *words in commands:
        where = [url] if command == "login" else ["--url", url]
        done = ctl.run(*command.split(), *words, *where, stdin="secret\n")
        assert (done.returncode, done.stdout) == (DAMAGED, ""), (command, done.returncode, done.stdout, done.stderr)
        assert "of this version" in done.stderr or "a resultd?" in done.stderr, (command, done.stderr)
    assert {path.name: path.read_text() for path in ctl.work.iterdir()} == {"f.txt": "x", "all.zip": "mine"}


@pytest.mark.parametrize("answer", [b"{}", b"[]", b'{"data":[{"id":5,"nme":"x"}],"next":null}', b"null"])
def test_a_server_of_another_version_is_noticed(ctl, answer):
    with answering(answer, Content_Type="application/json") as url:
        assert_noticed(ctl, url, BY_THEIR_ANSWERS)


def test_a_page_that_asks_for_a_login_is_noticed(ctl):
    with answering(b"<html>login please</html>", Content_Type="text/html; charset=utf-8", ETag='"1"') as url:
        assert_noticed(ctl, url, BY_THEIR_ANSWERS)


@pytest.mark.parametrize("status", [200, 204])
def test_an_answer_without_content_is_noticed(ctl, status):
    """But for 204 to DELETE, which is all that a server says, and to a claim."""
    right = GONE | {"job claim"} if status == 204 else set()
    with answering(b"", status) as url:
        assert_noticed(ctl, url, [words for words in BY_THEIR_ANSWERS if words[0] not in right])
        if status == 204:
            assert "no job is waiting" in ctl.fails(ABSENT, "job", "claim", "--url", url)
            assert "deleted" in ctl.run("rm", "x", "--url", url).stderr


@pytest.mark.parametrize("fields", [{"Content_Type": "text/html"}, {"ETag": None}, {"ETag": 'W/"1"'}, {"Content_Length": None}])
def test_what_is_no_archive_gets_no_name(ctl, fields):
    right = {"Content_Type": "application/zip", "ETag": '"1"'}
    with answering(b"PK", **right) as url:
        ctl.ok("archive", "--job", "x", "--url", url)
    (ctl.work / "x.zip").unlink()
    with answering(b"PK", **{**right, **fields}) as url:
        for output in ("x.zip", "-"):
            done = ctl.run("archive", "--job", "x", "-o", output, "--url", url)
            assert (done.returncode, done.stdout) == (DAMAGED, "") and "is no archive" in done.stderr, done
    assert list(ctl.work.iterdir()) == []


@pytest.mark.parametrize("output", ["x.zip", "-"])
def test_the_rest_of_an_archive_that_is_not_all_of_it_gets_no_name(ctl, relay, output):
    job = ctl.api.job()["id"]
    ctl.api.upload(job, "a.bin", LARGE)
    right = ctl.api.head(f"/jobs/{job}/archive.zip").headers

    def two_bytes(asked):
        have = int(re.search(r"Range: bytes=(\d+)-", asked)[1])
        return (f"HTTP/1.1 206 Partial Content\r\nContent-Type: application/zip\r\nETag: {right['ETag']}\r\nConnection: close\r\n"
                f"Content-Length: 2\r\nContent-Range: bytes {have}-{have + 1}/{right['Content-Length']}\r\n\r\nxx").encode()

    relay.cut_after, relay.refusals = 2_000_000, [None, two_bytes]
    said = ctl.fails(DAMAGED, "archive", "--job", job, "-o", output, stdin=b"").decode()
    assert f"bytes were received, of {right['Content-Length']}" in said
    assert list(ctl.work.iterdir()) == []


def test_every_command_is_tried_with_answers_of_another_version(ctl):
    known = set(re.findall(r"^  (\w+(?: \w+)?)(?:  |$)", ctl.ok("--help"), re.M))
    assert known == {command for command, *_ in BY_THEIR_ANSWERS} | ASK_NOBODY


def test_what_has_no_sum_is_never_acknowledged(ctl):
    with answering(b'{"id":"x","pk":1,"name":"f","sha256":"","size":70,"state":"available"}') as url:
        for words in (["get", "x", "--ack"], ["cat", "x", "--ack"]):
            assert 'no "sha256"' in ctl.fails(DAMAGED, *words, "--url", url)
    assert list(ctl.work.iterdir()) == []


def test_what_is_named_twice_is_got_once(ctl):
    job = ctl.api.job()["id"]
    result = ctl.api.upload(job, "a.bin", FILED)["id"]
    ctl.ok("get", result, result, "--job", job)
    assert (ctl.work / "a.bin").read_bytes() == FILED
    assert [path.name for path in ctl.work.iterdir()] == ["a.bin"]


def test_what_is_busy_is_asked_again(ctl, relay):
    relay.refusals = [busy(), busy(1), busy()]
    began = time.monotonic()
    assert ctl.ok("usage")
    assert time.monotonic() - began > 1 and len(relay.heads) == 4
    relay.refusals = [busy() for _ in range(3)]
    assert "not now" in ctl.fails(UNREACHABLE, "usage", "--tries", "3")
    relay.refusals = [busy(code="outcome_unknown")]
    before = len(jobs(ctl.api))
    ctl.fails(UNREACHABLE, "job", "create", "x")
    assert len(jobs(ctl.api)) == before, "whether it was made is not known: it is not made twice"


def test_words_that_are_wrong(ctl):
    for words in (["nonsense"], ["ls", "--nonsense"], ["ls", "-z"], ["ls", "--limit", "x"], ["ls", "extra"], ["get"],
                  ["show"], ["ls", "--state", "x"], ["put", "a", "--expires", "soon"], ["archive"], ["ls", "--limit"], ["ls", "--limit", "0"],
                  ["job", "create", "k", "--priority", "0"], []):
        assert "resultctl: " in ctl.fails(USAGE, *words)
    assert "put" in ctl.ok("--help") and "--expires" in ctl.ok("put", "--help")
    assert ctl.ok("--version").startswith("resultctl ")


def test_a_failure_is_json_for_programs(ctl):
    said = json.loads(ctl.fails(ABSENT, "ack", nobody(), "--json"))
    assert (said["exit"], said["status"], said["code"]) == (ABSENT, 404, "not_found")


def test_with_json_every_line_is_json(ctl):
    result = ctl.api.publish("a", FILED)["id"]
    ctl.file("b", b"b")
    for status, words in ((ABSENT, ["get", nobody(), result]), (0, ["get", result, "-o", "c"]), (0, ["put", "b"]),
                          (USAGE, ["put", "--nosuch"]), (USAGE, ["ls", "--limit", "x"]), (USAGE, ["nonsense"])):
        done = ctl.run(*words, "--json")
        assert done.returncode == status
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        assert lines and all("note" in line or line["exit"] == status for line in lines), words
    job = ctl.api.get_job(ctl.api.results(name="b")[0]["job"])["id"]
    assert ctl.fails(0, "archive", "--job", job, "-o", "all.zip", "--json") == '{"note":"all.zip"}\n'


def test_what_the_server_refuses_is_told_in_the_words_of_the_command_line(keeper):
    result, job = keeper.api.publish("a", INLINE)["id"], keeper.api.job()["id"]
    keeper.file("f", b"f")
    keeper.ok("keep", result)
    keeper.ok("job", "create", "k", "--reference-id", "mine")
    of_gone = keeper.api.job()["id"]
    keeper.ok("rm", keeper.api.upload(of_gone, "gone", b"1")["id"])
    told = [
        ("--expires must be from 1s to 7d", REFUSED, ["link", result, "--expires", "5000d"]),
        ("--expires must be from 1s to 3652d", REFUSED, ["put", "f", "--expires", "30000d"]),
        ("--expires must be from 1s to 3650d", REFUSED, ["key", "create", "k", "--scopes", "read", "--expires", "30000d"]),
        ("--format must be json, ndjson", REFUSED, ["get", result, "--format", "pdf"]),
        ("--new-batch must be 1 to 255", REFUSED, ["put", "f", "--new-batch", "x" * 300]),
        ("--storage: this project has no", ABSENT, ["put", "f", "--storage", "nope"]),
        ("--priority must be a whole number from 1 to 10", REFUSED, ["job", "create", "k", "--priority", "99"]),
        ("KIND must be 1 to 255", REFUSED, ["job", "create", "k" * 300]),
        ("--reference-id must be 1 to 255", REFUSED, ["job", "create", "k", "--reference-id", "x" * 300]),
        ("--lease must be from 1s to 1h", REFUSED, ["job", "claim", "--lease", "900d"]),
        ("--kind: kinds/0 must be at most 255", REFUSED, ["job", "claim", "--kind", "a\nb"]),
        ("--code must be 1 to 255", REFUSED, ["job", "fail", job, "--code", "x" * 300]),
        ("--after must be a time like", REFUSED, ["ls", "--after", "yesterday"]),
        ("--scopes has what is no scope", REFUSED, ["key", "create", "k", "--scopes", "fly"]),
        ("NAME must be 1 to 255", REFUSED, ["batch", "create", "x" * 300]),
        (f"is kept; resultctl keep --off {result} first", CONFLICT, ["rm", result]),
        ("find it with resultctl job ls --reference-id mine, or, if it is in the trash, with --deleted", CONFLICT,
         ["job", "create", "k", "--reference-id", "mine"]),
        ("delete it with resultctl rm --permanent", CONFLICT, ["put", "f", "--job", of_gone, "--name", "gone"]),
        ("resultctl: this result cannot be had as json", REFUSED, ["rows", result]),
        ("there is none of this id", ABSENT, ["user", "change", "x", "--staff"]),
        ("--job: there is no job with this id", ABSENT, ["ls", "--job", "nope"]),
        ("--batch: there is no batch with this id", ABSENT, ["ls", "--batch", nobody()]),
        ("--batch: there is no batch with this id", ABSENT, ["job", "ls", "--batch", "nope"]),
        ("--batch: there is no batch with this id", ABSENT, ["put", "f", "--batch", "nope"]),
        ("--batch: there is no batch with this id", ABSENT, ["job", "create", "k", "--batch", nobody()]),
        ("there is no such job", ABSENT, ["get", "--job", "nope"]),
        ("there is no such job", ABSENT, ["put", "f", "--job", "nope"]),
        ("there is no", ABSENT, ["get", "--batch", "nope"]),
    ]
    for sentence, status, words in told:
        said = keeper.fails(status, *words)
        assert sentence in said and not re.search(r"/api/|the (member|parameter) |_in\b", said), (words, said)
    keeper.ok("keep", result, "--off")
    keeper.ok("rm", result)
    keeper.ok("job", "rm", job)
    assert f"; resultctl restore {result} brings it back" in keeper.fails(ABSENT, "cat", result)
    assert f"; resultctl job restore {job} brings it back" in keeper.fails(ABSENT, "job", "finish", job)


def test_a_reference_id_that_is_taken_is_found_as_it_is_told(ctl):
    name = "Ada's & Grace's"
    taken = ctl.api.job(reference_id=name)["id"]
    ctl.file("f", b"f")
    for deleted in (False, True):
        said = ctl.fails(CONFLICT, "put", "f", "-r", name)
        command, more = re.search(r"find it with resultctl (.*), or, if it is in the trash, with (.*)\n", said).groups()
        words = shlex.split(command) + deleted * [more]
        assert [row["id"] for row in ctl.json(*words)] == [taken], words
        ctl.ok("job", "rm", taken)


def test_what_cannot_be_a_name_is_refused_before_anything_is_sent(ctl):
    ctl.file("a", b"a")
    for name in (".", "..", "x/y", "x" * 256, "a\nb", "a\x7f", "a\x85", "\udcff"):
        assert "--name cannot be the name of a result: it has 1 to 255 bytes" in ctl.fails(USAGE, "put", "a", "--name", name)
    assert "is one line" in ctl.fails(USAGE, "put", "a", "--media-type", "text/csv\nX: y")
    for wrong in "0s", "90000d":
        assert "from 1s to 36525d" in ctl.fails(USAGE, "put", "a", "--expires", wrong)
    assert jobs(ctl.api) == []
    for words in (["rm", ".."], ["show", "."], ["cat", ".."], ["job", "rm", "..", "--quiet"]):
        ctl.fails(ABSENT, *words)
    assert "a word is empty" in ctl.fails(USAGE, "rm", "")


@pytest.mark.parametrize("name, told", [(b"bad\nname", "bad?name"), (b"Gr\xf6\xdfe.csv", "Gr??e.csv"),
                                        (b"deep/" * 52 + b"a", "deep_deep_")], ids=["control", "Latin-1", "too long"])
def test_a_file_that_no_result_can_be_named_as_is_refused_before_anything_is_sent(ctl, name, told):
    path = os.path.join(os.fsencode(ctl.work), b"in", name)
    os.makedirs(os.path.dirname(path))
    with open(path, "wb"):
        pass
    ctl.file("in/good", b"good")
    said = ctl.fails(USAGE, "put", "in")
    assert f'"{told}' in said and "cannot be the name of a result" in said and "rename the file" in said
    assert told in json.loads(ctl.fails(USAGE, "put", "in", "--json"))["detail"]
    assert jobs(ctl.api) == []
    long = os.fsdecode(path)
    assert ctl.ok("put", long, "--name", "good").endswith("\tgood\n") and len(jobs(ctl.api)) == 1


def test_what_comes_from_a_command_needs_a_name(ctl):
    def put(*words):
        line = '"$0" put <(echo hello) "$@"'
        return subprocess.run(["bash", "-c", line, RESULTCTL, *words], capture_output=True, text=True, env=ctl.environment)

    done = put()
    assert done.returncode == USAGE and "needs a --name" in done.stderr and jobs(ctl.api) == []
    assert put("--name", "greeting.txt").stdout.endswith("\tgreeting.txt\n")


def test_files_that_are_not_there(ctl):
    assert "No such file" in ctl.fails(LOCAL, "put", "nothing")
    result = ctl.api.publish("a", INLINE)["id"]
    assert ctl.fails(LOCAL, "get", result, "-o", "no/such/folder/")


# ---- servers and keys -------------------------------------------------------------------------------------


def test_logging_in_notes_the_key_for_its_owner_alone(ctl):
    url, key = ctl.environment.pop("RESULTD_URL"), ctl.environment.pop("RESULTD_KEY")
    assert "resultctl login" in ctl.fails(USAGE, "ls")
    assert ctl.fails(KEY, "login", url, stdin="wrong\n")
    ctl.ok("login", url, "--name", "here", stdin=key + "\n")
    assert ctl.ok("ls") == ""
    assert ctl.ok("servers") == f"*\there\t{url}\n"
    noted = ctl.folder / "config" / "resultctl" / "servers"
    assert noted.stat().st_mode & 0o777 == 0o600 and noted.parent.stat().st_mode & 0o777 == 0o700
    noted.chmod(0o644)
    assert "chmod 600" in ctl.fails(LOCAL, "ls")
    noted.chmod(0o600)
    told = json.loads(ctl.ok("login", url, "--name", "again", "--json", stdin=key + "\n"))
    assert told == {"name": "again", "url": url, "chosen": True}
    assert ctl.ok("ls", "--server", "here") == ""
    assert ctl.ok("ls", "--url", url + "/") == "", "its key is known"
    assert "wants a key" in ctl.fails(KEY, "ls", "--url", url.replace("127.0.0.1", "localhost"))
    secret = url.replace("://", "://ada:secret@")
    assert "no user or password" in ctl.fails(USAGE, "login", secret, stdin=key + "\n")
    assert "secret" not in noted.read_text()
    assert "no server" in ctl.fails(USAGE, "ls", "--server", "other")
    assert ctl.json("logout", "again") == [{"name": "again", "url": url, "chosen": False}]
    assert ctl.ok("servers") == f"*\there\t{url}\n"


def test_a_server_does_not_take_the_place_of_another(ctl, relay):
    noted = ctl.folder / "config" / "resultctl" / "servers"
    url, key = f"{ctl.api.server.url}/", ctl.environment.pop("RESULTD_KEY")
    del ctl.environment["RESULTD_URL"]
    first, second = url.split("/")[2], relay.url.split("/")[2]
    ctl.ok("login", url, stdin=key + "\n")
    ctl.ok("login", relay.url, stdin=key + "\n")
    assert ctl.ok("servers") == f" \t{first}\t{url}\n*\t{second}\t{relay.url}\n"
    before = noted.read_text()
    said = ctl.fails(CONFLICT, "login", relay.url, "--name", first, stdin=key + "\n")
    assert f"{first} is the name of {url} already" in said and f"resultctl logout {first}" in said
    assert noted.read_text() == before
    reader = ctl.api.server.api(["read"], ctl.api.project).key
    ctl.ok("login", relay.url + "/", stdin=reader + "\n")
    assert noted.read_text() == reader.join(before.rsplit(key, 1)).replace(relay.url, relay.url + "/")


@pytest.mark.parametrize("url, name", [
    ("http://localhost:80", "localhost"), ("https://localhost:443/x", "localhost"), ("http://localhost:443", "localhost:443"),
    ("https://localhost", "localhost"), ("http://[::1]:80/", "::1"), ("http://[::1]:81/x/", "::1:81"),
])
def test_a_server_is_called_as_its_host_and_port(ctl, url, name):
    noted = ctl.folder / "config" / "resultctl" / "servers"
    noted.parent.mkdir(parents=True)
    noted.write_text(f"[{name}]\nurl = http://another\n")
    noted.chmod(0o600)
    assert f"{name} is the name of http://another already" in ctl.fails(CONFLICT, "login", url, stdin="key\n")


def test_what_was_written_into_the_file_of_servers_stays(ctl):
    url, key = ctl.environment.pop("RESULTD_URL"), ctl.environment.pop("RESULTD_KEY")
    noted = ctl.folder / "config" / "resultctl" / "servers"
    noted.parent.mkdir(parents=True)
    noted.write_text(f"# mine\ndefault = one\n\n# the first\n[one]\nurl = {url}\n# of March\nkey = old\n\n"
                     f"# the second\n[two]\nkey = x\n # it moves\nurl = http://127.0.0.1:1\n\n# the third\n[three]\nurl = {url}\n# end\n")
    noted.chmod(0o600)
    ctl.ok("login", url, "--name", "one", stdin=key + "\n")
    ctl.ok("login", url, "--name", "new", stdin=key + "\n")
    ctl.ok("logout", "two")
    assert noted.read_text() == (
        f"# mine\ndefault = new\n\n# the first\n[one]\nurl = {url}\n# of March\nkey = {key}\n\n"
        f"# the third\n[three]\nurl = {url}\n# end\n\n[new]\nurl = {url}\nkey = {key}\n")
    ctl.ok("logout", "one")
    ctl.ok("logout", "new")
    assert noted.read_text() == f"# mine\ndefault = three\n\n# the third\n[three]\nurl = {url}\n# end\n"
    noted.unlink()
    ctl.ok("login", url, "--name", "here", stdin=key + "\n")
    assert re.fullmatch(r"# Servers .*\ndefault = here\n\n\[here\]\nurl = .*\nkey = .*\n", noted.read_text())
    ctl.ok("logout")
    assert ctl.ok("servers") == ""


def test_a_key_can_stand_in_a_file(ctl):
    key = ctl.environment.pop("RESULTD_KEY")
    ctl.file("key", key.encode() + b"\nmore\n")
    assert ctl.ok("ls", "--key-file", "key") == ""


def test_the_key_is_typed_unseen(ctl):
    url, key = ctl.environment.pop("RESULTD_URL"), ctl.environment.pop("RESULTD_KEY")
    status, written = on_terminal(ctl, "login", url, stdin=key.encode() + b"\n")
    assert status == 0 and "Key for" in written and key not in written


# ---- terminals --------------------------------------------------------------------------------------------


def test_what_strangers_named_does_no_harm_to_a_terminal(ctl):
    ctl.api.publish("evil\u202egnp.exe", INLINE)
    assert "evil?gnp.exe" in ctl.ok("ls")


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100])
def test_an_id_is_whole_on_any_terminal(ctl, columns):
    result = ctl.api.publish("a-rather-long-name-of-a-result-for-eighty-columns.bin", INLINE)
    ctl.file("b", b"b")
    for words, ids in ((["ls"], [result["id"]]), (["job", "ls"], [result["job"]]), (["show", result["id"]], [result["sha256"]]),
                       (["put", "b"], [])):
        status, written = on_terminal(ctl, *words, columns=columns)
        assert status == 0 and all(text in written for text in ids), written
        assert "2026-…" not in written
    assert ctl.api.results(name="b")[0]["id"] in written
    at = on_terminal(ctl, "ls", columns=columns)[1].replace("\r\n", "\n").splitlines()
    assert any("a-rather" in line for line in at)
    assert ("STATE" in at[0], "CREATED" in at[0], "EXPIRES" in at[0]) == (columns > 69, columns > 78, columns > 86)


@pytest.mark.parametrize("columns", [20, 24, 40, 80])
def test_what_is_shown_is_whole_on_any_terminal(ctl, columns):
    batch = ctl.ok("batch", "create", "a-rather-long-name-of-a-batch", "--description", "what came in July").strip()
    job = ctl.ok("job", "create", "a-rather-long-kind-of-a-job", "--batch", batch, "--input", '{"text": "abcdefghijklmnop"}').strip()
    result = ctl.api.publish("a-rather-long-name-of-a-result.bin", INLINE)
    wanted = {job: [job, batch, "a-rather-long-kind-of-a-job", '{"text": "abcdefghijklmnop"}', "priority_weight"],
              batch: [batch, "a-rather-long-name-of-a-batch", "what came in July"],
              result["id"]: [result["id"], result["sha256"], result["url"]]}
    for object_, texts in wanted.items():
        status, written = on_terminal(ctl, "show", object_, columns=columns)
        assert status == 0 and "…" not in written and all(text in written for text in texts), written


def test_the_address_of_a_server_is_whole_on_any_terminal(ctl):
    url, key = ctl.environment.pop("RESULTD_URL"), ctl.environment.pop("RESULTD_KEY")
    ctl.ok("login", url, "--name", "a-rather-long-name-of-a-server", stdin=key + "\n")
    status, written = on_terminal(ctl, "servers", columns=20)
    assert status == 0 and written.splitlines() == ["*  a-rather-long-na…", f"  {url}"]


def test_days_are_short_on_a_terminal(ctl):
    ctl.api.publish("a", INLINE, expires_in="63072000")
    written = on_terminal(ctl, "ls", columns=100)[1]
    assert re.search(r"available +(\d\d:\d\d|\w{3} [ \d]\d) +20\d\d-\d\d-\d\d\r", written), written
    assert re.search(r"\t20\d\d-\d\d-\d\d \d\d:\d\d\t20\d\d-\d\d-\d\d \d\d:\d\d\n", ctl.ok("ls"))


def test_columns_of_rows_that_do_not_fit_are_told(ctl):
    names = [f"column{number}" for number in range(12)]
    text = ",".join(names) + "\n" + ",".join(["a long cell of a table"] * 11) + ",12345678\n"
    result = ctl.api.publish("t.csv", text.encode(), headers={"Content-Type": "text/csv"})["id"]
    assert "column6" in on_terminal(ctl, "rows", result)[1]
    assert "4 columns are not shown" in on_terminal(ctl, "rows", result)[1]
    assert "12345678" in on_terminal(ctl, "rows", result, "--fields", "column0,column11", columns=20)[1]
    assert "10 columns are not shown" in on_terminal(ctl, "rows", result, columns=20)[1]


def has_columns(written, columns):
    """That no line is wider; but those of ids, and of what may wrap, which the terminal goes on with in the next one."""
    for line in re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", written).replace("\r", "\n").split("\n"):
        if not re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}|://", line):
            assert sum(2 if ord(c) > 0x2e80 else 1 for c in line) <= columns, (line, written)
    return True


@pytest.mark.parametrize("columns", [20, 40, 60, 120])
def test_nothing_is_wider_than_the_terminal(ctl, relay, columns):
    result = ctl.api.publish("a-rather-long-name-of-a-result-for-twenty-columns.bin", LARGE * 4)["id"]
    ctl.api.publish("zweite-Datei-mit-Ümlauten-und-漢字.csv", INLINE)
    table = ctl.api.publish("t.csv", b"name,text,n\n" + b"a long cell of a table," * 2 + b"12345678\n", headers={"Content-Type": "text/csv"})
    ctl.file("a-rather-long-name-of-a-file-for-twenty-columns.bin", LARGE)
    for words in (["ls"], ["job", "ls"], ["batch", "ls"], ["usage"], ["rows", table["id"], "--quiet"], ["wait", table["job"]],
                  ["put", "."], ["get", result, "-o", f"out{columns}"]):
        status, written = on_terminal(ctl, *words, columns=columns)
        assert status == 0 and has_columns(written, columns), (words, written)


@pytest.mark.parametrize("columns", [20, 40, 120])
def test_bars_fit_the_terminal(ctl, relay, columns):
    names = [f"a-rather-long-name-of-file-{number}-for-twenty-columns.bin" for number in range(3)]
    results = [ctl.api.publish(name, LARGE)["id"] for name in names]
    for name in names:
        ctl.file(f"up/{name}", LARGE)
    for words, held in ((["get", *results], "stall_after"), (["put", "up"], "hold_after")):
        relay.released.clear()
        setattr(relay, held, 1_000_000)
        status, written = on_terminal(ctl, *words, columns=columns, when=(" files, ", relay.released.set))
        assert status == 0 and " % " in written.replace("\x1b[K", " ") and has_columns(written, columns), written


def test_bars_are_for_terminals_alone(ctl):
    result = ctl.api.publish("a.bin", LARGE)["id"]
    done = ctl.run("get", result)
    assert "\x1b" not in done.stderr + done.stdout and "\r" not in done.stderr


def test_an_address_that_leads_elsewhere_is_told_as_that(ctl):
    ctl.file("f", b"f")
    result = ctl.api.publish("a", INLINE)["id"]
    for path in "/api/v1", "/api/v1/", "/elsewhere":
        for words in ["ls"], ["usage"], ["job", "create", "k"], ["put", "f"], ["get", result], ["job", "claim"]:
            said = ctl.fails(USAGE, *words, "--url", ctl.environment["RESULTD_URL"] + path)
            assert f"there is no resultd at {ctl.environment['RESULTD_URL']}{path.rstrip('/')}" in said, (words, said)
    assert "there is no result" in ctl.fails(ABSENT, "show", "01a20679-9de5-77e7-969a-4bcf77224aca")


def test_show_counts_the_results_of_a_job(ctl):
    job = ctl.api.job()["id"]
    for number in range(3):
        ctl.api.upload(job, f"{number}.txt", b"x")
    shown = ctl.ok("show", job)
    assert re.search(r"^results\s+3; --json has all of them$", shown, re.M) and "0.txt" not in shown, shown
    assert len(ctl.json("show", job)[0]["results"]) == 3


def test_the_first_word_of_two_tells_the_second(ctl):
    for word in "job", "batch", "key", "user":
        for words in [word], [word, "--help"], [word, "nonsense"]:
            assert re.search(f'after "{word}" comes one of: .*ls', ctl.fails(USAGE, *words))
    assert 'no command "jobs"' in ctl.fails(USAGE, "jobs")


def test_an_empty_value_of_a_flag_is_refused(ctl):
    """`get --job "$job" --ack` of a variable that nobody has set is not all results of the project."""
    names = re.findall(r"^  (\w+(?: \w+)?)(?:  |$)", ctl.ok("--help"), re.M)
    tried = set()
    for command in names:
        flags = re.findall(r"^  (?:-\w, )?--([\w-]+) [A-Z]", ctl.ok(*command.split(), "--help"), re.M)
        for flag in flags:
            assert f"--{flag} is empty" in ctl.fails(2, *command.split(), f"--{flag}", ""), command
            assert f"--{flag} is empty" in ctl.fails(2, *command.split(), f"--{flag}="), command
            tried.add((command, flag))
    assert {("get", "job"), ("get", "batch"), ("ls", "name"), ("watch", "batch"), ("put", "job")} <= tried


# ---- shells -----------------------------------------------------------------------------------------------


def commands(ctl):
    """The first words of all, and the second words of each that has some."""
    names = re.findall(r"^  (\w+)(?: (\w+))?(?:  |$)", ctl.ok("--help"), re.M)
    groups = {first: {second for other, second in names if other == first} for first, second in names if second}
    return {first for first, _ in names}, groups


def test_bash_completes_commands_and_flags(ctl):
    script = ctl.ok("completion", "bash") + """
    try() { COMP_WORDS=(resultctl "$@"); COMP_CWORD=$#; _resultctl; echo "${COMPREPLY[*]}"; }
    try job cl; try get --fo; try job create --in; try res; try put --new; try key ro; try user
    """
    first, second = commands(ctl)
    script += "try ''; " + " ".join(f"try {group} '';" for group in second)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    some, (all_first, *all_second) = done.stdout.splitlines()[:7], done.stdout.splitlines()[7:]
    assert some == ["claim", "--format --force", "--input", "restore", "--new-batch", "rotate", "user"]
    assert set(all_first.split()) == first and [set(line.split()) for line in all_second] == list(second.values())


def test_fish_completes_commands_and_flags(ctl):
    script = ctl.ok("completion", "fish")

    def offered(line):
        done = subprocess.run(["fish", "--no-config", "-c", f"{script}\ncomplete -C '{line}'"], capture_output=True,
                              text=True, check=True, env={**os.environ, "HOME": str(ctl.folder)})
        return [option.split("\t")[0] for option in done.stdout.splitlines()]

    assert "claim" in offered("resultctl job cl")
    assert {"--format", "--force"} <= set(offered("resultctl get --fo"))
    assert "restore" in offered("resultctl res")
    assert offered("resultctl put --new") == ["--new-batch"]
    assert "--state" in offered("resultctl ls --st") and "--state" not in offered("resultctl job ls --st")
    assert "--status" in offered("resultctl job ls --st") and "--status" not in offered("resultctl ls --st")
    first, second = commands(ctl)
    assert set(offered("resultctl ")) == first
    for group, words in second.items():
        assert set(offered(f"resultctl {group} ")) == words


ZSH = """
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell 'autoload -Uz compinit; compinit -u -d $HOME/dump; LISTMAX=0; PS1=; unsetopt zle_bracketed_paste'
zpty -w shell "fpath=($PWD \\$fpath); autoload -Uz _resultctl; compdef _resultctl resultctl; print read''y"
while zpty -r shell line; do [[ $line == *ready* ]] && break; done
zpty -w -n shell $'resultctl '"$1"$'\\t'
zpty -r shell line "*$2*"
print -r -- $line
"""


@pytest.mark.parametrize("typed, completed", [
    ("job cl", "claim"), ("job ls --stat", "--status"), ("res", "restore"), ("put --new-b", "--new-batch"), ("key ro", "rotate"),
    ("batch cr", "create"), ("user ch", "change"), ("us", "usage"), ("us", "user"), ("ba", "batch"), ("jo", "job"), ("ke", "keep"),
])
def test_zsh_completes_commands_and_flags(ctl, typed, completed):
    (ctl.work / "_resultctl").write_text(ctl.ok("completion", "zsh"))
    done = subprocess.run(["zsh", "-f", "-c", ZSH, "zsh", typed, completed], cwd=ctl.work, capture_output=True,
                          text=True, timeout=PATIENCE, env={**os.environ, "HOME": str(ctl.folder), "TERM": "dumb"})
    assert completed in done.stdout, done.stdout + done.stderr


# ---- keys -------------------------------------------------------------------------------------------------


@pytest.fixture
def keeper(ctl, server):
    """The same with a key that may do anything."""
    ctl.environment["RESULTD_KEY"] = server.api(["admin"], ctl.api.project).key
    return ctl


def test_a_key_is_made_listed_rotated_and_revoked(keeper):
    key = keeper.ok("key", "create", "worker", "--scopes", "write,read", "--expires", "90d").strip()
    number = key[3:15]
    shown = next(row for row in keeper.json("key", "ls") if row["id"] == number)
    assert (shown["name"], shown["scopes"], "key" in shown) == ("worker", ["read", "write"], False)
    assert f"{number}\tworker\tread,write\t" in keeper.ok("key", "ls")
    rotated = keeper.ok("key", "rotate", number).strip()
    assert rotated[:16] == key[:16] and rotated != key
    keeper.ok("key", "revoke", number)
    keeper.ok("key", "revoke", number)
    assert next(row for row in keeper.json("key", "ls") if row["id"] == number)["revoked_at"]
    assert "the last key" in keeper.fails(CONFLICT, "key", "revoke", keeper.environment["RESULTD_KEY"][3:15])
    keeper.fails(ABSENT, "key", "revoke", "nobody")
    assert "--scopes" in keeper.fails(USAGE, "key", "create", "worker")


def test_a_key_that_is_wrong_expired_or_too_weak_is_told_apart(keeper):
    (short,) = keeper.json("key", "create", "short", "--scopes", "read", "--expires", "1s")
    weak = keeper.ok("key", "create", "weak", "--scopes", "read").strip()
    sleep_until(short["expires_at"])
    keys = {
        "wrong, or was revoked": weak[:-1] + ("A" if weak[-1] != "A" else "B"),
        "this key expired at " + short["expires_at"]: short["key"],
        'lacks the scope "write"': weak,
    }
    for sentence, key in keys.items():
        keeper.environment["RESULTD_KEY"] = key
        assert sentence in keeper.fails(KEY, "job", "create", "kind")


def test_a_user_is_made_listed_and_changed(keeper):
    name = "ada-" + os.urandom(4).hex()
    number = keeper.ok("user", "create", name, stdin="secret\n").strip()
    assert f"{number}\t{name}\tno\tyes\t" in keeper.ok("user", "ls")
    (changed,) = keeper.json("user", "change", number, "--staff", "--inactive")
    assert (changed["name"], changed["staff"], changed["active"]) == (name, True, False)
    keeper.ok("user", "change", number, "--active", "--no-staff", "--password", stdin="another\n")
    (row,) = keeper.json("user", "ls")
    assert (row["staff"], row["active"]) == (False, True)
    sent = {"username": name, "password": "another"}
    assert requests.post(keeper.api.server.url + "/v1/auth/obtain", json=sent, timeout=120).status_code == 200
    assert "contrary" in keeper.fails(USAGE, "user", "change", number, "--active", "--inactive")
    assert "no password" in keeper.fails(USAGE, "user", "create", name, stdin="")
    assert name in keeper.fails(CONFLICT, "user", "create", name, stdin="x\n")
    keeper.fails(ABSENT, "user", "change", "999999999", "--staff")
