# SPDX-License-Identifier: Apache-2.0
"""Users over the native API: made, listed, changed, deactivated; what they may is seen by logging in over UFDL's."""

import concurrent.futures
import itertools

import pytest
import requests
from harness import SCOPES, expect, moment, problem

names = (f"user-{n}" for n in itertools.count(1))


@pytest.fixture
def admin(server):
    return server.api(["admin"])


def create(api, password="secret", **members):
    return expect(api.post("/users", json={"name": next(names), "password": password, **members}), 201)


def log_in(api, user, password="secret"):
    sent = {"username": user["name"], "password": password}
    return requests.post(api.server.url + "/v1/auth/obtain", json=sent, timeout=120)


def bearer(answer):
    return {"Authorization": f"Bearer {answer.json()['access']}"}


def test_a_user_is_made_and_can_log_in(admin):
    answer = admin.post("/users", json={"name": next(names), "password": "correct horse"})
    user = expect(answer, 201)
    assert answer.headers["Location"] == f"/api/v1/users/{user['pk']}"
    assert set(user) == {"pk", "name", "staff", "active", "created_at"}
    assert (user["staff"], user["active"]) == (False, True) and moment(user["created_at"])
    assert expect(admin.get(f"/users/{user['pk']}"), 200) == user
    assert log_in(admin, user, "correct horse").status_code == 200
    assert log_in(admin, user, "wrong horse").status_code == 401


def test_users_are_listed_by_pages_newest_first(admin):
    made = [create(admin, staff=bool(i % 2)) for i in range(3)]
    assert admin.walk("/users", limit=2) == made[::-1]
    assert len(admin.walk("/keys")) == 1  # keys are no users, nor users keys


def test_a_user_gets_another_password(admin):
    user = create(admin)
    assert expect(admin.patch(f"/users/{user['pk']}", json={"password": "another"}), 200) == user
    assert log_in(admin, user).status_code == 401
    assert log_in(admin, user, "another").status_code == 200


def test_a_new_password_ends_the_tokens_that_were_had_for_the_old_one(admin):
    user, other = create(admin), create(admin)
    old, others = log_in(admin, user), log_in(admin, other)
    v1 = admin.server.url + "/v1/"
    assert requests.post(v1 + "job-outputs/list", headers=bearer(old), timeout=60).status_code == 200
    expect(admin.patch(f"/users/{user['pk']}", json={"password": "another"}), 200)
    assert requests.post(v1 + "job-outputs/list", headers=bearer(old), timeout=60).status_code == 401
    for name in "access", "refresh":
        assert requests.post(v1 + "auth/verify", json={"token": old.json()[name]}, timeout=60).status_code == 401
    assert requests.post(v1 + "auth/refresh", json={"refresh": old.json()["refresh"]}, timeout=60).status_code == 401
    new = log_in(admin, user, "another")
    for good in new, others:
        assert requests.post(v1 + "job-outputs/list", headers=bearer(good), timeout=60).status_code == 200
        refreshed = requests.post(v1 + "auth/refresh", json={"refresh": good.json()["refresh"]}, timeout=60)
        assert refreshed.status_code == 200


def test_staff_may_be_given_and_taken(admin):
    user = create(admin)
    for staff in (True, False):
        assert expect(admin.patch(f"/users/{user['pk']}", json={"staff": staff}), 200)["staff"] is staff
        assert expect(admin.get(f"/users/{user['pk']}"), 200)["staff"] is staff
    assert expect(admin.patch(f"/users/{user['pk']}", json={}), 200) == user


@pytest.mark.parametrize("way", ["DELETE", "PATCH"])
def test_a_user_is_deactivated_and_comes_back(admin, way):
    user = create(admin)
    token = bearer(log_in(admin, user))
    url = admin.server.url + "/v1/job-outputs/1"
    assert requests.get(url, headers=token, timeout=120).status_code == 404
    for _ in range(2):
        off = admin.request(way, f"/users/{user['pk']}", json={"active": False} if way == "PATCH" else None)
        assert off.status_code == (200 if way == "PATCH" else 204)
    assert expect(admin.get(f"/users/{user['pk']}"), 200) == {**user, "active": False}
    assert log_in(admin, user).status_code == 401
    assert requests.get(url, headers=token, timeout=120).status_code == 401
    assert expect(admin.patch(f"/users/{user['pk']}", json={"active": True}), 200) == user
    assert log_in(admin, user).status_code == 200


