# SPDX-License-Identifier: Apache-2.0
"""Jobs: creating, reading, filtering, moving, deleting."""

import pytest
from harness import INLINE, UUID, expect, ids, moment, nobody, problem

STATUSES = ("queued", "running", "completed", "failed", "cancelled")
ERROR = {"code": "boom", "message": "it broke"}


def job_in(api, status):
    """A job brought into a status by the shortest way."""
    job = api.job()["id"]
    if status == "running":
        expect(api.move(job, "progress", progress=0.5), 200)
    elif status == "completed":
        expect(api.move(job, "finish"), 200)
    elif status == "failed":
        expect(api.move(job, "fail", error=ERROR), 200)
    elif status == "cancelled":
        expect(api.move(job, "cancel"), 200)
    return job


def move(api, job, verb):
    members = {"progress": {"progress": 0.25}, "fail": {"error": ERROR}}.get(verb, {})
    return api.move(job, verb, **members)


def test_a_new_job_has_every_member_with_its_default(api):
    job = api.job(kind="report")
    assert UUID.fullmatch(job["id"])
    assert isinstance(job["pk"], int)
    assert job["project"] == api.project
    assert job["kind"] == "report"
    for member in ("batch", "reference_id", "tag", "error", "started_at", "finished_at", "deleted_at"):
        assert job[member] is None, member
    assert job["priority_weight"] == 5
    assert job["status"] == "queued"
    assert job["progress"] == 0
    assert job["results"] == []
    assert isinstance(job["creator"], str) and job["creator"]
    moment(job["created_at"])
    assert "input" in job


def test_create_answers_with_a_location_that_leads_to_the_same_job(api):
    response = api.post("/jobs", json={"kind": "report"})
    job = expect(response, 201)
    assert response.headers["Location"].endswith(f"/api/v1/jobs/{job['id']}")
    assert api.get_job(job["id"]) == job


def test_all_members_given_at_creation_are_kept(api):
    batch = api.batch()["id"]
    given = {
        "kind": "prévision",
        "batch": batch,
        "reference_id": "order 17/ü",
        "tag": "blue",
        "priority_weight": 10,
        "input": {"a": [1, 2.5, None, True, "ü"], "b": {}},
    }
    job = expect(api.post("/jobs", json=given), 201)
    assert {name: job[name] for name in given} == given
    assert api.get_job(job["id"]) == job


@pytest.mark.parametrize("value", [None, True, 17, -0.5, "text", [], {}, [[{"deep": [1]}]]])
def test_input_is_any_json(api, value):
    assert api.get_job(api.job(input=value)["id"])["input"] == value


@pytest.mark.parametrize("weight", [1, 10])
def test_the_bounds_of_priority_weight_are_accepted(api, weight):
    assert api.job(priority_weight=weight)["priority_weight"] == weight


@pytest.mark.parametrize("weight", [0, 11, -1, 5.5, "5", True, [5]])
def test_a_priority_weight_out_of_bounds_or_mistyped_is_400(api, weight):
    response = api.post("/jobs", json={"kind": "report", "priority_weight": weight})
    problem(response, 400, pointer="/priority_weight")


def test_a_reference_id_is_unique_in_its_project_only(api, own_api):
    api.job(reference_id="once")
    problem(api.post("/jobs", json={"kind": "report", "reference_id": "once"}), 409)
    assert own_api.job(reference_id="once")["reference_id"] == "once"


def test_an_unknown_batch_is_400_naming_the_member(api):
    problem(api.post("/jobs", json={"kind": "report", "batch": nobody()}), 400, pointer="/batch")


def test_another_projects_batch_is_400_as_an_unknown_one(api, own_api):
    foreign = own_api.batch()["id"]
    problem(api.post("/jobs", json={"kind": "report", "batch": foreign}), 400, pointer="/batch")


def test_an_unknown_job_is_404(api):
    problem(api.get(f"/jobs/{nobody()}"), 404)


def test_pk_grows_with_each_job(api):
    first, second = api.job(), api.job()
    assert second["pk"] > first["pk"]


def test_the_list_is_newest_first(own_api):
    made = [own_api.job()["id"] for _ in range(5)]
    assert ids(expect(own_api.get("/jobs"), 200)["data"]) == made[::-1]


def test_a_list_row_equals_the_job_itself(own_api):
    job = own_api.job(input={"x": 1}, tag="t")
    own_api.upload(job["id"], "a.bin", INLINE)
    assert expect(own_api.get("/jobs"), 200)["data"] == [own_api.get_job(job["id"])]


