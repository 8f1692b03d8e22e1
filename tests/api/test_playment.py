# SPDX-License-Identifier: Apache-2.0
"""Playment's API: the seed's own lines, and what its SDK and its scripts send."""

import collections
import contextlib
import json
import socket
import urllib.parse

import pytest
import requests
from harness import (
    FILED,
    INLINE,
    PATIENCE,
    SCOPES,
    expect,
    locked,
    moment,
    nobody,
    raw,
    sleep_until,
)

SEED_MEMBERS = {
    "project_id",
    "reference_id",
    "job_id",
    "batch_id",
    "status",
    "work_flow_id",
    "priority_weight",
    "tag",
    "result",
}
ANNOTATIONS = {"annotations": [{"label": "car", "box": [1, 2, 3, 4]}]}


def as_objects(text):
    """What the SDK makes of an answer: named tuples all the way down, which not every key can be in."""
    return json.loads(text, object_hook=lambda d: collections.namedtuple("X", d.keys())(*d.values()))


class Playment:
    """The client as its SDK and scripts send: x-api-key, a fresh connection for each call."""

    def __init__(self, api, project=None):
        self.api = api
        self.url = api.server.url
        self.project = project or api.project
        self.headers = {"x-api-key": api.key}

    def request(self, method, path, **arguments):
        arguments.setdefault("allow_redirects", False)
        headers = {**self.headers, **arguments.pop("headers", {})}
        path = path.replace("{pid}", self.project)
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.url + path, headers=headers, timeout=4 * PATIENCE, **arguments)

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def post(self, path, body, **arguments):
        return self.request("POST", path, json=body, **arguments)

    def data(self, path, **arguments):
        return succeeded(self.get(path, **arguments))

    def batch(self, name="Batch 1", **members):
        return succeeded(self.post("/v1/projects/{pid}/batch", {"name": name, **members}))["batch_id"]

    def job(self, reference, **members):
        body = {"reference_id": reference, "data": {"image_url": "https://example.com/a.jpg"}, **members}
        return succeeded(self.post("/v1/projects/{pid}/jobs", body))["job_id"]

    def result(self, job, version="v1"):
        return self.data(f"/{version}/projects/{{pid}}/jobs/{job}")

    def complete(self, job, content=None, **headers):
        """What a worker does: claims over the native API, uploads and finishes."""
        claimed = expect(self.api.claim(), 200)
        assert claimed["id"] == job
        content = json.dumps(ANNOTATIONS).encode() if content is None else content
        headers = {"Content-Type": "application/json", **headers}
        made = self.api.upload(job, "annotations.json", content, headers=headers, primary="true")
        expect(self.api.move(job, "finish", lease=claimed["lease"]), 200)
        return made


