# SPDX-License-Identifier: Apache-2.0
"""What there has to be before an operation can be called as its examples say: by API and operation id a function of a
client of the native API, which gives the places of the path, required parameters and members of the body by name."""

import uuid

from harness import expect

BYTES = b"id,price\n1,1.10\n2,2.50\n"
CSV = {"Content-Type": "text/csv"}


# ---- the native API ---------------------------------------------------------------------------------------


def a_job(api):
    return {"id": api.job()["id"]}


def a_deleted_job(api):
    job = api.job()["id"]
    expect(api.delete(f"/jobs/{job}"), 204)
    return {"id": job}


def a_job_with_files(api):
    job = api.job()["id"]
    api.upload(job, "rows.csv", BYTES, headers=CSV)
    return {"id": job}


def a_batch(api):
    return {"id": api.batch()["id"]}


def a_batch_with_files(api):
    batch = api.batch()["id"]
    api.upload(api.job(batch=batch)["id"], "rows.csv", BYTES)
    return {"id": batch}


def a_table(api):
    return {"id": api.publish("rows.csv", BYTES, headers=CSV)["id"]}


def a_deleted_result(api):
    result = a_table(api)
    expect(api.delete(f"/results/{result['id']}"), 204)
    return result


def something_queued(api):
    api.job(kind="scrape")
    return {}


def a_storage(api):
    made = {"name": f"storage-{uuid.uuid4()}", "url": "s3://our-bucket/results",
            "endpoint": "https://127.0.0.1:1",
            "credentials": {"access_key_id": "AKIA0EXAMPLE", "secret_access_key": "secret"}}
    return {"id": expect(api.post("/storages", json=made), 201)["id"]}


def a_key(api):
    return {"id": expect(api.post("/keys", json={"name": "worker", "scopes": ["read"]}), 201)["id"]}


def a_user_name(api):
    return {"name": f"user-{uuid.uuid4()}"}


def a_user(api):
    body = {"name": f"user-{uuid.uuid4()}", "password": "correct horse battery staple"}
    return {"pk": expect(api.post("/users", json=body), 201)["pk"]}


def pages_of(path, make, filters=lambda made: {}):
    """Two of a kind, so that there is a second page, and what of the last one can be filtered by."""
    def prepare(api):
        make(api)
        made = make(api)
        return {"cursor": expect(api.get(path, params={"limit": 1}), 200)["next"], **filters(made)}
    return prepare


def a_job_of_a_batch(api):
    return api.job(batch=api.batch()["id"])


def a_result_of_a_batch(api):
    job = a_job_of_a_batch(api)
    api.upload(job["id"], "rows.csv", BYTES, headers=CSV)
    return job


def own_key(api):
    return {"key": api.key}


# ---- Nostradamus ------------------------------------------------------------------------------------------


def nostradamus(api, method, path, **arguments):
    headers = {"Authorization": f"Token {api.key}"}
    return expect(api.session.request(method, api.server.url + path, headers=headers, timeout=60, **arguments), 201)


def a_collection(api):
    return {"collectionId": nostradamus(api, "POST", "/api/collection", json={"name": "sales"})["id"]}


def an_invocation(api):
    body = {**a_collection(api), "invocationType": "boosting", "args": None}
    return {"invocationId": nostradamus(api, "POST", "/api/invocation", json=body)["id"]}


def a_done_invocation(api):
    made = an_invocation(api)["invocationId"]
    result = api.upload(made, "rows.csv", BYTES, headers=CSV, primary="true")
    expect(api.move(made, "finish"), 200)
    return {"invocationId": made, "resultId": result["id"]}


# ---- Playment ---------------------------------------------------------------------------------------------


def a_project(api):
    return {"project_id": api.project}


def playment(api, path, body):
    url = f"{api.server.url}/v1/projects/{api.project}{path}"
    return expect(api.session.post(url, json=body, headers={"x-api-key": api.key}, timeout=60), 200)["data"]


def a_playment_batch(api):
    return {**a_project(api), "batch_id": playment(api, "/batch", {"name": f"batch-{uuid.uuid4()}"})["batch_id"]}


def a_reference(api):
    return {**a_project(api), "reference_id": str(uuid.uuid4())}


def a_batch_name(api):
    return {**a_project(api), "name": str(uuid.uuid4())}


