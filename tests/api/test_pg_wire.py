# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL behind a network that cuts and swallows, beside sessions that disturb, and on two hosts of which one takes
over: what a client is told is what has happened, and soon."""

import concurrent.futures
import contextlib
import pathlib
import signal
import time

import pytest
import requests
from harness import ENGINE, INLINE, PATIENCE, Server, eventually, expect, problem
from pg_proxy import Proxy
from test_pg import LONGEST, TIMEOUT, Cluster, cluster, script  # noqa: F401  # a fixture among them

pytestmark = pytest.mark.skipif(ENGINE != "pg", reason="needs PostgreSQL: RESULTD_TEST_DB=pg")


@pytest.fixture
def proxy(cluster):  # noqa: F811
    between = Proxy(cluster.environment["PGHOST"], int(cluster.environment["PGPORT"]))
    yield between
    between.close()


@pytest.fixture
def node(cluster, tmp_path_factory):  # noqa: F811
    """Makes servers on that cluster, behind the proxy if there is one."""
    made = []

    def make(behind=None, db="dbname=postgres", **settings):
        plain = "sslmode=disable gssencmode=disable"  # else each attempt to connect is several
        where = f"host=127.0.0.1 port={behind.port} dbname=postgres {plain}" if behind else db
        folder = tmp_path_factory.mktemp("node")
        limits = {"db_timeout": f"{TIMEOUT}s", "db_connect_timeout": "2s", **settings}
        made.append(Server(folder, environment=cluster.environment, db=where, **limits))
        return made[-1].start()

    yield make
    for server in made:
        server.stop()


def count(cluster, what):  # noqa: F811
    return int(cluster.sql(f"SELECT count(*) FROM {what}")[0])


def events_are_gapless(cluster):  # noqa: F811
    numbers = list(map(int, cluster.sql("SELECT seq FROM event ORDER BY seq")))
    assert numbers == list(range(1, len(numbers) + 1))


# ---- a commit whose answer does not come ------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_lost_around_a_commit_is_nobodys_concern(cluster, proxy, node, when):  # noqa: F811
    api = node(proxy).api()
    for number in range(1, 6):
        proxy.cut, proxy.of = when, b"once"
        assert api.job(kind="once")["status"] == "queued"
        assert proxy.cuts == number, "the proxy has not seen a commit"
        assert count(cluster, "job") == number
    events_are_gapless(cluster)


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_cannot_be_looked_up_is_said_to_be_unknown(cluster, proxy, node, when):  # noqa: F811
    api = node(proxy).api()
    proxy.cut, proxy.of, proxy.then = when, b"once", proxy.refuse
    began = time.monotonic()
    answer = api.post("/jobs", json={"kind": "once"})
    problem(answer, 503, "outcome_unknown")
    assert "Retry-After" in answer.headers
    assert time.monotonic() - began < LONGEST
    assert count(cluster, "job") == (1 if when == "after" else 0)
    proxy.refuses = False
    eventually(lambda: api.post("/jobs", json={"kind": "more"}).status_code == 201, "it is found again")
    events_are_gapless(cluster)


# ---- away -------------------------------------------------------------------------------------------------


def test_a_database_that_is_away_is_asked_for_with_pauses(proxy, node):
    server = node(proxy, read_queue_timeout="2s")
    api = server.api()
    result = api.publish("kept")["id"]
    proxy.refuse()
    before, until, slowest = proxy.came, time.monotonic() + 4, 0.0

    def ask(number):
        client, slow = api.clone(), 0.0
        while time.monotonic() < until:
            began = time.monotonic()
            answer = client.get(f"/results/{result}") if number % 2 else client.post("/jobs", json={"kind": "a"})
            assert answer.status_code == 503 and "Retry-After" in answer.headers, answer.text
            slow = max(slow, time.monotonic() - began)
        return slow

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        slowest = max(pool.map(ask, range(24)))
    # 16 readers, the writer, the sweeper and what shares formats: each at most a dozen times in so many seconds.
    assert 5 < proxy.came - before < 19 * 12, proxy.came - before
    assert slowest < 5
    proxy.refuses = False
    began = time.monotonic()
    eventually(lambda: api.get(f"/results/{result}").status_code == 200, "it reads again")
    eventually(lambda: api.post("/jobs", json={"kind": "a"}).status_code == 201, "it writes again")
    assert time.monotonic() - began < 5


def test_a_network_that_swallows_everything_holds_nobody_for_long(proxy, node):
    server = node(proxy)
    api = server.api()
    result = api.publish("kept")["id"]
    proxy.swallows = True
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        reads = [pool.submit(api.clone().get, f"/results/{result}") for _ in range(6)]
        writes = [pool.submit(api.clone().post, "/jobs", json={"kind": "a"}) for _ in range(6)]
        for answer in reads + writes:
            problem(answer.result(), 503)
    assert time.monotonic() - began < LONGEST
    assert requests.get(server.url + "/-/live", timeout=PATIENCE).status_code == 200
    proxy.swallows = False
    eventually(lambda: api.post("/jobs", json={"kind": "a"}).status_code == 201, "it writes again")


def test_a_view_of_several_statements_begins_on_a_new_connection(cluster, node):  # noqa: F811
    """An archive takes one, on a connection that has ended since it was last used."""
    api = node(readers=1, senders=1).api()
    job = api.job()["id"]
    for name in ("a", "b"):
        api.upload(job, name, INLINE)
    for _ in range(4):
        assert expect(api.get(f"/jobs/{job}"), 200)["id"] == job
        cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'resultd'")
        time.sleep(0.1)
        answer = api.get(f"/jobs/{job}/archive.zip")
        assert answer.status_code == 200 and answer.content.count(INLINE) == 2, answer.text


# ---- the queue of the writer ------------------------------------------------------------------------------


def test_a_request_waits_for_the_writer_within_its_time(cluster, node):  # noqa: F811
    server = node(db_busy_timeout="2s", write_queue_timeout="3s", write_batch_limit="1")
    api = server.api()
    with cluster.locked():
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            asked = [pool.submit(api.clone().post, "/jobs", json={"kind": "a"}) for _ in range(30)]
            for answer in asked:
                problem(answer.result(), 503)
                assert "Retry-After" in answer.result().headers
        assert time.monotonic() - began < 8  # one after the other would have waited for a minute
    assert server.metric("resultd_writes_refused_total") > 20
    eventually(lambda: api.post("/jobs", json={"kind": "b"}).status_code == 201, "it writes again")
    assert count(cluster, "job WHERE kind = 'a'") == 0


# ---- what PostgreSQL itself ends --------------------------------------------------------------------------


def fuse(cluster, body, times):  # noqa: F811
    """The next so many inserts of jobs do this first, whatever becomes of their transactions."""
    cluster.sql(
        f"""CREATE SEQUENCE fuse; CREATE FUNCTION burn() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF nextval('fuse') <= {times} THEN {body}; END IF; RETURN new; END $$;
        CREATE TRIGGER burns BEFORE INSERT ON job FOR EACH ROW EXECUTE FUNCTION burn()"""
    )


@pytest.mark.parametrize("state", ["serialization_failure", "deadlock_detected"])
def test_a_transaction_that_may_succeed_if_repeated_is_repeated(cluster, node, state):  # noqa: F811
    api = node().api()
    fuse(cluster, f"RAISE EXCEPTION 'not now' USING ERRCODE = '{state}'", 2)
    assert api.job(kind="once")["status"] == "queued"
    assert int(cluster.sql("SELECT last_value FROM fuse")[0]) == 3
    assert count(cluster, "job") == 1
    events_are_gapless(cluster)


def test_a_statement_that_takes_too_long_is_ended_on_the_server_too(cluster, node):  # noqa: F811
    """Else it would have the lock until it is done, and nobody could write."""
    api = node(db_busy_timeout="30s").api()
    fuse(cluster, "PERFORM pg_sleep(60)", 2)  # once more, in case that another request of its commit was slow
    began = time.monotonic()
    problem(api.post("/jobs", json={"kind": "slow"}), 503)
    assert time.monotonic() - began < 2 * LONGEST
    began = time.monotonic()
    eventually(lambda: api.post("/jobs", json={"kind": "next"}).status_code == 201, "it writes again")
    assert time.monotonic() - began < 2
    assert cluster.sql("SELECT kind FROM job") == ["next"]


# ---- two hosts --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def standby_of(cluster):  # noqa: F811
    made = Cluster(pathlib.Path(f"{cluster.folder}-standby"), primary=cluster)
    try:
        yield made
    finally:
        made.signal(signal.SIGCONT)
        script("pg-down.sh", made.folder)


def test_a_commit_is_not_there_before_the_standby_has_it(cluster, node):  # noqa: F811
    """A primary shows what it has committed alone as soon as the wait for its standby is interrupted."""
    server = node(db_busy_timeout="30s", db_timeout="10s")
    api = server.api()
    with standby_of(cluster) as standby, concurrent.futures.ThreadPoolExecutor(1) as pool:
        cluster.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        cluster.sql("SELECT pg_reload_conf()")
        api.job(kind="first")
        standby.signal(signal.SIGSTOP)
        answer = pool.submit(api.post, "/jobs", json={"kind": "second"})
        waiting = "pg_stat_activity WHERE wait_event = 'SyncRep'"
        eventually(lambda: count(cluster, waiting) == 1, "its commit waits for the standby")
        cluster.sql(f"SELECT pg_terminate_backend(pid) FROM {waiting}")
        eventually(lambda: count(cluster, "job") == 2, "the primary has it")
        with pytest.raises(concurrent.futures.TimeoutError):
            answer.result(1)
        standby.signal(signal.SIGCONT)
        assert expect(answer.result(), 201)["kind"] == "second"
        eventually(lambda: count(standby, "job") == 2, "the standby shows it, too")
        server.stop()


def test_the_host_that_takes_writes_is_found_after_a_failover(cluster, node):  # noqa: F811
    with standby_of(cluster) as standby:
        hosts = f"host=127.0.0.1,127.0.0.1 port={standby.environment['PGPORT']},{cluster.environment['PGPORT']}"
        server = node(db=f"{hosts} dbname=postgres")  # the standby comes first, and takes no writes
        api = server.api()
        result = api.publish("before")["id"]
        eventually(lambda: standby.sql(f"SELECT 1 FROM result WHERE id = '{result}'"), "it is replicated")
        cluster.kill()
        problem(api.post("/jobs", json={"kind": "a"}), 503)
        standby.sql("SELECT pg_promote()")
        began = time.monotonic()
        eventually(lambda: api.post("/jobs", json={"kind": "a"}).status_code == 201, "the other host writes")
        assert time.monotonic() - began < 10
        assert api.result(result)["name"] == "before"
        events_are_gapless(standby)
        server.stop()


# ---- a replica for what may be stale ----------------------------------------------------------------------


def stale(api, path, seconds, **parameters):
    return expect(api.get(path, params=parameters, headers={"Cache-Control": f"max-stale={seconds}"}), 200)


def names(page):
    return {row["name"] for row in page["data"]}


def test_a_replica_answers_who_bears_it_and_nobody_else(cluster, node):  # noqa: F811
    with standby_of(cluster) as standby:
        where = f"host=127.0.0.1 port={standby.environment['PGPORT']} dbname=postgres"
        server = node(db_replica=where, db_replica_age="6s")
        api = server.api()
        other = server.api(project=api.project)
        api.publish("first")

        def reads():
            return server.metric("resultd_replica_reads_total")

        def arrived():
            before = reads()
            return names(stale(api, "/results", 5)) == {"first"} and reads() == before + 1

        eventually(arrived, "the replica answers")
        assert reads() > 0
        before = reads()
        assert names(expect(api.get("/results"), 200)) == {"first"}
        assert names(stale(api, "/results", 0)) == {"first"}
        assert reads() == before, "who does not bear it was answered from the replica"

        began = time.monotonic()
        standby.sql("SELECT pg_wal_replay_pause()")
        eventually(lambda: standby.sql("SELECT pg_get_wal_replay_pause_state()") == ["paused"], "replay is paused")
        second = api.publish("second")["id"]
        assert names(stale(api, "/results", 5)) == {"first"}  # so this is the replica
        assert names(expect(api.get("/results"), 200)) == {"first", "second"}
        assert names(stale(api, "/results", 0)) == {"first", "second"}
        assert stale(api, f"/results/{second}", 5)["name"] == "second"  # which is not there yet
        server.succeed("key", "revoke", other.key[3:15])
        problem(other.get("/results", headers={"Cache-Control": "max-stale=5"}), 401)
        # However much a client would bear, db_replica_age is the limit.
        eventually(lambda: names(stale(api, "/results", 3600)) == {"first", "second"}, "it is too old")
        assert 4 < time.monotonic() - began < 12
        assert server.metric("resultd_replica_age_seconds") > 4

        standby.sql("SELECT pg_wal_replay_resume()")
        before = reads()
        eventually(lambda: stale(api, "/results", 5) and reads() > before, "it has caught up")
        standby.kill()
        for _ in range(10):
            assert names(stale(api, "/results", 3600)) == {"first", "second"}
            time.sleep(0.2)
        assert server.metric("resultd_replica_age_seconds") == -1
        server.stop()


def test_a_replica_that_hangs_holds_up_nobody_else(cluster, node):  # noqa: F811
    with standby_of(cluster) as standby, concurrent.futures.ThreadPoolExecutor(20) as pool:
        where = f"host=127.0.0.1 port={standby.environment['PGPORT']} dbname=postgres"
        server = node(db_replica=where, db_replica_age="1h", db_replica_timeout="5s", readers="4")
        api = server.api()
        api.publish("first")
        eventually(lambda: server.metric("resultd_replica_age_seconds") >= 0, "the replica can be read")
        standby.signal(signal.SIGSTOP)

        def slow(number):
            began = time.monotonic()
            assert names(stale(api.clone(), "/results", 3600)) == {"first"}
            return time.monotonic() - began

        asking = [pool.submit(slow, number) for number in range(16)]
        while not all(one.done() for one in asking):
            began = time.monotonic()
            expect(api.get("/results"), 200)
            assert time.monotonic() - began < 4, "it waited for the replica"
        assert max(one.result() for one in asking) < LONGEST
        assert server.metric("resultd_replica_age_seconds") == -1
        standby.signal(signal.SIGCONT)
        eventually(lambda: server.metric("resultd_replica_age_seconds") >= 0, "it is read again")
        server.stop()
