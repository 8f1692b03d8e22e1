# SPDX-License-Identifier: Apache-2.0
"""Usage: exact counts of a project, right after each change."""

import pytest
from harness import eventually, expect, ids, moment, problem, sleep_until


def shape(available=(0, 0), consumed=(0, 0), expired=(0, 0), trash=(0, 0)):
    """The whole answer, from (results, bytes) of each state and of the trash."""

    def pair(counts):
        return {"results": counts[0], "bytes": counts[1]}

    return {
        "results": available[0] + consumed[0],
        "bytes": available[1] + consumed[1] + expired[1] + trash[1],
        "by_state": {"available": pair(available), "consumed": pair(consumed), "expired": pair(expired)},
        "trash": pair(trash),
        "lifetimes": {"results": 7 * 86400, "consumed": None, "trash": 30 * 86400},
    }


def test_lifetimes_are_those_of_the_settings(fresh_server):
    server = fresh_server(results_ttl="1h", consumed_ttl="10m", trash_ttl="2d")
    assert server.api().usage()["lifetimes"] == {"results": 3600, "consumed": 600, "trash": 2 * 86400}


def test_a_new_project_uses_nothing(own_api):
    assert own_api.usage() == shape()


def test_usage_follows_every_change(own_api):
    first, second, third = (own_api.publish(f"n{size}", b"x" * size)["id"] for size in (10, 200, 70_000))
    assert own_api.usage() == shape(available=(3, 70_210))
    expect(own_api.ack(second), 200)
    assert own_api.usage() == shape(available=(2, 70_010), consumed=(1, 200))
    expect(own_api.delete(f"/results/{third}"), 204)
    assert own_api.usage() == shape(available=(1, 10), consumed=(1, 200), trash=(1, 70_000))
    expect(own_api.post(f"/results/{third}/restore"), 200)
    assert own_api.usage() == shape(available=(2, 70_010), consumed=(1, 200))
    for result in (first, second, third):
        expect(own_api.delete(f"/results/{result}?permanent=true"), 204)
    assert own_api.usage() == shape()


def test_a_purge_from_the_trash_frees_its_bytes(own_api):
    result = own_api.publish("a", b"12345")["id"]
    expect(own_api.delete(f"/results/{result}"), 204)
    expect(own_api.delete(f"/results/{result}?permanent=true"), 204)
    assert own_api.usage() == shape()


def test_a_deleted_job_takes_its_results_to_the_trash(own_api):
    job = own_api.job()["id"]
    own_api.upload(job, "a", b"12345")
    own_api.upload(job, "b", b"1234567")
    expect(own_api.delete(f"/jobs/{job}"), 204)
    assert own_api.usage() == shape(trash=(2, 12))
    expect(own_api.post(f"/jobs/{job}/restore"), 200)
    assert own_api.usage() == shape(available=(2, 12))


@pytest.mark.parametrize("ack_first", [False, True])
def test_an_expired_result_is_counted_as_expired_at_once(fresh_server, ack_first):
    server = fresh_server(sweep_interval="1d")
    api = server.api()
    server.wait_for_sweeper()
    result = api.publish("a", b"12345", expires_in="3")
    if ack_first:
        expect(api.ack(result["id"]), 200)
    sleep_until(result["expires_at"])
    assert api.usage() == shape(expired=(1, 5))


def test_swept_bytes_are_no_longer_stored(fresh_server):
    api = fresh_server(sweep_interval="1s").api()
    api.publish("a", b"12345", expires_in="1")
    eventually(lambda: api.usage()["bytes"] == 0, "the bytes are swept")
    assert api.usage()["by_state"]["expired"]["results"] == 1