def succeeded(response, status=200):
    """{"data", "success": true} in which every key can be a Python name."""
    assert response.status_code == status, f"{response.status_code} {response.text[:500]}"
    assert response.headers["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"data", "success"} and body["success"] is True
    assert as_objects(response.text).success is True
    return body["data"]


def failed(response, code, status=400):
    assert response.status_code == status, f"{response.status_code} {response.text[:500]}"
    assert response.headers["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"success", "error"} and body["success"] is False
    assert set(body["error"]) == {"code", "message"} and body["error"]["message"]
    assert body["error"]["code"] == code, body
    return body["error"]["message"]


@pytest.fixture
def playment(own_api):
    return Playment(own_api)


# ---- the seed's own lines ---------------------------------------------------------------------------------


def test_get_job_result(playment):
    """This endpoint allows you to get the annotations created on a job."""
    batch = playment.batch()
    flow = "51bb440c-f0ed-4286-8984-ea399cbc1f9w"
    job = playment.job("001", batch_id=batch, work_flow_id=flow)
    made = playment.complete(job)
    response = playment.get(f"/v1/projects/{{pid}}/jobs/{job}")
    data = succeeded(response)
    assert set(data) == SEED_MEMBERS
    assert data == {
        "project_id": playment.project,
        "reference_id": "001",
        "job_id": job,
        "batch_id": batch,
        "status": "completed",
        "work_flow_id": flow,
        "priority_weight": 5,
        "tag": flow,  # "tag is the workflow_id for the job"
        "result": made["url"],
    }
    assert as_objects(response.text).data.work_flow_id == flow


def test_the_attachment_access_api(playment):
    """The API will redirect to a signed URL of the attachment"""
    job = playment.job("001")
    made = playment.complete(job)
    answer = playment.get("/v1/attachments?url=" + playment.result(job)["result"])
    assert answer.headers["Location"].startswith("/-/d/")
    assert succeeded(answer, 302)["url"] == playment.url + answer.headers["Location"]
    followed = requests.get(playment.url + answer.headers["Location"], timeout=PATIENCE)  # without a key
    assert followed.json() == ANNOTATIONS
    assert followed.headers["ETag"] == f'"{made["sha256"]}"'


def reference_script(base, project_id, batch_id, x_api_key, attachment):
    """The document's reference script: what it asks for and in which order, `attachment` with either address."""

    def fetch(base_url):
        response = requests.get(base_url, headers={"x-api-key": x_api_key}, timeout=PATIENCE)
        if response.status_code >= 500:
            raise Exception(response.text)
        if 400 <= response.status_code < 500:
            raise Exception(response.text)
        return response.json()

    def get_batch_job(next_page_token):
        return fetch(f"{base}/v1/projects/{project_id}/batch/{batch_id}?page_token={next_page_token}")

    batch_res = get_batch_job("")
    jobs = batch_res["data"]["jobs"]
    while "next_page_token" in batch_res["data"].keys():
        batch_res = get_batch_job(batch_res["data"]["next_page_token"])
        jobs = jobs + batch_res["data"]["jobs"]
    results = {}
    for job in jobs:
        job_res = fetch(f"{base}/v1/projects/{project_id}/jobs/{job['id']}")
        results[job["id"]] = fetch(attachment.format(base=base, url=job_res["data"]["result"]))
    return results


@pytest.mark.parametrize("attachment", ["{base}/v1/attachments?url={url}", "{url}"])
def test_the_reference_python_script_gets_the_job_result_of_a_batch(playment, attachment):
    """Reference python script to get the job result of a batch"""
    batch = playment.batch()
    wanted = {}
    for number in range(3):
        job = playment.job(f"{number:03}", batch_id=batch)
        wanted[job] = {"annotations": [number]}
        playment.complete(job, json.dumps(wanted[job]).encode())
    assert reference_script(playment.url, playment.project, batch, playment.api.key, attachment) == wanted


# ---- what the clients send --------------------------------------------------------------------------------


def test_the_sdk_creates_a_batch_at_its_singular_path(playment):
    body = {"id": None, "name": "n", "label": "l", "description": "d"}
    batch = succeeded(playment.post("/v1/project/{pid}/batch", body))
    assert set(batch) == {"batch_id"}
    native = expect(playment.api.get(f"/batches/{batch['batch_id']}"), 200)
    assert (native["name"], native["description"]) == ("n", "d")
    assert playment.data(f"/v0/projects/{{pid}}/batch/{batch['batch_id']}")["label"] == "l"


def test_the_sdk_creates_a_job_at_its_own_path(playment):
    batch = playment.batch()
    body = {
        "id": None,
        "reference_id": "001",
        "tag": "image",
        "data": {"image_url": "https://example.com/a/b.jpg", "metadata": None},
        "batch_id": batch,
        "priority_weight": 5,
    }
    made = succeeded(playment.post("/projectsvc/projects/{pid}/jobs", body))
    assert made == {"job_id": made["job_id"], "reference_id": "001", "tag": "image"}
    result = playment.result(made["job_id"], "v0")
    assert set(result) == SEED_MEMBERS - {"work_flow_id"}
    assert (result["status"], result["result"], result["tag"]) == ("queued", "", "image")
    claimed = expect(playment.api.claim(kinds=["image"]), 200)
    assert (claimed["id"], claimed["input"]) == (made["job_id"], body)
    assert (claimed["batch"], claimed["tag"], claimed["reference_id"]) == (batch, "image", "001")


@pytest.mark.parametrize("path", ["/v0/projects/{pid}/jobs", "/projectsvc/projects/{pid}/jobs"])
def test_v0_answers_a_new_job_with_its_tag(playment, path):
    made = succeeded(playment.post(path, {"reference_id": "r", "tag": "t", "data": {"a": 1}}))
    assert made == {"job_id": made["job_id"], "reference_id": "r", "tag": "t"}


def test_v1_answers_a_new_job_with_its_work_flow(playment):
    body = {"reference_id": "r", "work_flow_id": "w", "data": {"a": 1}}
    made = succeeded(playment.post("/v1/projects/{pid}/jobs", body))
    assert made == {"job_id": made["job_id"], "reference_id": "r", "work_flow_id": "w"}
    assert expect(playment.api.claim(kinds=["w"]), 200)["input"] == body


def test_work_flow_and_tag_come_back_as_they_were_sent(playment):
    job = playment.job("r", work_flow_id="the flow", tag="the tag", label="ignored")
    assert (playment.result(job)["work_flow_id"], playment.result(job)["tag"]) == ("the flow", "the tag")
    neither = playment.job("s", work_flow_id="", tag=None)
    assert (playment.result(neither)["work_flow_id"], playment.result(neither)["tag"]) == ("playment", "")


def test_a_body_needs_no_content_type(playment):
    body = json.dumps({"reference_id": "r", "data": {}})
    made = playment.request("POST", "/v1/projects/{pid}/jobs", data=body)
    assert succeeded(made)["reference_id"] == "r"


def test_nothing_of_a_submission_s_data_is_repeated(playment):
    """Keys of a submission may be no Python names; those of an answer must."""
    data = {"class": 1, "_x": 2, "with space": {"1": [{"def": None}]}}
    job = playment.job("r", data=data, **{"from": 1, "a-b": 2})
    playment.complete(job)
    batch = playment.result(job)["batch_id"]
    for path in [f"jobs/{job}", f"batch/{batch}", "details", "stats"]:
        succeeded(playment.get(f"/v0/projects/{{pid}}/{path}"))  # looks at the keys
    assert expect(playment.api.get(f"/jobs/{job}"), 200)["input"]["data"] == data


def test_keys_that_are_no_python_names_are_noticed():
    for text in ('{"class": 1}', '{"a": [{"_b": 1}]}', '{"a b": 1}'):
        with pytest.raises(ValueError):
            as_objects(text)


# ---- lists ------------------------------------------------------------------------------------------------


def test_a_page_has_a_hundred_jobs_and_the_last_has_no_token(playment):
    batch = playment.batch("many")
    made = [playment.job(f"{number}", batch_id=batch) for number in range(201)]
    pages = [playment.data(f"/v1/projects/{{pid}}/batch/{batch}?page_token=")]
    while "next_page_token" in pages[-1]:
        assert isinstance(pages[-1]["next_page_token"], str) and pages[-1]["next_page_token"]
        token = pages[-1]["next_page_token"]
        pages.append(playment.data(f"/v1/projects/{{pid}}/batch/{batch}?page_token={token}"))
    assert [len(page["jobs"]) for page in pages] == [100, 100, 1]
    assert [job["id"] for page in pages for job in page["jobs"]] == made
    assert {key: pages[0][key] for key in ("id", "project_id", "name")} == {
        "id": batch,
        "project_id": playment.project,
        "name": "many",
    }


def test_exactly_one_full_page_has_no_token(playment):
    batch = playment.batch()
    for number in range(100):
        playment.job(f"{number}", batch_id=batch)
    page = playment.data(f"/v1/projects/{{pid}}/batch/{batch}")
    assert len(page["jobs"]) == 100 and "next_page_token" not in page


def test_a_page_of_large_jobs_ends_early_and_loses_none(playment):
    batch = playment.batch()
    made = [playment.job(f"{n}", batch_id=batch, data={"text": "x" * 900_000}) for n in range(7)]
    got, token = [], ""
    while token is not None:
        page = playment.data(f"/v0/projects/{{pid}}/batch/{batch}?page_token={token}")
        assert page["jobs"]
        got += [job["id"] for job in page["jobs"]]
        token = page.get("next_page_token")
    assert got == made


def test_jobs_of_a_batch_in_both_versions(playment):
    batch = playment.batch()
    done = playment.job("001", batch_id=batch, tag="sample-task", priority_weight=9)
    playment.complete(done)
    playment.job("002", batch_id=batch)
    first, second = playment.data(f"/v1/projects/{{pid}}/batch/{batch}")["jobs"]
    assert first == {
        "id": done,
        "reference_id": "001",
        "status": "completed",
        "frames": 1,
        "annotations": 1,
    }
    assert (second["status"], second["frames"], second["annotations"]) == ("queued", 1, 0)
    older = playment.data(f"/v0/projects/{{pid}}/batch/{batch}")["jobs"][0]
    assert older == {**first, "priority_weight": 9, "tag": "sample-task", "viewer_url": ""}


@pytest.mark.parametrize("token", ["x", "-1", "1.5", "99999999999999999999", "null"])
def test_a_token_that_is_none_is_refused(playment, token):
    batch = playment.batch()
    answer = playment.get(f"/v1/projects/{{pid}}/batch/{batch}?page_token={token}")
    failed(answer, "invalid_request_error")
    failed(playment.get(f"/v1/projects/{{pid}}/details?page_token={token}"), "invalid_request_error")


def test_the_token_of_the_captures_is_a_token(playment):
    batch = playment.batch()
    page = playment.data(f"/v0/projects/{{pid}}/batch/{batch}?page_token=1575822103313046000")
    assert page["jobs"] == [] and "next_page_token" not in page


# ---- details and sums -------------------------------------------------------------------------------------


def test_details_of_a_project(playment):
    batch = playment.batch("Batch 1", description="These are the jobs created on 23rd August")
    playment.complete(playment.job("001", batch_id=batch))
    playment.job("002")  # goes to the default batch
    details = playment.data("/v1/projects/{pid}/details")
    assert details == playment.data("/v0/projects/{pid}/details")
    assert (details["name"], details["base"]) == (playment.project, "")
    first, usual = details["batches"]
    assert moment(first.pop("created_at"))
    assert first == {
        "id": batch,
        "name": "Batch 1",
        "description": "These are the jobs created on 23rd August",
        "is_default": False,
        "total_jobs": 1,
        "completed_jobs": 1,
        "total_frames": 1,
        "completed_frames": 1,
        "annotations": 1,
        "status": "Complete",
    }
    assert (usual["name"], usual["is_default"], usual["total_jobs"]) == ("Default batch", True, 1)
    assert (usual["completed_jobs"], usual["status"]) == (0, "In Progress")
    assert playment.data("/v0/projects/{pid}/stats") == {
        "name": playment.project,
        "base": "",
        "total_batches": 2,
        "completed_batches": 1,
        "total_jobs": 2,
        "completed_jobs": 1,
        "total_frames": 2,
        "completed_frames": 1,
        "annotations": 1,
    }


def test_a_batch_without_jobs_is_not_complete_and_one_whose_jobs_failed_is(playment):
    empty, failing = playment.batch("empty"), playment.batch("failing")
    job = playment.job("r", batch_id=failing)
    expect(playment.api.move(job, "fail", error={"code": "blurred", "message": "nothing to see"}), 200)
    states = {batch["id"]: batch["status"] for batch in playment.data("/v1/projects/{pid}/details")["batches"]}
    assert states == {empty: "In Progress", failing: "Complete"}
    assert playment.data("/v0/projects/{pid}/stats")["completed_batches"] == 1


def test_an_empty_project(playment):
    assert playment.data("/v0/projects/{pid}/details")["batches"] == []
    assert playment.data("/v0/projects/{pid}/stats")["total_jobs"] == 0


@pytest.mark.slow
def test_details_of_very_many_batches_come_in_pages(playment):
    made = [playment.api.batch(f"{number}")["id"] for number in range(1001)]
    first = playment.data("/v1/projects/{pid}/details")
    second = playment.data(f"/v1/projects/{{pid}}/details?page_token={first['next_page_token']}")
    assert "next_page_token" not in second
    assert [batch["id"] for batch in first["batches"] + second["batches"]] == made


def test_a_job_without_a_batch_goes_to_the_one_default_batch(playment):
    first = playment.result(playment.job("001"))["batch_id"]
    assert playment.result(playment.job("002", batch_id=""))["batch_id"] == first
    assert playment.result(playment.job("003", batch_id=None))["batch_id"] == first
    assert len(playment.data(f"/v1/projects/{{pid}}/batch/{first}")["jobs"]) == 3
    failed(playment.post("/v1/projects/{pid}/batch", {"name": "Default batch"}), "BATCH_CREATION")


# ---- the result of a job ----------------------------------------------------------------------------------


def test_result_is_empty_until_the_job_is_completed(playment):
    job = playment.job("r")
    assert (playment.result(job)["status"], playment.result(job)["result"]) == ("queued", "")
    lease = expect(playment.api.claim(), 200)["lease"]
    made = playment.api.upload(job, "a.json", b"{}")
    assert (playment.result(job)["status"], playment.result(job)["result"]) == ("running", "")
    expect(playment.api.move(job, "finish", lease=lease), 200)
    assert (playment.result(job)["status"], playment.result(job)["result"]) == ("completed", made["url"])


def test_result_is_the_primary_one_or_else_the_first(playment):
    jobs = {}
    for reference, chosen in (("001", None), ("002", "b.json")):
        job = playment.job(reference)
        made = {
            name: playment.api.upload(job, name, name.encode(), **({"primary": "true"} if name == chosen else {}))
            for name in ("a.json", "b.json")
        }
        expect(playment.api.move(job, "finish"), 200)
        jobs[job] = made[chosen or "a.json"]["url"]
    assert {job: playment.result(job)["result"] for job in jobs} == jobs


def test_a_job_completed_without_a_result_has_none(playment):
    job = playment.job("r")
    expect(playment.api.move(job, "finish"), 200)
    assert (playment.result(job)["status"], playment.result(job)["result"]) == ("completed", "")


def test_a_failed_job_says_why_and_a_cancelled_one_that_it_is(playment):
    bad, stopped = playment.job("bad"), playment.job("stopped")
    why = {"code": "blurred", "message": "nothing to see"}
    expect(playment.api.move(bad, "fail", error=why), 200)
    expect(playment.api.move(stopped, "cancel"), 200)
    assert (playment.result(bad)["status"], playment.result(bad)["error"]) == ("failed", why)
    assert playment.result(stopped)["status"] == "cancelled"
    assert "error" not in playment.result(stopped)


@pytest.mark.parametrize("content", [INLINE, FILED], ids=["inline", "file"])
def test_the_key_opens_the_result_s_own_address(playment, content):
    job = playment.job("r")
    playment.complete(job, content, **{"Content-Type": "application/octet-stream"})
    address = playment.result(job)["result"]
    assert requests.get(address, headers=playment.headers, timeout=PATIENCE).content == content
    assert requests.get(address, timeout=PATIENCE).status_code == 401


def test_jobs_made_elsewhere_are_shown_too(playment):
    batch = playment.api.batch("native")["id"]
    job = playment.api.completed_job(kind="report", batch=batch)["id"]
    alone = playment.api.job(kind="report", tag="t")["id"]
    shown = playment.result(job)
    assert (shown["batch_id"], shown["work_flow_id"], shown["reference_id"]) == (batch, "report", "")
    assert (playment.result(alone)["batch_id"], playment.result(alone)["tag"]) == ("", "t")
    assert [row["id"] for row in playment.data(f"/v1/projects/{{pid}}/batch/{batch}")["jobs"]] == [job]
    for number in (batch, playment.batch("without a label")):
        assert "label" not in playment.data(f"/v1/projects/{{pid}}/batch/{number}")


# ---- attachments ------------------------------------------------------------------------------------------


@pytest.fixture
def stored(playment):
    """(client, port, path of a stored result)"""
    job = playment.job("r")
    made = playment.complete(job)
    return playment, playment.api.server.port, f"/api/v1/results/{made['id']}/content"


def attachment(playment, address, **arguments):
    return playment.get("/v1/attachments?url=" + address, **arguments)


def leads_on(response):
    succeeded(response, 302)
    followed = requests.get(urllib.parse.urljoin(response.url, response.headers["Location"]), timeout=PATIENCE)
    assert followed.json() == ANNOTATIONS


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}{path}",
        "HTTP://127.0.0.1:{port}{path}",
        "http://LocalHost:{port}{path}",
        "http://localhost.:{port}{path}",
        "http://[::1]:{port}{path}",
        "https://127.0.0.1:{port}{path}",
        "http%3A%2F%2F127.0.0.1%3A{port}{path}",
    ],
)
def test_any_spelling_of_the_own_host_is_taken(stored, address):
    playment, port, path = stored
    leads_on(attachment(playment, address.format(port=port, path=path)))


