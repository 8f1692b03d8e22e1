# SPDX-License-Identifier: Apache-2.0
"""UFDL's jobs, job templates and nodes: the loop of a node, with the requests that the real clients send."""


import threading

import pytest
import requests

from harness import FILED, INLINE, PATIENCE, Wire, expect, request_head

JOB = (
    "pk template parent start_time end_time error_reason input_values parameter_values node outputs description "
    "is_cancelled creator creation_time deletion_time"
).split()
START = {"send_notification": "email"}
FINISH = {"success": True, "send_notification": "email"}


class Ufdl:
    """One user of UFDL's API, as its Python client is one: a plain requests call for each request."""

    def __init__(self, server, name, token, node=None):
        self.server, self.name, self.token, self.node = server, name, token, node

    def at(self, node):
        """The same user on a machine that works."""
        return Ufdl(self.server, self.name, self.token, node)

    def request(self, method, path, headers=None, **arguments):
        own = {"Authorization": f"Bearer {self.token}"}
        if self.node is not None:
            own["Node-Id"] = str(self.node)
        url = f"{self.server.url}/v1/{path}"
        arguments.setdefault("timeout", 4 * PATIENCE)
        return requests.request(method, url, headers={**own, **(headers or {})}, **arguments)

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def post(self, path, body=None, **arguments):
        return self.request("POST", path, **({"json": body} if body is not None else {}), **arguments)

    def delete(self, path, **arguments):
        return self.request("DELETE", path, **arguments)

    def create_job(self, template=1, **members):
        body = {"input_values": {}, "parameter_values": {}, "description": "demo job", **members}
        return expect(self.post(f"job-templates/{template}/create-job", body), 200)

    def add_output(self, job, name, type_, data, headers=None):
        """What the Python client sends: Content-Disposition with the name unquoted."""
        path = f"jobs/{job}/outputs/{requests.utils.quote(name, safe='')}/{requests.utils.quote(type_, safe='')}"
        own = {"Content-Type": "application/data", "Content-Disposition": f"attachment; filename={name}"}
        return self.post(path, data=data, headers=own if headers is None else headers)

    def new_node(self):
        body = {"ip": "10.0.0.1", "driver_version": "520.61", "hardware_generation": "Ampere"}
        body.update(gpu_mem=24000, cpu_mem=64000)
        return self.at(expect(self.post("nodes/create", body), 201)["pk"])

    def started(self, template=1, **members):
        """A job that this node has started."""
        job = self.create_job(template, **members)["pk"]
        expect(self.get(f"jobs/{job}/acquire"), 200)
        return expect(self.post(f"jobs/{job}/start", START), 200)["pk"]


def refused(response, status, *words):
    assert response.status_code == status, f"{response.status_code} {response.text[:500]}"
    assert response.headers["Content-Type"] == "application/json"
    detail = response.json()["detail"]
    assert all(word in detail for word in words), detail
    return detail


NOT_FOUND = "Not found."
FORBIDDEN = "You do not have permission to perform this action."


def make_user(server, project, name, staff):
    flags = ["--staff"] if staff else []
    server.succeed("user", "create", name, "--project", project, "--password-stdin", *flags, stdin="secret\n")
    body = {"username": name, "password": "secret"}
    answer = requests.post(f"{server.url}/v1/auth/obtain", json=body, timeout=4 * PATIENCE)
    return Ufdl(server, name, expect(answer, 200)["access"])


@pytest.fixture(scope="module")
def users(server):
    """(staff, user) of one project, and the native API of it."""
    api = server.api()
    return make_user(server, api.project, "admin", True), make_user(server, api.project, "worker", False), api


@pytest.fixture
def staff(users):
    return users[0]


@pytest.fixture
def user(users):
    return users[1]


@pytest.fixture
def native(users):
    return users[2]


@pytest.fixture
def node(user):
    return user.new_node()


# ---- the loop of section "Captures" -----------------------------------------------------------------------


def test_the_whole_loop(staff, user):
    node = user.new_node()
    job = user.create_job()
    assert list(job) == JOB
    assert job["template"] == {"pk": 1, "name": "default", "version": 1}
    nothing = dict.fromkeys(("parent", "start_time", "end_time", "error_reason", "node", "deletion_time"))
    assert {k: job[k] for k in nothing} == nothing and job["outputs"] == [] and job["is_cancelled"] is False
    assert (job["input_values"], job["parameter_values"], job["description"]) == ({}, {}, "demo job")
    pk = job["pk"]
    job = expect(node.get(f"jobs/{pk}/acquire"), 200)
    assert job["node"] == node.node and job["start_time"] is None
    job = expect(node.post(f"jobs/{pk}/start", START), 200)
    assert job["start_time"] and job["end_time"] is None
    assert expect(user.get(f"nodes/{node.node}"), 200)["current_job"] == pk
    expect(node.post(f"jobs/{pk}/progress/0.5", {"note": "half"}), 200)
    output = expect(node.add_output(pk, "result", "JSON", b'{"answer": 42}\n'), 200)
    assert (output["job"], output["name"], output["type"]) == (pk, "result", "JSON")
    other = expect(node.add_output(pk, "log file", "Compressed<JSON>", b"zzz"), 200)
    assert (other["name"], other["type"]) == ("log file", "Compressed<JSON>")
    job = expect(node.post(f"jobs/{pk}/finish", FINISH), 200)
    assert job["end_time"] and job["error_reason"] is None and job["node"] == node.node
    assert [(o["pk"], o["name"], o["type"]) for o in job["outputs"]] == [
        (output["pk"], "result", "JSON"),
        (other["pk"], "log file", "Compressed<JSON>"),
    ]
    assert expect(user.get(f"nodes/{node.node}"), 200)["current_job"] is None
    answer = user.get(f"jobs/{pk}/outputs/result/JSON")
    assert answer.content == b'{"answer": 42}\n' and answer.headers["Content-Type"] == "application/data"
    assert "Content-Disposition" not in answer.headers
    assert expect(user.get(f"jobs/{pk}/outputs/result/JSON/info"), 200) == output
    assert expect(user.get(f"job-outputs/{output['pk']}"), 200) == output
    assert user.post(f"job-outputs/{output['pk']}/download", {"params": {}}).content == b'{"answer": 42}\n'
    assert staff.delete(f"jobs/{pk}").status_code == 204
    assert expect(user.get(f"jobs/{pk}"), 200)["deletion_time"]
    assert expect(staff.delete(f"jobs/{pk}/reinstate"), 200)["deletion_time"] is None