def a_playment_job(api):
    body = {"reference_id": str(uuid.uuid4()), "data": {"image_url": "https://site.example/a.jpg"}}
    return {**a_project(api), "job_id": playment(api, "/jobs", body)["job_id"]}


def an_attachment(api):
    job = a_playment_job(api)["job_id"]
    api.upload(job, "result.json", b"{}", headers={"Content-Type": "application/json"}, primary="true")
    expect(api.move(job, "finish"), 200)
    url = f"{api.server.url}/v1/projects/{api.project}/jobs/{job}"
    answer = api.session.get(url, headers={"x-api-key": api.key}, timeout=60)
    return {"url": expect(answer, 200)["data"]["result"]}


# ---- ricloud ----------------------------------------------------------------------------------------------


def ricloud(api, path, **body):
    headers = {"Authorization": f"Token {api.key}", "Ricloud-Await": "0"}
    answer = api.session.post(api.server.url + path, json=body, headers=headers, timeout=60)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def a_published_id(api):
    return {"id": api.publish("rows.csv", BYTES)["id"]}


def published_ids(api):
    return {"results": [a_published_id(api)["id"]]}


def a_ricloud_user(api):
    return {"id": ricloud(api, "/users", identifier=str(uuid.uuid4()))["id"]}


def a_user_of_a_source(api):
    return {"user": a_ricloud_user(api)["id"], "identifier": str(uuid.uuid4())}


def a_source(api):
    return {"id": ricloud(api, "/sources", type="icloud.backup", **a_user_of_a_source(api))["id"]}


def a_source_of_a_session(api):
    return {"source": a_source(api)["id"]}


def a_session(api):
    return {"id": ricloud(api, "/sessions", payload={"password": "secret"}, **a_source_of_a_session(api))["id"]}


def a_session_of_a_subscription(api):
    return {"session": a_session(api)["id"]}


def a_subscription(api):
    more = a_session_of_a_subscription(api)
    return {"id": ricloud(api, "/subscriptions", interval=86400, poll_payload={"data_types": []}, **more)["id"]}


def a_poll(api):
    return {"id": ricloud(api, "/polls", payload={"data_types": ["ios_messages.messages"]})["id"]}


def a_task(api):
    return {"id": ricloud(api, "/tasks", type="data_type", target="ios_messages.messages")["id"]}


def another_key(api):
    made = expect(api.post("/keys", json={"name": "other", "scopes": ["read"]}), 201)
    listed = api.session.get(f"{api.server.url}/keys", headers={"Authorization": f"Token {api.key}"}, timeout=60)
    return {"id": next(key["id"] for key in expect(listed, 200)["data"] if made["id"] in str(key))}


def an_event(api):
    api.publish("rows.csv", BYTES)
    listed = api.session.get(f"{api.server.url}/events", headers={"Authorization": f"Token {api.key}"}, timeout=60)
    return {"id": expect(listed, 200)["data"][0]["id"]}


def a_storage_name(api):
    return {"name": f"storage-{uuid.uuid4()}"}


def a_storage_config(api):
    keys = {"access_key_id": "AKIA0EXAMPLE", "secret_access_key": "secret", "region": "eu-west-1",
            "endpoint": "https://127.0.0.1:1"}
    made = {"name": f"storage-{uuid.uuid4()}", "url": "s3://our-bucket/results", "credentials": keys}
    return {"id": ricloud(api, "/configs/storage", **made)["id"]}


def a_webhook(api):
    return {"id": ricloud(api, "/configs/webhook", url="https://hooks.example/ricloud")["id"]}


# ---- Datafiniti -------------------------------------------------------------------------------------------