def test_url_is_taken_from_behind_other_parameters(stored):
    playment, port, path = stored
    leads_on(playment.get(f"/v1/attachments?curl=x&url=http://127.0.0.1:{port}{path}"))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "x",
        "{path}",
        "//127.0.0.1:{port}{path}",
        "ftp://127.0.0.1:{port}{path}",
        "http:/127.0.0.1:{port}{path}",
        "http:127.0.0.1:{port}{path}",
        "http://127.0.0.1{path}",
        "http://127.0.0.1:0{path}",
        "http://127.0.0.1:0{port}{path}",
        "http://127.0.0.1:99999{path}",
        "http://127.0.0.1:{port}x{path}",
        "http://127.0.0.2:{port}{path}",
        "http://127.1:{port}{path}",
        "http://example.com:{port}{path}",
        "http://127.0.0.1.example.com:{port}{path}",
        "http://xlocalhost:{port}{path}",
        "http://user@127.0.0.1:{port}{path}",
        "http://127.0.0.1:{port}@example.com{path}",
        "http://example.com@127.0.0.1:{port}{path}",
        "http://example.com%40127.0.0.1:{port}{path}",
        "http://127.0.0.1:{port}%5C@example.com{path}",
        "http://127.0.0.1:{port}%5C{path}",
        "http:%5C%5C127.0.0.1:{port}{path}",
        "http://example.com%23@127.0.0.1:{port}{path}",
        "http://127.0.0.1%252E:{port}{path}",
        "http://[127.0.0.1]:{port}{path}",
        "http://[::1:{port}{path}",
        "http:///{path}",
        "http://:{port}{path}",
        "http://.:{port}{path}",
        "%20http://127.0.0.1:{port}{path}",
        "http://127.0.0.1:{port}/{path}",
        "http://127.0.0.1:{port}/x/..{path}",
        "http://127.0.0.1:{port}{path}/",
        "http://127.0.0.1:{port}{path}?format=csv",
        "http://127.0.0.1:{port}{path}%23x",
        "http://127.0.0.1:{port}{path}%0D%0AX:%20y",
        "http://127.0.0.1:{port}/api/v1/results/x/content",
        "http://127.0.0.1:{port}/v1/attachments?url=https%3A%2F%2Fx%2Fy.json",
        "http://127.0.0.1:{port}/v1/attachments?url=http://127.0.0.1:{port}{path}",
        "http://127.0.0.1:{port}/-/live",
    ],
)
def test_any_other_url_is_refused(stored, address):
    playment, port, path = stored
    answer = attachment(playment, address.format(port=port, path=path))
    failed(answer, "GE_0001")
    assert "Location" not in answer.headers