# ---- lists: FilterSpec ------------------------------------------------------------------------------------

# What ufdl-job-launcher asks for when it looks for work.
POLL = {
    "expressions": [
        {
            "type": "and",
            "sub_expressions": [
                {"type": "isnull", "field": "start_time"},
                {"type": "isnull", "field": "error_reason"},
                {"type": "isnull", "field": "node"},
                {"type": "isnull", "field": "template.workabletemplate", "invert": True},
            ],
        }
    ]
}


def pks(response):
    return [row["pk"] for row in expect(response, 200)]


def exact(field, value, **members):
    return {"type": "exact", "field": field, "value": value, **members}


@pytest.fixture
def own(server):
    """Staff of a project of its own, to see whole lists."""
    api = server.api()
    user = make_user(server, api.project, f"staff of {api.project}", True)
    user.native = api
    return user


def test_the_poll_of_the_job_launcher_finds_what_can_be_acquired(own):
    node = own.new_node()
    waiting, acquired, failed, cancelled, finished = (own.create_job()["pk"] for _ in range(5))
    for job in (acquired, failed, finished):
        expect(node.get(f"jobs/{job}/acquire"), 200)
    for job, how in ((failed, {"error": "no memory"}), (finished, {})):
        expect(node.post(f"jobs/{job}/start", START), 200)
        expect(node.post(f"jobs/{job}/finish", {**FINISH, **how}), 200)
    expect(own.delete(f"jobs/{cancelled}/cancel"), 200)
    deleted = own.create_job()["pk"]
    assert own.delete(f"jobs/{deleted}").status_code == 204
    assert pks(own.post("jobs/list", POLL)) == [waiting]
    claimed = expect(own.native.claim(), 200)
    assert claimed["pk"] == waiting  # natively, only what nobody has acquired is there to be claimed
    assert pks(own.post("jobs/list", POLL)) == []
    assert own.native.claim().status_code == 204


@pytest.mark.parametrize("body", ["", "{}", "[]"])
def test_no_filter_lists_all_active_jobs(own, body):
    first, second = own.create_job()["pk"], own.create_job()["pk"]
    assert own.delete(f"jobs/{first}").status_code == 204
    rows = expect(own.request("POST", "jobs/list", data=body), 200)
    assert [row["pk"] for row in rows] == [second]
    assert rows[0] == expect(own.get(f"jobs/{second}"), 200)
    assert pks(own.post("jobs/list", {"include_inactive": True})) == [first, second]


def test_a_listed_job_shows_its_outputs_also_the_deleted_ones(own):
    node = own.new_node()
    jobs = [node.started(description=f"job {i}") for i in range(1)]
    outputs = [expect(node.add_output(jobs[0], f"o{i}", "txt", b"x"), 200)["pk"] for i in range(3)]
    jobs.append(own.create_job()["pk"])
    assert own.delete(f"job-outputs/{outputs[1]}").status_code == 204
    backwards = {"order_by": [{"field": "pk", "ascending": False}]}
    rows = expect(own.post("jobs/list", backwards), 200)
    assert [row["pk"] for row in rows] == jobs[::-1]
    assert [o["pk"] for o in rows[1]["outputs"]] == outputs and rows[0]["outputs"] == []
    assert [o["pk"] for o in expect(own.get(f"jobs/{jobs[0]}"), 200)["outputs"]] == outputs


def test_every_field_of_a_job_can_be_asked_for(own):
    node = own.new_node()
    template = expect(own.post("job-templates/create", {"name": "train", "version": 3}), 201)["pk"]
    plain = own.create_job()["pk"]
    job = own.create_job(template, description="Ünïcode")["pk"]
    expect(node.get(f"jobs/{job}/acquire"), 200)
    expect(node.post(f"jobs/{job}/start", START), 200)
    expect(node.post(f"jobs/{job}/finish", {**FINISH, "error": "no memory"}), 200)
    cancelled = node.started()
    expect(own.delete(f"jobs/{cancelled}/cancel"), 200)
    shown = expect(own.get(f"jobs/{job}"), 200)
    for field, value, found in [
        ("pk", job, [job]),
        ("id", str(job), [job]),
        ("template", template, [job]),
        ("template.pk", template, [job]),
        ("template.name", "train", [job]),
        ("template__name", "default", [plain, cancelled]),
        ("template.version", 3, [job]),
        ("template.workabletemplate", 1, [plain, cancelled]),
        ("start_time", shown["start_time"], [job]),
        ("end_time", shown["end_time"], [job]),
        ("error_reason", "no memory", [job]),
        ("error_reason", "Cancelled", [cancelled]),
        ("node", node.node, [job, cancelled]),
        ("description", "Ünïcode", [job]),
        ("is_cancelled", True, [cancelled]),
        ("creator.username", own.name, [plain, job, cancelled]),
        ("creator", shown["creator"], [plain, job, cancelled]),
        ("creation_time", shown["creation_time"], [job]),
    ]:
        assert pks(own.post("jobs/list", {"expressions": [exact(field, value)]})) == found, field
    for field, found in [
        ("end_time", [plain, cancelled]),
        ("deletion_time", [plain, job, cancelled]),
        ("parent", [plain, job, cancelled]),
        ("template.metatemplate", [plain, job, cancelled]),
        ("error_reason", [plain]),
    ]:
        assert pks(own.post("jobs/list", {"expressions": [{"type": "isnull", "field": field}]})) == found, field
    part = {"type": "contains", "field": "description", "sub_string": "DEMO", "case_insensitive": True}
    assert pks(own.post("jobs/list", {"expressions": [part]})) == [plain, cancelled]
    order = {"order_by": [{"field": "template.name", "ascending": False}, {"field": "pk", "ascending": False}]}
    assert pks(own.post("jobs/list", order)) == [job, cancelled, plain]


