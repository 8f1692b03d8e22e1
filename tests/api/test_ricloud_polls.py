# SPDX-License-Identifier: Apache-2.0
"""The ricloud API beyond results: submitting, polling, waiting, and what a submission refers to.

Lines in quotes are what the client was seen to send, or its documents' own.
"""

import json
import re
import signal
import threading
import time

import pytest
from harness import SCOPES, UUID, expect, ids, moment, nobody
from ricloud_client import Ricloud, failed

MESSAGES = "ios_messages.messages"
POLL_MEMBERS = {
    "id", "resource", "organisation", "key", "user", "source", "session", "subscription", "tasks_pending",
    "tasks_processing", "tasks_succeeded", "tasks_failed", "tasks_suspended", "results", "errors", "state",
    "date_created", "date_started", "date_completed",
}  # fmt: skip
TASK_MEMBERS = {
    "id", "resource", "organisation", "key", "user", "source", "session", "poll", "source_type", "type", "target",
    "state", "results", "error", "date_created", "date_started", "date_completed",
}  # fmt: skip


@pytest.fixture
def ricloud(own_api):
    return Ricloud(own_api)


@pytest.fixture
def user(ricloud):
    return ricloud.make("/users", identifier="u@example.net")


@pytest.fixture
def session(ricloud, user):
    source = {"user": user["id"], "type": "mocks.mock", "identifier": "john"}
    return ricloud.make("/sessions", source=source, payload={"password": "x"})


def new_poll(ricloud, *data_types, **body):
    return ricloud.make("/polls", payload={"data_types": list(data_types) or [MESSAGES]}, **body)


def work(api, *uploads, verb="finish", **members):
    """What a worker does with the next job: claims it, uploads, finishes. The job as it was claimed."""
    job = expect(api.claim(), 200)
    for name, data in uploads:
        api.upload(job["id"], name, data, headers={"Content-Type": "application/json"})
    expect(api.move(job["id"], verb, lease=job["lease"], **members), 200)
    return job


# ---- the loop of the client -------------------------------------------------------------------------------


def test_the_whole_loop_as_the_client_goes_it(ricloud):
    user = ricloud.make("/users", identifier="u@example.net")
    source = {"user": user["id"], "type": "mocks.mock", "identifier": "john"}
    session = ricloud.make("/sessions", source=source, payload={"password": "x"})
    assert session["state"] == "active", "not pending or failed, which the client would wait for or give up on"
    poll = ricloud.make("/polls", session=session["id"], payload={"data_types": [MESSAGES]})
    assert poll["state"] == "pending"
    job = work(ricloud.api, (MESSAGES, b'{"data": []}'))
    poll = expect(ricloud.get(f"/polls/{poll['id']}"), 200)
    assert poll["state"] == "completed"
    (result,) = poll["results"]["data"]
    assert (result["identifier"], result["type"], result["poll"]) == (MESSAGES, "json", poll["id"])
    assert ricloud.session.get(result["signed_url"]["url"], timeout=120).content == b'{"data": []}'
    assert expect(ricloud.post(f"/results/{result['id']}/ack"), 200)["state"] == "consumed"
    assert poll["tasks_succeeded"] == [job["id"]]


def test_post_users_gets_or_creates(ricloud):
    """`POST /users {"identifier": "u@example.net"}`"""
    first = ricloud.post("/users", '{"identifier": "u@example.net"}')
    again = ricloud.post("/users", '{"identifier": "u@example.net"}')
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    made = first.json()
    assert (made["resource"], made["identifier"]) == ("user", "u@example.net")
    assert made["organisation"] == ricloud.api.project
    moment(made["date_created"])
    assert expect(ricloud.get(f"/users/{made['id']}"), 200) == made
    assert ids(ricloud.list("/users")["data"]) == [made["id"]]


def test_post_sessions_makes_a_source_and_shows_it(ricloud, user):
    """`POST /sessions {"source": {"user": "u1", "type": "mocks.mock", "identifier": "john"}, "payload": …}`"""
    source = {"user": user["id"], "type": "mocks.mock", "identifier": "john"}
    made = ricloud.make("/sessions", source=source, payload={"password": "open sesame"})
    assert (made["resource"], made["user"], made["state"], made["error"]) == ("session", user["id"], "active", None)
    assert made["source"]["resource"] == "source"
    assert {name: made["source"][name] for name in source} == source
    again = ricloud.make("/sessions", source=source)
    assert again["id"] != made["id"] and again["source"] == made["source"]
    by_id = ricloud.make("/sessions", source=made["source"]["id"])
    assert by_id["source"] == made["source"]
    assert ids(ricloud.list("/sources")["data"]) == [made["source"]["id"]]
    assert expect(ricloud.get(f"/sources/{made['source']['id']}"), 200) == made["source"]
    assert ricloud.make("/sources", **source) == made["source"]


