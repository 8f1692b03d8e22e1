# SPDX-License-Identifier: Apache-2.0
"""Keys over the native API: made, listed, rotated, revoked, and that they end; and who may do that."""

import pytest
from harness import SCOPES, Api, eventually, expect, ids, moment, problem, seconds_between, sleep_until


@pytest.fixture
def admin(server):
    return server.api(["admin"])


def create(api, name="worker", scopes=("read",), **members):
    return expect(api.post("/keys", json={"name": name, "scopes": list(scopes), **members}), 201)


def with_key(api, key):
    return Api(api.server, key, api.project)


def test_a_key_is_made_shown_once_and_works(admin):
    answer = admin.post("/keys", json={"name": "worker", "scopes": ["write", "read", "read"]})
    made = expect(answer, 201)
    assert answer.headers["Location"] == f"/api/v1/keys/{made['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert made["key"].startswith(f"rk_{made['id']}_")
    assert (made["name"], made["scopes"]) == ("worker", ["read", "write"])
    assert (made["expires_at"], made["revoked_at"]) == (None, None) and moment(made["created_at"])
    worker = with_key(admin, made["key"])
    assert worker.job()["creator"] == "worker"
    problem(worker.delete(f"/jobs/{worker.job()['id']}"), 403, "forbidden")
    shown = {name: value for name, value in made.items() if name != "key"}
    assert expect(admin.get(f"/keys/{made['id']}"), 200) == shown
    assert expect(admin.get("/keys"), 200)["data"][0] == shown


def test_keys_are_listed_by_pages_newest_first(admin):
    made = [create(admin, f"k{i}")["id"] for i in range(5)]
    own = admin.key[3:15]
    assert ids(admin.walk("/keys", limit=2)) == [*reversed(made), own]
    problem(admin.get("/keys", params={"name": "k1"}), 400, "unknown_parameter")


WRONG = [
    ({"scopes": ["read"]}, "missing", "/name"),
    ({"name": "a"}, "missing", "/scopes"),
    ({"name": "", "scopes": ["read"]}, "bad_value", "/name"),
    ({"name": "a/b", "scopes": ["read"]}, "bad_value", "/name"),
    ({"name": "a\nb", "scopes": ["read"]}, "bad_value", "/name"),
    ({"name": "x" * 256, "scopes": ["read"]}, "bad_value", "/name"),
    ({"name": "a", "scopes": []}, "bad_value", "/scopes"),
    ({"name": "a", "scopes": "read"}, "bad_value", "/scopes"),
    ({"name": "a", "scopes": ["fly"]}, "bad_value", "/scopes"),
    ({"name": "a", "scopes": ["read,admin"]}, "bad_value", "/scopes"),
    ({"name": "a", "scopes": ["read\0"]}, "bad_value", "/scopes/0"),
    ({"name": "a", "scopes": ["Read"]}, "bad_value", "/scopes"),
    ({"name": "a", "scopes": ["read"], "expires_in": 0}, "bad_value", "/expires_in"),
    ({"name": "a", "scopes": ["read"], "expires_in": 315360001}, "bad_value", "/expires_in"),
    ({"name": "a", "scopes": ["read"], "more": 1}, "unknown_member", "/more"),
]