@pytest.mark.parametrize("where", ["jobs", "job-templates", "nodes"])
def test_a_bad_filter_is_refused(user, where):
    is_null = {"type": "is_null", "field": "pk"}
    for body in ({"expressions": [exact("secret", 1)]}, {"expression": []}, {"expressions": [is_null]}):
        refused(user.post(f"{where}/list", body), 400, "Unable to parse JSON: ")


def test_jobs_of_other_apis_are_listed_in_these_words(own):
    odd = own.native.job(kind="odd", input=[1, {"description": 5}])
    number = own.native.job(kind="odd", input={"description": 5, "input_values": "x"})
    failed = own.native.job(kind="odd")
    expect(own.native.move(failed["id"], "fail", error={"code": "oom", "message": "no memory"}), 200)
    rows = expect(own.post("jobs/list", {}), 200)
    assert [row["pk"] for row in rows] == [odd["pk"], number["pk"], failed["pk"]]
    assert all(row["template"]["name"] == "default" and row["input_values"] == {} for row in rows)
    assert [row["description"] for row in rows] == ["", "", ""]
    assert rows[2]["error_reason"] == "no memory" and rows[2]["start_time"] and rows[2]["end_time"]
    assert pks(own.post("jobs/list", {"expressions": [exact("description", "")]})) == [row["pk"] for row in rows]


def test_lists_of_another_project_are_empty(own, user):
    job = user.create_job()["pk"]
    node = user.new_node()
    assert pks(own.post("jobs/list", {"expressions": [exact("pk", job)]})) == []
    assert pks(own.post("nodes/list")) == []
    assert pks(own.post("job-templates/list")) == [1]
    for path in (f"jobs/{job}", f"nodes/{node.node}"):
        assert refused(own.get(path), 404) == NOT_FOUND
    refused(own.at(node.node).get("nodes/ping"), 400, "No node with this primary-key")
    assert refused(own.delete(f"jobs/{job}/cancel"), 404) == NOT_FOUND


# ---- acquire, release, start ------------------------------------------------------------------------------


def test_acquire_needs_a_node(staff, user):
    """needs `Node-Id`; held by another node: 406; no node header: 403; bad Node-Id: 400"""
    job = user.create_job()["pk"]
    assert refused(staff.get(f"jobs/{job}/acquire"), 403) == FORBIDDEN
    assert refused(user.at(77777).get(f"jobs/{job}/acquire"), 400) == (
        "Bad Node-Id header '77777': No node with this primary-key"
    )
    refused(user.at("seven").get(f"jobs/{job}/acquire"), 400, "Bad Node-Id header 'seven'")
    one, two = user.new_node(), user.new_node()
    expect(one.get(f"jobs/{job}/acquire"), 200)
    assert expect(one.get(f"jobs/{job}/acquire"), 200)["node"] == one.node
    refused(two.get(f"jobs/{job}/acquire"), 406)
    assert expect(user.get(f"jobs/{job}"), 200)["node"] == one.node
    assert refused(one.get("jobs/999999/acquire"), 404) == NOT_FOUND
    assert user.get(f"jobs/{job}/acquire").status_code == 403  # permission comes before the phase


def test_acquire_is_not_for_head(node):
    job = node.create_job()["pk"]
    assert node.request("HEAD", f"jobs/{job}/acquire").status_code == 405
    assert expect(node.get(f"jobs/{job}"), 200)["node"] is None


@pytest.mark.parametrize("method", ["DELETE", "GET"])
def test_release_gives_a_job_back(user, node, method):
    """release | DELETE .../release | - | owner or working node; the Java client sends it as GET"""
    job = user.create_job()["pk"]
    other = user.new_node()
    assert refused(node.request(method, f"jobs/{job}/release"), 403) == FORBIDDEN
    expect(node.get(f"jobs/{job}/acquire"), 200)
    assert refused(other.request(method, f"jobs/{job}/release"), 403) == FORBIDDEN
    assert expect(node.request(method, f"jobs/{job}/release"), 200)["node"] is None
    expect(other.get(f"jobs/{job}/acquire"), 200)


def test_a_started_job_is_not_released(node):
    refused(node.delete(f"jobs/{node.started()}/release"), 406)


def test_start_is_the_owners_and_once(user, node):
    """`{"send_notification": str}` required | owner | second start 406; not owner 403"""
    job = user.create_job()["pk"]
    assert refused(node.post(f"jobs/{job}/start", START), 403) == FORBIDDEN
    expect(node.get(f"jobs/{job}/acquire"), 200)
    assert refused(user.new_node().post(f"jobs/{job}/start", START), 403) == FORBIDDEN
    refused(node.post(f"jobs/{job}/start"), 400, "send_notification")
    refused(node.post(f"jobs/{job}/start", {"send_notification": 1}), 400, "send_notification")
    started = expect(node.post(f"jobs/{job}/start", START), 200)
    refused(node.post(f"jobs/{job}/start", START), 406)
    assert expect(user.get(f"jobs/{job}"), 200)["start_time"] == started["start_time"]