def test_a_name_is_taken_also_in_another_project(server, admin):
    user = create(admin)
    for api in (admin, server.api(["admin"])):
        said = api.post("/users", json={"name": user["name"], "password": "x"})
        problem(said, 409, "taken", pointer="/name")


WRONG = [
    ({"name": "a"}, "missing", "/password"),
    ({"password": "x"}, "missing", "/name"),
    ({"name": "a/b", "password": "x"}, "bad_value", "/name"),
    ({"name": "a", "password": ""}, "bad_value", "/password"),
    ({"name": "a", "password": "x" * 1025}, "bad_value", "/password"),
    ({"name": "a", "password": "a\0b"}, "bad_value", "/password"),
    ({"name": "a", "password": 1}, "bad_value", "/password"),
    ({"name": "a", "password": "x", "staff": 1}, "bad_value", "/staff"),
    ({"name": "a", "password": "x", "active": True}, "unknown_member", "/active"),
]


@pytest.mark.parametrize("body, code, pointer", WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_named_and_makes_nothing(admin, body, code, pointer):
    problem(admin.post("/users", json=body), 400, code, pointer=pointer)
    assert admin.walk("/users") == []


@pytest.mark.parametrize("body, pointer", [({"name": "b"}, "/name"), ({"staff": "yes"}, "/staff"), ({"active": 0}, "/active")])
def test_a_wrong_change_changes_nothing(admin, body, pointer):
    user = create(admin)
    problem(admin.patch(f"/users/{user['pk']}", json={"password": "another", **body}), 400, pointer=pointer)
    assert log_in(admin, user).status_code == 200


def calls(pk):
    return [("GET", f"/users/{pk}"), ("PATCH", f"/users/{pk}"), ("DELETE", f"/users/{pk}")]


def test_a_key_without_admin_makes_no_users(server, admin):
    user = create(admin)
    api = server.api(SCOPES, admin.project)
    for method, path in [*calls(user["pk"]), ("GET", "/users"), ("POST", "/users")]:
        body = {"name": next(names), "password": "mine"} if method == "POST" else {"password": "mine"}
        problem(api.request(method, path, json=body), 403, "forbidden")
    assert log_in(admin, user).status_code == 200


def test_neither_another_projects_user_nor_a_key_is_there(server, admin):
    user, stranger = create(admin), server.api(["admin"])
    key = expect(admin.get("/keys"), 200)["data"][0]["pk"]
    for api, pk in ((stranger, user["pk"]), (admin, key), (admin, 10**18), (admin, 0), (admin, "9" * 30)):
        for method, path in calls(pk):
            problem(api.request(method, path, json={"password": "mine"}), 404, "not_found")
    assert stranger.walk("/users") == []
    assert log_in(admin, user).status_code == 200
    expect(admin.get("/jobs"), 200)


def test_storing_passwords_keeps_nobody_waiting(admin):
    """Many at once, beside requests that read and write: each of these ends long before the passwords do."""
    with concurrent.futures.ThreadPoolExecutor(12) as threads:
        made = [threads.submit(lambda: create(admin.clone())) for _ in range(12)]
        beside = 0
        while not all(one.done() for one in made):
            expect(admin.get("/jobs"), 200)
            admin.job()
            beside += 1
        assert len({one.result()["pk"] for one in made}) == 12
    assert beside >= 12


def test_a_password_is_nowhere_in_plain_text(fresh_server):
    server = fresh_server(access_log="all", log_level="debug")
    admin = server.api(["admin"])
    user = create(admin, "very secret words")
    assert "secret" not in admin.get(f"/users/{user['pk']}").text
    server.stop()
    assert "very secret words" not in server.stderr()
    for path in server.data.rglob("*"):
        assert not path.is_file() or b"very secret words" not in path.read_bytes(), path