def test_a_sessions_payload_is_sealed_and_only_for_workers(server, ricloud, user):
    source = {"user": user["id"], "type": "mocks.mock", "identifier": "john"}
    made = ricloud.post("/sessions", json.dumps({"source": source, "payload": {"password": "open sesame"}}))
    session = made.json()["id"]
    assert "open sesame" not in made.text + ricloud.get(f"/sessions/{session}").text + ricloud.get("/sessions").text
    assert b"open sesame" not in server.stored()
    assert expect(ricloud.get(f"/sessions/{session}/payload"), 200)["payload"] == {"password": "open sesame"}
    reader = Ricloud(server.api(["read"], ricloud.api.project))
    failed(reader.get(f"/sessions/{session}/payload"), 403, "forbidden")


def test_a_session_without_a_payload_has_none(ricloud, user):
    made = ricloud.make("/sessions", source={"user": user["id"], "type": "rirelay.instance"})
    assert made["source"]["identifier"] is None
    assert expect(ricloud.get(f"/sessions/{made['id']}/payload"), 200)["payload"] is None


def test_post_polls_answers_a_poll(ricloud, user, session):
    """`POST /polls {"session": "s1", "payload": {"data_types": ["ios_messages.messages"]}}`"""
    poll = ricloud.make("/polls", session=session["id"], payload={"data_types": [MESSAGES]})
    assert POLL_MEMBERS <= set(poll)
    assert (poll["resource"], poll["session"], poll["user"]) == ("poll", session["id"], user["id"])
    assert (poll["source"], poll["subscription"]) == (session["source"]["id"], None)
    assert poll["results"] == {
        "resource": "list",
        "data": [],
        "has_more": False,
        "total_count": 0,
        "url": f"/results?poll={poll['id']}",
    }
    assert [len(poll[name]) for name in ("tasks_pending", "tasks_processing", "tasks_failed")] == [1, 0, 0]
    assert (poll["state"], poll["date_started"], poll["date_completed"]) == ("pending", None, None)
    assert poll["key"] == expect(ricloud.get("/key"), 200)["id"]


def test_get_poll_follows_its_tasks(ricloud, session):
    """`GET  /polls/p1`"""
    poll = new_poll(ricloud, "a", "b", session=session["id"])["id"]
    first = expect(ricloud.api.claim(), 200)
    assert expect(ricloud.get(f"/polls/{poll}"), 200)["tasks_processing"] == [first["id"]]
    ricloud.api.upload(first["id"], "a", b"1")
    expect(ricloud.api.move(first["id"], "finish", lease=first["lease"]), 200)
    half = expect(ricloud.get(f"/polls/{poll}"), 200)
    assert (half["state"], half["tasks_succeeded"], half["date_completed"]) == ("processing", [first["id"]], None)
    assert [result["identifier"] for result in half["results"]["data"]] == ["a"]
    second = work(ricloud.api, verb="fail", error={"code": "no-access", "message": "the source says no"})
    whole = expect(ricloud.get(f"/polls/{poll}"), 200)
    assert (whole["state"], whole["tasks_failed"]) == ("completed", [second["id"]])
    assert moment(whole["date_started"]) <= moment(whole["date_completed"])
    (error,) = whole["errors"]["data"]
    assert (error["task"], error["code"], error["message"]) == (second["id"], "no-access", "the source says no")
    assert "resource" not in whole["errors"], "the client has no class for errors and fails on such a list"


def test_the_worker_finds_the_submission_in_the_jobs_input(ricloud, user, session):
    payload = {"data_types": [MESSAGES], "files": ["f1"], "since": "2020-01-01T00:00:00Z"}
    poll = ricloud.make("/polls", session=session["id"], payload=payload)
    job = expect(ricloud.api.claim(kinds=["ricloud.data_type"]), 200)
    assert job["batch"] == poll["id"]
    assert job["input"] == {
        "poll": poll["id"],
        "key": poll["key"],
        "user": user["id"],
        "source": {name: session["source"][name] for name in ("id", "user", "type", "identifier")},
        "session": session["id"],
        "subscription": None,
        "type": "data_type",
        "target": MESSAGES,
        "payload": {"since": "2020-01-01T00:00:00Z"},
    }
    assert poll["payload"] == payload


@pytest.mark.parametrize(
    "payload, tasks",
    [
        ({"info_types": ["i"], "data_types": ["d", "e"], "files": ["f"]},
         [("info_type", "i"), ("data_type", "d"), ("data_type", "e"), ("file", "f")]),
        ({"file_ids": ["old"]}, [("file", "old")]),
        ({"colour": "red"}, [("poll", None)]),
        (None, [("poll", None)]),
    ],
)  # fmt: skip
def test_one_task_for_each_thing_that_is_asked_for(ricloud, payload, tasks):
    poll = ricloud.make("/polls", payload=payload)
    listed = ricloud.list("/tasks", poll=poll["id"])
    assert [(task["type"], task["target"]) for task in listed["data"]] == tasks
    assert ids(listed["data"]) == poll["tasks_pending"]