def test_a_node_runs_one_job_at_a_time(user, node):
    """a node runs one job at a time (busy start: 406)"""
    first = node.started()
    second = user.create_job()["pk"]
    expect(node.get(f"jobs/{second}/acquire"), 200)
    refused(node.post(f"jobs/{second}/start", START), 406)
    expect(node.post(f"jobs/{first}/finish", FINISH), 200)
    expect(node.post(f"jobs/{second}/start", START), 200)


def test_an_acquired_job_is_queued_natively_and_cannot_be_claimed(own):
    node = own.new_node()
    job = own.create_job()["pk"]
    expect(node.get(f"jobs/{job}/acquire"), 200)
    shown = expect(own.native.get("/jobs"), 200)["data"]
    assert [(j["pk"], j["status"], j["kind"]) for j in shown] == [(job, "queued", "default")]
    assert own.native.claim().status_code == 204
    assert own.native.move(shown[0]["id"], "finish").status_code == 409
    expect(node.post(f"jobs/{job}/start", START), 200)
    assert own.native.move(shown[0]["id"], "finish").status_code == 409
    assert own.native.get_job(shown[0]["id"])["status"] == "running"
    expect(own.native.move(shown[0]["id"], "cancel"), 200)
    assert expect(own.get(f"jobs/{job}"), 200)["is_cancelled"] is True


def test_a_job_is_worked_on_natively_and_shown_here(own):
    """What is submitted here is a queued job of the core, with the request as its input."""
    values = {"data": {"value": 5, "type": "PK<Dataset>"}}
    job = own.create_job(input_values=values)
    claimed = expect(own.native.claim(kinds=["default"]), 200)
    assert claimed["pk"] == job["pk"]
    assert claimed["input"] == {"input_values": values, "parameter_values": {}, "description": "demo job"}
    own.native.upload(claimed["id"], "result", INLINE, type="txt")
    expect(own.native.move(claimed["id"], "finish", lease=claimed["lease"]), 200)
    shown = expect(own.get(f"jobs/{job['pk']}"), 200)
    assert shown["end_time"] and [o["name"] for o in shown["outputs"]] == ["result"] and shown["node"] is None
    assert own.get(f"jobs/{job['pk']}/outputs/result/txt").content == INLINE


# ---- progress and finish ----------------------------------------------------------------------------------


def test_progress_is_a_path(own):
    """path must match `0.[0-9]+` or `1.0+`; `0`, `1`, `2.0` are 404"""
    node = own.new_node()
    job = node.started()
    native = expect(own.native.get("/jobs"), 200)["data"][0]["id"]
    for amount, value in [("0.5", 0.5), ("0.0", 0.0), ("0.123456789", 0.123456789), ("1.0", 1.0), ("1.000", 1.0)]:
        expect(node.post(f"jobs/{job}/progress/{amount}", {"note": "any object"}), 200)
        assert own.native.get_job(native)["progress"] == pytest.approx(value)
    expect(node.post(f"jobs/{job}/progress/0.75"), 200)
    for amount in ("0", "1", "2.0", "1.5", "0.", ".5", "0.5e1", "-0.5", "half", "0,5"):
        assert refused(node.post(f"jobs/{job}/progress/{amount}", {}), 404) == NOT_FOUND
    assert own.native.get_job(native)["progress"] == 0.75


def test_progress_and_finish_are_the_owners_in_its_time(user, node):
    job = user.create_job()["pk"]
    for path, body in (("progress/0.5", {}), ("finish", FINISH)):
        assert refused(user.post(f"jobs/{job}/{path}", body), 403) == FORBIDDEN
        assert refused(node.post(f"jobs/{job}/{path}", body), 403) == FORBIDDEN
    expect(node.get(f"jobs/{job}/acquire"), 200)
    refused(node.post(f"jobs/{job}/progress/0.5", {}), 406)
    refused(node.post(f"jobs/{job}/finish", FINISH), 406)
    expect(node.post(f"jobs/{job}/start", START), 200)
    refused(node.post(f"jobs/{job}/progress/0.5", [1]), 400)
    refused(node.post(f"jobs/{job}/finish", {"success": True}), 400, "send_notification")
    refused(node.post(f"jobs/{job}/finish", {"send_notification": "email"}), 400, "success")
    expect(node.post(f"jobs/{job}/finish", FINISH), 200)
    refused(node.post(f"jobs/{job}/progress/0.5", {}), 406)
    expect(node.post(f"jobs/{job}/finish", FINISH), 200)  # again: as it was
    refused(node.post(f"jobs/{job}/finish", {**FINISH, "error": "late"}), 406)


def test_the_presence_of_error_decides(own):
    """presence of `error` decides, `success` is unused"""
    node = own.new_node()
    job = node.started()
    failed = expect(node.post(f"jobs/{job}/finish", {**FINISH, "success": True, "error": "no \"memory\""}), 200)
    assert failed["error_reason"] == 'no "memory"' and failed["end_time"] and failed["is_cancelled"] is False
    native = expect(own.native.get("/jobs"), 200)["data"][0]
    assert (native["status"], native["error"]) == ("failed", {"code": "error", "message": 'no "memory"'})
    job = node.started()
    finished = expect(node.post(f"jobs/{job}/finish", {**FINISH, "success": False}), 200)
    assert finished["error_reason"] is None and finished["end_time"]


# ---- reset, abort, cancel ---------------------------------------------------------------------------------


def test_reset_is_the_owners_after_an_error(user, node):
    """reset and abort soft-delete the outputs; wrong phase 406"""
    job = node.started()
    output = expect(node.add_output(job, "half", "txt", b"x"), 200)["pk"]
    refused(node.delete(f"jobs/{job}/reset"), 406)
    expect(node.post(f"jobs/{job}/finish", {**FINISH, "error": "x"}), 200)
    assert refused(user.new_node().delete(f"jobs/{job}/reset"), 403) == FORBIDDEN
    assert refused(user.delete(f"jobs/{job}/reset"), 403) == FORBIDDEN
    shown = expect(node.delete(f"jobs/{job}/reset"), 200)
    assert (shown["start_time"], shown["end_time"], shown["error_reason"]) == (None, None, None)
    assert shown["node"] == node.node and [o["pk"] for o in shown["outputs"]] == [output]
    assert expect(user.get(f"job-outputs/{output}"), 200)["deletion_time"]
    expect(node.post(f"jobs/{job}/start", START), 200)


