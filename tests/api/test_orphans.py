# SPDX-License-Identifier: Apache-2.0
"""Files without a row, in a bucket of several servers where there are several: what was acknowledged is there, however
late its row came; what nobody needs goes, by one of them; and what cannot be garbage stays."""

import datetime
import random
import time

import pytest
from faulty_s3 import Object, hang, late
from harness import ENGINE, Server, eventually, expect, problem, sha256

PART = 8 << 20
LARGE = bytes(random.Random(3).randbytes(PART + 12345))
TABLE = ("id,name\n" + "".join(f"{i},name {i}\n" for i in range(20_000))).encode()
QUICK = {"sweep_interval": "1s", "orphan_grace": "2s", "inline_limit": "1KiB"}
several = pytest.mark.skipif(ENGINE != "pg", reason="needs PostgreSQL: RESULTD_TEST_DB=pg")


@pytest.fixture
def serve(store, tmp_path_factory):
    """serve(…): as many servers as the database bears, of one bucket."""
    made = []

    def start(count=2 if ENGINE == "pg" else 1, **settings):
        for _ in range(count):
            folder = tmp_path_factory.mktemp("node")
            beside = made[0] if made else None
            node = Server(folder, environment=store.environment, beside=beside, blobs=store.url, **{**QUICK, **settings})
            made.append(node)
            node.start()
        return made

    yield start
    for node in made:
        if node.process:
            node.stop()
    made[0].forget()


def keys(store):
    with store.lock:
        return {key.rsplit("/", 1)[-1] for key in store.blobs}


def leave_orphan(store, beside, number=0, age=0):
    key = f"{beside[:26]}{number:010x}"
    time_ = store.now() - datetime.timedelta(seconds=age)
    with store.lock:
        store.objects[f"some/where/{key[24:26]}/{key}"] = Object(b"x", '"x"', {}, time_)
    return key


def searches(servers):
    return sum(server.metric("resultd_orphan_searches_total") for server in servers)


def wait_for_searches(servers, count=2):
    before = searches(servers)
    eventually(lambda: searches(servers) >= before + count, "there were other searches")


def test_what_is_published_slowly_is_there_though_its_object_looks_old(store, serve):
    servers = serve(orphan_grace="20s", sweep_interval="1s")
    api = servers[0].api()
    store.fail("POST", late(8), where="uploadId")

    def slowly():
        for at in range(0, len(LARGE), 1 << 20):
            yield LARGE[at : at + (1 << 20)]
            time.sleep(0.1)

    result = expect(api.post("/results", params={"name": "slow"}, data=slowly()), 201)
    assert api.content(result["id"]).content == LARGE
    assert all(node.sql("SELECT count(*) FROM doomed_blob")[0][0] in (0, "0") for node in servers)


def test_who_is_later_than_the_grace_is_told_to_send_it_again(store, serve):
    servers = serve()
    api = servers[0].api()
    store.fail("POST", late(12), where="uploadId")
    refused = api.try_publish("late", LARGE)
    problem(refused, 503, code="storage")
    assert "Retry-After" in refused.headers
    assert keys(store) == set(), "it was removed while its row was waited for"
    assert "was doomed as an orphan" in servers[0].stderr()
    again = api.publish("late", LARGE)
    assert again["sha256"] == sha256(LARGE)
    wait_for_searches(servers, 3)
    assert api.content(again["id"]).content == LARGE
    assert keys(store) == {again["id"]}
    for server in servers:
        assert server.command("check", **store.environment).returncode == 0


def test_an_object_goes_only_when_it_was_seen_for_the_grace(store, serve):
    """Whatever its own date says."""
    servers = serve(orphan_grace="8s")
    result = servers[0].api().publish("a", LARGE)["id"]
    orphan, began = leave_orphan(store, result, age=86400), time.monotonic()
    eventually(lambda: keys(store) == {result}, "the orphan goes")
    assert time.monotonic() - began >= 7.9
    told = f'"a file without a row was removed" key={orphan}'
    eventually(lambda: any(told in node.stderr() for node in servers), "the operator is told")


