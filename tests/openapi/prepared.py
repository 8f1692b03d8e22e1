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
}