def test_abort_is_for_staff(staff, user, node):
    job = node.started()
    output = expect(node.add_output(job, "half", "txt", b"x"), 200)["pk"]
    assert refused(user.delete(f"jobs/{job}/abort"), 403) == FORBIDDEN
    shown = expect(staff.delete(f"jobs/{job}/abort"), 200)
    assert (shown["start_time"], shown["node"]) == (None, None)
    assert expect(user.get(f"job-outputs/{output}"), 200)["deletion_time"]
    assert refused(node.post(f"jobs/{job}/finish", FINISH), 403) == FORBIDDEN
    expect(staff.delete(f"jobs/{job}/abort"), 200)  # there is nothing to abort
    other = user.new_node()
    expect(other.get(f"jobs/{job}/acquire"), 200)
    expect(other.post(f"jobs/{job}/start", START), 200)
    expect(other.post(f"jobs/{job}/finish", FINISH), 200)
    refused(staff.delete(f"jobs/{job}/abort"), 406)


def test_cancel_is_for_staff(staff, user, node):
    """cancelled = is_cancelled (error_reason "Cancelled", end_time null)"""
    job = node.started()
    assert refused(node.delete(f"jobs/{job}/cancel"), 403) == FORBIDDEN
    for _ in range(2):
        shown = expect(staff.delete(f"jobs/{job}/cancel"), 200)
        assert (shown["is_cancelled"], shown["error_reason"], shown["end_time"]) == (True, "Cancelled", None)
    assert expect(node.post(f"jobs/{job}/finish", FINISH), 200)["is_cancelled"] is True
    refused(staff.delete(f"jobs/{job}/abort"), 406)
    refused(user.at(node.node).get(f"jobs/{user.create_job()['pk']}/start"), 405)
    finished = node.started()
    expect(node.post(f"jobs/{finished}/finish", FINISH), 200)
    refused(staff.delete(f"jobs/{finished}/cancel"), 406)


def test_a_job_is_cancelled_before_it_starts(staff, user):
    job = user.create_job()["pk"]
    shown = expect(staff.delete(f"jobs/{job}/cancel"), 200)
    assert (shown["is_cancelled"], shown["error_reason"], shown["start_time"]) == (True, "Cancelled", None)


# ---- destroy, hard, reinstate, update ---------------------------------------------------------------------


def test_destroy_leaves_the_outputs(staff, user, node):
    """destroy leaves outputs untouched; hard delete of a job that has outputs fails"""
    job = node.started()
    output = expect(node.add_output(job, "result", "txt", b"x"), 200)["pk"]
    expect(node.post(f"jobs/{job}/finish", FINISH), 200)
    assert refused(user.delete(f"jobs/{job}"), 403) == FORBIDDEN
    assert staff.delete(f"jobs/{job}").status_code == 204
    deleted = expect(user.get(f"jobs/{job}"), 200)["deletion_time"]
    answer = staff.delete(f"jobs/{job}")
    assert answer.status_code == 204 and not answer.content
    assert expect(user.get(f"jobs/{job}"), 200)["deletion_time"] == deleted
    assert expect(user.get(f"job-outputs/{output}"), 200)["deletion_time"] is None
    refused(staff.delete(f"jobs/{job}/hard"), 406)
    expect(staff.delete(f"job-outputs/{output}/hard"), 200)
    gone = expect(staff.delete(f"jobs/{job}/hard"), 200)
    assert list(gone) == JOB and gone["pk"] is None and gone["deletion_time"] == deleted
    assert refused(staff.delete(f"jobs/{job}/hard"), 404) == NOT_FOUND
    assert refused(user.get(f"jobs/{job}"), 404) == NOT_FOUND


def test_reinstate_clears_the_stamp(staff, user):
    job = user.create_job()["pk"]
    assert staff.delete(f"jobs/{job}").status_code == 204
    assert refused(user.delete(f"jobs/{job}/reinstate"), 403) == FORBIDDEN
    for _ in range(2):
        assert expect(staff.delete(f"jobs/{job}/reinstate"), 200)["deletion_time"] is None


def test_a_deleted_job_does_not_move(staff, user, node):
    job = user.create_job()["pk"]
    assert staff.delete(f"jobs/{job}").status_code == 204
    refused(node.get(f"jobs/{job}/acquire"), 406, "deleted")
    refused(staff.delete(f"jobs/{job}/cancel"), 406, "deleted")
    refused(staff.add_output(job, "a", "b", b"x"), 406, "deleted")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_staff_edits_a_description(own, user, method):
    """staff may … PUT a job"""
    values = {"a": {"value": 1.10, "type": "float"}}
    job = own.create_job(input_values=values)
    assert refused(user.request(method, f"jobs/{job['pk']}", json={"description": "x"}), 403) == FORBIDDEN
    body = {"description": "nëw", "node": 5, "pk": 9}
    shown = expect(own.request(method, f"jobs/{job['pk']}", json=body), 200)
    assert shown == {**job, "description": "nëw"}
    assert expect(own.get(f"jobs/{job['pk']}"), 200) == shown
    assert expect(own.request(method, f"jobs/{job['pk']}", json={}), 200) == shown
    refused(own.request(method, f"jobs/{job['pk']}", json={"description": 1}), 400)
    other = own.native.job(input={"my": "own"})["pk"]
    refused(own.request(method, f"jobs/{other}", json={"description": "x"}), 406)
    assert own.native.walk("/jobs")[0]["input"] == {"my": "own"}