def test_broken_escapes_and_nul_are_refused(stored):
    playment, port, path = stored
    for end in ("%", "%zz", "%00", "%ff"):
        target = f"/v1/attachments?url=http://127.0.0.1:{port}{path}{end}"
        head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nx-api-key: {playment.api.key}\r\n\r\n"
        failed(raw(playment.api.server, head.encode()), "GE_0001")


def test_the_host_that_the_client_uses_is_the_own_one(stored):
    playment, port, path = stored
    for host, address in [
        ("results.example", f"http://results.example{path}"),
        ("results.example", f"http://RESULTS.example:80{path}"),
        ("results.example", f"https://results.example{path}"),
        ("results.example:443", f"https://results.example{path}"),
        ("results.example:8443", f"https://results.example:8443{path}"),
    ]:
        assert attachment(playment, address, headers={"Host": host}).status_code == 302, address
    for host, address in [
        ("results.example", f"http://results.example:8443{path}"),
        ("results.example:8443", f"https://results.example{path}"),
        ("results.example", f"https://other.example{path}"),
        ("results.example", f"http://example{path}"),
        ("results.example", f"http://localhost{path}"),
        ("", f"http://{path}"),
    ]:
        failed(attachment(playment, address, headers={"Host": host}), "GE_0001")


def test_base_url_is_an_own_spelling_with_its_path(fresh_server):
    server = fresh_server(base_url="https://Results.example/store/")
    playment = Playment(server.api())
    made = playment.complete(playment.job("r"))
    path = f"/api/v1/results/{made['id']}/content"
    shown = playment.result(made["job"])["result"]
    assert shown == f"https://Results.example/store{path}"
    for address in (shown, f"https://results.EXAMPLE:443/store{path}", f"http://127.0.0.1:{server.port}{path}"):
        answer = attachment(playment, address)
        assert answer.headers["Location"].startswith("https://Results.example/store/-/d/"), address
    for address in (
        f"https://results.example{path}",
        f"https://results.example/storehouse{path}",
        f"http://results.example/store{path}",
        f"https://results.example:8443/store{path}",
        f"http://127.0.0.1:{server.port}/store{path}",
    ):
        failed(attachment(playment, address), "GE_0001")


