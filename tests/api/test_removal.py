# SPDX-License-Identifier: Apache-2.0
"""Removing what results have let go of, from a bucket: many objects by one request, in turn with backups, and by another
node when the one that does it hangs."""

import signal
import subprocess

import pytest
from faulty_s3 import late, status
from harness import BINARY, ENGINE, Server, clean_environment, eventually, expect

BYTES = bytes(4096)
QUICK = {"sweep_interval": "1s", "orphan_grace": "1h", "inline_limit": "1KiB", "bucket_removal_delay": "0"}
several = pytest.mark.skipif(ENGINE != "pg", reason="needs PostgreSQL: RESULTD_TEST_DB=pg")


@pytest.fixture
def serve(store, tmp_path_factory):
    made = []

    def start(**settings):
        folder = tmp_path_factory.mktemp("node")
        beside = made[0] if made else None
        node = Server(folder, environment=store.environment, beside=beside, blobs=store.url, **{**QUICK, **settings})
        made.append(node)
        return node.start()

    yield start
    store.heal()
    for node in made:
        if node.process:
            node.signal(signal.SIGCONT)
            node.stop()
    made[0].forget()


def keys(store):
    with store.lock:
        return {key.rsplit("/", 1)[-1] for key in store.blobs}


def back_up(store, server, name="copy"):
    """The command, while it runs."""
    words = ["backup", str(server.folder / name), *server.where(), "--blobs", store.url]
    return subprocess.Popen(
        [BINARY, *words], env=clean_environment(**store.environment), stderr=subprocess.PIPE, text=True
    )


def doom(server, beside, count):
    """So many more are to be removed."""
    rows = ",".join(f"('{beside[:26]}{number:010x}', 0)" for number in range(count))
    server.sql(f"INSERT INTO doomed_blob (key, retry_at) VALUES {rows}")


def doomed(server):
    return int(server.sql("SELECT count(*) FROM doomed_blob")[0][0])


def purge(api, *results):
    for result in results:
        expect(api.delete(f"/results/{result}?permanent=true"), 204)


def test_many_objects_go_by_one_request(store, serve):
    server = serve()
    api = server.api()
    stays, *gone = (api.publish(f"r{number}", BYTES)["id"] for number in range(20))
    kept = gone[0]
    with store.lock:
        store.kept = {key for key in store.objects if key.endswith(kept)}
    purge(api, *gone)
    eventually(lambda: keys(store) == {stays, kept}, "all go but the one that the bucket keeps")
    eventually(lambda: "AccessDenied" in server.stderr(), "the operator is told")
    assert f"key={kept}" in server.stderr()
    assert store.count("POST", "delete") < 10 and store.count("DELETE") == 0
    eventually(lambda: server.metric("resultd_sweep_files_total") == len(gone) - 1, "they are counted")
    store.kept = set()
    server.sql("UPDATE doomed_blob SET retry_at = 0")
    eventually(lambda: keys(store) == {stays}, "it goes once it can")
    eventually(lambda: doomed(server) == 0, "nothing is left to do")
    assert api.content(stays).content == BYTES


@pytest.mark.parametrize("code, word", [(501, "NotImplemented"), (405, "MethodNotAllowed")])
def test_a_bucket_that_knows_no_such_request_is_asked_one_by_one(store, serve, code, word):
    server = serve()
    api = server.api()
    store.fail("POST", status(code, word), times=10**6, where="delete")
    gone = [api.publish(f"r{number}", BYTES)["id"] for number in range(3)]
    purge(api, *gone)
    eventually(lambda: keys(store) == set(), "they go")
    assert store.count("DELETE") == len(gone)


def test_a_backup_has_its_turn_however_much_is_to_be_removed(store, serve):
    server = serve(sweep_batch=10)
    result = server.api().publish("a", BYTES)["id"]
    store.fail("POST", late(0.05), times=10**6, where="delete")
    doom(server, result, 5000)  # half a minute's work, at the least
    eventually(lambda: store.count("POST", "delete") > 2, "it is under way")
    backup = back_up(store, server)
    assert backup.wait(30) == 0
    assert doomed(server) > 500, "it was not waited for their end"
    left = doomed(server)
    eventually(lambda: doomed(server) < left, "it goes on afterwards")


@several
def test_a_node_that_hangs_while_it_removes_holds_up_nobody(store, serve):
    nodes = [serve(db_timeout="3s"), serve(db_timeout="3s")]  # it may hang in the middle of a transaction
    api = nodes[0].api()
    first, second = (api.publish(name, BYTES)["id"] for name in "ab")
    eventually(lambda: sum(node.metric("resultd_orphan_searches_total") for node in nodes) > 0, "one leads")
    (leader,) = [node for node in nodes if node.metric("resultd_orphan_searches_total") > 0]
    (other,) = [node for node in nodes if node is not leader]
    store.fail("POST", late(8), where="delete")
    purge(api, first)
    eventually(lambda: store.count("POST", "delete") > 0, "it is being removed")
    leader.signal(signal.SIGSTOP)
    purge(other.api(project=api.project), second)
    backup = back_up(store, other)
    assert backup.wait(60) == 0, "who is silent holds the files no longer"
    assert "waiting for a node that shares the database" in backup.stderr.read()
    eventually(lambda: second not in keys(store), "the other one removes")
    leader.signal(signal.SIGCONT)
    eventually(lambda: doomed(other) == 0, "nothing is left")
    assert keys(store) == set()
    eventually(lambda: leader.get("/-/ready").status_code == 200, "it goes on")