def test_filters_of_the_list(own_api):
    batch = own_api.batch()["id"]
    wanted = {
        "kind": own_api.job(kind="other")["id"],
        "batch": own_api.job(batch=batch)["id"],
        "reference_id": own_api.job(reference_id="r 1&2")["id"],
        "tag": own_api.job(tag="blue")["id"],
        "status": own_api.completed_job()["id"],
    }
    values = {"kind": "other", "batch": batch, "reference_id": "r 1&2", "tag": "blue", "status": "completed"}
    for name, value in values.items():
        rows = expect(own_api.get("/jobs", params={name: value}), 200)["data"]
        assert ids(rows) == [wanted[name]], name


def test_filters_combine(own_api):
    own_api.job(kind="a", tag="x")
    wanted = own_api.job(kind="a", tag="y")["id"]
    own_api.job(kind="b", tag="y")
    assert ids(expect(own_api.get("/jobs?kind=a&tag=y"), 200)["data"]) == [wanted]


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_can_be_reached_and_filtered(own_api, status):
    wanted = job_in(own_api, status)
    for other in STATUSES:
        found = ids(expect(own_api.get("/jobs", params={"status": other}), 200)["data"])
        assert found == ([wanted] if other == status else [])


def test_progress_starts_a_queued_job(api):
    job = api.job()["id"]
    moved = expect(api.move(job, "progress", progress=0.25), 200)
    assert (moved["status"], moved["progress"]) == ("running", 0.25)
    moment(moved["started_at"])
    assert moved["finished_at"] is None
    again = expect(api.move(job, "progress", progress=0.5), 200)
    assert (again["progress"], again["started_at"]) == (0.5, moved["started_at"])


@pytest.mark.parametrize("progress", [0, 1])
def test_the_bounds_of_progress_are_accepted(api, progress):
    assert expect(api.move(api.job()["id"], "progress", progress=progress), 200)["progress"] == progress


@pytest.mark.parametrize("progress", [-0.01, 1.01, "0.5", True, None])
def test_a_progress_out_of_bounds_or_mistyped_is_400(api, progress):
    job = api.job()["id"]
    problem(api.move(job, "progress", progress=progress), 400, pointer="/progress")
    assert api.get_job(job)["status"] == "queued"


def test_progress_without_a_value_is_400(api):
    problem(api.move(api.job()["id"], "progress"), 400, pointer="/progress")


def test_a_failed_job_carries_its_error(api):
    failed = expect(api.move(api.job()["id"], "fail", error=ERROR), 200)
    assert (failed["status"], failed["error"]) == ("failed", ERROR)
    moment(failed["finished_at"])


def test_fail_without_an_error_is_400(api):
    job = api.job()["id"]
    problem(api.move(job, "fail"), 400, pointer="/error")
    assert api.get_job(job)["status"] == "queued"


@pytest.mark.parametrize("status", ["queued", "running"])
@pytest.mark.parametrize("verb, end", [("finish", "completed"), ("fail", "failed"), ("cancel", "cancelled")])
def test_an_open_job_can_be_ended(api, status, verb, end):
    job = job_in(api, status)
    ended = expect(move(api, job, verb), 200)
    assert ended["status"] == end
    moment(ended["finished_at"])
    assert api.get_job(job) == ended


FORBIDDEN = [
    (status, verb)
    for status, repeat in (("completed", "finish"), ("failed", "fail"), ("cancelled", "cancel"))
    for verb in ("progress", "finish", "fail", "cancel")
    if verb != repeat
]


@pytest.mark.parametrize("status, verb", FORBIDDEN)
def test_a_move_that_the_state_forbids_is_409_and_changes_nothing(api, status, verb):
    job = job_in(api, status)
    before = api.get_job(job)
    problem(move(api, job, verb), 409, code="wrong_state")
    assert api.get_job(job) == before


@pytest.mark.parametrize("status, verb", [("completed", "finish"), ("failed", "fail"), ("cancelled", "cancel")])
def test_a_repeat_of_a_finished_move_is_200_and_changes_nothing(api, status, verb):
    job = job_in(api, status)
    before = api.get_job(job)
    assert expect(move(api, job, verb), 200) == before
    assert api.get_job(job) == before


@pytest.mark.parametrize("verb", ["progress", "finish", "fail", "cancel"])
def test_a_move_of_an_unknown_job_is_404(api, verb):
    problem(move(api, nobody(), verb), 404)


