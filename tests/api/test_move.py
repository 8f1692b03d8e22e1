# SPDX-License-Identifier: Apache-2.0
"""Moving all data to another place: what is there at the end is what was there, whatever happens in between, and the
source goes on being read. Places are folders, buckets and, under RESULTD_TEST_DB=pg, PostgreSQL, in every mixture."""

import contextlib
import json
import os
import pty
import random
import signal
import sqlite3
import subprocess
import time
import uuid

import pytest
from faulty_s3 import Object, hang, status
from harness import (
    BINARY,
    ENGINE,
    FILED,
    INLINE,
    SCOPES,
    Api,
    Server,
    clean_environment,
    eventually,
    expect,
    free_port,
    problem,
    program,
    psql,
)
from ricloud_client import Ricloud
from test_ops import furnish, picture
from test_storages import storage

on_pg = pytest.mark.skipif(ENGINE != "pg", reason="needs PostgreSQL: RESULTD_TEST_DB=pg")
FAR = "pg+s3" if ENGINE == "pg" else "s3"  # as little as possible in common with a folder
LEFT = {"representation", "representation_total", "doomed_blob", "orphan", "removal", "heartbeat", "schema_migration",
        "relocation", "relocation_lost", "instance"}
CSV = b"name,size\n" + b"".join(b"row %d,%d\n" % (i, i) for i in range(5000))