def a_submission(api):
    answer = api.session.get(f"{api.server.url}/v3/data/products", params={"q": "*:*", "download": "true"},
                             auth=(api.key, ""), headers={"Authorization": None}, timeout=60, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    return {"id": answer.headers["Location"].rpartition("/")[2]}


def a_done_submission(api):
    request = a_submission(api)
    job = next(job for job in api.walk("/jobs") if str(job["pk"]) == request["id"])["id"]
    api.upload(job, "rows.csv", BYTES, headers=CSV)
    expect(api.move(job, "finish"), 200)
    return request


def own_token(api):
    return {"token": api.key}


# ---- UFDL -------------------------------------------------------------------------------------------------


class Ufdl:
    """A member of the staff, and a machine of theirs."""

    def __init__(self, api):
        self.name = f"staff-{uuid.uuid4()}"
        self.url, self.session = f"{api.server.url}/v1", api.session
        api.server.succeed("user", "create", self.name, "--project", api.project, "--password-stdin", "--staff",
                           stdin="a long password\n")
        self.headers = {}
        self.tokens = self.post("/auth/obtain", {"username": self.name, "password": "a long password"})
        self.headers = {"Authorization": f"Bearer {self.tokens['access']}"}
        node = self.post("/nodes/create", {"ip": "10.0.0.7", "driver_version": "535.104", "gpu_mem": 1, "cpu_mem": 1}, 201)
        self.node = node["pk"]
        self.headers["Node-Id"] = str(self.node)

    def request(self, method, path, body=None, status=200):
        answer = self.session.request(method, self.url + path, json=body, headers=self.headers, timeout=60)
        return expect(answer, status)

    def post(self, path, body, status=200):
        return self.request("POST", path, body, status)

    def places(self, **more):
        return {**self.headers, "Content-Disposition": "attachment; filename=model", **more}

    def template(self):
        made = {"name": f"train-{uuid.uuid4()}", "version": 1, "inputs": {"images": {}}, "parameters": {"epochs": {}}}
        return self.post("/job-templates/create", made, 201)["pk"]

    def job(self):
        values = {"input_values": {"images": {"value": 7, "type": "PK<Dataset>"}},
                  "parameter_values": {"epochs": {"value": 10, "type": "int"}}}
        return self.post(f"/job-templates/{self.template()}/create-job", values)["pk"]

    def acquired(self):
        job = self.job()
        self.request("GET", f"/jobs/{job}/acquire")
        return job

    def started(self):
        job = self.acquired()
        self.post(f"/jobs/{job}/start", {"send_notification": "started"})
        return job

    def failed(self):
        job = self.started()
        self.post(f"/jobs/{job}/finish", {"success": False, "error": "no memory", "send_notification": "failed"})
        return job

    def destroyed(self):
        job = self.job()
        self.request("DELETE", f"/jobs/{job}", status=204)
        return job

    def output(self):
        """(its pk, its job, name and type)"""
        job = self.started()
        headers = {**self.headers, "Content-Disposition": "attachment; filename=model"}
        url = f"{self.url}/jobs/{job}/outputs/model/bytes"
        made = expect(self.session.post(url, data=BYTES, headers=headers, timeout=60), 200)
        return {"pk": made["pk"], "job": job, "name": "model", "type": "bytes"}

    def destroyed_output(self):
        made = self.output()
        self.request("DELETE", f"/job-outputs/{made['pk']}", status=204)
        return made


def as_staff(method=None, place="pk"):
    """Prepares as a new member of the staff; `method` of Ufdl makes what stands at `place`."""
    def prepare(api):
        ufdl = Ufdl(api)
        made = getattr(ufdl, method)() if method else None
        if isinstance(made, dict) and place == "job":
            return ufdl.places(pk=made["job"], name=made["name"], type=made["type"])
        if isinstance(made, dict):
            return ufdl.places(pk=made["pk"])
        return ufdl.places(**({place: made} if method else {}))
    return prepare


def a_login(api):
    return {"username": Ufdl(api).name}


def a_refresh_token(api):
    return {"refresh": Ufdl(api).tokens["refresh"]}


def an_access_token(api):
    return {"token": Ufdl(api).tokens["access"]}


def a_node(api):
    ufdl = Ufdl(api)
    return ufdl.places(pk=ufdl.node)


def a_template_name(api):
    return Ufdl(api).places(name=f"train-{uuid.uuid4()}")


UFDL = {
    "obtainTokens": a_login, "refreshToken": a_refresh_token, "verifyToken": an_access_token,
    "getJobOutput": as_staff("output"), "destroyJobOutput": as_staff("output"),
    "hardDeleteJobOutput": as_staff("output"), "reinstateJobOutput": as_staff("destroyed_output"),
    "downloadJobOutput": as_staff("output"), "createJobTemplate": a_template_name,
    "getJobTemplate": as_staff("template"), "createJob": as_staff("template"),
    "pingNode": as_staff(), "getNode": a_node, "updateNode": a_node, "patchNode": a_node, "createNode": as_staff(),
    "listNodes": as_staff(), "listJobs": as_staff(), "listJobTemplates": as_staff(), "listJobOutputs": as_staff(),
    "getJob": as_staff("job"), "updateJob": as_staff("job"), "patchJob": as_staff("job"),
    "destroyJob": as_staff("job"), "hardDeleteJob": as_staff("job"), "reinstateJob": as_staff("destroyed"),
    "acquireJob": as_staff("job"), "releaseJob": as_staff("acquired"), "releaseJobByGet": as_staff("acquired"),
    "startJob": as_staff("acquired"), "progressJob": as_staff("started"), "finishJob": as_staff("started"),
    "resetJob": as_staff("failed"), "abortJob": as_staff("started"), "cancelJob": as_staff("job"),
    "addJobOutput": as_staff("started"), "downloadJobOutputByName": as_staff("output", "job"),
    "deleteJobOutputByName": as_staff("output", "job"), "getJobOutputByName": as_staff("output", "job"),
}

RICLOUD = {
    "acknowledgeResults": published_ids, "getResult": a_published_id, "acknowledgeResultByGet": a_published_id,
    "acknowledgeResult": a_published_id, "getPoll": a_poll, "getTask": a_task, "getUser": a_ricloud_user,
    "createSource": a_user_of_a_source, "getSource": a_source, "createSession": a_source_of_a_session,
    "getSession": a_session, "getSessionPayload": a_session, "createSubscription": a_session_of_a_subscription,
    "getSubscription": a_subscription, "deleteSubscription": a_subscription, "getKey": another_key,
    "rotateKey": another_key, "getEvent": an_event, "createStorageConfig": a_storage_name,
    "getStorageConfig": a_storage_config, "changeStorageConfig": a_storage_config,
    "deleteStorageConfig": a_storage_config, "testStorageConfigByGet": a_storage_config,
    "testStorageConfig": a_storage_config, "getWebhookConfig": a_webhook, "changeWebhookConfig": a_webhook,
    "deleteWebhookConfig": a_webhook,
}

PREPARE = {
    "native": {
        "claimJob": something_queued, "getJob": a_job, "deleteJob": a_job, "restoreJob": a_deleted_job,
        "reportProgress": a_job, "finishJob": a_job, "failJob": a_job, "cancelJob": a_job,
        "archiveJob": a_job_with_files, "uploadResult": a_job,
        "getBatch": a_batch, "archiveBatch": a_batch_with_files,
        "getResult": a_table, "deleteResult": a_table, "downloadResult": a_table, "readRows": a_table,
        "acknowledgeResult": a_table, "restoreResult": a_deleted_result, "keepResult": a_table,
        "unkeepResult": a_table, "linkResult": a_table,
        "getStorage": a_storage, "changeStorage": a_storage, "deleteStorage": a_storage, "testStorage": a_storage,
        "getKey": a_key, "revokeKey": a_key, "rotateKey": a_key,
        "listJobs": pages_of("/jobs", a_job_of_a_batch, lambda job: {"batch": job["batch"]}),
        "listResults": pages_of("/results", a_result_of_a_batch,
                                lambda job: {"batch": job["batch"], "job": job["id"]}),
        "listBatches": pages_of("/batches", a_batch), "listStorages": pages_of("/storages", a_storage),
        "listKeys": pages_of("/keys", a_key), "listUsers": pages_of("/users", a_user),
        "signIn": own_key,
        "createUser": a_user_name, "getUser": a_user, "changeUser": a_user, "deactivateUser": a_user,
    },
    "nostradamus": {
        "appendData": a_collection, "createInvocation": a_collection, "getInvocation": an_invocation,
        "downloadPrimaryJson": a_done_invocation, "downloadPrimaryCsv": a_done_invocation,
        "downloadPrimaryXlsx": a_done_invocation, "downloadResultJson": a_done_invocation,
        "downloadResultCsv": a_done_invocation, "downloadResultXlsx": a_done_invocation,
    },
    "playment": {
        "createBatch": a_batch_name, "createBatchSingular": a_batch_name, "createJob": a_reference,
        "createJobV0": a_reference, "createJobSdk": a_reference, "getBatchJobs": a_playment_batch,
        "getBatchJobsV0": a_playment_batch, "getJob": a_playment_job, "getJobV0": a_playment_job,
        "getAttachment": an_attachment, "getProjectDetails": a_project, "getProjectDetailsV0": a_project,
        "getProjectStats": a_project,
    },
    "ricloud": RICLOUD,
    "datafiniti": {"getRequest": a_submission, "getResults": a_done_submission, "getUser": own_token},
    "ufdl": UFDL,
}