@pytest.mark.parametrize("body, code, pointer", WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_named_and_makes_nothing(admin, body, code, pointer):
    problem(admin.post("/keys", json=body), 400, code, pointer=pointer)
    assert len(admin.walk("/keys")) == 1


# ---- the end of a key -------------------------------------------------------------------------------------


def test_a_key_expires(admin):
    made = create(admin, scopes=SCOPES, expires_in=2)
    assert seconds_between(made["created_at"], made["expires_at"]) == 2
    worker = with_key(admin, made["key"])
    expect(worker.get("/jobs"), 200)
    sleep_until(made["expires_at"])
    eventually(lambda: worker.get("/jobs").status_code == 401, "it has expired")
    said = worker.get("/jobs")
    told = problem(said, 401, "key_expired")
    assert said.headers["WWW-Authenticate"]
    assert told["at"] == made["expires_at"] and made["expires_at"] in told["detail"]
    wrong = made["key"][:-1] + ("A" if made["key"][-1] != "A" else "B")
    problem(with_key(admin, wrong).get("/jobs"), 401, "unauthorized")  # who does not have it is told nothing
    problem(admin.post(f"/keys/{made['id']}/rotate"), 409, "wrong_state")
    assert admin.get(f"/keys/{made['id']}").json()["revoked_at"] is None


@pytest.mark.parametrize("path, header", [("/results", "Token"), ("/api/collection", "Token"), ("/v3/requests", "Bearer"),
                                          ("/v1/job-outputs/1", "Bearer")])  # fmt: skip
def test_over_other_apis_it_is_401_too(admin, path, header):
    made = create(admin, expires_in=1)
    sleep_until(made["expires_at"])
    headers = {"Authorization": f"{header} {made['key']}"}
    eventually(lambda: admin.server.get(path, headers=headers).status_code == 401, "it has expired")
    assert "WWW-Authenticate" in admin.server.get(path, headers=headers).headers


def test_revoking_ends_a_key_and_again_changes_nothing(admin):
    made = create(admin)
    worker = with_key(admin, made["key"])
    expect(worker.get("/jobs"), 200)
    expect(admin.delete(f"/keys/{made['id']}"), 204)
    eventually(lambda: worker.get("/jobs").status_code == 401, "it is revoked")
    revoked = admin.get(f"/keys/{made['id']}").json()["revoked_at"]
    expect(admin.delete(f"/keys/{made['id']}"), 204)
    assert admin.get(f"/keys/{made['id']}").json()["revoked_at"] == revoked
    problem(admin.post(f"/keys/{made['id']}/rotate"), 409, "wrong_state")


def test_the_last_admin_cannot_lock_everybody_out(admin):
    own = admin.key[3:15]
    create(admin, scopes=SCOPES)
    said = problem(admin.delete(f"/keys/{own}"), 409, "wrong_state")
    assert "admin" in said["detail"]
    short = create(admin, scopes=["admin"], expires_in=1)
    sleep_until(short["expires_at"])
    problem(admin.delete(f"/keys/{own}"), 409, "wrong_state")
    create(admin, scopes=["admin"], expires_in=3600)
    problem(admin.delete(f"/keys/{own}"), 409, "wrong_state")
    brief = create(admin, "brief", ["admin"], expires_in=3000)
    expect(admin.delete(f"/keys/{brief['id']}"), 204)
    other = create(admin, "other", ["admin"])
    expect(admin.delete(f"/keys/{own}"), 204)
    eventually(lambda: admin.get("/keys").status_code == 401, "it has revoked itself")
    problem(with_key(admin, other["key"]).delete(f"/keys/{other['id']}"), 409, "wrong_state")


def test_rotating_gives_another_secret_and_keeps_the_rest(admin):
    made = create(admin, scopes=["read", "ack"], expires_in=86400)
    rotated = expect(admin.post(f"/keys/{made['id']}/rotate"), 200)
    assert rotated["key"] != made["key"] and rotated["key"].startswith(f"rk_{made['id']}_")
    assert {**rotated, "key": None} == {**made, "key": None}
    eventually(lambda: with_key(admin, made["key"]).get("/jobs").status_code == 401, "the old one is worth nothing")
    expect(with_key(admin, rotated["key"]).get("/jobs"), 200)


# ---- who may ----------------------------------------------------------------------------------------------


def calls(key):
    return [("GET", "/keys"), ("POST", "/keys"), ("GET", f"/keys/{key}"), ("DELETE", f"/keys/{key}"),
            ("POST", f"/keys/{key}/rotate")]  # fmt: skip


def test_a_key_without_admin_makes_nothing(server, admin):
    made = create(admin)
    for scopes in ([*SCOPES], ["read"]):
        api = server.api(scopes, admin.project)
        for method, path in calls(made["id"]) + calls(api.key[3:15]):
            problem(api.request(method, path, json={"name": "a", "scopes": ["admin"]}), 403, "forbidden")
    assert admin.get(f"/keys/{made['id']}").json()["revoked_at"] is None


def test_another_projects_keys_are_not_there(server, admin):
    made = create(admin)
    stranger = server.api(["admin"])
    for method, path in calls(made["id"])[2:]:
        problem(stranger.request(method, path), 404, "not_found")
    assert ids(stranger.walk("/keys")) == [stranger.key[3:15]]
    expect(with_key(admin, made["key"]).get("/jobs"), 200)


@pytest.mark.parametrize("key", ["x", "rk_x", "%00", "a" * 12, "' OR 1=1 --", "%ff"])
def test_something_that_is_no_key_is_404(admin, key):
    for method, path in calls(key)[2:]:
        assert admin.request(method, path).status_code in (404, 400)


def test_no_answer_and_no_log_has_a_key_but_the_one_that_made_it(fresh_server):
    server = fresh_server(access_log="all", log_level="debug")
    admin = server.api(["admin"])
    made = create(admin)
    assert made["key"] not in admin.get("/keys").text + admin.get(f"/keys/{made['id']}").text
    expect(with_key(admin, made["key"]).get("/jobs"), 200)
    server.stop()
    assert made["key"][16:] not in server.stderr()
    for path in server.data.rglob("*"):
        assert not path.is_file() or made["key"].encode() not in path.read_bytes(), path


def test_the_command_makes_keys_that_end(server):
    project = server.project()
    arguments = ("key", "create", "--project", project, "--scopes", "read", "--expires-in")
    key = server.succeed(*arguments, "90d").strip()
    expect(Api(server, key).get("/jobs"), 200)
    line = next(line for line in server.succeed("key", "list").splitlines() if line.startswith(key[3:15]))
    assert "expires 2" in line
    for wrong in ("0", "soon", "4000d", "-1"):
        done = server.command(*arguments, wrong)
        assert done.returncode != 0 and "expires-in" in done.stderr