@several
def test_one_of_the_servers_searches_and_another_one_when_it_is_dead(store, serve):
    servers = serve()
    result = servers[0].api().publish("a", LARGE)["id"]
    wait_for_searches(servers, 3)
    (leader,) = [node for node in servers if searches([node]) > 0]
    (other,) = [node for node in servers if node is not leader]
    leader.kill()
    leave_orphan(store, result)
    eventually(lambda: keys(store) == {result}, "the other one removes it")
    assert searches([other]) > 0


@several
def test_who_stops_in_order_hands_on_at_once(store, serve):
    servers = serve(sweep_interval="1m", orphan_grace="1s")  # a time of more than three minutes
    eventually(lambda: servers[0].sql("SELECT node FROM removal")[0][0] != "", "one of them has it")
    (till,) = servers[0].sql("SELECT till FROM removal")[0]
    assert float(till) / 1e6 > time.time() + 120
    (node,) = servers[0].sql("SELECT node FROM removal")[0]
    for server in servers:
        server.stop()
    assert servers[0].sql("SELECT till FROM removal") == [["0"]]
    servers[1].start()
    eventually(lambda: servers[1].sql("SELECT node FROM removal")[0][0] != node, "the next one takes it")


def test_implausibly_many_orphans_are_left_and_told_of(store, serve):
    server = serve(count=1, orphan_limit=20)[0]
    api = server.api()
    result = api.publish("a", LARGE)["id"]
    orphans = {leave_orphan(store, result, number) for number in range(25)}
    eventually(lambda: server.metric("resultd_orphans_held") == 25, "the metric shows it")
    wait_for_searches([server], 3)
    assert keys(store) == orphans | {result}
    assert "none of them is removed" in server.stderr() and "orphans=25 files=26" in server.stderr()
    check = server.command("check", **store.environment)
    assert "held orphans: the server found 25 orphans among 26 files" in check.stdout
    server.stop()
    server.settings["orphan_limit"] = 25
    server.start()
    eventually(lambda: keys(store) == {result}, "they go once they may")
    eventually(lambda: server.metric("resultd_sweep_orphans_total") == 25, "all of them are counted")
    wait_for_searches([server], 1)
    assert server.metric("resultd_orphans_held") == 0
    assert "held" not in server.command("check", **store.environment).stdout


def test_a_bucket_that_hangs_does_not_hold_up_expiry(store, serve):
    server = serve(count=1, bucket_silence="20s")[0]
    api = server.api()
    wait_for_searches([server], 1)
    lists = store.count("GET", "list-type")
    store.fail("GET", hang(20), times=1000, where="list-type")
    eventually(lambda: store.count("GET", "list-type") > lists, "the search hangs")
    api.publish("short", b"inline", expires_in=1)
    expired = "SELECT count(*) FROM result WHERE state = 'expired'"
    eventually(lambda: int(server.sql(expired)[0][0]) == 1, "it is expired", patience=10)
    store.heal()


def test_a_download_outlives_what_the_cache_drops(store, serve):
    """Its object stays for a while, wherever it is read."""
    servers = serve(cache_limit="400KiB", bucket_removal_delay="6s", converters="1")
    api = servers[0].api()
    table = api.publish("t.csv", TABLE, headers={"Content-Type": "text/csv"})["id"]

    def convert(form):
        before = keys(store)
        answer = api.get(f"/results/{table}/content", params={"format": form})
        assert answer.status_code == 200
        return eventually(lambda: keys(store) - before, f"{form} is kept").pop()

    first = convert("json")
    convert("ndjson")
    dropped, began = "SELECT count(*) FROM representation WHERE key = '%s'", time.monotonic()
    eventually(lambda: int(servers[0].sql(dropped % first)[0][0]) == 0, "the first made room")
    assert first in keys(store)
    eventually(lambda: first not in keys(store), "it goes in the end")
    assert time.monotonic() - began > 4
