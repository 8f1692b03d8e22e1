# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: what happens when it goes away, stops answering or comes back, under load; and several nodes on one."""

import collections
import concurrent.futures
import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

import pytest
import requests
from harness import CHECKOUT, ENGINE, INLINE, PATIENCE, PG_LOCK, Server, eventually, expect, problem, program

pytestmark = pytest.mark.skipif(ENGINE != "pg", reason="needs PostgreSQL: RESULTD_TEST_DB=pg")

TIMEOUT = 2  # seconds, of the servers here
LONGEST = TIMEOUT + 5 + 1 + 2 + 4  # with a lock waited for, grace, connecting, and a slow machine


def script(name, *arguments):
    subprocess.run([CHECKOUT / "tests" / "services" / name, *arguments], check=True)


class Cluster:
    """A PostgreSQL of this test alone, which it may kill; a standby of another one if there is a `primary`."""

    def __init__(self, folder, primary=None):
        self.folder = folder
        script(*(["pg-standby.sh", folder, primary.folder] if primary else ["pg-up.sh", folder]))
        lines = (folder / "pg.env").read_text().split()
        self.environment = dict(line.split("=", 1) for line in lines)

    def processes(self):
        leader = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        if not running(leader):
            return []
        children = pathlib.Path(f"/proc/{leader}/task/{leader}/children").read_text().split()
        return [leader, *map(int, children)]

    def signal(self, number):
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        pids = self.processes()
        self.signal(signal.SIGKILL)
        eventually(lambda: not any(running(pid) for pid in pids), "PostgreSQL has ended")

    def start(self):
        """Those of its processes that were being made when it was killed may need a moment to end, too."""

        def started():
            try:
                script("pg-start.sh", self.folder)
            except subprocess.CalledProcessError:
                return False
            return True

        eventually(started, "PostgreSQL starts")

    def sql(self, text):
        done = subprocess.run(
            ["psql", "-XqtA", "-d", "postgres", "-c", text],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        return done.stdout.splitlines()

    @contextlib.contextmanager
    def locked(self):
        """Another session has the lock of all that write."""
        with subprocess.Popen(
            ["psql", "-XqtA", "-d", "postgres"],
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as other:
            other.stdin.write(PG_LOCK)
            other.stdin.flush()
            assert other.stdout.readline() == "locked\n"
            try:
                yield
            finally:
                other.stdin.close()


def running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.fixture
def cluster():
    with tempfile.TemporaryDirectory(prefix="resultd-pg-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL is another user than root, and must reach its folder
        made = Cluster(pathlib.Path(folder) / "pg")
        yield made
        made.signal(signal.SIGCONT)
        script("pg-down.sh", made.folder)


@pytest.fixture
def node(cluster, tmp_path_factory):
    """Makes servers on that cluster."""
    made = []

    def make(**settings):
        server = Server(
            tmp_path_factory.mktemp("node"),
            environment=cluster.environment,
            beside=made[0] if made else None,
            db="postgresql:///postgres",
            db_timeout=f"{TIMEOUT}s",
            db_connect_timeout="2s",
            **settings,
        )
        made.append(server)
        return server.start()

    yield make
    for server in made:
        server.stop()


class Load:
    """Clients that publish and acknowledge until told to stop, and keep what they were told."""

    def __init__(self, apis, clients=6):
        self.apis = apis
        self.end = threading.Event()
        self.lock = threading.Lock()
        self.published = {}
        self.acknowledged = set()
        self.statuses = collections.Counter()
        self.slowest = 0.0
        self.wrong = []
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def call(self, function, *arguments, **members):
        began = time.monotonic()
        answer = function(*arguments, **members)
        with self.lock:
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.statuses[answer.status_code] += 1
            if answer.status_code >= 300 and (answer.status_code != 503 or "Retry-After" not in answer.headers):
                self.wrong.append(answer.text)
        return answer

    def run(self, number):
        api = self.apis[number % len(self.apis)].clone()
        count = 0
        while not self.end.is_set():
            name = f"c{number}-{count}"
            count += 1
            made = self.call(api.try_publish, name, INLINE + name.encode())
            if made.status_code != 201:
                time.sleep(0.05)
                continue
            with self.lock:
                self.published[made.json()["id"]] = name
            if self.call(api.ack, made.json()["id"]).status_code == 200:
                with self.lock:
                    self.acknowledged.add(made.json()["id"])

    def stop(self):
        self.end.set()
        for thread in self.threads:
            thread.join()
        assert not self.wrong, self.wrong[:3]
        assert self.slowest < LONGEST, self.slowest

    def written(self):
        with self.lock:
            return len(self.acknowledged)


def nothing_lost(cluster, api, load):
    """Whatever was acknowledged is there, each event has the next number, the sums are right."""
    there = {row["id"]: row["state"] for row in api.walk("/results", state="any", limit=200)}
    assert set(load.published) <= set(there)
    assert all(there[result] == "consumed" for result in load.acknowledged)
    for result in list(load.published)[:20]:
        assert api.content(result).content == INLINE + load.published[result].encode()
    numbers = list(map(int, cluster.sql("SELECT seq FROM event ORDER BY seq")))
    assert numbers == list(range(1, len(numbers) + 1))
    events = collections.Counter(cluster.sql("SELECT type || ' ' || object FROM event WHERE type LIKE 'result.%'"))
    assert set(events.values()) == {1}
    assert {f"result.consumed {result}" for result in load.acknowledged} <= set(events)
    done = api.server.check()
    assert done.returncode == 0, done.stdout


def goes_on(load, since):
    eventually(lambda: load.written() > since + 20, "writing goes on")


def test_a_killed_database_loses_nothing_and_is_found_again(cluster, node):
    api = node().api()
    load = Load([api])
    for _ in range(3):
        goes_on(load, load.written())
        cluster.kill()
        with pytest.raises(AssertionError):
            expect(api.server.get("/-/ready"), 200)
        time.sleep(0.5)
        cluster.start()
    goes_on(load, load.written())
    load.stop()
    assert load.statuses[503] > 0
    nothing_lost(cluster, api, load)


def test_a_database_that_stops_answering_holds_nobody_for_long(cluster, node):
    api = node().api()
    result = api.publish("kept")["id"]
    load = Load([api])
    goes_on(load, 0)
    cluster.signal(signal.SIGSTOP)
    began = time.monotonic()
    problem(api.get(f"/results/{result}"), 503)
    problem(api.post("/jobs", json={"kind": "a"}), 503)
    assert time.monotonic() - began < 2 * LONGEST
    assert requests.get(api.server.url + "/-/live", timeout=PATIENCE).status_code == 200
    cluster.signal(signal.SIGCONT)
    goes_on(load, load.written())
    load.stop()
    assert api.result(result)["name"] == "kept"
    nothing_lost(cluster, api, load)


def test_connections_that_end_are_made_anew_and_commits_are_looked_up(cluster, node):
    api = node().api()
    load = Load([api])
    for _ in range(40):
        time.sleep(0.1)
        cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'resultd'")
    goes_on(load, load.written())
    load.stop()
    # Each of these can be retried, or looked up: nobody has to be told of it.
    assert load.statuses[503] == 0, load.statuses
    nothing_lost(cluster, api, load)


def test_a_migration_may_take_longer_than_any_request(cluster, tmp_path):
    """Another node that starts meanwhile waits for it."""
    cluster.sql(
        "CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$"
        " BEGIN IF NOT EXISTS (SELECT FROM pg_class WHERE relname = 'slept') THEN"
        f" CREATE TABLE slept (at int); PERFORM pg_sleep({3 * TIMEOUT}); END IF; END $$"
    )
    cluster.sql("CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION slow()")
    settings = {"db": "postgresql:///postgres", "db_timeout": f"{TIMEOUT}s", "db_busy_timeout": "1s"}
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    first = Server(folders[0], environment=cluster.environment, secret_key_file=str(tmp_path / "key"), **settings)
    (first.data / "blobs").mkdir(parents=True)
    second = Server(folders[1], environment=cluster.environment, beside=first, **settings)
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        nodes = list(pool.map(Server.start, (first, second)))
    assert time.monotonic() - began > 3 * TIMEOUT, "no step was slow"
    for one in nodes:
        one.api().publish("a")
        one.stop()


def test_a_node_that_is_stopped_in_the_middle_does_not_hold_the_others(cluster, node):
    first, second = node(), node(db_busy_timeout="1s")
    api = first.api()
    beside = second.api(project=api.project)
    load = Load([api])
    for _ in range(5):
        goes_on(load, load.written())
        first.signal(signal.SIGSTOP)
        eventually(lambda: beside.post("/jobs", json={"kind": "a"}).status_code == 201, "the other node writes")
        first.signal(signal.SIGCONT)
    load.stop()
    nothing_lost(cluster, api, load)


def test_nodes_share_jobs_and_number_events_without_gaps(cluster, node):
    api = node().api()
    beside = node().api(project=api.project)
    jobs = {api.job()["id"] for _ in range(120)}
    load = Load([api, beside], clients=4)

    def claim_all(client):
        claimed = []
        while (answer := client.claim()).status_code == 200:
            claimed.append(answer.json()["id"])
        assert answer.status_code == 204, answer.text
        return claimed

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(claim_all, [api.clone(), beside.clone(), api.clone(), beside.clone()]))
    load.stop()
    claimed = [job for some in claims for job in some]
    assert sorted(claimed) == sorted(jobs)
    made = beside.publish("seen at once")["id"]
    assert api.result(made)["name"] == "seen at once"
    nothing_lost(cluster, api, load)


def test_a_newer_schema_is_refused_at_the_start_and_served_while_running(cluster, node):
    running_node = node()
    api = running_node.api()
    cluster.sql("INSERT INTO schema_migration VALUES (999, 'of tomorrow', '', 0)")
    cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'resultd'")
    assert api.job()["status"] == "queued"
    done = program("check", *running_node.where(), **cluster.environment)
    assert done.returncode != 0 and "newer" in done.stderr


def test_a_password_is_not_said(cluster, tmp_path):
    wrong = {**cluster.environment, "PGPASSWORD": "open sesame"}
    done = program("project", "create", "p", "--data", tmp_path / "d", "--db", "postgresql:///postgres", **wrong)
    assert done.returncode != 0
    assert "cannot be reached" in done.stderr and "open sesame" not in done.stderr