def test_a_job_is_not_created_directly(staff):
    assert refused(staff.post("jobs/create", {}), 403) == FORBIDDEN


@pytest.mark.parametrize("pk", ["abc", "99999999999999999999", "-1", "1.0"])
def test_what_is_no_pk_is_not_found(user, pk):
    for path in ("jobs", "nodes", "job-templates"):
        assert refused(user.get(f"{path}/{pk}"), 404) == NOT_FOUND


def test_zeros_before_a_pk(user):
    job = user.create_job()["pk"]
    assert expect(user.get(f"jobs/000{job}"), 200)["pk"] == job


# ---- outputs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [INLINE, FILED, b""], ids=["small", "large", "empty"])
def test_outputs_come_back_as_they_were(user, node, data):
    job = node.started()
    output = expect(node.add_output(job, "Zwölf", "Compressed<JSON>", data, {
        "Content-Type": "application/data", "Content-Disposition": "attachment; filename=any"}), 200)
    assert output["creator"] == expect(user.get(f"jobs/{job}"), 200)["creator"]
    answer = user.get(f"jobs/{job}/outputs/Zw%C3%B6lf/Compressed%3CJSON%3E")
    assert answer.content == data and answer.headers["Content-Type"] == "application/data"
    assert int(answer.headers["Content-Length"]) == len(data)


def test_an_output_without_a_length(user, node):
    """a file-like without length goes chunked"""
    job = node.started()
    expect(node.add_output(job, "chunks", "bin", iter([FILED[:70000], FILED[70000:]])), 200)
    assert user.get(f"jobs/{job}/outputs/chunks/bin").content == FILED


def test_an_output_has_its_time(staff, user, node):
    """before start 417; after finish 406"""
    job = user.create_job()["pk"]
    refused(staff.add_output(job, "r", "txt", b"x"), 417)
    expect(node.get(f"jobs/{job}/acquire"), 200)
    refused(node.add_output(job, "r", "txt", b"x"), 417)
    refused(node.add_output(job, "r", "txt", FILED), 417)
    expect(node.post(f"jobs/{job}/start", START), 200)
    expect(node.add_output(job, "r", "txt", b"x"), 200)
    expect(staff.add_output(job, "s", "txt", b"x"), 200)
    expect(node.post(f"jobs/{job}/finish", FINISH), 200)
    refused(node.add_output(job, "late", "txt", b"x"), 406)
    refused(node.add_output(job, "late", "txt", FILED), 406)
    assert [o["name"] for o in expect(user.get(f"jobs/{job}"), 200)["outputs"]] == ["r", "s"]


def test_outputs_are_for_the_owner_and_staff(user, node):
    """IsAdminUser or owner"""
    job = node.started()
    for who in (user, user.new_node()):
        for data in (b"x", FILED):
            assert refused(who.add_output(job, "r", "txt", data), 403) == FORBIDDEN
    refused(user.at(77777).add_output(job, "r", "txt", b"x"), 400, "Bad Node-Id header")
    assert refused(node.add_output(999999, "r", "txt", b"x"), 404) == NOT_FOUND


@pytest.mark.parametrize("data", [b"one", FILED], ids=["small", "large"])
def test_a_name_and_type_are_taken_once(staff, node, data):
    """same name+type (even soft-deleted) 400"""
    job = node.started()
    output = expect(node.add_output(job, "r", "txt", data), 200)["pk"]
    for again in (data, b"other", FILED[1:]):
        refused(node.add_output(job, "r", "txt", again), 400, "Bad name 'r'")
    assert staff.delete(f"job-outputs/{output}").status_code == 204
    refused(node.add_output(job, "r", "txt", data), 400, "Bad name 'r'")
    expect(node.add_output(job, "r", "json", data), 200)
    expect(staff.delete(f"job-outputs/{output}/hard"), 200)
    expect(node.add_output(job, "r", "txt", data), 200)


@pytest.mark.parametrize("value", [None, "attachment", "attachment; filename=", 'attachment; filename=""'])
def test_an_upload_names_a_file(node, value):
    """no filename in Content-Disposition 400"""
    job = node.started()
    headers = {"Content-Disposition": value} if value else {}
    refused(node.add_output(job, "r", "txt", b"x", headers), 400, "filename")
    headers = {"Content-Disposition": "attachment; filename*=UTF-8''r"}
    expect(node.add_output(job, "r", "txt", b"x", headers), 200)


def test_the_job_is_taken_away_while_bytes_come(server, staff, node):
    job = node.started()
    head = request_head("POST", f"/v1/jobs/{job}/outputs/r/bin", node.token, Node_Id=node.node,
                        Content_Length=len(FILED), Content_Disposition="attachment; filename=r")
    with Wire(server) as wire:
        wire.send(head + FILED[:100000])
        expect(staff.delete(f"jobs/{job}/abort"), 200)
        wire.send(FILED[100000:])
        assert wire.answer("POST").status_code == 403
    assert expect(staff.get(f"jobs/{job}"), 200)["outputs"] == []


def test_outputs_that_are_not_there(staff, user, node):
    """missing: 400 "Bad name ...", not 404"""
    job = node.started()
    for path in ("outputs/r/txt", "outputs/r/txt/info"):
        refused(user.get(f"jobs/{job}/{path}"), 400, "Bad name 'r'")
        assert refused(user.get(f"jobs/999999/{path}"), 404) == NOT_FOUND
    refused(staff.delete(f"jobs/{job}/outputs/r/txt"), 400, "Bad name 'r'")