def test_refused_uploads_count_nothing(own_api):
    job = own_api.job()["id"]
    own_api.upload(job, "a", b"12345")
    expect(own_api.try_upload(job, "a", b"12345"), 200)
    assert own_api.try_upload(job, "a", b"other").status_code == 409
    assert own_api.try_upload(job, "b", b"x", headers={"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}).status_code == 400
    assert own_api.usage() == shape(available=(1, 5))


def test_usage_is_of_the_keys_project_only(server, own_api):
    server.api().publish("a", b"12345")
    assert own_api.usage() == shape()


# ---- history ----------------------------------------------------------------------------------------------


def history(api, **parameters):
    return expect(api.get("/usage/history", params=parameters), 200)


def happened(api, what):
    """In both of the last two hours, for a test may begin just before the next one."""
    return sum(span[what] for span in history(api, hours=2)["data"])


def test_a_history_has_a_row_for_each_hour(own_api):
    answer = history(own_api)
    assert answer["step_seconds"] == 3600
    times = [moment(span["at"]) for span in answer["data"]]
    assert len(times) == 24
    assert {(later - earlier).total_seconds() for earlier, later in zip(times, times[1:])} == {3600.0}
    assert all(time.minute == time.second == time.microsecond == 0 for time in times)
    empty = shape()
    for span in answer["data"]:
        assert set(span) == {"at", "uploads", "uploaded_bytes", "downloads", "downloaded_bytes", "acks", "expired",
                             "deleted", "by_state", "trash"}  # fmt: skip
        assert (span["by_state"], span["trash"], span["uploads"]) == (empty["by_state"], empty["trash"], 0)


def test_a_long_history_goes_by_days(own_api):
    answer = history(own_api, hours=8760)
    assert answer["step_seconds"] == 86400
    assert len(answer["data"]) == 365
    assert all(span["at"].endswith("T00:00:00.000000Z") for span in answer["data"])
    assert len(history(own_api, hours=720)["data"]) == 720
    assert len(history(own_api, hours=1)["data"]) == 1


@pytest.mark.parametrize("hours", ["0", "8761", "-1", "x", ""])
def test_a_history_has_its_bounds(own_api, hours):
    problem(own_api.get("/usage/history", params={"hours": hours}), 400, "bad_value", parameter="hours")
    problem(own_api.get("/usage/history", params={"days": 1}), 400, "unknown_parameter", parameter="days")


def test_the_history_counts_what_happens(own_api):
    first, second, third = (own_api.publish(f"n{size}", b"x" * size)["id"] for size in (10, 200, 70_000))
    for _ in range(2):
        expect(own_api.ack(second), 200)  # the second time nothing happens
    expect(own_api.delete(f"/results/{third}"), 204)
    expect(own_api.delete(f"/results/{first}?permanent=true"), 204)
    assert [happened(own_api, what) for what in ("uploads", "uploaded_bytes", "acks", "deleted", "expired")] == [
        3, 70_210, 1, 2, 0]  # fmt: skip
    last = history(own_api)["data"][-1]
    assert {"by_state": last["by_state"], "trash": last["trash"]} == {
        name: own_api.usage()[name] for name in ("by_state", "trash")
    }


def test_the_history_counts_what_expires(fresh_server):
    api = fresh_server(sweep_interval="1s").api()
    api.publish("a", b"12345", expires_in="1")
    eventually(lambda: happened(api, "expired") == 1, "it is swept")


def test_the_history_is_of_the_keys_project_and_outlives_a_restart(fresh_server):
    server = fresh_server()
    api, stranger = server.api(), server.api()
    api.publish("a", b"12345")
    server.kill()
    server.start()
    assert (happened(api, "uploads"), happened(stranger, "uploads")) == (1, 0)


# ---- what expires next ------------------------------------------------------------------------------------


def expiring(api, **parameters):
    return expect(api.get("/usage/expiring", params=parameters), 200)["data"]


def test_what_expires_next(own_api):
    made = {days: own_api.publish(f"n{days}", b"x", expires_in=str(days * 86400))["id"] for days in (5, 1, 9, 3, 7)}
    kept = own_api.publish("kept", b"x", expires_in="3600")["id"]
    expect(own_api.put(f"/results/{kept}/keep"), 200)
    expect(own_api.delete(f"/results/{made[3]}"), 204)
    expect(own_api.ack(made[1]), 200)
    assert ids(expiring(own_api)) == [made[1], made[5], made[7], made[9]]
    assert ids(expiring(own_api, limit=2)) == [made[1], made[5]]
    assert expiring(own_api)[0] == own_api.result(made[1])
    expect(own_api.post(f"/results/{made[3]}/restore"), 200)
    expect(own_api.delete(f"/results/{kept}/keep"), 200)
    assert ids(expiring(own_api)) == [kept, made[1], made[3], made[5], made[7], made[9]]


def test_what_has_expired_is_not_among_what_will(fresh_server):
    server = fresh_server(sweep_interval="1d")
    api = server.api()
    server.wait_for_sweeper()
    result = api.publish("a", b"12345", expires_in="2")
    assert ids(expiring(api)) == [result["id"]]
    sleep_until(result["expires_at"])
    assert expiring(api) == []


def test_what_expires_is_of_the_keys_project_and_has_bounds(server, own_api):
    server.api().publish("a", b"12345")
    assert expiring(own_api) == []
    for limit in ("0", "101", "x"):
        problem(own_api.get("/usage/expiring", params={"limit": limit}), 400, "bad_value", parameter="limit")