def test_polls_are_listed_by_session_and_limit(ricloud, user, session):
    """`GET  /polls?session=s1&limit=1`"""
    other = ricloud.make("/sessions", source={"user": user["id"], "type": "t"})
    first, second = new_poll(ricloud, session=session["id"]), new_poll(ricloud, session=session["id"])
    foreign = new_poll(ricloud, session=other["id"])
    listed = ricloud.list("/polls", session=session["id"], limit=1)
    assert (ids(listed["data"]), listed["has_more"], listed["total_count"]) == ([first["id"]], True, 2)
    assert listed["data"] == [first]
    rest = ricloud.list("/polls", session=session["id"], limit=1, after_id=first["id"])
    assert (ids(rest["data"]), rest["has_more"]) == ([second["id"]], False)
    assert ids(ricloud.list("/polls", session=other["id"])["data"]) == [foreign["id"]]
    assert ids(ricloud.list("/polls", user=user["id"])["data"]) == ids([first, second, foreign])
    assert ids(ricloud.list("/polls", source=other["source"]["id"])["data"]) == [foreign["id"]]
    assert ricloud.list("/polls", session=nobody())["data"] == []


def test_polls_of_a_subscription(ricloud, session):
    """`GET /polls?subscription=…&requestor=subscription&limit=1`, as `rirelay sub latest` asks"""
    payload = {"data_types": ["calls"]}
    sub = ricloud.make("/subscriptions", session=session["id"], poll_payload=payload, interval=3600)
    assert (sub["resource"], sub["state"], sub["session"]) == ("subscription", "active", session["id"])
    assert (sub["source"], sub["poll_payload"]) == (session["source"]["id"], payload)
    manual = new_poll(ricloud, subscription=sub["id"])
    assert (manual["session"], manual["subscription"]) == (session["id"], sub["id"])
    assert ricloud.list("/polls", subscription=sub["id"], requestor="subscription", limit=1)["data"] == []
    automatic = ricloud.make("/polls", subscription=sub["id"], requestor="subscription")
    assert automatic["payload"] == payload
    (latest,) = ricloud.list("/polls", subscription=sub["id"], requestor="subscription", limit=1)["data"]
    assert latest["id"] == automatic["id"]
    assert ids(ricloud.list("/polls", subscription=sub["id"])["data"]) == [manual["id"], automatic["id"]]


def test_a_deleted_subscription_takes_no_polls(ricloud, session):
    sub = ricloud.make("/subscriptions", session=session["id"], poll_payload={})["id"]
    gone = expect(ricloud.request("DELETE", f"/subscriptions/{sub}"), 200)
    assert (gone["id"], gone["state"]) == (sub, "deleted")
    failed(ricloud.post("/polls", json.dumps({"subscription": sub})), 409, "conflict")
    assert expect(ricloud.get(f"/subscriptions/{sub}"), 200)["state"] == "deleted"
    assert ids(ricloud.list("/subscriptions", session=session["id"])["data"]) == [sub]


def test_a_whole_object_stands_for_its_id(ricloud, session):
    """The samples give whole sessions and sources, which the client writes out."""
    poll = new_poll(ricloud, session=session, source=session["source"])
    assert (poll["session"], poll["source"]) == (session["id"], session["source"]["id"])


def test_a_poll_whose_jobs_are_deleted_is_not_waited_for(ricloud, session):
    poll = new_poll(ricloud, session=session["id"])
    (task,) = poll["tasks_pending"]
    expect(ricloud.api.delete(f"/jobs/{task}"), 204)
    assert expect(ricloud.get(f"/polls/{poll['id']}"), 200)["state"] == "completed"


def test_a_batch_that_was_made_natively_is_a_poll(ricloud):
    batch = ricloud.api.batch()["id"]
    poll = expect(ricloud.get(f"/polls/{batch}"), 200)
    assert (poll["id"], poll["session"], poll["state"]) == (batch, None, "pending")
    job = ricloud.api.job(kind="report", batch=batch, input={"user": "not ours"})["id"]
    task = expect(ricloud.get(f"/tasks/{job}"), 200)
    assert (task["poll"], task["type"], task["user"]) == (batch, "report", None)


# ---- tasks ------------------------------------------------------------------------------------------------


def test_a_task_has_every_field_of_the_document(ricloud, user, session):
    poll = new_poll(ricloud, session=session["id"])
    (task,) = poll["tasks_pending"]
    waiting = expect(ricloud.get(f"/tasks/{task}"), 200)
    assert set(waiting) == TASK_MEMBERS
    assert (waiting["type"], waiting["target"], waiting["state"]) == ("data_type", MESSAGES, "pending")
    assert (waiting["source"], waiting["source_type"]) == (session["source"]["id"], "mocks.mock")
    assert (waiting["user"], waiting["session"], waiting["poll"]) == (user["id"], session["id"], poll["id"])
    work(ricloud.api, ("a", b"[]"))
    done = expect(ricloud.get(f"/tasks/{task}"), 200)
    assert (done["state"], done["error"]) == ("succeeded", None)
    assert (done["results"]["resource"], ids(done["results"]["data"])) == ("list", ids(ricloud.results()))
    moment(done["date_completed"])


