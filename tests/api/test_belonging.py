# SPDX-License-Identifier: Apache-2.0
"""What belongs to a database (its store of bytes, its key of secrets) is proved before a server works on it: a mistyped
setting costs a start, and no bytes. Its clock is the time of all that share it."""

import contextlib
import os
import re
import shutil
import struct
import subprocess
import time

import pytest
import requests
from faulty_s3 import FaultyS3
from harness import (
    BINARY,
    ENGINE,
    FILED,
    INLINE,
    PATIENCE,
    Api,
    Server,
    clean_environment,
    eventually,
    expect,
    problem,
    program,
    psql,
)
from ricloud_client import Ricloud

on_pg = pytest.mark.skipif(ENGINE != "pg", reason="needs PostgreSQL: RESULTD_TEST_DB=pg")
MARK = "resultd-store"
FILES_LOCK = 8243108427701  # of PostgreSQL, held while files are removed or copied


@pytest.fixture
def store():
    with FaultyS3() as running:
        yield running


@pytest.fixture
def make(tmp_path_factory, store):
    """Makes servers that are not yet started; `kind`: where the bytes are."""
    made = []

    def make(kind="disk", **settings):
        settings = {"orphan_grace": "1s", "sweep_interval": "1s", "private_endpoints": "on", **settings}
        settings.setdefault("blobs", store.url if kind == "bucket" else "")
        made.append(Server(tmp_path_factory.mktemp("one"), environment=store.environment, **settings))
        return made[-1]

    yield make
    for server in made:
        if server.process:
            server.stop()
        server.forget()