def test_delete_output(staff, user, node):
    """soft; 200 output object"""
    job = node.started()
    output = expect(node.add_output(job, "r", "txt", b"x"), 200)
    assert refused(node.delete(f"jobs/{job}/outputs/r/txt"), 403) == FORBIDDEN
    deleted = expect(staff.delete(f"jobs/{job}/outputs/r/txt"), 200)
    assert deleted["deletion_time"] and {**deleted, "deletion_time": None} == output
    assert expect(staff.delete(f"jobs/{job}/outputs/r/txt"), 200) == deleted
    assert expect(user.get(f"jobs/{job}/outputs/r/txt/info"), 200) == deleted
    assert user.get(f"jobs/{job}/outputs/r/txt").content == b"x"


def test_a_trailing_slash_is_optional_but_not_on_outputs(user, node):
    """no trailing slash; name cannot hold `/`"""
    job = node.started()
    expect(node.add_output(job, "r", "txt", b"x"), 200)
    assert expect(user.get(f"jobs/{job}/"), 200)["pk"] == job
    assert expect(user.post("jobs/list/"), 200)
    assert user.get(f"jobs/{job}/outputs/r/txt/").status_code == 404
    assert user.get(f"jobs/{job}/outputs/r/txt/info/").status_code == 404
    assert node.add_output(job, "a/b", "txt", b"x").status_code == 400


# ---- job templates and create-job -------------------------------------------------------------------------


def test_the_default_template(own):
    template = expect(own.get("job-templates/1"), 200)
    assert {k: template[k] for k in ("pk", "name", "version")} == {"pk": 1, "name": "default", "version": 1}
    assert expect(own.post("job-templates/list"), 200) == [template]
    refused(own.post("job-templates/create", {"name": "default"}), 400, "already")


def test_templates_are_created_listed_and_got(own):
    body = {"name": "train", "version": 2, "description": "Ä", "licence": 1}
    made = expect(own.post("job-templates/create", body), 201)
    assert (made["name"], made["version"], made["description"]) == ("train", 2, "Ä") and made["creation_time"]
    assert expect(own.get(f"job-templates/{made['pk']}"), 200) == made
    assert pks(own.post("job-templates/list")) == [1, made["pk"]]
    for field, value in [("pk", made["pk"]), ("name", "train"), ("version", 2), ("description", "Ä"),
                         ("creator.username", own.name), ("creation_time", made["creation_time"])]:
        assert pks(own.post("job-templates/list", {"expressions": [exact(field, value)]})) == [made["pk"]], field
    backwards = {"order_by": [{"field": "pk", "ascending": False}]}
    assert pks(own.post("job-templates/list", backwards)) == [made["pk"], 1]
    refused(own.post("job-templates/create", {"name": "train"}), 400, "already")
    refused(own.post("job-templates/create", {}), 400, "name")
    refused(own.post("job-templates/create", {"name": "n", "version": "x"}), 400)
    for name in ("", 5, "a\u0000b", "x" * 256):
        refused(own.post("job-templates/create", {"name": name}), 400)
    assert refused(own.get("job-templates/0"), 404) == NOT_FOUND
    assert refused(own.get(f"job-templates/{made['pk'] + 1}"), 404) == NOT_FOUND


def test_a_template_is_a_kind(own):
    template = expect(own.post("job-templates/create", {"name": "train"}), 201)["pk"]
    job = own.create_job(template)
    assert job["template"] == {"pk": template, "name": "train", "version": 1}
    assert expect(own.native.claim(kinds=["train"]), 200)["pk"] == job["pk"]
    assert refused(own.post("job-templates/999999/create-job", {"input_values": {}}), 404) == NOT_FOUND


def test_a_template_knows_its_inputs_and_parameters(own):
    """Unknown parameter 406, bad type text 400, unknown input dropped"""
    declared = {"name": "train", "inputs": {"data": {"types": "Dataset"}}, "parameters": {"rate": {"types": "float"}}}
    template = expect(own.post("job-templates/create", declared), 201)
    assert template["inputs"] == declared["inputs"] and template["parameters"] == declared["parameters"]
    pair = {"value": 1, "type": "int"}
    job = own.create_job(template["pk"], input_values={"data": pair, "more": pair}, parameter_values={"rate": pair})
    assert job["input_values"] == {"data": pair} and job["parameter_values"] == {"rate": pair}
    body = {"input_values": {}, "parameter_values": {"speed": pair}}
    refused(own.post(f"job-templates/{template['pk']}/create-job", body), 406, "speed")


PARSED = ["int", "Compressed<JSON>", "PK<Dataset<Domain<'Image Classification'>>>", "Map<a, b<c>>"]
NOT_PARSED = ["", "<", "a<", "a<b", "a<b>>", "a<>", "a b", "a<b,>", "'open", "a<" * 40 + ">" * 40]


@pytest.mark.parametrize("type_", PARSED)
def test_types_that_can_be_parsed(user, type_):
    values = {"näme \"q\"": {"value": {"deep": [1.10, None]}, "type": type_}}
    assert user.create_job(input_values=values)["input_values"] == values


@pytest.mark.parametrize("type_", NOT_PARSED)
def test_types_that_cannot(user, type_):
    body = {"input_values": {"a": {"value": 1, "type": type_}}, "parameter_values": {}}
    refused(user.post("job-templates/1/create-job", body), 400, "Couldn't parse type")


def test_create_job_is_lenient_where_the_original_fails(user):
    """Omitting parameter_values is a 500 … (server bug)"""
    job = expect(user.post("job-templates/1/create-job", {"input_values": {}}), 200)
    assert (job["parameter_values"], job["description"]) == ({}, "")
    expect(user.post("job-templates/1/create-job", {"input_values": {}, "notification_override": {}, "x": 1}), 200)
    for body in ({}, {"input_values": []}, {"input_values": {"a": 1}}, {"input_values": {"a": {"value": 1}}},
                 {"input_values": {"a": {"type": "int"}}}, {"input_values": {}, "description": 1}, [1]):
        refused(user.post("job-templates/1/create-job", body), 400)
    refused(user.request("POST", "job-templates/1/create-job", data="{"), 400, "JSON parse error - ")


