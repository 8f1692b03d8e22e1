# SPDX-License-Identifier: Apache-2.0
"""Who may do what: carrying a key, scopes, and the wall between projects."""

import base64
import collections

import pytest
import requests
from harness import BASE, INLINE, SCOPES, expect, ids, nobody, problem

Route = collections.namedtuple("Route", "method path scope json", defaults=[None])

ROUTES = [
    Route("GET", "/jobs", "read"),
    Route("GET", "/jobs/{job}", "read"),
    Route("GET", "/batches", "read"),
    Route("GET", "/batches/{batch}", "read"),
    Route("GET", "/results", "read"),
    Route("GET", "/results/{result}", "read"),
    Route("GET", "/results/{result}/content", "read"),
    Route("HEAD", "/results/{result}/content", "read"),
    Route("POST", "/results/{result}/links", "read", {}),
    Route("GET", "/usage", "read"),
    Route("GET", "/usage/history", "read"),
    Route("GET", "/usage/expiring", "read"),
    Route("POST", "/results/{result}/ack", "ack"),
    Route("POST", "/jobs", "write", {"kind": "report"}),
    Route("POST", "/jobs/claim", "write", {"kinds": ["none such"]}),
    Route("POST", "/jobs/{job}/progress", "write", {"progress": 0.5}),
    Route("POST", "/jobs/{job}/finish", "write", {}),
    Route("POST", "/jobs/{job}/fail", "write", {"error": {"code": "c", "message": "m"}}),
    Route("POST", "/jobs/{job}/cancel", "write", {}),
    Route("POST", "/batches", "write", {"name": "b"}),
    Route("PUT", "/jobs/{job}/results/name", "write"),
    Route("POST", "/results?name=published", "write"),
    Route("DELETE", "/jobs/{job}", "delete"),
    Route("POST", "/jobs/{job}/restore", "delete"),
    Route("DELETE", "/results/{result}", "delete"),
    Route("DELETE", "/results/{result}?permanent=true", "delete"),
    Route("POST", "/results/{result}/restore", "delete"),
    Route("PUT", "/results/{result}/keep", "delete"),
    Route("DELETE", "/results/{result}/keep", "delete"),
]
OBJECT_ROUTES = [route for route in ROUTES if "{" in route.path]


def name_of(route):
    return f"{route.method} {route.path}"


def unknown_objects():
    return {"job": nobody(), "batch": nobody(), "result": nobody()}


def objects_of(api):
    batch = api.batch()["id"]
    job = api.job(batch=batch)["id"]
    return {"job": job, "batch": batch, "result": api.upload(job, "a.bin", INLINE)["id"]}


def call(api, route, objects):
    return api.request(route.method, route.path.format(**objects), json=route.json)


def refused(route, response, status):
    """A problem with this status; HEAD has no body to look at."""
    assert response.status_code == status, f"{response.status_code} {response.text[:500]}"
    if route.method != "HEAD":
        problem(response, status)


# ---- carrying a key ---------------------------------------------------------------------------------------


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


def carriers(key):
    return {
        "Bearer": {"Authorization": f"Bearer {key}"},
        "Token": {"Authorization": f"Token {key}"},
        "Basic": {"Authorization": basic(f"{key}:")},
        "x-api-key": {"x-api-key": key},
        "X-API-KEY": {"X-API-KEY": key},
        "bearer in lower case": {"Authorization": f"bearer {key}"},
    }


@pytest.mark.parametrize("way", carriers(""))
def test_a_key_can_be_carried_in_each_of_the_ways(server, api, way):
    assert server.get(f"{BASE}/jobs", headers=carriers(api.key)[way]).status_code == 200


def wrong_keys(key):
    flipped = key[:-1] + ("A" if key[-1] != "A" else "B")
    return {
        "none": {},
        "unknown": {"Authorization": "Bearer nonsense"},
        "last letter changed": {"Authorization": f"Bearer {flipped}"},
        "cut": {"Authorization": f"Bearer {key[:-1]}"},
        "prolonged": {"Authorization": f"Bearer {key}x"},
        "empty": {"Authorization": "Bearer "},
        "no scheme": {"Authorization": key},
        "other scheme": {"Authorization": f"Digest {key}"},
        "Basic that is not base64": {"Authorization": "Basic !!!!"},
        "Basic with the key as password": {"Authorization": basic(f":{key}")},
        "wrong x-api-key": {"x-api-key": flipped},
        "empty x-api-key": {"x-api-key": ""},
        "very long": {"Authorization": "Bearer " + "k" * 5000},
        "not ASCII": {"Authorization": b"Bearer \xff\xfe"},
    }


@pytest.mark.parametrize("which", wrong_keys("k"))
def test_no_or_a_wrong_key_is_401_with_www_authenticate(server, api, which):
    response = server.get(f"{BASE}/jobs", headers=wrong_keys(api.key)[which])
    problem(response, 401)
    assert response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_every_route_is_401_without_a_key(server, route):
    url = server.url + BASE + route.path.format(**unknown_objects())
    response = requests.request(route.method, url, json=route.json, timeout=120)
    refused(route, response, 401)
    assert response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("path", ["/-/live", "/-/ready", "/-/metrics"])
