# SPDX-License-Identifier: Apache-2.0
"""Results: filters, acknowledgement, keep, soft delete, restore, purge."""

import concurrent.futures
import datetime

import pytest
from harness import FILED, INLINE, eventually, expect, ids, moment, nobody, problem, rfc3339, sha256


def delete(api, result, **parameters):
    return api.delete(f"/results/{result['id']}", params=parameters)


def restore(api, result):
    return api.post(f"/results/{result['id']}/restore")


def keep(api, result):
    return api.put(f"/results/{result['id']}/keep")


# ---- lists ------------------------------------------------------------------------------------------------


def test_the_list_is_newest_first_and_its_rows_are_the_results(own_api):
    made = [own_api.publish(f"n{number}") for number in range(4)]
    assert own_api.results() == [own_api.result(result["id"]) for result in reversed(made)]


def test_filters_of_the_list(own_api):
    batch = own_api.batch()["id"]
    job = own_api.job(kind="report", batch=batch)["id"]
    wanted = own_api.upload(job, "the name", INLINE, type="table")["id"]
    own_api.publish("another")
    filters = {"job": job, "batch": batch, "name": "the name", "type": "table", "kind": "report", "state": "available"}
    for name, value in filters.items():
        found = ids(own_api.results(**{name: value}))
        assert wanted in found, name
        assert len(found) == (2 if name == "state" else 1), name
    assert ids(own_api.results(**filters)) == [wanted]


def test_a_filter_that_nothing_fits_gives_an_empty_list(own_api):
    own_api.publish("a")
    for name, value in {"name": "b", "type": "x", "kind": "y", "state": "consumed"}.items():
        assert own_api.results(**{name: value}) == [], name


def test_filters_by_time_of_creation(own_api):
    first, second, third = (own_api.publish(f"n{number}") for number in range(3))
    just_after_first = rfc3339(moment(first["created_at"]) + datetime.timedelta(microseconds=1))
    just_before_third = rfc3339(moment(third["created_at"]) - datetime.timedelta(microseconds=1))
    assert ids(own_api.results(created_after=just_after_first)) == ids([third, second])
    assert ids(own_api.results(created_before=just_before_third)) == ids([second, first])
    both = own_api.results(created_after=just_after_first, created_before=just_before_third)
    assert ids(both) == [second["id"]]


def test_consumed_results_are_listed_only_when_asked_for(own_api):
    there, consumed = own_api.publish("a")["id"], own_api.publish("b")["id"]
    expect(own_api.ack(consumed), 200)
    assert ids(own_api.results()) == [there]
    assert ids(own_api.results(state="available")) == [there]
    assert ids(own_api.results(state="consumed")) == [consumed]
    assert ids(own_api.results(state="any")) == [consumed, there]


def test_the_parameter_deleted_of_the_list(own_api):
    there, gone = own_api.publish("a"), own_api.publish("b")
    expect(delete(own_api, gone), 204)
    for value, wanted in (("false", [there]), ("true", [gone]), ("any", [gone, there])):
        assert ids(own_api.results(deleted=value)) == ids(wanted), value


def test_an_unknown_result_is_404_on_every_route(api):
    unknown = f"/results/{nobody()}"
    problem(api.get(unknown), 404)
    problem(api.delete(unknown), 404)
    problem(api.delete(unknown, params={"permanent": "true"}), 404)
    problem(api.post(unknown + "/restore"), 404)
    problem(api.put(unknown + "/keep"), 404)
    problem(api.delete(unknown + "/keep"), 404)
    problem(api.post(unknown + "/ack"), 404)
    problem(api.post(unknown + "/links", json={}), 404)


# ---- acknowledgement --------------------------------------------------------------------------------------


def test_ack_moves_available_to_consumed(api):
    result = api.publish()
    acked = expect(api.ack(result["id"]), 200)
    assert acked["state"] == "consumed"
    moment(acked["consumed_at"])
    assert api.result(result["id"]) == acked


def test_ack_again_is_200_with_the_same_time(api):
    result = api.publish()["id"]
    first = expect(api.ack(result), 200)
    assert expect(api.ack(result), 200) == first


@pytest.mark.parametrize("members", [("sha256",), ("size",), ("sha256", "size")], ids=str)
def test_ack_with_the_right_digest_and_size_is_200(api, members):
    result = api.publish(data=INLINE)
    proof = {"sha256": sha256(INLINE), "size": len(INLINE)}
    acked = expect(api.ack(result["id"], **{name: proof[name] for name in members}), 200)
    assert acked["state"] == "consumed"


WRONG_PROOFS = [{"sha256": sha256(b"other")}, {"size": 1}, {"sha256": sha256(INLINE), "size": 1}]


@pytest.mark.parametrize("proof", WRONG_PROOFS, ids=["digest", "size", "size beside the right digest"])
def test_ack_with_a_wrong_digest_or_size_is_409_and_consumes_nothing(api, proof):
    result = api.publish(data=INLINE)["id"]
    problem(api.ack(result, **proof), 409)
    assert api.result(result)["state"] == "available"
    consumed = expect(api.ack(result), 200)
    problem(api.ack(result, **proof), 409)
    assert api.result(result) == consumed