def test_a_foreign_address_is_never_fetched(stored):
    """Somebody listens where the address points to; nobody comes."""
    playment, _, path = stored
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        failed(attachment(playment, f"http://127.0.0.1:{listener.getsockname()[1]}{path}"), "GE_0001")
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_missing_url_is_said(playment):
    for query in ("", "?", "?curl=http://x", "?URL=x", "?x=url"):
        assert "url" in failed(playment.get("/v1/attachments" + query), "GE_0002")


def test_attachments_of_others_unknown_and_deleted_ones_are_refused(stored):
    playment, port, path = stored
    stranger = Playment(playment.api.server.api())
    url = f"http://127.0.0.1:{port}"
    assert failed(attachment(stranger, url + path), "GE_0001") == failed(
        attachment(playment, f"{url}/api/v1/results/{nobody()}/content"), "GE_0001"
    )
    result = path.split("/")[-2]
    expect(playment.api.delete(f"/results/{result}"), 204)
    failed(attachment(playment, url + path), "FS_0007")


def test_an_expired_attachment_is_refused_and_says_so(playment):
    job = playment.job("r")
    made = playment.api.upload(job, "a.json", b"{}", expires_in=1)
    expect(playment.api.move(job, "finish"), 200)
    address = playment.result(job)["result"]
    sleep_until(made["expires_at"])
    assert "expired" in failed(attachment(playment, address), "FS_0007")
    assert playment.result(job)["result"] == address


