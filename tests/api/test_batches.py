# SPDX-License-Identifier: Apache-2.0
"""Batches: creating, reading, counting their jobs."""

import pytest
from harness import UUID, expect, ids, moment, nobody, problem

NO_JOBS = {"queued": 0, "running": 0, "completed": 0, "failed": 0, "cancelled": 0}


def test_a_new_batch_has_every_member(api):
    batch = api.batch("night run", description="all of it")
    assert UUID.fullmatch(batch["id"])
    assert batch["project"] == api.project
    assert (batch["name"], batch["description"]) == ("night run", "all of it")
    assert batch["jobs"] == NO_JOBS
    moment(batch["created_at"])
    assert expect(api.get(f"/batches/{batch['id']}"), 200) == batch


def test_a_batch_needs_no_description(api):
    assert "description" in api.batch("plain")


def test_a_batch_counts_its_jobs_by_status(own_api):
    batch = own_api.batch()["id"]
    jobs = [own_api.job(batch=batch)["id"] for _ in range(6)]
    own_api.job()
    expect(own_api.move(jobs[1], "progress", progress=0.1), 200)
    expect(own_api.move(jobs[2], "finish"), 200)
    expect(own_api.move(jobs[3], "fail", error={"code": "c", "message": "m"}), 200)
    expect(own_api.move(jobs[4], "cancel"), 200)
    expect(own_api.move(jobs[5], "cancel"), 200)
    wanted = {"queued": 1, "running": 1, "completed": 1, "failed": 1, "cancelled": 2}
    assert expect(own_api.get(f"/batches/{batch}"), 200)["jobs"] == wanted
    assert expect(own_api.get("/batches"), 200)["data"][0]["jobs"] == wanted


def test_a_job_and_its_results_name_their_batch(api):
    batch = api.batch()["id"]
    job = api.job(batch=batch)
    assert job["batch"] == batch
    assert api.upload(job["id"], "a.bin", b"1")["batch"] == batch


def test_the_list_is_newest_first_and_of_this_project(server, own_api):
    server.api().batch()
    made = [own_api.batch(f"b{number}")["id"] for number in range(4)]
    assert ids(expect(own_api.get("/batches"), 200)["data"]) == made[::-1]


def test_an_unknown_batch_is_404(api):
    problem(api.get(f"/batches/{nobody()}"), 404)


def test_a_batch_without_a_name_is_400(api):
    problem(api.post("/batches", json={"description": "x"}), 400, pointer="/name")


@pytest.mark.parametrize("member, value", [("name", 1), ("name", []), ("description", {}), ("description", 2)])
def test_a_mistyped_member_is_400(api, member, value):
    problem(api.post("/batches", json={"name": "x", member: value}), 400, pointer=f"/{member}")