class Place:
    """Where data can be: kinds are disk, s3, pg and pg+s3. A place has a configuration file, too."""

    def __init__(self, folder, kind, store):
        folder.mkdir()
        self.folder, self.kind, self.store = folder, kind, store
        self.data = folder / "data"
        self.prefix = uuid.uuid4().hex
        self.database = f"move_{uuid.uuid4().hex}" if "pg" in kind else None
        self.settings = {"db": "", "blobs": "", "inline_limit": "1KiB", "sweep_interval": "1s", "private_endpoints": "on"}
        if self.database:
            # Its own order of texts is not by bytes.
            psql("postgres", f"CREATE DATABASE {self.database} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
            self.settings["db"] = f"postgresql:///{self.database}"
        if "s3" in kind:
            self.settings["blobs"] = f"s3://{store.bucket}/{self.prefix}?endpoint=http://127.0.0.1:{store.port}"
        self.config = folder / "resultd.conf"
        members = {"data": self.data, **self.settings}
        self.config.write_text("".join(f"{name} = {value}\n" for name, value in members.items() if value != ""))
        self.server = None
        self.port = free_port()

    def serve(self, **settings):
        self.server = Server(
            self.folder, data=self.data, environment=self.store.environment, **{**self.settings, **settings}
        )
        self.server.port = self.port
        return self.server.start()

    def address(self):
        """The shortest way to say it."""
        return {"disk": self.data, "s3": f"{self.data}+{self.settings['blobs']}"}.get(self.kind, self.config)

    def run(self, *arguments):
        return program(*arguments, "--config", self.config, **self.store.environment)

    def check(self):
        done = self.run("check")
        assert done.returncode == 0, done.stdout + done.stderr

    def files(self):
        return sorted(path for path in (self.data / "blobs").rglob("*") if path.is_file())

    def sql(self, text):
        if self.database:
            return [tuple(row) for row in psql(self.database, text)]
        with contextlib.closing(sqlite3.connect(self.data / "resultd.db", isolation_level=None)) as database:
            return database.execute(text).fetchall()

    def rows(self):
        """Of every table that is moved, of a place with SQLite."""
        tables = [name for (name,) in self.sql("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]
        kept = [name for name in tables if not name.startswith("sqlite") and name not in LEFT]
        assert {"result", "job", "event", "usage", "link", "document", "signing_key"} <= set(kept)
        return {name: sorted(self.sql(f"SELECT * FROM {name}"), key=repr) for name in kept} | {
            "numbers": self.sql("SELECT name, seq FROM sqlite_sequence ORDER BY 1")
        }


@pytest.fixture
def place(store, tmp_path):
    made = []

    def make(kind="disk"):
        made.append(Place(tmp_path / f"place-{len(made)}", kind, store))
        return made[-1]

    yield make
    for one in made:
        if one.server:
            one.server.stop()
    for one in made:
        if one.database:
            psql("postgres", f"DROP DATABASE {one.database} WITH (FORCE)")


def move(source, target, *more):
    return program("move", "--from", source.address(), "--to", target.address(), *more, **source.store.environment)


def moved(source, target, *more):
    done = move(source, target, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def abort(source):
    return program("move", "--abort", "--from", source.address(), **source.store.environment)


def fill(server):
    """A key and what it has made: of everything something, also what is gone again."""
    api = server.api([*SCOPES, "admin"])
    furnish(api)
    api.publish("table.csv", CSV, headers={"Content-Type": "text/csv"})
    api.publish("a name with ü and \"quotes\"", INLINE)
    Ricloud(api).make("/users", identifier="someone")
    last = api.publish("the last one")["id"]
    expect(api.delete(f"/results/{last}?permanent=true"), 204)
    server.succeed("user", "create", f"user-{uuid.uuid4()}", "--project", api.project, "--password-stdin", stdin="x\n")
    return api


def at(place, api):
    """The same client at another place."""
    return Api(place.server, api.key, api.project)


def newest_event(place):
    return int(place.sql("SELECT max(seq) FROM event")[0][0])


CHAINS = [("disk", "s3", "disk"), ("disk", "disk")]
if ENGINE == "pg":
    CHAINS = [("disk", "pg+s3", "disk"), ("disk", "pg", "pg+s3", "s3", "pg", "disk")]


@pytest.mark.parametrize("kinds", CHAINS, ids=" ".join)
def test_there_and_back_everything_is_the_same(place, store, kinds):
    places = [place(kind) for kind in kinds]
    first, last = places[0], places[-1]
    api = fill(first.serve())
    session = Ricloud(api).make(
        "/sessions",
        source={"user": Ricloud(api).make("/users", identifier="u")["id"], "type": "t"},
        payload={"password": "x"},
    )["id"]
    api.publish("two parts", random.Random(3).randbytes(9 << 20))
    linked = api.publish("linked", FILED)["id"]
    storage(api, store, default=True)
    elsewhere = api.publish("in a client's bucket", FILED + b"there")
    objects = set(store.objects)
    link = api.link(linked)["url"].partition(first.server.url)[2]
    shown = picture(api)
    first.server.stop()
    rows = first.rows()
    digests = set()
    for source, target in zip(places, places[1:]):
        done = moved(source, target, "--json")
        end = json.loads(done.stdout.splitlines()[-1])
        assert (end["phase"], end["lost"]) == ("done", 0)
        assert end["rows"] == sum(len(rows[name]) for name in rows.keys() - {"numbers", "result_state"})
        digests.add(end["sha256"])
        target.check()
    assert len(digests) == 1
    assert last.rows() == rows
    before = newest_event(last)
    last.port = first.port  # which is part of every address that is shown
    last.serve()
    assert picture(at(last, api)) == shown
    assert last.server.get(link).content == FILED
    assert (elsewhere["storage"], at(last, api).content(elsewhere["id"]).content) == ("acme", FILED + b"there")
    assert objects & set(store.objects) == objects, "what is in buckets of clients stays there"
    assert expect(Ricloud(at(last, api)).get(f"/sessions/{session}/payload"), 200)["payload"] == {"password": "x"}
    new = at(last, api).publish("new")
    numbers = dict(rows["numbers"])
    assert last.sql(f"SELECT pk FROM result WHERE id = '{new['id']}'") == [(numbers["result"] + 1,)]
    eventually(lambda: newest_event(last) > before, "it has its events")
    assert last.sql(f"SELECT count(*) FROM event WHERE seq > {before}") == [(newest_event(last) - before,)]
    last.check()


def test_the_source_is_read_and_refuses_changes_until_somebody_gives_up(place):
    source, target = place(), place(FAR)
    api = fill(source.serve(ricloud="on"))
    table = api.results(name="table.csv")[0]["id"]
    job = api.job(kind="waits")["id"]
    shown = picture(api)
    moved(source, target)
    assert picture(api) == shown
    assert api.get(f"/results/{table}/content", params={"format": "xlsx"}).status_code == 200
    assert source.server.get("/-/ready").status_code == 200
    for refused in (
        api.try_publish("new", INLINE),
        api.try_publish("new", FILED),
        api.post("/jobs", json={"kind": "k"}),
        api.claim(),
        api.ack(table),
        api.delete(f"/jobs/{job}"),
    ):
        said = problem(refused, 503, "read_only")
        assert refused.headers["Retry-After"] == "60"
        assert "being moved" in said["detail"]
    named = source.run("key", "create", "--project", api.project, "--scopes", "read")
    assert named.returncode != 0 and "being moved" in named.stderr
    assert picture(api) == shown
    given_up = abort(source)
    assert given_up.returncode == 0 and "can be changed again" in given_up.stdout
    api.publish("new", INLINE)
    assert "was not being moved" in abort(source).stdout
    source.server.stop()
    source.check()
    assert '"a request failed"' not in source.server.stderr(), "it is nothing that the operator has to be told"


def test_nobody_serves_what_is_only_half_there(place, store):
    source, target = place(), place(FAR)
    api = fill(source.serve())
    store.fail("PUT", status(500), times=10**6)
    done = move(source, target)
    store.heal()
    assert done.returncode == 1 and "--abort" in done.stderr
    problem(api.try_publish("new", INLINE), 503, "read_only")
    for command in ("serve", "check", "backup"):
        refused = target.run(command, *([target.folder / "copy"] if command == "backup" else []))
        assert refused.returncode != 0 and "a move that is not finished" in refused.stderr, command
    other = place()
    refused = move(source, other)
    assert refused.returncode != 0 and "to another place already" in refused.stderr
    moved(source, target)
    target.check()


def crowd(server, count):
    api = server.api()
    for number in range(count):
        api.publish(f"result {number}", FILED[: 2000 + 370 * number] if number % 3 else INLINE[:number])
    return api


@pytest.mark.slow
def test_a_move_that_is_killed_again_and_again_comes_to_its_end(place):
    source, target, back = place(), place(FAR), place()
    api = crowd(source.serve(), 80)
    rows = None
    chance = random.Random(5)
    kills = 0
    for a, b in ((source, target), (target, back)):
        arguments = [BINARY, "move", "--from", a.address(), "--to", b.address(), "--threads", "1"]
        for attempt in range(30):
            running = subprocess.Popen(
                list(map(str, arguments)),
                env=clean_environment(**a.store.environment),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                _, said = running.communicate(timeout=chance.uniform(0.01, 0.02 * 1.3**attempt))
            except subprocess.TimeoutExpired:
                running.kill()
                running.communicate()
                kills += 1
                continue
            assert running.returncode == 0, said
            break
        else:
            raise AssertionError("it does not get on")
        if a is source:
            rows = source.rows()
            source.server.stop()
    assert kills >= 5
    back.check()
    assert back.rows() == rows
    back.serve()
    assert len(at(back, api).walk("/results")) == 80


def test_a_move_that_is_stopped_says_how_to_go_on(place, store):
    source, target = place(), place(FAR)
    crowd(source.serve(), 20)
    store.fail("PUT", hang(60), times=1, after=1)  # the first says whose the bytes are
    with subprocess.Popen(
        list(map(str, [BINARY, "move", "--from", source.address(), "--to", target.address()])),
        env=clean_environment(**store.environment), stderr=subprocess.PIPE, text=True,
    ) as running:
        eventually(lambda: store.count("PUT") > 1, "it has begun")
        running.send_signal(signal.SIGTERM)
        store.released.set()
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 1 and "stopped" in said and "run the same command again" in said
    moved(source, target)
    target.check()


def test_who_gives_up_beside_a_running_move_ends_it(place, store):
    source, target = place(), place(FAR)
    crowd(source.serve(), 20)
    store.fail("PUT", hang(60), times=1, after=1)  # the first says whose the bytes are
    with subprocess.Popen(
        list(map(str, [BINARY, "move", "--from", source.address(), "--to", target.address()])),
        env=clean_environment(**store.environment), stderr=subprocess.PIPE, text=True,
    ) as running:
        eventually(lambda: store.count("PUT") > 1, "it has begun")
        assert abort(source).returncode == 0
        source.server.api().publish("new", INLINE)
        store.heal()
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 1 and ("ended this move" in said or "not the same" in said)
    source.server.api().publish("newer", INLINE)
    refused = target.run("serve")
    assert refused.returncode != 0 and "not finished" in refused.stderr


def harm(source, api):
    """Results whose files are wrong in one way each."""
    harmed = {what: api.publish(what, FILED + what.encode())["id"] for what in ("gone", "short", "changed")}
    paths = {what: next(path for path in source.files() if path.name == name) for what, name in harmed.items()}
    content = {what: path.read_bytes() for what, path in paths.items()}
    paths["gone"].unlink()
    os.truncate(paths["short"], 10)
    paths["changed"].write_bytes(content["changed"][:-1] + b"?")
    return harmed, paths, content


def test_damage_is_reported_and_not_passed_on(place):
    source, target = place(), place(FAR)
    api = fill(source.serve())
    harmed, paths, content = harm(source, api)
    done = move(source, target)
    assert done.returncode == 1 and "lost the bytes of 3 results" in done.stderr
    for what, why in (("gone", "missing"), ("short", "another length"), ("changed", "another digest")):
        assert any(harmed[what] in line and why in line for line in done.stderr.splitlines()), what
    refused = target.run("serve")
    assert refused.returncode != 0 and "not finished" in refused.stderr
    paths["gone"].write_bytes(content["gone"])
    again = move(source, target)
    assert again.returncode == 1 and "2 results" in again.stderr and harmed["gone"] not in again.stderr
    for what, path in paths.items():
        path.write_bytes(content[what])
    moved(source, target)
    target.check()
    target.serve()
    for what, result in harmed.items():
        assert at(target, api).content(result).content == content[what]


def test_what_is_lost_may_expire_at_the_target(place):
    source, target = place(), place(FAR)
    api = fill(source.serve())
    harmed, _, _ = harm(source, api)
    harmed["inline"] = api.publish("inline", b"small")["id"]
    harmed["kept"] = api.publish("kept", b"kept", keep="true")["id"]
    for what in ("inline", "kept"):
        source.sql(f"UPDATE result_bytes SET bytes = x'00' WHERE result ="
                   f" (SELECT pk FROM result WHERE id = '{harmed[what]}')")
    count = len(api.walk("/results", state="any"))
    done = moved(source, target, "--expire-lost")
    assert "5 results whose bytes the source had lost have expired there" in done.stdout
    target.check()
    target.serve()
    there = at(target, api)
    assert len(there.walk("/results", state="any")) == count
    for result in harmed.values():
        problem(there.content(result), 410, "expired")
        assert int(target.sql(f"SELECT count(*) FROM event WHERE object = '{result}' AND type = 'result.expired'")[0][0]) == 1
    seqs = [int(seq) for (seq,) in target.sql("SELECT seq FROM event ORDER BY seq")]
    assert seqs == list(range(seqs[0], seqs[-1] + 1))


@pytest.mark.parametrize("kind", [FAR, "disk"])
def test_a_target_that_has_something_is_refused(place, kind, store):
    source, target = place(), place(kind)
    api = fill(source.serve())
    target.serve().stop()
    refused = move(source, target)
    assert refused.returncode == 2 and "not empty" in refused.stderr and "signing_key" in refused.stderr
    api.publish("it was not frozen", INLINE)


def test_a_bucket_that_has_something_is_refused(place, store):
    source, target = place(), place(FAR)
    api = fill(source.serve())
    key = uuid.uuid4()
    store.objects[f"{target.prefix}/{str(key)[24:26]}/{key}"] = Object(b"", '"x"', {}, store.now())
    refused = move(source, target)
    assert refused.returncode == 2 and "not empty" in refused.stderr
    api.publish("it was not frozen", INLINE)


def test_both_places_are_the_same(place):
    source = place()
    fill(source.serve())
    refused = move(source, source)
    assert refused.returncode == 2 and "same database" in refused.stderr


def test_another_key_for_secrets_is_not_overwritten(place):
    source, target = place(), place(FAR)
    Ricloud(fill(source.serve())).make("/users", identifier="v")
    target.data.mkdir()
    key = target.data / "secret.key"
    key.write_bytes(bytes(32))
    refused = move(source, target)
    assert refused.returncode != 0 and "another key" in refused.stderr and key.read_bytes() == bytes(32)
    key.unlink()
    moved(source, target)
    assert key.read_bytes() == (source.data / "secret.key").read_bytes()


def test_a_finished_move_is_finished_when_it_is_run_again(place):
    source, target = place(), place(FAR)
    fill(source.serve())
    moved(source, target)
    target.serve().api().publish("new at the target", INLINE)
    assert "moved before" in moved(source, target).stdout


def test_somebody_who_changes_the_target_is_noticed(place, store):
    source, target = place(), place("disk")
    crowd(source.serve(), 10)
    harmed, paths, content = harm(source, source.server.api())
    assert move(source, target).returncode == 1
    target.sql("UPDATE job SET progress = 0.25")
    for what, path in paths.items():
        path.write_bytes(content[what])
    done = move(source, target)
    assert done.returncode == 1 and "table job is not the same" in done.stderr


@on_pg
def test_bytes_may_stay_where_they_are(place):
    source, target = place(), place("pg")
    api = fill(source.serve())
    files = source.files()
    to = f"{target.settings['db']}+{source.data}"
    arguments = ("move", "--from", source.data, "--to", to)
    assert program(*arguments).returncode == 0
    assert set(files) <= set(source.files()), "nothing was copied, and nothing is gone"
    assert len(source.files()) == len(files)
    refused = abort(source)
    assert refused.returncode != 0 and "stayed where they are" in refused.stderr
    shown = picture(api)
    source.server.stop()
    server = Server(target.folder, data=source.data, db=target.settings["db"], blobs="")
    server.port = source.port
    try:
        server.start()
        assert picture(Api(server, api.key, api.project)) == shown
        assert server.check().returncode == 0
    finally:
        server.stop()


# ---- how far it is ----------------------------------------------------------------------------------------


def test_progress_for_programs(place):
    source, target = place(), place(FAR)
    fill(source.serve())
    done = moved(source, target, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["phase"] for line in lines][-1] == "done"
    assert {line["phase"] for line in lines} == {"bytes", "rows", "compare", "done"}
    for line in lines[:-1]:
        assert 0 <= line["done"] <= line["total"] and line["unit"] == ("bytes" if line["phase"] == "bytes" else "rows")
    assert done.stderr == ""


def test_progress_on_a_terminal(place):
    source, target = place(), place(FAR)
    fill(source.serve())
    ours, its = pty.openpty()
    with subprocess.Popen(
        list(map(str, [BINARY, "move", "--from", source.address(), "--to", target.address()])),
        env=clean_environment(**source.store.environment), stdout=subprocess.DEVNULL, stderr=its,
    ) as running:
        os.close(its)
        shown = b""
        with contextlib.suppress(OSError):  # of its end
            while piece := os.read(ours, 4096):
                shown += piece
        os.close(ours)
    assert running.returncode == 0, shown
    assert b"\rbytes [" in shown and b"] 0 %  0 bytes of" in shown and b"/s" in shown
    assert b"\rcompare [" in shown


@pytest.mark.plain
@pytest.mark.slow
def test_memory_does_not_grow_with_what_is_moved(place):
    source, target = place(), place("disk" if ENGINE != "pg" else "pg")
    api = source.serve(inline_limit="1MiB").api()
    for number in range(60):
        api.publish(f"inline {number}", random.Random(number).randbytes(1 << 20))
    api.publish("large", random.Random(0).randbytes(150 << 20))
    most = 0
    with subprocess.Popen(
        list(map(str, [BINARY, "move", "--from", source.address(), "--to", target.address()])),
        env=clean_environment(**source.store.environment), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    ) as running:
        while running.poll() is None:
            with open(f"/proc/{running.pid}/status") as lines:
                most = max([most, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))])
            time.sleep(0.005)
    assert running.returncode == 0
    assert 4 << 10 < most < 64 << 10, f"{most} KiB"
    target.check()


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ([], "--from PLACE --to PLACE"),
        (["--from", "x"], "--from PLACE --to PLACE"),
        (["--from", "/nowhere/at/all", "--to", "{tmp}/b"], "no data folder"),
        (["--from", "s3://bucket/a", "--to", "{tmp}/b"], "names no database"),
        (["--from", "x", "--to", "y", "--threads", "0"], "from 1 to 256"),
    ],
)
def test_what_is_not_a_move(tmp_path, arguments, sentence):
    done = program("move", *(word.replace("{tmp}", str(tmp_path)) for word in arguments))
    assert done.returncode != 0 and sentence in done.stderr
    assert not list(tmp_path.iterdir())