MALFORMED_PROOFS = [("sha256", 1), ("sha256", "xyz"), ("sha256", ""), ("sha256", "z" * 64), ("size", "1"), ("size", -1), ("size", 1.5)]


@pytest.mark.parametrize("member, value", MALFORMED_PROOFS)
def test_ack_with_a_malformed_member_is_400(api, member, value):
    result = api.publish()["id"]
    detail = problem(api.ack(result, **{member: value}), 400, pointer=f"/{member}")["detail"]
    assert member != "sha256" or value == 1 or "64 hexadecimal digits" in detail
    assert api.result(result)["state"] == "available"


def test_ack_takes_a_digest_in_capitals(api):
    result = api.publish()["id"]
    expect(api.ack(result, sha256=sha256(INLINE).upper()), 200)


def test_acks_at_once_make_exactly_one_move(api):
    result = api.publish()["id"]

    def ack(_):
        return expect(api.clone().ack(result), 200)["consumed_at"]

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert len(set(pool.map(ack, range(12)))) == 1


def test_ack_of_a_soft_deleted_result_is_410(api):
    result = api.publish()
    expect(delete(api, result), 204)
    problem(api.ack(result["id"]), 410, code="deleted")
    assert api.result(result["id"])["state"] == "available"


# ---- keep -------------------------------------------------------------------------------------------------


def test_keep_is_put_and_taken_away(api):
    result = api.publish()
    assert expect(keep(api, result), 200)["keep"] is True
    assert api.result(result["id"])["keep"] is True
    assert expect(keep(api, result), 200)["keep"] is True
    assert expect(api.delete(f"/results/{result['id']}/keep"), 200)["keep"] is False
    assert expect(api.delete(f"/results/{result['id']}/keep"), 200)["keep"] is False


def test_a_kept_result_is_neither_deleted_nor_purged(api):
    result = api.publish(keep="true")
    problem(delete(api, result), 409)
    problem(delete(api, result, permanent="true"), 409)
    assert api.result(result["id"])["deleted_at"] is None
    assert api.content(result["id"]).content == INLINE
    expect(api.delete(f"/results/{result['id']}/keep"), 200)
    expect(delete(api, result), 204)


def test_a_kept_result_can_be_acknowledged(api):
    result = api.publish(keep="true")
    assert expect(api.ack(result["id"]), 200)["state"] == "consumed"


# ---- delete, restore, purge -------------------------------------------------------------------------------


def test_delete_is_soft_and_again_204(api):
    result = api.publish()
    expect(delete(api, result), 204)
    first = api.result(result["id"])
    moment(first["deleted_at"])
    expect(delete(api, result), 204)
    assert api.result(result["id"]) == first


def test_restore_brings_the_result_back_as_it_was(own_api, payload):
    result = own_api.publish(data=payload)
    expect(own_api.ack(result["id"]), 200)
    before = own_api.result(result["id"])
    expect(delete(own_api, result), 204)
    assert expect(restore(own_api, result), 200) == before
    assert own_api.result(result["id"]) == before
    assert own_api.content(result["id"]).content == payload
    assert ids(own_api.results(state="any")) == [result["id"]]


@pytest.mark.parametrize("soft_first", [False, True])
def test_purge_removes_row_and_bytes(api, soft_first):
    data = FILED + bytes([soft_first])
    result = api.publish(data=data)
    assert api.server.blob_of(data) is not None
    if soft_first:
        expect(delete(api, result), 204)
    expect(delete(api, result, permanent="true"), 204)
    problem(api.get(f"/results/{result['id']}"), 404)
    problem(api.content(result["id"]), 404)
    problem(restore(api, result), 404)
    eventually(lambda: api.server.blob_of(data) is None, "the file is gone")


def test_purge_removes_the_result_from_every_list(own_api):
    job = own_api.job()["id"]
    result = own_api.upload(job, "a", INLINE)
    expect(delete(own_api, result, permanent="true"), 204)
    assert own_api.results(state="any", deleted="any") == []
    assert own_api.get_job(job)["results"] == []


def test_after_the_purge_the_name_is_free_again(api, payload):
    job = api.job()["id"]
    result = api.upload(job, "a", INLINE)
    expect(delete(api, result, permanent="true"), 204)
    again = api.upload(job, "a", payload)
    assert again["id"] != result["id"]
    assert api.content(again["id"]).content == payload


def test_purging_one_of_two_equal_results_leaves_the_other(api):
    first, second = api.publish(data=FILED), api.publish(data=FILED)
    expect(delete(api, first, permanent="true"), 204)
    assert api.content(second["id"]).content == FILED
    assert api.server.check().returncode == 0


def test_permanent_takes_only_true_or_false(api):
    result = api.publish()
    problem(delete(api, result, permanent="perhaps"), 400, parameter="permanent")
    assert api.result(result["id"])["deleted_at"] is None
    expect(delete(api, result, permanent="false"), 204)
    moment(api.result(result["id"])["deleted_at"])
