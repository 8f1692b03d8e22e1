# SPDX-License-Identifier: Apache-2.0
"""Life of results: expiry, sweeping, what follows an acknowledgement, the trash, files without a row."""

import socket
import time

import pytest
from harness import (
    BASE,
    FILED,
    INLINE,
    Server,
    Wire,
    eventually,
    expect,
    ids,
    moment,
    on_disk,
    orphan_beside,
    problem,
    request_head,
    seconds_between,
    sha256,
    sleep_until,
)

SETTINGS = {"sweep_interval": "1s", "orphan_grace": "1s"}


@pytest.fixture(scope="module")
def lazy(tmp_path_factory):
    """A client of a server that never sweeps: what is seen there is seen without the sweeper's help."""
    running = Server(tmp_path_factory.mktemp("lazy"), sweep_interval="1d").start()
    yield running
    running.stop()


@pytest.fixture
def lazy_api(lazy):
    return lazy.api()


def gone(api, result):
    return api.get(f"/results/{result['id']}").status_code == 404


# ---- expiry, at once --------------------------------------------------------------------------------------


def test_a_result_is_expired_to_every_reader_at_once(lazy_api, payload):
    result = lazy_api.publish("a", payload, expires_in="1")
    there = lazy_api.publish("b")
    sleep_until(result["expires_at"])
    assert ids(lazy_api.results()) == [there["id"]]
    assert ids(lazy_api.results(state="available")) == [there["id"]]
    assert ids(lazy_api.results(state="expired")) == [result["id"]]
    assert ids(lazy_api.results(state="any")) == [there["id"], result["id"]]
    assert {row["state"] for row in lazy_api.results(state="expired")} == {"expired"}
    assert lazy_api.result(result["id"])["state"] == "expired"
    assert lazy_api.get_job(result["job"])["results"][0]["state"] == "expired"


def test_everything_done_with_an_expired_result_is_410_telling_when_and_what_to_do(lazy_api):
    result = lazy_api.publish(expires_in="1")
    sleep_until(result["expires_at"])
    path = f"/results/{result['id']}"
    answers = [lazy_api.content(result["id"]), lazy_api.ack(result["id"]), lazy_api.post(path + "/links", json={})]
    for answer in answers:
        body = problem(answer, 410, code="expired")
        assert result["expires_at"][:16] in str(body), body
    assert lazy_api.head(path + "/content").status_code == 410


def test_a_consumed_result_expires_too(lazy_api):
    result = lazy_api.publish(expires_in="3")
    expect(lazy_api.ack(result["id"]), 200)
    sleep_until(result["expires_at"])
    assert lazy_api.result(result["id"])["state"] == "expired"
    assert ids(lazy_api.results(state="consumed")) == []
    problem(lazy_api.ack(result["id"]), 410, code="expired")


def test_a_kept_result_does_not_expire(lazy_api):
    result = lazy_api.publish(expires_in="1", keep="true")
    time.sleep(1.3)
    assert lazy_api.result(result["id"])["state"] == "available"
    assert lazy_api.content(result["id"]).content == INLINE
    assert ids(lazy_api.results()) == [result["id"]]


def test_an_expired_result_still_takes_its_name(lazy_api):
    job = lazy_api.job()["id"]
    result = lazy_api.upload(job, "a", INLINE, expires_in="1")
    sleep_until(result["expires_at"])
    problem(lazy_api.try_upload(job, "a", b"other bytes"), 409)


# ---- the sweeper ------------------------------------------------------------------------------------------


def test_the_sweeper_removes_the_bytes_and_leaves_the_row(api):
    data = FILED + b"swept"
    result = api.publish("a", data, expires_in="1")
    assert api.server.blob_of(data) is not None
    eventually(lambda: api.server.blob_of(data) is None, "the file of the expired result is gone")
    left = api.result(result["id"])
    assert (left["state"], left["sha256"], left["size"]) == ("expired", sha256(data), len(data))
    assert moment(left["expired_at"]) >= moment(left["expires_at"])


def test_the_sweeper_takes_inline_bytes_too(own_api):
    result = own_api.publish("a", INLINE, expires_in="1")
    eventually(lambda: own_api.usage()["bytes"] == 0, "the bytes are no longer stored")
    assert own_api.result(result["id"])["state"] == "expired"


@pytest.mark.slow
def test_the_sweeper_leaves_kept_and_living_results_alone(own_api):
    kept = own_api.publish("kept", FILED + b"kept", expires_in="1", keep="true")
    living = own_api.publish("living", FILED + b"living")
    canary = own_api.publish("canary", FILED + b"canary", expires_in="1")
    eventually(lambda: own_api.server.blob_of(FILED + b"canary") is None, "the canary is swept")
    assert own_api.content(kept["id"]).content == FILED + b"kept"
    assert own_api.content(living["id"]).content == FILED + b"living"
    assert own_api.result(canary["id"])["state"] == "expired"


@pytest.mark.slow
def test_more_results_than_one_step_takes_are_swept(fresh_server):
    api = fresh_server(sweep_interval="1s", sweep_batch="3").api()
    for number in range(10):
        api.publish(f"n{number}", INLINE, expires_in="1")
    eventually(lambda: api.usage()["bytes"] == 0, "all ten are swept")


