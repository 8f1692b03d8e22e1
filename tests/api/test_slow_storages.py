# SPDX-License-Identifier: Apache-2.0
"""Buckets of clients that are slow, by accident or on purpose: what they hold of the server ends, and is not all."""

import contextlib
import http.client
import signal
import threading
import time

import pytest
from faulty_s3 import FaultyS3, drip, endless, hang, sip, status
from harness import FILED, Server, eventually, problem
from storages import ALL, storage

PART = 8 << 20
PARTS = FILED * 60  # more than one part
TABLE = b"name,count\n" + b"anna,1\n" * 20_000
CSV = {"Content-Type": "text/csv"}
# Of what limits such buckets, what the tests below do not set has its default, which none of them would live to see.
HASTY = {"bucket_tries": 2, "bucket_patience": "2s"}
SOON = 9  # seconds: before any other limit of the defaults ends a try


@pytest.fixture
def serve(tmp_path_factory):
    made = []

    def start(**settings):
        settings = {"private_endpoints": "on", **HASTY, **settings}
        running = Server(tmp_path_factory.mktemp("slow"), **settings).start()
        made.append(running)
        return running

    yield start
    for running in made:
        running.stop()


@pytest.fixture
def quick():
    """The bucket of somebody else, with which nothing is wrong."""
    with FaultyS3() as running:
        yield running
        assert running.refused == []