def test_states_of_tasks(ricloud, session):
    poll = new_poll(ricloud, "a", "b", "c", "d", session=session["id"])["id"]
    first = work(ricloud.api)["id"]
    second = work(ricloud.api, verb="fail", error={"code": "no-access", "message": "no"})["id"]
    third = expect(ricloud.api.claim(), 200)["id"]
    (fourth,) = ids(ricloud.list("/tasks", state="pending")["data"])
    assert ids(ricloud.list("/tasks", state="succeeded")["data"]) == [first]
    assert ids(ricloud.list("/tasks", state="processing")["data"]) == [third]
    expect(ricloud.api.move(fourth, "cancel"), 200)
    both = ricloud.list("/tasks", state="failed", poll=poll)
    assert [(task["id"], task["error"]) for task in both["data"]] == [(second, "no-access"), (fourth, "cancelled")]
    assert both["total_count"] == 2
    assert ricloud.list("/tasks", state="suspended")["data"] == []
    failed(ricloud.get("/tasks", state="done"), 400, "invalid")
    assert expect(ricloud.get(f"/polls/{poll}"), 200)["tasks_failed"] == [second, fourth]


def test_post_tasks_makes_one(ricloud, session):
    made = ricloud.make("/tasks", type="info_type", target="account", session=session["id"], payload={"a": 1})
    assert (made["type"], made["target"], made["session"]) == ("info_type", "account", session["id"])
    job = work(ricloud.api)
    assert (job["id"], job["kind"], job["input"]["payload"]) == (made["id"], "ricloud.info_type", {"a": 1})
    assert ids(ricloud.list("/tasks", type="info_type")["data"]) == [made["id"]]
    assert ricloud.list("/tasks", type="file")["data"] == []
    native = ricloud.api.job("info_type")["id"]
    other = ricloud.api.job("ricloud.other")["id"]
    assert [task["type"] for task in ricloud.list("/tasks")["data"]] == ["info_type", "info_type", "other"]
    assert ids(ricloud.list("/tasks", type="info_type")["data"]) == [made["id"], native]
    assert ids(ricloud.list("/tasks", type="info_type", state="pending")["data"]) == [native]
    assert ids(ricloud.list("/tasks", type="other")["data"]) == [other]
    assert ricloud.list("/tasks", type="ricloud.other")["data"] == []
    failed(ricloud.post("/tasks", "{}"), 400, "invalid")
    failed(ricloud.post("/tasks", '{"type": "a b"}'), 400, "invalid")
    failed(ricloud.post("/tasks", json.dumps({"type": "a", "poll": nobody()})), 400, "invalid")


# ---- filters of results -----------------------------------------------------------------------------------


def test_results_by_all_filters_of_the_client(ricloud, user, session):
    """`GET  /results?task=t1&state=available&limit=5&after_id=r0&since=2020-01-02T03%3A04%3A05.678&user=u1`"""
    new_poll(ricloud, "a", session=session["id"])
    job = work(ricloud.api, ("first", b"1"), ("second", b"2"))
    first, second = ricloud.results()
    chosen = {"task": job["id"], "state": "available", "limit": 5, "after_id": first["id"], "user": user["id"]}
    listed = ricloud.list("/results", since="2020-01-02T03:04:05.678", **chosen)
    assert (ids(listed["data"]), listed["total_count"]) == ([second["id"]], 2)
    assert ricloud.results(since="2100-01-01T00:00:00", **chosen) == []
    assert ricloud.results(user=nobody()) == []


@pytest.mark.parametrize("name", ["poll", "session", "source", "user", "identifier", "type"])
def test_results_by_one_filter(ricloud, user, session, name):
    wanted = {
        "poll": new_poll(ricloud, "a", session=session["id"])["id"],
        "session": session["id"],
        "source": session["source"]["id"],
        "user": user["id"],
        "identifier": "wanted",
        "type": "messages",
    }
    job = expect(ricloud.api.claim(), 200)["id"]
    result = ricloud.api.upload(job, "wanted", b"1", type="messages")["id"]
    ricloud.api.publish("other")
    listed = ricloud.list("/results", **{name: wanted[name]})
    assert (ids(listed["data"]), listed["total_count"]) == ([result], 1)
    assert ricloud.results(**{name: nobody()}) == []
    expect(ricloud.post(f"/results/{result}/ack"), 200)
    assert ricloud.results(**{name: wanted[name]}) == []
    assert ids(ricloud.results(state="consumed", **{name: wanted[name]})) == [result]


def test_since_is_a_time(ricloud):
    failed(ricloud.get("/results", since="yesterday"), 400, "invalid")
    made = ricloud.api.publish()
    assert ids(ricloud.results(since=made["created_at"])) == [made["id"]], "a result made then is in"