@pytest.mark.slow
def test_a_running_download_of_an_expiring_result_is_finished_then_cleaned(api):
    data = FILED * 200
    result = api.publish("big", data, expires_in="3")  # a bucket's connection waits five for its reader
    with Wire(api.server) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        wire.send(request_head("GET", f"{BASE}/results/{result['id']}/content", api.key))
        assert wire.line() == b"HTTP/1.1 200 OK\r\n"
        canary = FILED + b"beside the download"
        api.publish("canary", canary, expires_in="1")
        eventually(lambda: api.server.blob_of(canary) is None, "a sweep has passed")
        sleep_until(result["expires_at"])
        assert api.result(result["id"])["state"] == "expired"
        while wire.line() != b"\r\n":
            pass
        received = b""
        while len(received) < len(data):
            piece = wire.socket.recv(1 << 20)
            assert piece, f"the download broke off after {len(received)} bytes"
            received += piece
    assert sha256(received) == sha256(data)
    eventually(lambda: api.server.blob_of(data) is None, "the file is gone after the download")


# ---- after an acknowledgement -----------------------------------------------------------------------------


@pytest.mark.slow
def test_consumed_ttl_shortens_the_life_after_an_ack(fresh_server):
    api = fresh_server(sweep_interval="1s", consumed_ttl="1s").api()
    consumed, untouched = api.publish("a", FILED), api.publish("b", INLINE)
    acked = expect(api.ack(consumed["id"]), 200)
    assert abs(seconds_between(acked["consumed_at"], acked["expires_at"]) - 1) < 1
    sleep_until(acked["expires_at"])
    assert api.result(consumed["id"])["state"] == "expired"
    assert api.result(untouched["id"])["state"] == "available"
    eventually(lambda: api.server.blob_of(FILED) is None, "the bytes are gone")


def test_consumed_ttl_never_prolongs_a_life(fresh_server):
    api = fresh_server(consumed_ttl="1h").api()
    result = api.publish(expires_in="60")
    assert expect(api.ack(result["id"]), 200)["expires_at"] == result["expires_at"]


def test_without_consumed_ttl_an_ack_leaves_the_life_as_it_is(api):
    result = api.publish()
    assert expect(api.ack(result["id"]), 200)["expires_at"] == result["expires_at"]


# ---- the trash --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_trash_ttl_purges_what_was_soft_deleted(fresh_server):
    api = fresh_server(sweep_interval="1s", trash_ttl="1s").api()
    result, there = api.publish("a", FILED), api.publish("b", INLINE)
    expect(api.delete(f"/results/{result['id']}"), 204)
    eventually(lambda: gone(api, result), "the row is purged")
    eventually(lambda: api.server.blob_of(FILED) is None, "the bytes are purged")
    assert api.content(there["id"]).content == INLINE


@pytest.mark.slow
def test_trash_ttl_purges_jobs_with_their_results(fresh_server):
    api = fresh_server(sweep_interval="1s", trash_ttl="1s").api()
    job = api.job()["id"]
    result = api.upload(job, "a", FILED)
    expect(api.delete(f"/jobs/{job}"), 204)
    eventually(lambda: api.get(f"/jobs/{job}").status_code == 404, "the job is purged")
    eventually(lambda: gone(api, result), "the result is purged")
    eventually(lambda: api.server.blob_of(FILED) is None, "the bytes are purged")


@pytest.mark.slow
def test_the_trash_is_kept_until_its_time(api):
    data = FILED + b"in the trash"
    result = api.publish("a", data)
    expect(api.delete(f"/results/{result['id']}"), 204)
    canary = FILED + b"a sweep"
    api.publish("canary", canary, expires_in="1")
    eventually(lambda: api.server.blob_of(canary) is None, "a sweep has passed")
    assert api.server.blob_of(data) is not None
    expect(api.post(f"/results/{result['id']}/restore"), 200)
    assert api.content(result["id"]).content == data


# ---- files without a row ----------------------------------------------------------------------------------


@on_disk
def test_a_file_without_a_row_is_swept_after_its_grace_period(api):
    data = FILED + b"beside an orphan"
    result = api.publish("a", data)
    orphan = orphan_beside(api.server.blob_of(data), age=7200)
    eventually(lambda: not orphan.exists(), "the orphan is gone")
    assert api.content(result["id"]).content == data


@pytest.mark.slow
def test_uploads_under_way_are_no_orphans(api):
    """With a grace period of a second, a slow upload must not lose its file."""
    job = api.job()["id"]
    with Wire(api.server) as wire:
        wire.send(request_head("PUT", f"{BASE}/jobs/{job}/results/slow", api.key, Content_Length=len(FILED)))
        for start in range(0, len(FILED), 30_000):
            wire.send(FILED[start : start + 30_000])
            time.sleep(0.6)
        result = expect(wire.answer(), 201)
    canary = FILED + b"after the slow upload"
    api.publish("canary", canary, expires_in="1")
    eventually(lambda: api.server.blob_of(canary) is None, "a sweep has passed")
    assert api.content(result["id"]).content == FILED