def test_an_attachment_can_be_asked_for_by_head(stored):
    playment, port, path = stored
    answer = playment.request("HEAD", f"/v1/attachments?url=http://127.0.0.1:{port}{path}")
    assert answer.status_code == 302 and "/-/d/" in answer.headers["Location"] and not answer.content


# ---- errors -----------------------------------------------------------------------------------------------


def test_a_reference_id_is_taken_once(playment):
    playment.job("001")
    for path in ("/v1/projects/{pid}/jobs", "/v0/projects/{pid}/jobs", "/projectsvc/projects/{pid}/jobs"):
        message = failed(playment.post(path, {"reference_id": "001", "data": {}}), "FS_0001")
        assert message.startswith("Duplicate reference_id")
    assert playment.data("/v0/projects/{pid}/stats")["total_jobs"] == 1
    Playment(playment.api.server.api()).job("001")  # another project's own


def test_a_name_of_a_batch_is_taken_once_and_nothing_is_left_of_the_second(playment):
    playment.batch("Batch 1")
    failed(playment.post("/v1/project/{pid}/batch", {"name": "Batch 1"}), "BATCH_CREATION")
    assert playment.data("/v0/projects/{pid}/stats")["total_batches"] == 1
    Playment(playment.api.server.api()).batch("Batch 1")