# ---- cursors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/polls", "/tasks", "/results", "/users", "/sources", "/sessions", "/events"])
def test_cursors_everywhere(ricloud, path):
    for number in range(7):
        user = ricloud.make("/users", identifier=str(number))["id"]
        session = ricloud.make("/sessions", source={"user": user, "type": "t"})["id"]
        new_poll(ricloud, session=session)
        work(ricloud.api, ("a", b"1"))
    whole = ids(ricloud.list(path, limit=1000)["data"])
    assert len(whole) >= 7 and len(set(whole)) == len(whole)
    page = ricloud.list(path, limit=3)
    walked = ids(page["data"])
    while page["has_more"]:
        page = ricloud.list(path, limit=3, after_id=walked[-1])
        walked += ids(page["data"])
    assert walked == whole
    assert page["total_count"] == len(whole)
    back = ricloud.list(path, limit=2, before_id=whole[5])
    assert (ids(back["data"]), back["has_more"]) == (whole[3:5], True)
    assert ids(ricloud.list(path, after_id=whole[1], before_id=whole[4])["data"]) == whole[2:4]
    failed(ricloud.get(path, after_id="unheard-of"), 400, "invalid")
    failed(ricloud.get(path, limit="0"), 400, "invalid")


# ---- Ricloud-Await ----------------------------------------------------------------------------------------


def waiting(ricloud, seconds):
    ricloud.session.headers["Ricloud-Await"] = str(seconds)
    return ricloud


def timed(call):
    started = time.monotonic()
    answer = call()
    return answer, time.monotonic() - started


def test_await_zero_which_the_client_always_sends_answers_at_once(ricloud):
    poll = new_poll(ricloud)["id"]
    answer, took = timed(lambda: waiting(ricloud, 0).get(f"/polls/{poll}"))
    assert expect(answer, 200)["state"] == "pending"
    assert took < 1


@pytest.mark.parametrize("what", ["polls", "tasks"])
def test_await_answers_as_soon_as_it_is_done(ricloud, what):
    poll = new_poll(ricloud)
    path = f"/polls/{poll['id']}" if what == "polls" else f"/tasks/{poll['tasks_pending'][0]}"
    worker = threading.Timer(0.5, work, [ricloud.api.clone(), ("a", b"1")])
    worker.start()
    answer, took = timed(lambda: waiting(ricloud, 10).get(path))
    worker.join()
    assert expect(answer, 200)["state"] in ("completed", "succeeded")
    assert len(answer.json()["results"]["data"]) == 1
    assert 0.4 < took < 9


def test_await_ends_with_what_there_is(ricloud):
    poll = new_poll(ricloud)["id"]
    answer, took = timed(lambda: waiting(ricloud, 1).get(f"/polls/{poll}"))
    assert expect(answer, 200)["state"] == "pending"
    assert 0.9 < took < 9


def test_await_after_a_submission(ricloud):
    def claim_when_there_is_one():
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            job = api.claim()
            if job.status_code == 200:
                return expect(api.move(job.json()["id"], "finish", lease=job.json()["lease"]), 200)
            time.sleep(0.1)

    api = ricloud.api.clone()
    worker = threading.Thread(target=claim_when_there_is_one)
    worker.start()
    answer, took = timed(lambda: waiting(ricloud, 10).post("/polls", json.dumps({"payload": {"data_types": ["a"]}})))
    worker.join()
    assert answer.status_code == 201
    assert answer.json()["state"] == "completed"
    assert took < 9


def test_await_of_a_task_that_is_made(ricloud):
    answer, took = timed(lambda: waiting(ricloud, 1).post("/tasks", '{"type": "a"}'))
    assert (answer.status_code, answer.json()["state"]) == (201, "pending")
    assert 0.9 < took < 9


