# SPDX-License-Identifier: Apache-2.0
"""Every operation that is described is called as its examples say, and answers as it says.

Where an example names an object by its place in the path, one is made that can take the call: PREPARE says how, by
the operation's id. An operation without an entry there must need none.
"""

import json
import subprocess
import uuid

import described
import harness
import pytest
from harness import SCOPES, expect

BYTES = b"id,price\n1,1.10\n2,2.50\n"


def document(name):
    return json.loads(subprocess.run([harness.BINARY, "openapi", name], capture_output=True, check=True).stdout)


def operations(name):
    return [(path, method, operation) for path, item in document(name)["paths"].items()
            for method, operation in item.items()]


# ---- what there has to be first: a function of the client that gives the places of the path ------------------


def a_job(api):
    return {"id": api.job()["id"]}


def a_deleted_job(api):
    job = api.job()["id"]
    expect(api.delete(f"/jobs/{job}"), 204)
    return {"id": job}


def a_job_with_files(api):
    job = api.job()["id"]
    api.upload(job, "rows.csv", BYTES, headers={"Content-Type": "text/csv"})
    return {"id": job}


def a_batch(api):
    return {"id": api.batch()["id"]}


def a_batch_with_files(api):
    batch = api.batch()["id"]
    api.upload(api.job(batch=batch)["id"], "rows.csv", BYTES)
    return {"id": batch}


def a_table(api):
    return {"id": api.publish("rows.csv", BYTES, headers={"Content-Type": "text/csv"})["id"]}


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
    },
}

CASES = [(name, path, method, operation) for name in PREPARE for path, method, operation in operations(name)]


@pytest.fixture(scope="module")
def api(server):
    return server.api(scopes=(*SCOPES, "admin"))


def address(operation, path, places):
    """The path with the objects that there are, and examples for the rest."""
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            value = places.get(parameter["name"], parameter.get("example"))
            assert value is not None, f"{operation['operationId']}: {parameter['name']} has neither object nor example"
            path = path.replace(f"{{{parameter['name']}}}", str(value))
    return path


def query(operation, places):
    """What is required, with an example."""
    return {p["name"]: places.get(p["name"], p.get("example", "example")) for p in operation["parameters"]
            if p["in"] == "query" and p.get("required")}


def body(operation):
    """(bytes, Content-Type) or nothing."""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        if "example" in content:
            return {"data": json.dumps(content["example"]).encode(), "headers": {"Content-Type": media}}
        if "schema" not in content:
            return {"data": BYTES, "headers": {"Content-Type": media}}
        assert not operation["requestBody"]["required"], f"{operation['operationId']} has no example of its body"
    return {}


@pytest.mark.parametrize("name, path, method, operation", CASES,
                         ids=[f"{name}-{operation['operationId']}" for name, _, _, operation in CASES])
def test_an_example_is_answered_as_described(api, name, path, method, operation):
    prepare = PREPARE[name].get(operation["operationId"], lambda api: {})
    places = prepare(api)
    sent = body(operation)
    answer = api.session.request(
        method.upper(), api.server.url + address(operation, path, places), params=query(operation, places),
        data=sent.get("data"), timeout=60, allow_redirects=False,
        headers={"Authorization": f"Bearer {api.key}", **sent.get("headers", {})})
    wanted = sorted(int(status) for status in operation["responses"] if int(status) < 400)
    assert answer.status_code in wanted, f"{answer.status_code} {answer.text[:300]}"
    # described.py, by conftest.py, holds the answer itself against the schema


@pytest.mark.parametrize("name", PREPARE)
def test_examples_of_answers_fit_their_schemas(name):
    api = described.Api(document(name))
    for _, _, operation in operations(name):
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                if "example" in content:
                    api.check(described.closed(content["schema"]), content["example"],
                              f"{operation['operationId']}: {status}")
        for content in operation.get("requestBody", {}).get("content", {}).values():
            if "example" in content:
                api.check(described.closed(content["schema"]), content["example"], operation["operationId"])


def test_nothing_is_prepared_for_what_is_not_there():
    for name, entries in PREPARE.items():
        assert set(entries) <= {operation["operationId"] for _, _, operation in operations(name)}


def test_what_is_not_described_is_found():
    api = described.Api(document("native"))
    operation = api.find("GET", "/api/v1/results/there")
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    answer = document("native")["paths"]["/api/v1/results/{id}"]["get"]["responses"]["200"]["content"]
    example = answer["application/json"]["example"]
    for wrong in ({**example, "more": 1}, {**example, "size": "1"}, {**example, "state": "lost"},
                  {key: value for key, value in example.items() if key != "keep"}):
        with pytest.raises(described.Mismatch):
            api.check(schema, wrong, "getResult")