@pytest.mark.parametrize("weight", [1, 9, 10])
def test_weights_that_are_allowed(playment, weight):
    assert playment.result(playment.job("r", priority_weight=weight))["priority_weight"] == weight


BAD_JOBS = [
    ({"priority_weight": 0}, "FS_00012"),
    ({"priority_weight": 11}, "FS_00012"),
    ({"priority_weight": "5"}, "FS_00012"),
    ({"priority_weight": 2.5}, "FS_00012"),
    ({"reference_id": None}, "FS_0002"),
    ({"reference_id": ""}, "GE_0001"),
    ({"reference_id": 7}, "GE_0001"),
    ({"reference_id": "a\nb"}, "GE_0001"),
    ({"reference_id": "x" * 256}, "GE_0001"),
    ({"data": None}, "FS_0004"),
    ({"data": "x"}, "FS_0003"),
    ({"data": [1]}, "FS_0003"),
    ({"batch_id": "no uuid"}, "GE_0001"),
    ({"batch_id": "00000000-0000-7000-8000-000000000000"}, "GE_0001"),
    ({"tag": ["x"]}, "GE_0001"),
    ({"work_flow_id": "a\x00b"}, "GE_0001"),
    ({"work_flow_id": "a\tb"}, "GE_0001"),
]


@pytest.mark.parametrize("members, code", BAD_JOBS, ids=lambda value: str(value)[:40])
def test_bad_submissions_are_refused_and_nothing_is_kept(playment, members, code):
    body = {"reference_id": "r", "data": {}, **members}
    for path in ("/v1/projects/{pid}/jobs", "/projectsvc/projects/{pid}/jobs"):
        failed(playment.post(path, body), code)
    stats = playment.data("/v0/projects/{pid}/stats")
    assert (stats["total_jobs"], stats["total_batches"]) == (0, 0)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"tag":"a","tag":"b"}'])
def test_bodies_that_are_no_object_are_refused(playment, text):
    for path in ("jobs", "batch"):
        failed(playment.request("POST", f"/v1/projects/{{pid}}/{path}", data=text), "GE_0001")


def test_a_batch_needs_a_name(playment):
    for name, code in ((None, "GE_0002"), ("", "GE_0001"), ("a\nb", "GE_0001"), (["a"], "GE_0001")):
        body = {"name": name}
        failed(playment.post("/v1/projects/{pid}/batch", body), code)


def test_a_body_that_is_too_large_is_refused(playment):
    body = {"reference_id": "r", "data": {"text": "x" * (1 << 20)}}
    failed(playment.post("/v1/projects/{pid}/jobs", body), "GE_0001")


def test_a_missing_or_wrong_key_is_401(playment):
    other = {"x-api-key": playment.api.key[:-1] + "!"}
    for headers in ({"x-api-key": ""}, other, {"x-api-key": None, "Authorization": f"Token {playment.api.key}"}):
        answer = playment.get("/v0/projects/{pid}/stats", headers=headers)
        failed(answer, "unauthorized", 401)
        assert answer.headers["WWW-Authenticate"]
    bearer = {"x-api-key": None, "Authorization": f"Bearer {playment.api.key}"}
    succeeded(playment.get("/v0/projects/{pid}/stats", headers=bearer))