class Place:
    """The bytes of a server."""

    def __init__(self, server, store):
        self.server, self.store = server, store
        self.folder = None if server.settings["blobs"] else server.data / "blobs"

    def all(self):
        if self.folder:
            return {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        return {key: found.body for key, found in self.store.objects.items()}

    def unmark(self):
        if self.folder:
            (self.folder / MARK).unlink()
        else:
            del self.store.objects[f"some/where/{MARK}"]

    def lead_there(self, server):
        """Another server's bytes are these, by a mistake in its settings."""
        if self.folder:
            server.data.mkdir(exist_ok=True)
            shutil.rmtree(server.data / "blobs", ignore_errors=True)
            (server.data / "blobs").symlink_to(self.folder)
        else:
            server.settings["blobs"] = self.server.settings["blobs"]


def refused(server):
    """What it says when it does not start."""
    server.spawn()
    status = server.process.wait(PATIENCE)
    server.process = None
    assert status == 1, server.stderr()
    return next(line for line in reversed(server.stderr().splitlines()) if line.startswith("resultd: "))


@pytest.fixture(params=["disk", "bucket"])
def full(make, store, request):
    """(server that is stopped, its bytes, a client, a result)"""
    server = make(request.param).start()
    api = server.api()
    result = api.publish("kept", FILED)["id"]
    server.stop()
    return server, Place(server, store), api, result


def serves_again(server, api, result):
    server.start()
    assert api.content(result).content == FILED
    done = server.command("check", **server.environment)
    assert done.returncode == 0, done.stdout


def test_an_empty_database_does_not_take_the_bytes_of_another(full, make, store):
    server, place, api, result = full
    before = place.all()
    stranger = make("bucket" if server.settings["blobs"] else "disk")
    place.lead_there(stranger)
    said = refused(stranger)
    assert "do not belong together: they are another database's" in said
    assert (store.bucket if server.settings["blobs"] else str(stranger.data)) in said
    assert place.all() == before
    serves_again(server, api, result)


def test_a_database_does_not_work_without_its_bytes(full, store):
    """A mistyped prefix, or a disk that is not mounted, would be answered 404 for everything."""
    server, place, api, result = full
    right = server.settings["blobs"]
    if right:
        server.settings["blobs"] = right.replace("/some/where", "/some/were")
    else:
        place.folder.rename(server.data / "elsewhere")
    said = refused(server)
    assert "do not belong together: nothing there says that they are its" in said and "resultd adopt" in said
    assert f"some/were/{MARK}" not in store.objects and not (server.data / "blobs" / MARK).exists()
    server.settings["blobs"] = right
    if not right:
        shutil.rmtree(place.folder)
        (server.data / "elsewhere").rename(place.folder)
    serves_again(server, api, result)


def test_bytes_that_say_nothing_any_more_are_adopted_when_they_are_all_there(full):
    server, place, api, result = full
    place.unmark()
    assert "resultd adopt" in refused(server)
    checked = server.command("check", **server.environment)
    assert checked.returncode == 1 and "inconsistent store: " in checked.stdout
    assert "1 results" in checked.stdout and "0 missing" in checked.stdout, "it goes on, so that one sees"
    adopted = server.command("adopt", **server.environment)
    assert adopted.returncode == 0, adopted.stdout + adopted.stderr
    serves_again(server, api, result)


def test_bytes_of_another_are_not_adopted_by_mistake(full, make):
    server, place, api, result = full
    elsewhere = {"blobs": server.settings["blobs"].replace("/some/where", "/else/where")}
    stranger = make(**elsewhere).start()
    own = stranger.api().publish("mine", FILED + b"!")["id"]
    stranger.stop()
    place.lead_there(stranger)
    before = place.all()
    said = stranger.command("adopt", **stranger.environment)
    assert said.returncode == 1 and "1 of its 1 results are not there, and 1 files have no row" in said.stderr
    assert own in said.stdout and place.all() == before
    assert stranger.command("adopt", "--anyway", **stranger.environment).returncode == 0
    assert "they are another database's" in refused(server)
    assert server.command("adopt", **server.environment).returncode == 0
    serves_again(server, api, result)


def test_a_server_that_runs_is_not_adopted_behind_its_back(make):
    server = make().start()
    done = server.command("adopt")
    assert done.returncode == 1 and "serves this data folder already" in done.stderr


@on_pg
@pytest.mark.parametrize("words", [[], ["--anyway"]])
def test_bytes_are_not_adopted_while_a_node_serves(make, tmp_path, words):
    server = make().start()
    elsewhere = Server(tmp_path, beside=server)
    claim = "SELECT count(*) FROM removal WHERE till > extract(epoch FROM clock_timestamp()) * 1000000"
    eventually(lambda: psql(server.db, claim) == [["1"]], "it has claimed the removal of files")
    done = elsewhere.command("adopt", *words)
    assert done.returncode == 1 and "a server works on this database" in done.stderr, done.stderr
    server.stop()
    done = elsewhere.command("adopt", *words)
    assert done.returncode == 0, done.stderr
    server.start()


def test_a_new_database_takes_only_an_empty_place(full, make):
    server, place, api, result = full
    place.unmark()
    before = place.all()
    stranger = make("bucket" if server.settings["blobs"] else "disk")
    place.lead_there(stranger)
    assert "it is new, but there are bytes already" in refused(stranger)
    assert place.all() == before


def test_a_backup_can_be_served_and_is_not_made_of_other_bytes(make, tmp_path, store):
    server = make().start()
    api = server.api()
    result = api.publish("kept", FILED)["id"]
    server.succeed("backup", tmp_path / "copy")
    mark = (server.data / "blobs" / MARK).read_bytes()
    copied = (tmp_path / "copy" / "blobs" / MARK).read_bytes()
    assert not set(copied.split()) & set(mark.split()), "it is another one"
    copy = Server(tmp_path, data=tmp_path / "copy", db="", blobs="").start()
    assert Api(copy, api.key, api.project).content(result).content == FILED
    assert copy.command("check").returncode == 0
    copy.stop()
    swapped = tmp_path / "swapped"
    (server.data / "blobs").rename(swapped)
    (tmp_path / "copy" / "blobs").rename(server.data / "blobs")
    swapped.rename(tmp_path / "copy" / "blobs")
    assert "it is a backup of the one whose they are" in refused(copy)
    (server.data / "blobs").rename(swapped)
    (tmp_path / "copy" / "blobs").rename(server.data / "blobs")
    stranger = make().start()
    stranger.stop()
    Place(stranger, store).lead_there(server)
    done = server.command("backup", tmp_path / "other")
    assert done.returncode == 1 and "is no backup" in done.stderr and "do not belong together" in done.stderr


def test_a_copy_does_not_take_the_originals_bucket_by_being_served(make, store, tmp_path):
    server = make("bucket").start()
    api = server.api()
    old = [api.publish(f"old-{number}", FILED)["id"] for number in range(3)]
    done = server.command("backup", tmp_path / "copy", **store.environment)
    assert done.returncode == 0 and "resultd adopt" in done.stdout
    new = [api.publish(f"new-{number}", FILED)["id"] for number in range(3)]
    copy = Server(tmp_path, data=tmp_path / "copy", environment=store.environment, **{**server.settings, "db": ""})
    said = refused(copy)
    assert "it is a backup of the one whose they are. resultd adopt makes them its" in said
    assert "the original is refused from then on" in said
    checked = copy.command("check", **store.environment)
    assert checked.returncode == 1 and "it is a backup" in checked.stdout and "0 missing" in checked.stdout
    adopted = copy.command("adopt", **store.environment)
    assert adopted.returncode == 1 and "of 0 of its 3 results are not there, and 3 files have no row" in adopted.stderr
    assert "after a restore: what came since the backup" in adopted.stderr
    searches = server.metric("resultd_orphan_searches_total")
    eventually(lambda: server.metric("resultd_orphan_searches_total") != searches, "it goes on searching")
    assert [api.content(result).status_code for result in old + new] == [200] * 6
    assert server.metric("resultd_disowned") == 0


def test_a_copy_that_adopts_the_bucket_stops_the_original(make, store, tmp_path):
    server = make("bucket", bucket_removal_delay="0").start()
    api = server.api()
    results = [api.publish(f"old-{number}", FILED)["id"] for number in range(3)]
    server.succeed("backup", tmp_path / "copy", **store.environment)
    copy = Server(tmp_path, data=tmp_path / "copy", environment=store.environment, **{**server.settings, "db": ""})
    assert copy.command("adopt", **store.environment).returncode == 0
    eventually(lambda: server.get("/-/ready").status_code == 503, "the original is not ready")
    assert "another database's by now" in problem(server.get("/-/ready"), 503)["detail"]
    assert server.metric("resultd_disowned") == 1 and server.stderr().count("nothing is removed") == 1
    problem(api.try_publish("late", FILED), 503, "storage")
    chunked = api.post("/results", params={"name": "late"}, data=iter([FILED]))
    problem(chunked, 503, "storage")
    assert sorted(row["name"] for row in api.results()) == [f"old-{number}" for number in range(3)]
    assert api.delete(f"/results/{results[0]}", params={"permanent": "true"}).status_code in (200, 204)
    copy.start()
    there = Api(copy, api.key, api.project)
    searches = copy.metric("resultd_orphan_searches_total")
    eventually(lambda: copy.metric("resultd_orphan_searches_total") != searches, "some rounds")
    assert [there.content(result).status_code for result in results] == [200] * 3
    server.stop()
    assert "they are another database's" in refused(server)
    copy.stop()


def test_what_was_moved_is_not_mixed_with_what_it_was_moved_from(make, store, tmp_path):
    source = make("bucket").start()
    source.api().publish("kept", FILED)
    source.stop()
    target = {"data": tmp_path / "there", "blobs": store.url.replace("/some/where", "/else/where")}
    config = tmp_path / "resultd.conf"
    config.write_text("".join(f"{name} = {value}\n" for name, value in target.items()))
    place = tmp_path / "from.conf"
    names = {"data": source.data, "blobs": source.settings["blobs"], "db": f"postgresql:///{source.db}" if source.db else ""}
    place.write_text("".join(f"{name} = {value}\n" for name, value in names.items() if value))
    done = program("move", "--from", place, "--to", config, **store.environment)
    assert done.returncode == 0, done.stderr
    ids = {store.objects[f"{prefix}/{MARK}"].body for prefix in ("some/where", "else/where")}
    assert len(ids) == 2
    moved = Server(tmp_path, data=target["data"], environment=store.environment, db="", blobs=source.settings["blobs"])
    assert "they are another database's" in refused(moved)
    moved.settings["blobs"] = target["blobs"]
    moved.start()
    moved.stop()
    again = tmp_path / "again.conf"
    again.write_text(f"data = {tmp_path / 'third'}\nblobs = {target['blobs']}\n")
    program("move", "--abort", "--from", place, **store.environment)
    onto = program("move", "--from", place, "--to", again, **store.environment)
    assert onto.returncode == 2 and "another database's" in onto.stderr


# ---- nodes ------------------------------------------------------------------------------------------------


@on_pg
def test_nodes_that_begin_at_once_agree(make, store):
    first = make("bucket")
    second = Server(first.folder.with_name(first.folder.name + "-b"), environment=store.environment, beside=first)
    second.folder.mkdir()
    # The key of secrets has to be there: each would make one.
    (first.folder / "key").write_bytes(bytes(range(32)))
    (first.folder / "key").chmod(0o600)
    for server in (first, second):
        server.settings["secret_key_file"] = str(first.folder / "key")
        server.spawn()
    try:
        for server in (first, second):
            eventually(lambda: server._answers("/-/ready"), "both work")
        assert [key for key in store.objects if key.endswith(MARK)] == [f"some/where/{MARK}"]
    finally:
        second.stop()


def outcome(server):
    """Whether it has come to serve, or refused."""

    def known():
        if server.process.poll() is not None:
            return "refused"
        try:
            return "serves" if requests.get(server.url + "/-/ready", timeout=PATIENCE).status_code == 200 else None
        except requests.ConnectionError:
            return None

    return eventually(known, "it has started, or refused to")


@on_pg
@pytest.mark.parametrize("attempt", range(6))
def test_of_nodes_with_disks_of_their_own_that_begin_at_once_one_serves(make, tmp_path, attempt):
    first = make()
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    first.settings["secret_key_file"] = str(key)
    others = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        others.append(Server(tmp_path / str(number), db=f"postgresql:///{first.db}", secret_key_file=str(key), blobs=""))
    all_of_them = [first, *others]
    for server in all_of_them:
        server.spawn()
    outcomes = [outcome(server) for server in all_of_them]
    try:
        assert sorted(outcomes) == ["refused", "refused", "serves"]
        for server, became in zip(all_of_them, outcomes):
            if became == "refused":
                assert "do not belong together" in server.stderr()
                assert "do not belong together" in refused(server), "and so it stays"
    finally:
        for server, became in zip(all_of_them, outcomes):
            if became == "serves":
                server.stop()
            server.process = None


@on_pg
@pytest.mark.parametrize("kind", ["disk", "bucket"])
@pytest.mark.parametrize("attempt", range(3))
def test_nodes_that_begin_at_once_with_the_same_bytes_are_all_accepted(make, tmp_path, kind, attempt):
    first = make(kind)
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    first.settings["secret_key_file"] = str(key)
    (first.data / "blobs").mkdir(parents=True)
    nodes = [first]
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        nodes.append(Server(tmp_path / str(number), beside=first, environment=first.environment))
    for server in nodes:
        server.spawn()
    try:
        assert [outcome(server) for server in nodes] == ["serves"] * 3
    finally:
        for server in nodes[1:]:
            server.stop()


@on_pg
def test_nodes_with_disks_of_their_own_are_refused(make, tmp_path):
    first = make().start()
    second = Server(tmp_path, db=f"postgresql:///{first.db}", secret_key_file=first.data / "secret.key", blobs="")
    assert f"the database postgresql:///{first.db}" in (said := refused(second))
    assert "nothing there says that they are its" in said


def stale(api, path):
    return expect(api.get(path, headers={"Cache-Control": "max-stale=10"}), 200)


@on_pg
def test_a_replica_of_another_database_is_refused(make):
    other = make().start()
    mine = make(db_replica=f"postgresql:///{other.db}")
    assert "db_replica is no replica of db: another database answers there" in refused(mine)
    mine.settings["db_replica"] = f"postgresql:///{mine.db}"
    api = mine.start().api()
    api.publish("mine")
    reads = mine.metric("resultd_replica_reads_total")
    eventually(lambda: stale(api, "/results") and mine.metric("resultd_replica_reads_total") != reads, "it is asked")


@on_pg
def test_a_replica_that_turns_out_to_be_another_database_is_never_asked(make):
    other = make()  # an empty database, which does not say who it is
    mine = make(db_replica=f"postgresql:///{other.db}").start()
    other.start()
    foreign, own = other.api(), mine.api()
    result = foreign.publish("theirs", INLINE)["id"]
    own.publish("ours", INLINE)
    eventually(lambda: mine.metric("resultd_replica_foreign") == 1, "it is found to be another one")
    for _ in range(20):
        assert [row["name"] for row in stale(own, "/results")["data"]] == ["ours"]
        problem(own.get(f"/results/{result}/content", headers={"Cache-Control": "max-stale=10"}), 404)
        time.sleep(0.1)
    assert mine.metric("resultd_replica_reads_total") == 0 and mine.metric("resultd_replica_age_seconds") == -1
    assert mine.stderr().count("is no replica of this database") == 1


# ---- the key of secrets -----------------------------------------------------------------------------------


def with_a_secret(server):
    """(client, id of what has a sealed secret)"""
    ricloud = Ricloud(server.api())
    user = ricloud.make("/users", identifier="u")["id"]
    made = ricloud.make("/sessions", source={"user": user, "type": "t"}, payload={"password": "x"})["id"]
    return ricloud, made


def opens(ricloud, session):
    return expect(ricloud.get(f"/sessions/{session}/payload"), 200)["payload"] == {"password": "x"}


@pytest.mark.parametrize("how", ["missing", "another"])
def test_a_server_does_not_begin_with_another_key(make, how):
    server = make().start()
    ricloud, session = with_a_secret(server)
    server.stop()
    key = server.data / "secret.key"
    kept = key.read_bytes()
    key.unlink()
    if how == "another":
        key.write_bytes(bytes(32))
        key.chmod(0o600)
    said = refused(server)
    assert "secret_key_file" in said and "copy the file from another node or from a backup" in said
    assert key.exists() == (how == "another"), "none is made anew"
    rotated = server.command("key", "rotate-secrets")
    assert rotated.returncode == 1 and "secret_key_file" in rotated.stderr
    key.write_bytes(kept)
    key.chmod(0o600)
    server.start()
    assert opens(ricloud, session)


def test_a_key_that_is_lost_for_good_is_given_up_expressly(make):
    server = make().start()
    ricloud, session = with_a_secret(server)
    server.stop()
    (server.data / "secret.key").unlink()
    both = server.command("key", "rotate-secrets", "--lost", "--prepare")
    assert both.returncode == 2 and not (server.data / "secret.key").exists()
    lost = server.command("key", "rotate-secrets", "--lost")
    assert lost.returncode == 1 and "1 secrets were sealed by a key that is gone" in lost.stderr
    server.start()
    assert ricloud.get(f"/sessions/{session}/payload").status_code == 500
    _, other = with_a_secret(server)
    assert other


def test_a_rotated_key_goes_on_being_the_databases(make):
    server = make().start()
    ricloud, session = with_a_secret(server)
    key = server.data / "secret.key"
    first = key.read_bytes()
    for _ in range(2):
        server.succeed("key", "rotate-secrets")
    server.restart()
    assert opens(ricloud, session)
    server.stop()
    now = key.read_bytes()
    key.write_bytes(first)
    assert "secret_key_file" in refused(server)
    key.write_bytes(now)
    server.start()


@on_pg
def test_a_key_is_rotated_on_several_nodes(make, tmp_path):
    first = make().start()
    second = Server(tmp_path, beside=first, environment=first.environment)
    own = tmp_path / "secret.key"
    second.settings["secret_key_file"] = str(own)
    assert "secret_key_file" in refused(second) and not own.exists()
    shared = first.data / "secret.key"
    shutil.copy(shared, own)
    second.start()
    ricloud, session = with_a_secret(first)
    there = Ricloud(Api(second, ricloud.key, None)) if hasattr(ricloud, "key") else None
    try:
        first.succeed("key", "rotate-secrets", "--prepare")
        shutil.copy(shared, own)
        first.succeed("key", "rotate-secrets", "--prepared")
        second.restart()
        first.restart()
        assert opens(ricloud, session) and (there is None or opens(there, session))
        first.succeed("key", "rotate-secrets")
        assert "1 secrets" in first.succeed("key", "rotate-secrets")
        second.stop()
        assert "secret_key_file" in refused(second), "it has been left behind"
    finally:
        second.process and second.stop()


# ---- clocks -----------------------------------------------------------------------------------------------


@pytest.fixture
def clock(make):
    """(server, function that sets the database's clock forward): the database's own function is hidden by ours."""
    server = make(sweep_interval="1s")
    psql("postgres", f"ALTER DATABASE {server.db} SET search_path = public, pg_catalog")

    def set_forward(seconds):
        psql(
            server.db,
            "CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
            f" $$ SELECT pg_catalog.clock_timestamp() + interval '{seconds} s' $$",
        )

    set_forward(0)
    return server.start(), set_forward


def clock_ahead(server):
    """In milliseconds, once it was looked at again."""
    server.get("/-/ready")
    return server.metric("resultd_clock_ahead_milliseconds")


@on_pg
@pytest.mark.parametrize("seconds, words", [(10, "behind"), (-10, "ahead of")])
def test_a_server_with_a_wrong_clock_takes_nothing(clock, seconds, words):
    server, set_forward = clock
    api = server.api()
    set_forward(seconds)
    assert abs(clock_ahead(server) + 1000 * seconds) < 1000
    warning = rf"this server's clock is (10\.0|9\.9) s {words} that of the database"
    eventually(lambda: re.fullmatch(warning, server.get("/-/ready").json().get("warning", "")), "it is told")
    assert server.get("/-/ready").json()["status"] == "ready", "the clocks of all nodes differ from it alike"
    result = api.publish("due", INLINE, expires_in=1)["id"]
    eventually(lambda: api.get(f"/results/{result}/content").status_code == 410, "its time is over")
    time.sleep(2.5)
    assert server.sql(f"SELECT state FROM result WHERE id = '{result}'") == [["available"]]
    set_forward(0)
    assert expect(server.get("/-/ready"), 200) == {"status": "ready"}
    eventually(lambda: server.sql(f"SELECT state FROM result WHERE id = '{result}'") == [["expired"]], "it has expired")
    server.stop()  # which writes what the log still holds
    log = server.stderr()
    assert log.count("nothing is swept") == 1 and log.count("agree again") == 1, log


@on_pg
def test_a_clock_may_be_off_by_what_the_setting_says(clock):
    server, set_forward = clock
    set_forward(60)
    assert "warning" in expect(server.get("/-/ready"), 200)
    server.stop()
    server.settings["clock_tolerance"] = "2m"
    server.start()
    assert "warning" not in expect(server.get("/-/ready"), 200)


@on_pg
def test_time_is_what_the_clock_of_the_database_says(clock):
    server, set_forward = clock
    api = server.api()
    result, job = api.publish("later", INLINE, expires_in=600)["id"], api.job(kind="later")["id"]
    expect(api.claim(kinds=["later"], lease_seconds=600), 200)
    assert api.get(f"/results/{result}/content").status_code == 200
    set_forward(3600)
    eventually(lambda: api.get(f"/results/{result}/content").status_code == 410, "an hour has gone by")
    assert expect(api.claim(kinds=["later"], lease_seconds=600), 200)["id"] == job
    psql(
        server.db,
        "CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'it has stopped'; END $$",
    )
    assert server.get("/-/ready").status_code >= 500
    assert api.get(f"/results/{result}/content").status_code == 410, "what was found before holds"


CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile long long *ahead;

__attribute__((constructor)) static void begin(void)
{
    int fd = open(getenv("CLOCK_AHEAD"), O_RDONLY);
    ahead = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);
    if (ahead == MAP_FAILED)
        abort();
    close(fd);
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int rc = syscall(SYS_clock_gettime, id, ret);
    if (id == CLOCK_REALTIME && ahead)
        ret->tv_sec += *ahead;
    return rc;
}
"""


@pytest.fixture
def own_clock(tmp_path):
    """(environment of a process whose clock is not this machine's, function that sets it ahead)"""
    source, library, ahead = tmp_path / "clock.c", tmp_path / "clock.so", tmp_path / "ahead"
    source.write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    ahead.write_bytes(bytes(8))

    def set_ahead(seconds):
        with open(ahead, "r+b") as file:
            file.write(struct.pack("q", seconds))

    return {"LD_PRELOAD": str(library), "CLOCK_AHEAD": str(ahead)}, set_ahead


no_sanitizer = pytest.mark.skipif("asan" in os.environ.get("RESULTD", "") or "tsan" in os.environ.get("RESULTD", ""),
                                  reason="a sanitizer must be loaded first")  # fmt: skip


@on_pg
@no_sanitizer
@pytest.mark.parametrize("ahead", [3600, -3600])
def test_a_node_whose_clock_is_wrong_decides_as_the_others_do(make, own_clock, tmp_path, ahead):
    environment, set_ahead = own_clock
    set_ahead(ahead)
    first = make().start()
    second = Server(tmp_path / "second", beside=first, environment={**first.environment, **environment}).start()
    try:
        api = first.api()
        there = Api(second, api.key)
        assert abs(clock_ahead(second) - 1000 * ahead) < 1000
        assert "3600.0 s" in expect(second.get("/-/ready"), 200)["warning"]

        live = api.publish("live", INLINE, expires_in=600)["id"]
        assert there.get(f"/results/{live}/content").status_code == 200
        api.job(kind="leased")
        job = expect(api.claim(kinds=["leased"], lease_seconds=60), 200)
        assert there.claim(kinds=["leased"], lease_seconds=60).status_code == 204
        expect(api.move(job["id"], "finish", lease=job["lease"]), 200)

        one, other = (which.publish("due", INLINE, expires_in=2) for which in (api, there))
        for result in (one["id"], other["id"]):
            for which in (api, there):
                eventually(lambda w=which, r=result: w.get(f"/results/{r}/content").status_code == 410, "it is due")
        api.job(kind="lapses")
        expect(there.claim(kinds=["lapses"], lease_seconds=1), 200)
        eventually(lambda: api.claim(kinds=["lapses"]).status_code == 200, "the lease is over for the other one, too")
    finally:
        second.stop()
    assert "nothing is swept" in second.stderr() and "nothing is swept" not in first.stderr()


@on_pg
@no_sanitizer
def test_a_clock_that_is_set_changes_nothing(make, own_clock):
    environment, set_ahead = own_clock
    server = make(sweep_interval="1h")
    server.environment.update(environment)
    api = server.start().api()
    result = api.publish("live", INLINE, expires_in=600)["id"]
    server.wait_for_sweeper()
    set_ahead(3600)
    assert api.get(f"/results/{result}/content").status_code == 200
    assert "ahead of" in expect(server.get("/-/ready"), 200)["warning"]
    assert api.get(f"/results/{result}/content").status_code == 200


# ---- backups of several nodes -----------------------------------------------------------------------------


@contextlib.contextmanager
def holding(server, function):
    """Another session has the lock of the files."""
    with subprocess.Popen(
        ["psql", "-XqtA", "-d", server.db], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        other.stdin.write(f"SELECT 'locked' FROM {function}({FILES_LOCK});\n")
        other.stdin.flush()
        assert other.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            other.kill()


@on_pg
def test_no_node_removes_files_while_a_backup_is_read_elsewhere(make):
    server = make().start()
    api = server.api()
    file = server.blob_of(FILED) if api.publish("gone", FILED) else None
    with holding(server, "pg_advisory_lock_shared"):
        expect(api.delete(f"/results/{file.name}?permanent=true"), 204)
        after = server.metric("resultd_sweeps_total") + 2
        eventually(lambda: server.metric("resultd_sweeps_total") > after, "it sweeps")
        assert file.exists()
    eventually(lambda: not file.exists(), "the file goes")


@on_pg
def test_a_backup_waits_for_a_sweeper_elsewhere_and_then_holds_them_all(make, tmp_path):
    server = make(sweep_interval="1h").start()
    result = server.api().publish("kept", FILED)["id"]
    server.wait_for_sweeper()
    with holding(server, "pg_advisory_lock"):
        running = subprocess.Popen([BINARY, "backup", tmp_path / "copy", *server.where()], env=clean_environment())
        time.sleep(1.5)
        assert running.poll() is None and not list((tmp_path / "copy").rglob("resultd.db"))
    assert running.wait(PATIENCE) == 0
    assert (tmp_path / "copy" / "blobs" / result[24:26] / result).read_bytes() == FILED
