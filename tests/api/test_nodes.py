# SPDX-License-Identifier: Apache-2.0
"""Several servers on one PostgreSQL and the same bytes: what is done once is done by one of them, wherever it is asked
for; and what one of them does is seen by the others at once."""

import collections
import concurrent.futures
import signal
import threading
import time

import pytest
from harness import ENGINE, PATIENCE, Server, eventually, expect, problem
from ricloud_client import Ricloud

pytestmark = pytest.mark.skipif(ENGINE != "pg", reason="needs PostgreSQL: RESULTD_TEST_DB=pg")

FORMATS = ("json", "ndjson", "csv", "tsv", "xlsx")
LONG = 400_000  # rows that take some seconds as a spreadsheet


def csv(rows, salt=""):
    lines = "".join(f"{i},name {i} {salt},{i * 7919 % 100003}.25\n" for i in range(rows))
    return ("id,name,value\n" + lines).encode()


@pytest.fixture
def nodes(tmp_path_factory):
    """nodes(n, …): n servers with folders of their own, the bytes in one that all reach or in one bucket."""
    made = []

    def make(count, **settings):
        for _ in range(count):
            node = Server(tmp_path_factory.mktemp("node"), beside=made[0] if made else None, **settings)
            made.append(node)
            node.start()
        return made

    yield make
    for node in made:
        if node.process:
            node.signal(signal.SIGCONT)
            node.stop()
    made[0].forget()


def clients(servers):
    first = servers[0].api()
    return [first, *(server.api(project=first.project) for server in servers[1:])]


def metric(servers, name):
    return sum(server.metric(name) for server in servers)


def fetch(api, result, form):
    return api.clone().get(f"/results/{result}/content", params={"format": form})


def table(api, data, name="t.csv"):
    return api.publish(name, data, headers={"Content-Type": "text/csv"})["id"]


def claimed(server):
    return int(server.sql("SELECT count(*) FROM making")[0][0])


def test_a_format_asked_of_two_nodes_at_once_is_made_once(nodes):
    servers = nodes(2)
    apis = clients(servers)
    many = [table(apis[0], csv(20_000 + i)) for i in range(4)]
    wanted = [(api, result, form) for result in many for form in FORMATS for api in apis * 2]
    with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
        answers = list(pool.map(lambda w: fetch(*w), wanted))
    bodies = collections.defaultdict(set)
    for (_, result, form), answer in zip(wanted, answers):
        assert answer.status_code == 200, answer.text
        bodies[result, form].add(answer.content)
    assert all(len(different) == 1 for different in bodies.values())
    made = int(servers[0].sql("SELECT count(*) FROM representation")[0][0])
    assert metric(servers, "resultd_conversions_total") == made > 0
    assert metric(servers, "resultd_conversions_taken_over_total") > 0
    assert metric(servers, "resultd_conversion_failures_total") == 0
    eventually(lambda: claimed(servers[0]) == 0, "nothing is claimed any more")
    for server in servers:
        assert server.check().returncode == 0


def begin(apis, form="xlsx"):
    """A long making by the first node, that has claimed it."""
    result = table(apis[0], csv(LONG))
    pool = concurrent.futures.ThreadPoolExecutor(1)
    asked = pool.submit(lambda: fetch(apis[0], result, form))
    eventually(lambda: claimed(apis[0].server) == 1, "it is claimed")
    return result, asked


def test_a_making_outlives_its_lease_by_renewing_it(nodes):
    servers = nodes(2, conversion_lease="3s", conversion_wait="2m")
    apis = clients(servers)
    result, asked = begin(apis)
    taken = fetch(apis[1], result, "xlsx")
    assert taken.status_code == 200, taken.text
    assert taken.content == asked.result().content
    assert metric(servers[:1], "resultd_conversions_total") == 1
    assert metric(servers[1:], "resultd_conversions_total") == 0


def test_what_a_killed_node_was_making_is_made_by_another(nodes):
    servers = nodes(2, conversion_lease="3s")
    apis = clients(servers)
    result, asked = begin(apis)
    servers[0].kill()
    began = time.monotonic()
    answer = fetch(apis[1], result, "xlsx")
    assert answer.status_code == 200, answer.text
    assert time.monotonic() - began > 1, "it was not claimed by the dead one"
    with pytest.raises(Exception):  # noqa: B017  # the connection broke
        asked.result()
    assert metric(servers[1:], "resultd_conversions_total") == 1
    eventually(lambda: claimed(servers[1]) == 0, "nothing is claimed any more")


def test_nobody_waits_for_another_node_for_long(nodes):
    servers = nodes(2, conversion_lease="1h", conversion_wait="2s", db_timeout="3s")
    apis = clients(servers)
    result, asked = begin(apis)
    servers[0].signal(signal.SIGSTOP)
    began = time.monotonic()
    answer = fetch(apis[1], result, "xlsx")
    problem(answer, 503)
    assert "Retry-After" in answer.headers
    assert 1.5 < time.monotonic() - began < 10
    other = fetch(apis[1], result, "ndjson")  # which nobody has claimed
    assert other.status_code == 200 and len(other.content.splitlines()) == LONG
    servers[0].signal(signal.SIGCONT)
    assert asked.result().status_code == 200
    assert fetch(apis[1], result, "xlsx").content == asked.result().content