def test_scopes_follow_what_a_route_does(server):
    project = server.project()
    everything = Playment(server.api(project=project))
    job = everything.job("r")
    reader, writer = (Playment(server.api(scopes=(scope,), project=project)) for scope in ("read", "write"))
    for path in (f"jobs/{job}", "details", "stats"):
        succeeded(reader.get("/v0/projects/{pid}/" + path))
        failed(writer.get("/v0/projects/{pid}/" + path), "core.webutil.auther")
    failed(writer.get("/v1/attachments?url=x"), "core.webutil.auther")
    failed(reader.post("/v1/projects/{pid}/batch", {"name": "b"}), "core.webutil.auther")
    failed(reader.post("/v1/projects/{pid}/jobs", {}), "core.webutil.auther")
    assert writer.batch("b") and writer.job("s")
    assert set(SCOPES) > {"read", "write"}


def test_the_project_is_the_key_s_own_by_name_or_number(server):
    playment, stranger = Playment(server.api()), Playment(server.api())
    job = playment.job("r")
    number = next(
        str(pk)
        for pk in range(1, 1000)
        if playment.get(f"/v0/projects/{pk}/stats").status_code == 200
    )
    assert Playment(playment.api, number).result(job) == playment.result(job)
    assert Playment(playment.api, number).job("s")
    for pid in (stranger.project, "0", "0" + number, number + " ", "x", "%20"):
        for path in ("stats", "details", f"jobs/{job}", f"batch/{nobody()}"):
            failed(playment.get(f"/v0/projects/{pid}/{path}"), "GE_0001")
        failed(playment.post(f"/v1/projects/{pid}/jobs", {"reference_id": "t", "data": {}}), "GE_0001")
        failed(playment.post(f"/v1/projects/{pid}/batch", {"name": "b"}), "GE_0001")


def test_jobs_and_batches_of_others_are_as_unknown_ones(server):
    playment, stranger = Playment(server.api()), Playment(server.api())
    batch = stranger.batch()
    job = stranger.job("r", batch_id=batch)
    for version in ("v0", "v1"):
        for id_ in (job, nobody(), "x", job.upper()):
            failed(playment.get(f"/{version}/projects/{{pid}}/jobs/{id_}"), "FS_0006")
        for id_ in (batch, nobody(), "x"):
            failed(playment.get(f"/{version}/projects/{{pid}}/batch/{id_}"), "GE_0001")
    body = {"reference_id": "r", "data": {}, "batch_id": batch}
    failed(playment.post("/v1/projects/{pid}/jobs", body), "GE_0001")


def test_a_deleted_job_is_not_there(playment):
    batch = playment.batch()
    job = playment.job("r", batch_id=batch)
    expect(playment.api.delete(f"/jobs/{job}"), 204)
    failed(playment.get(f"/v1/projects/{{pid}}/jobs/{job}"), "FS_0006")
    assert playment.data(f"/v1/projects/{{pid}}/batch/{batch}")["jobs"] == []
    assert playment.data("/v0/projects/{pid}/stats")["total_jobs"] == 0


@pytest.mark.parametrize(
    "path",
    ["/v0", "/v0/x", "/v1/project/x", "/v1/projects", "/v1/projects/x/y", "/v1/attachments/x", "/projectsvc/x"],
)
def test_unknown_paths_are_answered_in_these_words(playment, path):
    failed(playment.get(path), "GE_0001")


def test_a_method_that_is_not_taken(playment):
    answer = playment.request("DELETE", "/v1/attachments")
    failed(answer, "invalid_request_error")
    assert "GET" in answer.headers["Allow"]
    failed(playment.request("PUT", "/v1/projects/{pid}/jobs"), "invalid_request_error")


def test_switched_off_it_is_not_there(fresh_server):
    api = fresh_server(playment="off").api()
    answer = Playment(api).get("/v0/projects/{pid}/stats")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_under_a_prefix_the_addresses_of_results_stay(fresh_server):
    playment = Playment(fresh_server(playment_prefix="/there").api())
    assert playment.get("/v0/projects/{pid}/stats").headers["Content-Type"] == "application/problem+json"
    playment.url += "/there"
    made = playment.complete(playment.job("r"))
    assert playment.result(made["job"])["result"] == made["url"]
    leads_on(attachment(playment, made["url"]))
    failed(attachment(playment, made["url"].replace("/api/v1", "/there/api/v1")), "GE_0001")


@pytest.mark.slow
def test_what_the_server_cannot_do_is_no_400_so_that_clients_try_again(fresh_server):
    playment = Playment(fresh_server(db_busy_timeout="1s").api())
    with locked(playment.api.server):
        answer = playment.post("/v1/projects/{pid}/jobs", {"reference_id": "r", "data": {}})
        failed(answer, "api_error", 503)
        assert answer.headers["Retry-After"]
    assert playment.job("r")