# ---- nodes ------------------------------------------------------------------------------------------------


def test_nodes(own):
    node = own.new_node()
    other = own.new_node()
    shown = expect(own.get(f"nodes/{node.node}"), 200)
    assert list(shown) == "pk ip driver_version hardware_generation gpu_mem cpu_mem last_seen current_job".split()
    assert expect(own.post("nodes/list", {"expressions": [exact("pk", node.node)]}), 200) == [shown]
    for field, value in [("ip", "10.0.0.1"), ("driver_version", "520.61"), ("hardware_generation", "Ampere"),
                         ("gpu_mem", 24000), ("cpu_mem", 64000)]:
        assert pks(own.post("nodes/list", {"expressions": [exact(field, value)]})) == [node.node, other.node], field
    job = node.started()
    assert pks(own.post("nodes/list", {"expressions": [exact("current_job", job)]})) == [node.node]
    idle = {"type": "isnull", "field": "current_job"}
    assert pks(own.post("nodes/list", {"expressions": [idle]})) == [other.node]
    bare = expect(own.post("nodes/create", {"ip": "::1", "driver_version": None, "hardware_generation": None}), 201)
    assert (bare["driver_version"], bare["hardware_generation"], bare["gpu_mem"]) == (None, None, 0)
    refused(own.post("nodes/create", {"gpu_mem": 1}), 400, "ip")
    refused(own.post("nodes/create", {"ip": "::1", "gpu_mem": -1}), 400)
    refused(own.post("nodes/create", {"ip": "::1", "hardware_generation": []}), 400)
    assert refused(own.delete(f"nodes/{node.node}"), 403) == FORBIDDEN


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_node_edits_itself(staff, user, method):
    """PATCH /v1/nodes/{pk} | NodeIsSelf; staff may ping and PATCH any node"""
    node, other = user.new_node(), user.new_node()
    before = expect(user.get(f"nodes/{node.node}"), 200)
    assert refused(user.request(method, f"nodes/{node.node}", json={"ip": "::2"}), 403) == FORBIDDEN
    assert refused(other.request(method, f"nodes/{node.node}", json={"ip": "::2"}), 403) == FORBIDDEN
    after = expect(node.request(method, f"nodes/{node.node}", json={"ip": "::2", "gpu_mem": 7}), 200)
    assert after == {**before, "ip": "::2", "gpu_mem": 7, "last_seen": after["last_seen"]}
    assert after["last_seen"] > before["last_seen"]
    assert expect(staff.request(method, f"nodes/{node.node}", json={"cpu_mem": 8}), 200)["cpu_mem"] == 8
    assert refused(staff.request(method, "nodes/999999", json={}), 404) == NOT_FOUND


def test_ping(staff, user, node):
    before = expect(user.get(f"nodes/{node.node}"), 200)["last_seen"]
    answer = node.get("nodes/ping")
    assert answer.status_code == 200 and not answer.content
    assert expect(user.get(f"nodes/{node.node}"), 200)["last_seen"] > before
    assert refused(user.get("nodes/ping"), 403) == FORBIDDEN
    assert staff.get("nodes/ping").status_code == 200
    refused(user.at(77777).get("nodes/ping"), 400, "Bad Node-Id header '77777': No node with this primary-key")


# ---- who may ----------------------------------------------------------------------------------------------


def test_nothing_without_a_token(server):
    nobody = Ufdl(server, None, "rubbish")
    for method, path in [("GET", "jobs/1"), ("POST", "jobs/list"), ("GET", "nodes/ping"), ("POST", "nodes/create"),
                         ("POST", "job-templates/1/create-job"), ("POST", "jobs/1/outputs/a/b")]:
        assert nobody.request(method, path).status_code == 401


def test_a_key_that_only_reads(users):
    _, user, native = users
    key = Ufdl(native.server, None, native.server.api(("read",), native.project).key)
    job = user.create_job()["pk"]
    expect(key.get(f"jobs/{job}"), 200)
    expect(key.post("jobs/list"), 200)
    node = user.new_node().node
    for method, path in [
        ("POST", "job-templates/1/create-job"),
        ("GET", f"jobs/{job}/acquire"),
        ("POST", "nodes/create"),
        ("POST", f"jobs/{job}/outputs/a/b"),
        ("DELETE", f"jobs/{job}/cancel"),
    ]:
        assert refused(key.at(node).request(method, path), 403) == FORBIDDEN


def test_two_nodes_and_a_claimer_run_for_one_job(own):
    """However they meet, one of them has it."""
    nodes = [own.new_node() for _ in range(4)]
    for _ in range(5):
        job = own.create_job()["pk"]
        won, barrier = [], threading.Barrier(5)

        def acquire(node):
            barrier.wait()
            if node.get(f"jobs/{job}/acquire").status_code == 200:
                won.append(node.node)

        def claim():
            client = own.native.clone()
            barrier.wait()
            if client.claim().status_code == 200:
                won.append("claim")

        threads = [threading.Thread(target=acquire, args=(n,)) for n in nodes] + [threading.Thread(target=claim)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(won) == 1, won
        expect(own.delete(f"jobs/{job}/cancel"), 200)


def test_a_restart_forgets_nothing(fresh_server):
    server = fresh_server()
    api = server.api()
    staff = make_user(server, api.project, "admin", True)
    node = staff.new_node()
    acquired = staff.create_job()["pk"]
    started = node.started()
    expect(node.get(f"jobs/{acquired}/acquire"), 200)
    before = expect(staff.post("jobs/list"), 200)
    server.kill()
    server.start()
    assert expect(staff.post("jobs/list"), 200) == before
    assert api.claim().status_code == 204
    expect(node.post(f"jobs/{started}/finish", FINISH), 200)
    expect(node.post(f"jobs/{acquired}/start", START), 200)
    assert server.check().returncode == 0