def test_a_job_lists_its_results(api):
    job = api.job()["id"]
    result = api.upload(job, "a.csv", b"x\n1\n", type="table", primary="true")
    row = {"id": result["id"], "name": "a.csv", "type": "table", "primary": True, "state": "available", "size": 4}
    assert api.get_job(job)["results"] == [row]


def test_delete_is_soft_and_hides_the_job_with_its_results(own_api):
    job = own_api.job()["id"]
    result = own_api.upload(job, "a.bin", INLINE)["id"]
    expect(own_api.delete(f"/jobs/{job}"), 204)
    moment(own_api.get_job(job)["deleted_at"])
    moment(own_api.result(result)["deleted_at"])
    assert expect(own_api.get("/jobs"), 200)["data"] == []
    assert own_api.results() == []
    problem(own_api.content(result), 410, code="deleted")


def test_delete_again_is_204_and_keeps_the_first_time(api):
    job = api.job()["id"]
    expect(api.delete(f"/jobs/{job}"), 204)
    first = api.get_job(job)["deleted_at"]
    expect(api.delete(f"/jobs/{job}"), 204)
    assert api.get_job(job)["deleted_at"] == first


def test_restore_brings_the_job_and_its_results_back(own_api):
    job = own_api.job()["id"]
    result = own_api.upload(job, "a.bin", INLINE)
    before = own_api.get_job(job)
    expect(own_api.delete(f"/jobs/{job}"), 204)
    assert expect(own_api.post(f"/jobs/{job}/restore"), 200) == before
    assert ids(expect(own_api.get("/jobs"), 200)["data"]) == [job]
    assert own_api.result(result["id"]) == result
    assert own_api.content(result["id"]).content == INLINE


def test_a_result_of_a_deleted_job_is_restored_only_with_it(own_api):
    """Whichever of the two was deleted first."""
    job = own_api.job()["id"]
    alone, with_it = (own_api.upload(job, name, INLINE)["id"] for name in ("alone", "with it"))
    expect(own_api.delete(f"/results/{alone}"), 204)
    expect(own_api.delete(f"/jobs/{job}"), 204)
    for result in (alone, with_it):
        detail = problem(own_api.post(f"/results/{result}/restore"), 409, code="wrong_state")["detail"]
        assert f"restore job {job}" in detail
        assert own_api.result(result)["deleted_at"]
    expect(own_api.post(f"/jobs/{job}/restore"), 200)
    assert own_api.content(with_it).content == INLINE
    problem(own_api.content(alone), 410, code="deleted")
    expect(own_api.post(f"/results/{alone}/restore"), 200)
    assert own_api.content(alone).content == INLINE


def test_a_job_with_a_kept_result_cannot_be_deleted(api):
    job = api.job()["id"]
    result = api.upload(job, "a.bin", INLINE, keep="true")["id"]
    problem(api.delete(f"/jobs/{job}"), 409)
    assert api.get_job(job)["deleted_at"] is None
    expect(api.delete(f"/results/{result}/keep"), 200)
    expect(api.delete(f"/jobs/{job}"), 204)


def test_the_parameter_deleted_of_the_list(own_api):
    there, gone = own_api.job()["id"], own_api.job()["id"]
    expect(own_api.delete(f"/jobs/{gone}"), 204)
    for value, wanted in (("false", [there]), ("true", [gone]), ("any", [gone, there])):
        assert ids(expect(own_api.get("/jobs", params={"deleted": value}), 200)["data"]) == wanted


@pytest.mark.parametrize("verb", ["progress", "finish", "fail", "cancel"])
def test_a_deleted_job_does_not_move(api, verb):
    job = api.job()["id"]
    expect(api.delete(f"/jobs/{job}"), 204)
    before = api.get_job(job)
    assert move(api, job, verb).status_code in (409, 410)
    assert api.get_job(job) == before


def test_delete_and_restore_of_an_unknown_job_are_404(api):
    problem(api.delete(f"/jobs/{nobody()}"), 404)
    problem(api.post(f"/jobs/{nobody()}/restore"), 404)


def test_the_creator_is_the_key_that_made_the_job(server, own_api):
    second = server.api(project=own_api.project)
    first_job, again, other = own_api.job(), own_api.job(), second.job()
    assert first_job["creator"] == again["creator"]
    assert first_job["creator"] != other["creator"]