def test_a_format_whose_bytes_are_gone_is_made_anew(nodes):
    servers = nodes(2)
    apis = clients(servers)
    result = table(apis[0], csv(5000))
    before = servers[0].files()
    first = fetch(apis[0], result, "json").content
    made = eventually(lambda: servers[0].files() - before, "its bytes are kept")
    eventually(lambda: servers[0].sql("SELECT count(*) FROM representation")[0][0] == "1", "it is kept")
    for path in made:
        path.unlink()
    assert fetch(apis[1], result, "json").content == first
    assert metric(servers[1:], "resultd_conversions_total") == 1


def watch_events(server, end, seen):
    """What somebody reads who asks for events behind the last one, again and again."""
    last = 0
    while True:
        over = end.is_set()
        numbers = [int(row[0]) for row in server.sql(f"SELECT seq FROM event WHERE seq > {last} ORDER BY seq")]
        if numbers != list(range(last + 1, last + 1 + len(numbers))):
            seen.append((last, numbers))
            return
        last += len(numbers)
        if over:
            seen.append(last)
            return


def test_three_nodes_sweep_claim_and_convert_at_once(nodes):
    servers = nodes(3, sweep_interval="1s", sweep_batch="7")
    apis = clients(servers)
    end, seen = threading.Event(), []
    watcher = threading.Thread(target=watch_events, args=(servers[0], end, seen))
    watcher.start()
    tables = [table(apis[0], csv(15_000 + i)) for i in range(3)]
    jobs = {apis[i % 3].job(kind="work")["id"] for i in range(150)}
    doomed = {apis[i % 3].publish(f"d{i}", b"x", expires_in=2)["id"] for i in range(150)}

    def claim_all(api):
        found = []
        while (answer := api.claim(kinds=["work"])).status_code == 200:
            found.append(answer.json()["id"])
        assert answer.status_code == 204, answer.text
        return found

    with concurrent.futures.ThreadPoolExecutor(60) as pool:
        claims = [pool.submit(claim_all, api.clone()) for api in apis * 2]
        formats = [pool.submit(fetch, api, t, form) for t in tables for form in FORMATS for api in apis]
        assert {answer.result().status_code for answer in formats} == {200}
        taken = [job for some in claims for job in some.result()]
    assert sorted(taken) == sorted(jobs)

    expired = "SELECT object FROM event WHERE type = 'result.expired'"
    eventually(lambda: len(servers[0].sql(expired)) >= len(doomed), "all are expired", 2 * PATIENCE)
    time.sleep(2)  # of further rounds, which find nothing
    end.set()
    watcher.join()
    assert isinstance(seen[0], int) and seen[0] > 600, seen
    told = collections.Counter(row[0] for row in servers[0].sql(expired))
    assert set(told) == doomed and set(told.values()) == {1}
    swept = [server.metric("resultd_sweep_expired_total") for server in servers]
    assert sum(swept) == len(doomed)
    kept = int(servers[0].sql("SELECT count(*) FROM representation")[0][0])
    assert metric(servers, "resultd_conversions_total") == kept > 0
    running = [row for row in servers[0].sql("SELECT object FROM event WHERE type = 'job.running'")]
    assert len(running) == len({row[0] for row in running}) == len(jobs)
    assert all(server.check().returncode == 0 for server in servers)


def test_leases_that_lapse_lapse_once(nodes):
    servers = nodes(3, sweep_interval="1s")
    apis = clients(servers)
    jobs = {apis[i % 3].job(kind="work")["id"] for i in range(40)}
    for _ in jobs:
        expect(apis[0].claim(kinds=["work"], lease_seconds=10), 200)  # all of them are claimed before one lapses
    lapsed = "SELECT object FROM event WHERE type = 'job.queued'"

    def again():
        return collections.Counter(row[0] for row in servers[0].sql(lapsed))

    eventually(lambda: sum(again().values()) >= 2 * len(jobs), "all leases have lapsed")
    time.sleep(2)
    assert set(again()) == jobs and set(again().values()) == {2}  # made, and lapsed


def test_who_waits_sees_what_another_node_commits(nodes):
    servers = nodes(2)
    apis = clients(servers)
    clients_of_both = [Ricloud(api) for api in apis]
    user = clients_of_both[0].make("/users", identifier="u")["id"]
    task = clients_of_both[0].make("/polls", payload={}, session=None, user=user)["tasks_pending"][0]
    clients_of_both[1].session.headers["Ricloud-Await"] = "10"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(clients_of_both[1].get, f"/tasks/{task}")
        time.sleep(1)
        assert not waiting.done()
        claim = expect(apis[0].claim(), 200)
        expect(apis[0].move(claim["id"], "finish", lease=claim["lease"]), 200)
        began = time.monotonic()
        assert expect(waiting.result(), 200)["state"] == "succeeded"
        assert time.monotonic() - began < 2