def test_await_wakes_only_once_for_many(ricloud):
    poll = new_poll(ricloud)["id"]
    answers = []
    callers = [Ricloud(ricloud.api.clone()) for _ in range(20)]
    threads = [
        threading.Thread(target=lambda c=caller: answers.append(waiting(c, 10).get(f"/polls/{poll}")))
        for caller in callers
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    ricloud.api.publish("something else that changes")
    work(ricloud.api)
    for thread in threads:
        thread.join()
    assert [expect(answer, 200)["state"] for answer in answers] == ["completed"] * 20


def test_await_takes_whole_seconds_and_ten_at_most(ricloud):
    poll = new_poll(ricloud)["id"]
    failed(waiting(ricloud, "soon").get(f"/polls/{poll}"), 400, "invalid")
    before = len(ricloud.list("/polls")["data"])
    failed(ricloud.post("/polls", "{}"), 400, "invalid")
    assert len(ricloud.list("/polls")["data"]) == before, "nothing was submitted"


def test_await_ends_when_the_server_stops(fresh_server):
    server = fresh_server()
    ricloud = Ricloud(server.api())
    poll = new_poll(ricloud)["id"]
    threading.Timer(2, server.signal, [signal.SIGTERM]).start()
    answer, took = timed(lambda: waiting(ricloud, 10).get(f"/polls/{poll}"))
    assert expect(answer, 200)["state"] == "pending"
    assert took < 8
    assert server.wait() == 0


# ---- keys, organisation, events ---------------------------------------------------------------------------


@pytest.fixture
def admin(server, own_api):
    return Ricloud(server.api([*SCOPES, "admin"], own_api.project))


def test_get_key_is_the_callers_own(ricloud):
    """`GET /key`"""
    key = expect(ricloud.get("/key"), 200)
    assert (key["resource"], key["type"], key["state"], key["token"]) == ("key", "standard", "active", None)
    assert ricloud.api.key.startswith(f"rk_{key['id']}_")
    moment(key["date_created"])


def test_keys_are_listed_for_who_administers(ricloud, admin):
    """`GET /keys`"""
    failed(ricloud.get("/keys"), 403, "forbidden")
    listed = admin.list("/keys")
    assert ids(listed["data"]) == [expect(client.get("/key"), 200)["id"] for client in (ricloud, admin)]
    assert listed["total_count"] == 2
    assert ids(admin.list("/keys", limit=1, after_id=listed["data"][0]["id"])["data"]) == ids(listed["data"][1:])


def test_rotate_gives_another_token_and_ends_the_old_one(server, ricloud, admin):
    """`POST /keys/{id}/rotate`"""
    key = expect(ricloud.get("/key"), 200)["id"]
    failed(ricloud.post(f"/keys/{key}/rotate"), 403, "forbidden")
    rotated = expect(admin.post(f"/keys/{key}/rotate"), 200)
    assert rotated["id"] == key and re.fullmatch(f"rk_{key}_[0-9A-Za-z]{{32}}", rotated["token"])
    time.sleep(0.05)  # a key found valid is remembered for 5 ms
    failed(ricloud.get("/results"), 401, "unauthorised")
    ricloud.session.headers["Authorization"] = f"Token {rotated['token']}"
    expect(ricloud.get("/results"), 200)
    foreign = expect(Ricloud(server.api()).get("/key"), 200)["id"]
    failed(admin.post(f"/keys/{foreign}/rotate"), 404, "not-found")
    failed(admin.get(f"/keys/{foreign}"), 404, "not-found")


def test_organisation_is_the_project(ricloud, admin):
    """`GET /organisation`"""
    made = admin.make("/configs/webhook", url="https://example.net/hook")["id"]
    organisation = expect(ricloud.get("/organisation"), 200)
    assert (organisation["resource"], organisation["name"]) == ("organisation", ricloud.api.project)
    assert (organisation["storage_configs"]["data"], organisation["storage_configs"]["resource"]) == ([], "list")
    assert ids(organisation["webhook_configs"]["data"]) == [made]
    moment(organisation["date_created"])


def test_events_tell_what_happened_and_what_it_is_now(ricloud, session):
    """`GET /events`, `GET /events/{id}`"""
    poll = new_poll(ricloud, session=session["id"])
    work(ricloud.api, ("a", b"1"))
    listed = ricloud.list("/events")
    assert [(event["type"], event["action"]) for event in listed["data"]] == [
        ("poll", "created"),
        ("task", "created"),
        ("task", "started"),
        ("result", "created"),
        ("task", "succeeded"),
    ]
    first = listed["data"][0]
    assert (first["resource"], first["state"], first["retries"]) == ("event", "pending", 0)
    assert first["data"] == expect(ricloud.get(f"/polls/{poll['id']}"), 200) | {"results": first["data"]["results"]}
    assert [event["data"]["resource"] for event in listed["data"]] == ["poll", "task", "task", "result", "task"]
    assert expect(ricloud.get(f"/events/{first['id']}"), 200)["type"] == "poll"
    (succeeded,) = ricloud.list("/events", type="task", action="succeeded")["data"]
    assert succeeded["data"]["state"] == "succeeded"
    assert ricloud.list("/events", type="session")["data"] == []


def test_events_of_others_are_not_there(server, ricloud):
    other = Ricloud(server.api())
    other.api.publish()
    assert ricloud.list("/events")["data"] == []
    failed(ricloud.get(f"/events/{other.list('/events')['data'][0]['id']}"), 404, "not-found")
    failed(ricloud.get("/events/x"), 404, "not-found")


def test_what_was_deleted_has_no_data_in_its_event(ricloud):
    job = ricloud.api.job()["id"]
    expect(ricloud.api.delete(f"/jobs/{job}"), 204)
    assert ricloud.list("/events", type="task")["data"][0]["data"] is None


# ---- configs ----------------------------------------------------------------------------------------------

CREDENTIALS = {
    "access_key_id": "AKIA123",
    "secret_access_key": "very secret words",
    "region": "eu-west-1",
    "endpoint": "https://s3.example.net",
}


def test_storage_configs_are_kept_without_showing_the_secret(server, admin):
    answer = admin.post("/configs/storage", json.dumps({"url": "s3://my-bucket/results", "credentials": CREDENTIALS}))
    assert answer.status_code == 201
    made = answer.json()
    shown = {name: value for name, value in CREDENTIALS.items() if name != "secret_access_key"}
    assert (made["resource"], made["type"], made["state"]) == ("storage_config", "s3", "new")
    assert (made["url"], made["credentials"]) == ("s3://my-bucket/results", shown)
    assert "very secret" not in answer.text
    assert b"very secret" not in server.stored()
    assert expect(admin.get(f"/configs/storage/{made['id']}"), 200) == made
    assert admin.list("/configs/storage")["data"] == [made]
    changed = expect(admin.post(f"/configs/storage/{made['id']}", '{"url": "s3://other-bucket"}'), 200)
    assert (changed["url"], changed["credentials"]) == ("s3://other-bucket", shown)


def test_delete_of_a_config_answers_json(admin):
    """`DELETE /configs/storage/7        (Content-Length: 0)`"""
    for kind, body in (
        ("storage", {"url": "s3://my-bucket", "credentials": CREDENTIALS}),
        ("webhook", {"url": "https://example.net/hook"}),
    ):
        made = admin.make(f"/configs/{kind}", **body)["id"]
        gone = admin.request("DELETE", f"/configs/{kind}/{made}", headers={"Content-Length": "0"})
        assert expect(gone, 200)["id"] == made
        failed(admin.get(f"/configs/{kind}/{made}"), 404, "not-found")
        failed(admin.request("DELETE", f"/configs/{kind}/{made}"), 404, "not-found")


@pytest.mark.parametrize(
    "change, name",
    [
        ({"url": "gs://my-bucket"}, "/url"),
        ({"url": "s3://My_Bucket"}, "/url"),
        ({"url": None}, "/url"),
        ({"credentials": None}, "/credentials"),
        ({"credentials": CREDENTIALS | {"secret_access_key": None}}, "/credentials"),
        ({"credentials": CREDENTIALS | {"region": "eu west"}}, "/credentials/region"),
        ({"credentials": CREDENTIALS | {"endpoint": "ftp://host"}}, "/credentials/endpoint"),
        ({"credentials": CREDENTIALS | {"endpoint": "https://host/path"}}, "/credentials/endpoint"),
        ({"credentials": CREDENTIALS | {"endpoint": 1}}, "/credentials/endpoint"),
    ],
    ids=str,
)
def test_a_wrong_storage_config_is_refused(admin, change, name):
    body = {"url": "s3://my-bucket", "credentials": CREDENTIALS} | change
    answer = admin.post("/configs/storage", json.dumps(body))
    failed(answer, 400, "invalid")
    assert answer.json()["params"]["name"] == name
    assert admin.list("/configs/storage")["data"] == []


def test_a_secret_cannot_be_sent_elsewhere_by_who_does_not_know_it(admin):
    made = admin.make("/configs/storage", url="s3://my-bucket", credentials=CREDENTIALS)["id"]
    elsewhere = {"credentials": {"endpoint": "https://evil.example.net"}}
    failed(admin.post(f"/configs/storage/{made}", json.dumps(elsewhere)), 400, "invalid")
    elsewhere["credentials"]["secret_access_key"] = "known"
    expect(admin.post(f"/configs/storage/{made}", json.dumps(elsewhere)), 200)


def test_webhook_configs_show_their_secret_once(server, admin):
    made = admin.make("/configs/webhook", url="https://example.net/hook")
    assert (made["resource"], made["state"]) == ("webhook_config", "new")
    assert len(made["secret"]) == 40
    later = expect(admin.get(f"/configs/webhook/{made['id']}"), 200)
    assert later == made | {"secret": None}
    changed = expect(admin.post(f"/configs/webhook/{made['id']}", '{"url": "http://example.net/other"}'), 200)
    assert changed["url"] == "http://example.net/other"
    for wrong in ("ftp://x", "https://", "https://a b", 1, None):
        failed(admin.post("/configs/webhook", json.dumps({"url": wrong})), 400, "invalid")
    assert made["secret"].encode() not in server.stored()


@pytest.mark.parametrize("kind", ["storage", "webhook"])
def test_configs_are_for_who_administers_and_of_one_project(server, ricloud, admin, kind):
    body = {"url": "s3://my-bucket", "credentials": CREDENTIALS} if kind == "storage" else {"url": "https://a.net"}
    failed(ricloud.post(f"/configs/{kind}", json.dumps(body)), 403, "forbidden")
    made = admin.make(f"/configs/{kind}", **body)["id"]
    expect(ricloud.get(f"/configs/{kind}/{made}"), 200)
    failed(ricloud.request("DELETE", f"/configs/{kind}/{made}"), 403, "forbidden")
    other = Ricloud(server.api([*SCOPES, "admin"]))
    failed(other.get(f"/configs/{kind}/{made}"), 404, "not-found")
    failed(other.post(f"/configs/{kind}/{made}", json.dumps(body)), 404, "not-found")


def test_secrets_survive_a_restart_and_a_backup(fresh_server, tmp_path):
    server = fresh_server()
    ricloud = Ricloud(server.api())
    user = ricloud.make("/users", identifier="u")["id"]
    made = ricloud.make("/sessions", source={"user": user, "type": "t"}, payload={"password": "x"})["id"]
    key = server.data / "secret.key"
    assert (key.stat().st_mode & 0o777, key.stat().st_size) == (0o600, 32)
    server.succeed("backup", tmp_path / "copy")
    copy = tmp_path / "copy" / "secret.key"
    assert (copy.read_bytes(), copy.stat().st_mode & 0o777) == (key.read_bytes(), 0o600)
    server.restart()
    assert expect(ricloud.get(f"/sessions/{made}/payload"), 200)["payload"] == {"password": "x"}


# ---- wrong submissions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, body, name",
    [
        ("/users", {}, "/identifier"),
        ("/users", {"identifier": 7}, "/identifier"),
        ("/users", {"identifier": ""}, "/identifier"),
        ("/sessions", {}, "/source"),
        ("/sessions", {"source": {"type": "t"}}, "/source/user"),
        ("/sessions", {"source": {"user": "u1", "type": "t"}}, "/source/user"),
        ("/sessions", {"source": "s1"}, "/source"),
        ("/sources", {"user": "u1", "type": "t"}, "/user"),
        ("/subscriptions", {"session": "s1"}, "/poll_payload"),
        ("/subscriptions", {"session": "s1", "poll_payload": {}}, "/session"),
        ("/polls", {"session": "s1", "payload": {}}, "/session"),
        ("/polls", {"subscription": 5}, "/subscription"),
        ("/polls", {"source": "x"}, "/source"),
        ("/polls", {"payload": []}, "/payload"),
        ("/polls", {"payload": {"data_types": "a"}}, "/payload/data_types"),
        ("/polls", {"payload": {"files": [1]}}, "/payload/files"),
        ("/polls", {"payload": {"files": [""]}}, "/payload/files"),
        ("/polls", {"payload": {"files": ["f"] * 1001}}, "/payload"),
        ("/polls", {"requestor": "me"}, "/requestor"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_submission_names_what_is_wrong_and_makes_nothing(ricloud, path, body, name):
    answer = ricloud.post(path, json.dumps(body))
    failed(answer, 400, "invalid")
    assert answer.json()["params"]["name"] == name
    assert ricloud.list(path)["data"] == []
    assert ricloud.list("/tasks")["data"] == []


@pytest.mark.parametrize("body", ["", "null", "[]", "{", '"x"'])
@pytest.mark.parametrize("path", ["/users", "/sessions", "/sources", "/subscriptions", "/polls", "/tasks"])
def test_a_body_that_is_no_object_is_refused(ricloud, path, body):
    failed(ricloud.post(path, body), 400, "invalid")


def test_unknown_members_are_ignored(ricloud):
    assert ricloud.make("/users", identifier="u", metadata={"a": 1}, label="x")["identifier"] == "u"
    new_poll(ricloud, type="data", metadata=1)


def test_what_others_have_is_not_there(server, ricloud, session):
    other = Ricloud(server.api())
    poll = new_poll(ricloud, session=session["id"])
    for path in (f"/polls/{poll['id']}", f"/tasks/{poll['tasks_pending'][0]}", f"/sessions/{session['id']}",
                 f"/sources/{session['source']['id']}", f"/users/{session['user']}",
                 f"/sessions/{session['id']}/payload"):  # fmt: skip
        failed(other.get(path), 404, "not-found")
        expect(ricloud.get(path), 200)
    for path in ("/polls", "/tasks", "/sessions", "/sources", "/users"):
        assert other.list(path)["data"] == []
    answer = other.post("/polls", json.dumps({"session": session["id"]}))
    failed(answer, 400, "invalid")


def test_submitting_needs_the_scope_write(server, ricloud, session):
    reader = Ricloud(server.api(["read"], ricloud.api.project))
    for path in ("/users", "/sessions", "/sources", "/subscriptions", "/polls", "/tasks"):
        failed(reader.post(path, "{}"), 403, "forbidden")
        assert len(reader.list(path)["data"]) <= 1
    failed(Ricloud(server.api(["write"], ricloud.api.project)).get("/polls"), 403, "forbidden")


def test_ids_are_uuids_as_the_rest_of_the_server_has_them(ricloud, session):
    poll = new_poll(ricloud, session=session["id"])
    for made in (poll["id"], session["id"], session["source"]["id"], session["user"], *poll["tasks_pending"]):
        assert UUID.fullmatch(made)


def test_nested_lists_follow_the_prefix(fresh_server):
    ricloud = Ricloud(fresh_server(ricloud_prefix="/far").api())
    poll = ricloud.make("/far/polls", payload={"data_types": ["a"]})
    assert poll["results"]["url"] == f"/far/results?poll={poll['id']}"
    assert poll["errors"]["url"] == f"/far/tasks?poll={poll['id']}&state=failed"
    assert ricloud.list("/far/tasks")["data"][0]["results"]["url"].startswith("/far/results?task=")
