# SPDX-License-Identifier: Apache-2.0
"""The established APIs and another project's objects: each endpoint answers for the id of one, word for word, what it
answers for an id that nobody has, and does nothing. The native API's are in test_auth.py."""

import json
import re

import pytest
import requests
from endpoints import ENDPOINTS
from harness import PATIENCE, expect, nobody

BODIES = {
    "create-job": {"input_values": {}},
    "start": {"send_notification": "email"},
    "finish": {"success": True, "send_notification": "email"},
    "batch": {"name": "a batch"},
    "jobs": {"reference_id": "r", "data": {}},
    "ack": {"results": ["RESULT"]},
}
UNKNOWN_PK = "987654321"
CREDENTIALS = {"access_key_id": "a", "secret_access_key": "s", "region": "us-east-1"}
TABLE, JSON = b'[{"a": 1}]', {"Content-Type": "application/json"}
# Places in paths that are of no object.
NO_OBJECTS = {"name": "result", "type": "JSON", "dataType": "sales"}


class Owner:
    """A project with one object of each kind, and what its ids are called in paths."""

    def __init__(self, server):
        self.api = server.api(["admin"])
        batch = self.api.batch()["id"]
        job = self.api.job("train", batch=batch, reference_id="r-1")
        result = self.api.upload(job["id"], "result", TABLE, type="JSON", headers=JSON)
        expect(self.api.move(job["id"], "finish"), 200)
        waiting = self.api.job("wait")
        made = {
            "users": self.make("/users", identifier="u"),
            "configs/storage": self.make("/configs/storage", url="s3://bucket", credentials=CREDENTIALS),
            "configs/webhook": self.make("/configs/webhook", url="https://example.com/"),
            "collection": self.make("/api/collection", name="c"),
            "nodes": self.make("/v1/nodes/create", ip="10.0.0.1"),
            "job-templates": self.make("/v1/job-templates/create", name="t"),
        }
        self.job, self.result = job["id"], result["id"]
        self.ids = {
            "results": result["id"],
            "polls": batch,
            "tasks": job["id"],
            "events": ask(self.api, "GET", "/events").json()["data"][0]["id"],
            "keys": ask(self.api, "GET", "/key").json()["id"],
            "invocation": job["id"],
            "result": result["id"],
            "requests": str(job["pk"]),
            "v3/results": str(job["pk"]),
            "v3/users": ask(self.api, "GET", "/key").json()["id"],
            "projects": self.api.project,
            "project": self.api.project,
            "batch": batch,
            "jobs": job["id"],
            "job-outputs": str(result["pk"]),
            "v1/jobs": str(waiting["pk"]),
            **{name: str(object_.get("pk", object_.get("id"))) for name, object_ in made.items()},
            "url": result["url"],
        }

    def make(self, path, **members):
        answer = ask(self.api, "POST", path, members)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def state(self):
        """But for what the owner has downloaded itself, which is counted a moment later."""
        result = {name: value for name, value in self.api.result(self.result).items() if not name.startswith("download")}
        return self.api.get_job(self.job), result, self.api.walk("/jobs"), self.api.usage()


CREDENTIALS = {"access_key_id": "a", "secret_access_key": "s", "region": "us-east-1"}


def ask(api, method, path, body=None, node=None):
    """Any API's request with all that it might need; a body is text, or what becomes JSON."""
    headers = {"x-api-key": api.key, "Content-Disposition": "attachment; filename=result", "Node-Id": node}
    files = {"file": ("a.csv", b"a\n1\n")} if path.endswith("/append") else None
    data = body if body is None or isinstance(body, str) else json.dumps(body)
    return requests.request(
        method,
        api.server.url + path,
        headers=headers,
        data=None if files else data,
        files=files,
        allow_redirects=False,
        timeout=4 * PATIENCE,
    )


def unknown(like):
    if like.isdigit():
        return UNKNOWN_PK
    if like.startswith("http"):
        return re.sub(r"/results/[^/]+/", f"/results/{nobody()}/", like)
    return nobody() if len(like) == 36 else "nobody"


def filled(path, ids, own_project):
    """The path with an id in each place, which is found by the words before it; and the ids that were used."""
    used = []
    if path.count("{") > 1:
        path = path.replace("{project_id}", own_project)
    for place in re.findall(r"\{\w+\}", path):
        words = re.split(r"[/?=]", path[: path.index(place) - 1])
        value = NO_OBJECTS.get(place[1:-1]) or next(
            ids[key] for key in ("/".join(words[-2:]), words[-1]) if key in ids
        )
        used.append(value)
        path = path.replace(place, value, 1)
    return path, used


@pytest.fixture(scope="module")
def owner(server):
    return Owner(server)


@pytest.fixture(scope="module")
def stranger(server):
    """A key that may do anything, and a node for it."""
    api = server.api(["admin"])
    return api, str(ask(api, "POST", "/v1/nodes/create", {"ip": "10.0.0.2"}).json()["pk"])


def names_an_object(path):
    return "{" in path and "{token}" not in path and "&" not in path


NAMED = [
    *((api, method, path) for api, method, path in ENDPOINTS if names_an_object(path)),
    ("ricloud", "POST", "/results/ack"),
    ("ricloud", "GET", "/keys/{id}"),
    ("datafiniti", "GET", "/v3/users/{id}"),
]
REFUSAL = {"playment": 400}
NOBODY_MAY = {("PUT", "/v1/job-outputs/{PK}"): 403, ("PATCH", "/v1/job-outputs/{PK}"): 403}


READS = [(api, path) for api, method, path in NAMED if method == "GET" and not path.endswith("/acquire")]


@pytest.mark.parametrize("api, path", READS, ids=map(" ".join, READS))
def test_the_ids_are_those_of_objects(owner, api, path):
    address, _ = filled(path, {**owner.ids, "v1/jobs": owner.ids["requests"]}, owner.api.project)
    assert ask(owner.api, "GET", address).status_code in (200, 302), address


@pytest.mark.parametrize("api, method, path", NAMED, ids=map(" ".join, NAMED))
def test_a_strangers_id_is_answered_like_one_that_nobody_has(owner, stranger, api, method, path):
    key, node = stranger
    before = owner.state()
    body = json.dumps(BODIES.get(path.rpartition("/")[2], {})) if method in ("POST", "PUT", "PATCH") else None
    told = []
    for ids in owner.ids, {name: unknown(value) for name, value in owner.ids.items()}:
        address, used = filled(path, ids, key.project)
        text = body.replace("RESULT", ids["results"]) if body else None
        answer = ask(key, method, address, text, node if api == "ufdl" else None)
        said = answer.text
        for value in [*used, ids["results"]]:
            said = said.replace(value, "ID")
        told.append((answer.status_code, said, answer.headers.get("Allow")))
    assert told[0] == told[1]
    assert told[0][0] == NOBODY_MAY.get((method, path), REFUSAL.get(api, 404)), told[0]
    assert owner.state() == before