def test_the_servers_own_pages_need_no_key(server, path):
    assert server.get(path).status_code == 200


def test_a_key_is_stored_only_as_a_hash(server, api):
    expect(api.get("/jobs"), 200)
    for path in server.data.rglob("*"):
        if path.is_file():
            assert api.key.encode() not in path.read_bytes(), path


def test_a_key_made_while_the_server_runs_works_at_once(server, own_api):
    assert server.api(project=own_api.project).get("/jobs").status_code == 200


def test_key_create_prints_the_key_alone(server, own_api):
    printed = server.succeed("key", "create", "--project", own_api.project, "--scopes", "read")
    assert printed.endswith("\n") and len(printed.split()) == 1 and printed.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--scopes", "read,fly"), ("--scopes", ""), ("--project", "no such project")])
def test_key_create_refuses_an_unknown_scope_or_project(server, own_api, arguments):
    given = {"--project": own_api.project, "--scopes": "read", **dict([arguments])}
    done = server.command("key", "create", *[word for pair in given.items() for word in pair])
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.strip()


# ---- scopes -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys(server):
    """Clients of one project: with one scope each, with all but one, and with admin alone."""
    project = server.project()
    made = {"admin": server.api(["admin"], project)}
    for scope in SCOPES:
        made[scope] = server.api([scope], project)
        made["not " + scope] = server.api([other for other in SCOPES if other != scope], project)
    return made


@pytest.fixture(scope="module")
def objects(keys):
    return objects_of(keys["admin"])


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_without_the_scope_it_is_403_whatever_the_object(keys, objects, route):
    for known in (objects, unknown_objects()):
        refused(route, call(keys["not " + route.scope], route, known), 403)


def allowed(route, response):
    """What the route does with unknown objects when the key may do it."""
    if route in OBJECT_ROUTES:
        refused(route, response, 404)
    else:
        assert response.status_code in (200, 201, 204), response.text


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_the_one_scope_is_enough(keys, route):
    allowed(route, call(keys[route.scope], route, unknown_objects()))


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_admin_implies_every_scope(keys, route):
    allowed(route, call(keys["admin"], route, unknown_objects()))


def test_a_refused_call_changes_nothing(keys):
    objects = objects_of(keys["admin"])
    before = keys["admin"].get_job(objects["job"]), keys["admin"].result(objects["result"])
    for route in ROUTES:
        call(keys["not " + route.scope], route, objects)
    assert (keys["admin"].get_job(objects["job"]), keys["admin"].result(objects["result"])) == before


def test_a_missing_scope_is_403_for_a_broken_body_too(keys):
    problem(keys["read"].post_text("/jobs", "{"), 403)


# ---- projects ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", OBJECT_ROUTES, ids=name_of)
def test_another_projects_object_is_404_as_if_it_were_not_there(server, keys, objects, route):
    stranger = server.api()
    foreign, unknown = call(stranger, route, objects), call(stranger, route, unknown_objects())
    refused(route, foreign, 404)
    if route.method != "HEAD":
        for member in ("type", "title", "code"):
            assert foreign.json()[member] == unknown.json()[member]


def test_a_foreign_admin_is_a_stranger_too(server, objects):
    stranger = server.api(["admin"])
    for route in OBJECT_ROUTES:
        refused(route, call(stranger, route, objects), 404)


def test_a_stranger_changes_nothing(server, keys):
    owner, stranger = keys["admin"], server.api(["admin"])
    objects = objects_of(owner)
    before = owner.get_job(objects["job"]), owner.result(objects["result"])
    for route in OBJECT_ROUTES:
        call(stranger, route, objects)
    assert (owner.get_job(objects["job"]), owner.result(objects["result"])) == before


def test_lists_show_the_own_project_only(server, objects):
    stranger = server.api()
    own = objects_of(stranger)
    for path, name in (("/jobs", "job"), ("/results", "result"), ("/batches", "batch")):
        assert ids(expect(stranger.get(path), 200)["data"]) == [own[name]], path


@pytest.mark.parametrize("path, name", [("/jobs", "batch"), ("/results", "batch"), ("/results", "job")])
def test_a_foreign_id_as_a_filter_is_answered_as_an_unknown_one(server, objects, path, name):
    stranger = server.api()
    foreign = stranger.get(path, params={name: objects[name]})
    unknown = stranger.get(path, params={name: nobody()})
    assert foreign.status_code == unknown.status_code
    assert objects[name] not in str(foreign.json().get("data"))


@pytest.mark.parametrize("bad", ["x", "1", "00000000", "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz", "' OR 1=1 --"])
def test_something_that_is_no_id_is_404(api, bad):
    for path in ("/jobs/", "/results/", "/batches/"):
        problem(api.get(path + requests.utils.quote(bad, safe="")), 404)