@contextlib.contextmanager
def within(seconds=SOON):
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def asked(server, api, path):
    """A request whose answer nobody has read yet."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", f"/api/v1{path}", headers={"Authorization": f"Bearer {api.key}"})
    return connection


# ---- what ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, where, data",
    [("PUT", "", FILED), ("POST", "uploads", PARTS), ("PUT", "partNumber", PARTS), ("POST", "uploadId", PARTS)],
    ids=["whole", "begin", "part", "complete"],
)
def test_an_answer_that_drips_has_a_time_in_all(serve, store, method, where, data):
    api = serve(storage_answer_time="1s").api(ALL)
    storage(api, store)
    store.fail(method, endless(), times=99, where=where)
    with within():
        body = problem(api.try_publish("x", data, storage="acme"), 503, "storage")
    assert "acme" in body["detail"]


def test_an_answer_without_an_end_is_not_read(serve, store):
    api = serve().api(ALL)
    storage(api, store)
    store.fail("PUT", endless(bytes(64 << 10), 0), times=99)
    with within():
        body = problem(api.try_publish("x", FILED, storage="acme"), 503, "storage")
    assert "more than is read" in body["detail"]


def test_a_body_that_is_hardly_taken_has_a_lowest_rate(serve, store):
    api = serve(storage_lowest_rate="1MiB", storage_rate_time="1s").api(ALL)
    storage(api, store)
    store.fail("PUT", sip(1 << 10, 0.1), times=99)
    with within():
        problem(api.try_publish("x", PARTS, storage="acme"), 503, "storage")


def test_a_download_that_drips_breaks_off(serve, store):
    server = serve(storage_lowest_rate="1KiB", storage_rate_time="1s")
    api = server.api(ALL)
    storage(api, store)
    result = api.publish("x", FILED, storage="acme")
    store.fail("GET", drip(1000), times=99)
    with within(), pytest.raises(http.client.IncompleteRead):
        asked(server, api, f"/results/{result['id']}/content").getresponse().read()


def test_a_slow_line_is_waited_for(serve, store):
    """Longer than each of the limits, but never slower than the lowest rate."""
    api = serve(storage_lowest_rate="16KiB", storage_rate_time="1s", storage_answer_time="3s").api(ALL)
    storage(api, store)
    data = FILED * 10
    store.fail("PUT", sip(32 << 10, 0.1))
    result = api.publish("x", data, storage="acme")
    store.fail("GET", drip(0, 0.1, 64 << 10))
    assert api.content(result["id"]).content == data
    assert store.count("GET", result["id"]) == 1 and store.count("PUT", result["id"]) == 1


def test_what_a_slow_reader_does_not_want_does_not_count(serve, store):
    server = serve(storage_lowest_rate="1MiB", storage_rate_time="1s")
    api = server.api(ALL)
    storage(api, store)
    data = FILED * 100
    result = api.publish("x", data, storage="acme")
    connection = asked(server, api, f"/results/{result['id']}/content")
    answer = connection.getresponse()
    time.sleep(2.5)  # longer than the rate is averaged, shorter than a bucket's connection waits for its reader
    assert answer.read() == data
    assert store.count("GET", result["id"]) == 1
    connection.close()


def test_a_conflict_of_conditions_is_tried_again(serve, store):
    api = serve().api(ALL)
    storage(api, store)
    store.fail("PUT", status(409, "ConditionalRequestConflict"))
    api.publish("x", FILED, storage="acme")
    assert store.count("PUT") == 2


# ---- what is left for others ------------------------------------------------------------------------------


def many(count, work):
    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_uploads_to_one_bucket_leave_threads_for_another(serve, store, quick):
    server = serve(storage_workers=2, bucket_patience="1m")
    api, other = server.api(ALL), server.api(ALL)
    storage(api, store)
    storage(other, quick)
    store.fail("PUT", hang(60), times=99)
    threads = many(5, lambda n: api.clone().try_publish(f"x{n}", FILED, storage="acme"))
    eventually(lambda: store.count("PUT") == 1, "the first of them waits")
    with within():
        other.publish("x", FILED, storage="acme")
    assert store.count("PUT") == 1, "one project has half of two threads"
    store.heal()
    for thread in threads:
        thread.join(60)
    assert len(store.objects) == 5, "the others had their turn"


def tables(api, count, **parameters):
    return [api.publish(f"t{n}.csv", TABLE + b"x,%d\n" % n, headers=CSV, **parameters)["id"] for n in range(count)]


@pytest.mark.parametrize("path", ["/content?format=json", "/rows?where=count>5&limit=5"], ids=["whole", "rows"])
def test_conversions_from_one_bucket_leave_threads_for_others(serve, store, path):
    server = serve(converters=2, bucket_silence="1m")
    api, other = server.api(ALL), server.api()
    storage(api, store)
    theirs, ours = tables(api, 4, storage="acme"), tables(other, 1)  # of the same bytes as the first of theirs
    before = store.count("GET")
    store.fail("GET", hang(60), times=99)
    waiting = [asked(server, api, f"/results/{table}{path}") for table in theirs]
    eventually(lambda: store.count("GET") == before + 1, "the first of them waits")
    with within():
        assert other.get(f"/results/{ours[0]}{path}").status_code == 200
    assert store.count("GET") == before + 1
    store.heal()
    for connection in waiting:
        assert connection.getresponse().status == 200, "each had its turn"
        connection.close()


def test_downloads_from_one_bucket_leave_connections_for_others(serve, store, quick):
    server = serve(bucket_connections=3, bucket_threads=1, bucket_patience="1m")
    api, other = server.api(ALL), server.api(ALL)
    storage(api, store)
    storage(other, quick)
    theirs = api.publish("x", FILED, storage="acme")["id"]
    ours = other.publish("x", FILED, storage="acme")["id"]
    store.fail("GET", hang(60), times=99)
    waiting = [asked(server, api, f"/results/{theirs}/content") for _ in range(8)]
    eventually(lambda: store.count("GET") == 2, "half of the connections are taken")
    with within():
        assert other.content(ours).content == FILED
    assert store.count("GET") == 2
    waiting.pop().close()
    store.heal()
    for connection in waiting:
        assert connection.getresponse().read() == FILED
        connection.close()


def held(handler, go_on):
    """Answers once the bucket is well again."""
    handler.read_body()
    handler.server.store.released.wait(60)
    go_on()


def refused(answer):
    body = problem(answer, 503)
    assert "Retry-After" in answer.headers
    return body["detail"]


def test_a_download_whose_turn_does_not_come_is_refused(serve, store):
    server = serve(bucket_connections=1, bucket_threads=1, bucket_silence="1m", bucket_tries=1)
    api = server.api(ALL)
    storage(api, store)
    first, second = (api.publish("x", data, storage="acme")["id"] for data in (FILED, FILED + b"y"))
    store.fail("GET", held, times=99, where=first)
    holding = asked(server, api, f"/results/{first}/content")
    eventually(lambda: store.count("GET", first) == 1, "it holds the only connection")
    with within():
        assert "taken for too long" in refused(api.get(f"/results/{second}/content"))
        assert "taken for too long" in refused(api.try_publish("z", FILED, storage="acme"))
    assert store.count("GET", second) == 0
    store.heal()
    assert holding.getresponse().read() == FILED, "who has begun is not cut off"
    holding.close()
    assert api.content(second).content == FILED + b"y"


def test_an_upload_whose_turn_does_not_come_is_refused(serve, store):
    server = serve(storage_workers=2, bucket_silence="1m", bucket_tries=1)
    api = server.api(ALL)
    storage(api, store)
    store.fail("PUT", held, times=99)
    (holding,) = many(1, lambda _: api.clone().try_publish("first", FILED, storage="acme"))
    eventually(lambda: store.count("PUT") == 1, "it holds the only thread")
    with within():
        assert "too many uploads" in refused(api.try_publish("second", FILED, storage="acme"))
    assert store.count("PUT") == 1
    store.heal()
    holding.join(60)
    assert [r["name"] for r in api.results()] == ["first"]
    api.publish("second", FILED, storage="acme")


def test_parts_of_one_upload_wait_for_each_other(serve, store):
    """On a slow line they take longer than anybody would wait for a turn."""
    api = serve(bucket_connections=1, bucket_threads=1, bucket_patience="1s").api(ALL)
    storage(api, store)
    store.fail("PUT", sip(2 << 20, 0.5), times=99, where="partNumber")
    result = api.publish("x", PARTS, storage="acme")
    assert result["size"] == len(PARTS)


# ---- what nobody waits for any more -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/content?format=json", "/rows?where=count>5&limit=5"], ids=["whole", "rows"])
def test_who_has_gone_holds_no_thread(serve, store, path):
    server = serve(converters=1, conversion_patience="1s", bucket_silence="1m", storage_rate_time="1m")
    api = server.api(ALL)
    storage(api, store)
    first, second = tables(api, 2, storage="acme")
    before = store.count("GET")
    store.fail("GET", drip(10), times=1)
    gone = asked(server, api, f"/results/{first}{path}")
    eventually(lambda: store.count("GET") == before + 1, "it is being read")
    with within():
        gone.close()
        assert api.get(f"/results/{second}{path}").status_code == 200


@pytest.mark.parametrize("path", ["/content?format=xlsx", "/rows?where=count>5&limit=5"], ids=["whole", "rows"])
def test_a_server_that_is_stopped_waits_for_no_bucket(serve, store, path):
    server = serve(shutdown_timeout="1s", bucket_silence="1m")
    api = server.api(ALL)
    storage(api, store)
    (table,) = tables(api, 1, storage="acme")
    before = store.count("GET")
    store.fail("GET", drip(10), times=99)
    connection = asked(server, api, f"/results/{table}{path}")
    eventually(lambda: store.count("GET") == before + 1, "it is being read")
    with within():
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    connection.close()
