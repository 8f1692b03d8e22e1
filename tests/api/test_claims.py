# SPDX-License-Identifier: Apache-2.0
"""Claims: who gets which job, leases, and what a lease protects."""

import concurrent.futures
import time

import pytest
from harness import eventually, expect, ids, moment, nobody, problem, seconds_between, sleep_until

SETTINGS = {"sweep_interval": "1s"}
ERROR = {"code": "boom", "message": "it broke"}


def claimed(api, **members):
    return expect(api.claim(**members), 200)


def test_a_claim_gives_the_job_with_a_lease_and_starts_it(own_api):
    made = own_api.job(input={"x": 1})
    job = claimed(own_api)
    assert job["id"] == made["id"]
    assert job["status"] == "running"
    assert job["input"] == {"x": 1}
    assert isinstance(job["lease"], str) and job["lease"]
    moment(job["started_at"])
    assert 55 < seconds_between(job["started_at"], job["lease_expires_at"]) < 65


def test_the_lease_is_told_to_nobody_else(own_api):
    own_api.job()
    job = claimed(own_api)
    assert job["lease"] not in own_api.get(f"/jobs/{job['id']}").text
    assert job["lease"] not in own_api.get("/jobs").text


def test_with_nothing_to_claim_the_answer_is_204_without_a_body(own_api):
    response = own_api.claim()
    expect(response, 204)
    assert response.content == b""


def test_a_job_is_claimed_once(own_api):
    own_api.job()
    claimed(own_api)
    expect(own_api.claim(), 204)


def test_the_highest_weight_goes_first_and_then_the_oldest(own_api):
    weights = (5, 1, 10, 5, 10)
    made = [own_api.job(priority_weight=weight)["id"] for weight in weights]
    order = [claimed(own_api)["id"] for _ in weights]
    assert order == [made[2], made[4], made[0], made[3], made[1]]


def test_kinds_limits_what_is_claimed(own_api):
    first, second, third = (own_api.job(kind=kind)["id"] for kind in ("a", "b", "c"))
    assert claimed(own_api, kinds=["c"])["id"] == third
    assert claimed(own_api, kinds=["x", "b"])["id"] == second
    expect(own_api.claim(kinds=["b", "c"]), 204)
    assert claimed(own_api, kinds=["a"])["id"] == first


def test_a_claim_takes_neither_other_projects_nor_deleted_nor_ended_jobs(server, own_api):
    server.api().job()
    expect(own_api.delete(f"/jobs/{own_api.job()['id']}"), 204)
    own_api.completed_job()
    expect(own_api.claim(), 204)


def test_many_workers_at_once_never_get_the_same_job(own_api):
    made = [own_api.job()["id"] for _ in range(20)]

    def take_until_none():
        worker, taken = own_api.clone(), []
        while True:
            response = worker.claim()
            if response.status_code == 204:
                return taken
            taken.append(expect(response, 200)["id"])

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        takings = [future.result() for future in [pool.submit(take_until_none) for _ in range(6)]]
    assert sorted(sum(takings, [])) == sorted(made)


@pytest.mark.parametrize("seconds", [1, 3600])
def test_the_bounds_of_lease_seconds_are_accepted(own_api, seconds):
    own_api.job()
    job = claimed(own_api, lease_seconds=seconds)
    assert abs(seconds_between(job["started_at"], job["lease_expires_at"]) - seconds) < 1


@pytest.mark.parametrize("seconds", [0, 3601, -1, 1.5, "60", True])
def test_lease_seconds_out_of_bounds_or_mistyped_is_400(own_api, seconds):
    own_api.job()
    problem(own_api.claim(lease_seconds=seconds), 400, pointer="/lease_seconds")
    claimed(own_api)


@pytest.mark.parametrize("kinds", ["a", {}, 1])
def test_kinds_mistyped_is_400(own_api, kinds):
    problem(own_api.claim(kinds=kinds), 400, pointer="/kinds")


@pytest.mark.parametrize("kind", [1, None, ["a"], "", "a\n", "a\0", "a\x7f", "x" * 256])
def test_what_can_be_no_kind_is_400_naming_it(own_api, kind):
    """As it is when a job is made: it would wait for ever."""
    problem(own_api.claim(kinds=["a", kind]), 400, pointer="/kinds/1")
    problem(own_api.post("/jobs", json={"kind": kind}), 400, pointer="/kind")


MOVES = [("progress", {"progress": 0.5}), ("finish", {}), ("fail", {"error": ERROR})]


@pytest.mark.parametrize("verb, members", MOVES)
def test_a_claimed_job_moves_only_with_its_lease(own_api, verb, members):
    own_api.job()
    job = claimed(own_api)
    problem(own_api.move(job["id"], verb, **members), 409)
    problem(own_api.move(job["id"], verb, lease=nobody(), **members), 409)
    unmoved = own_api.get_job(job["id"])
    assert (unmoved["status"], unmoved["progress"]) == ("running", 0)
    expect(own_api.move(job["id"], verb, lease=job["lease"], **members), 200)


def test_the_lease_of_another_job_does_not_move_this_one(own_api):
    own_api.job()
    own_api.job()
    first, second = claimed(own_api), claimed(own_api)
    problem(own_api.move(first["id"], "finish", lease=second["lease"]), 409)


def test_a_claimed_job_can_be_cancelled_without_the_lease(own_api):
    own_api.job()
    job = claimed(own_api)
    assert expect(own_api.move(job["id"], "cancel"), 200)["status"] == "cancelled"
    problem(own_api.move(job["id"], "finish", lease=job["lease"]), 409)


def test_a_repeated_finish_with_the_lease_is_200(own_api):
    own_api.job()
    job = claimed(own_api)
    done = expect(own_api.move(job["id"], "finish", lease=job["lease"]), 200)
    repeated = expect(own_api.move(job["id"], "finish", lease=job["lease"]), 200)
    assert repeated["finished_at"] == done["finished_at"]


@pytest.mark.parametrize("lease", [1, [], {}])
def test_a_mistyped_lease_is_400(own_api, lease):
    own_api.job()
    job = claimed(own_api)
    problem(own_api.move(job["id"], "finish", lease=lease), 400, pointer="/lease")


@pytest.mark.slow
def test_past_its_lease_the_job_is_queued_again_and_the_token_dead(own_api):
    made = own_api.job()["id"]
    job = claimed(own_api, lease_seconds=1)
    sleep_until(job["lease_expires_at"])
    problem(own_api.move(made, "progress", progress=0.5, lease=job["lease"]), 409)
    eventually(lambda: own_api.get_job(made)["status"] == "queued", "the job is queued again")
    again = claimed(own_api)
    assert again["id"] == made
    assert again["lease"] != job["lease"]
    problem(own_api.move(made, "finish", lease=job["lease"]), 409)
    assert expect(own_api.move(made, "finish", lease=again["lease"]), 200)["status"] == "completed"


@pytest.mark.slow
def test_an_upload_into_a_job_whose_lease_ran_out_is_taken_before_the_sweeper_has_come_by(fresh_server):
    api = fresh_server(sweep_interval="1d").api()
    made = api.job()["id"]
    sleep_until(claimed(api, lease_seconds=1)["lease_expires_at"])
    api.upload(made, "late", b"still good")
    assert api.get_job(made)["status"] == "queued"


@pytest.mark.slow
def test_progress_renews_the_lease_for_as_long_again(own_api):
    own_api.job()
    job = claimed(own_api, lease_seconds=4)
    first_end = moment(job["lease_expires_at"]).timestamp()
    while time.time() < first_end + 1:
        expect(own_api.move(job["id"], "progress", progress=0.5, lease=job["lease"]), 200)
        time.sleep(0.3)
    assert own_api.get_job(job["id"])["status"] == "running"
    expect(own_api.move(job["id"], "finish", lease=job["lease"]), 200)


@pytest.mark.slow
def test_a_worker_without_a_claim_keeps_its_running_job(own_api):
    unclaimed = own_api.job()["id"]
    expect(own_api.move(unclaimed, "progress", progress=0.5), 200)
    own_api.job()
    short = claimed(own_api, lease_seconds=1)
    eventually(lambda: own_api.get_job(short["id"])["status"] == "queued", "the claimed one is queued again")
    assert ids(expect(own_api.get("/jobs?status=running"), 200)["data"]) == [unclaimed]


@pytest.mark.slow
def test_a_job_whose_lease_ran_out_is_listed_as_queued_before_the_sweeper_has_come_by(fresh_server):
    api = fresh_server(sweep_interval="1d").api()
    made = api.job()["id"]
    sleep_until(claimed(api, lease_seconds=1)["lease_expires_at"])
    listed = {status: [job["id"] for job in expect(api.get("/jobs", params={"status": status}), 200)["data"]]
              for status in ("queued", "running")}
    assert listed == {"queued": [made], "running": []}
    assert claimed(api)["id"] == made
