# SPDX-License-Identifier: Apache-2.0
"""The ricloud API: the seed's own lines, and what its real client sends. The rest: test_ricloud_polls.py."""

import hashlib
import pathlib

import pytest
import requests
from harness import FILED, INLINE, SCOPES, Server, eventually, expect, ids, moment, nobody, on_disk, problem, sleep_until
from ricloud_client import Ricloud, failed

SEED_MEMBERS = {
    "id",
    "resource",
    "task",
    "identifier",
    "url",
    "checksum",
    "size",
    "state",
    "date_created",
    "date_consumed",
    "date_deleted",
}
LATER_MEMBERS = {"organisation", "poll", "type", "signed_url"}


@pytest.fixture
def ricloud(own_api):
    return Ricloud(own_api)


# ---- the seed's own lines ---------------------------------------------------------------------------------


def test_retrieve_gives_every_field_of_the_seed(ricloud, payload):
    batch = ricloud.api.batch()["id"]
    job = ricloud.api.job(batch=batch)["id"]
    made = ricloud.api.upload(job, "messages.json", payload, type="messages")
    result = expect(ricloud.get(f"/results/{made['id']}"), 200)
    assert SEED_MEMBERS | LATER_MEMBERS <= set(result)
    assert (result["id"], result["resource"]) == (made["id"], "result")
    assert (result["task"], result["poll"]) == (job, batch)
    assert (result["identifier"], result["type"]) == ("messages.json", "messages")
    assert result["url"] == made["url"]
    assert (result["checksum"], result["size"]) == (hashlib.md5(payload).hexdigest(), len(payload))
    assert result["state"] == "available"
    moment(result["date_created"])
    assert (result["date_consumed"], result["date_deleted"]) == (None, None)


def test_a_result_of_no_batch_has_no_poll_and_without_a_type_that_of_its_format(ricloud):
    made = ricloud.api.publish("a.json", b"[]", headers={"Content-Type": "application/json"})
    result = expect(ricloud.get(f"/results/{made['id']}"), 200)
    assert (result["poll"], result["type"]) == (None, "json")


def test_list_is_a_list_object(ricloud):
    made = [ricloud.api.publish(f"n{number}")["id"] for number in range(3)]
    listed = expect(ricloud.get("/results"), 200)
    assert (listed["resource"], listed["url"]) == ("list", "/results")
    assert (listed["has_more"], listed["total_count"]) == (False, 3)
    assert ids(listed["data"]) == made, "oldest first"
    assert listed["data"][0].keys() == expect(ricloud.get(f"/results/{made[0]}"), 200).keys()


def test_consumed_and_expired_results_are_listed_only_when_asked_for(ricloud):
    expired = ricloud.api.publish("e", expires_in="1")
    there, consumed = ricloud.api.publish("a")["id"], ricloud.api.publish("c")["id"]
    expect(ricloud.get(f"/results/{consumed}/ack"), 200)
    sleep_until(expired["expires_at"])
    assert ids(ricloud.results()) == [there]
    assert ids(ricloud.results(state="available")) == [there]
    assert ids(ricloud.results(state="consumed")) == [consumed]
    assert ids(ricloud.results(state="expired")) == [expired["id"]]


def test_list_filters_by_task(ricloud):
    wanted, _ = ricloud.api.publish("a"), ricloud.api.publish("b")
    assert ids(ricloud.results(task=wanted["job"])) == [wanted["id"]]


def test_list_filters_by_the_type_that_is_shown(ricloud):
    for name, type_, media in [
        ("a", "", "application/json"),
        ("b", "", "Application/JSON ; charset=utf-8"),
        ("c", "json", "text/plain"),
        ("d", "messages", "application/json"),
        ("e", "", "text/csv"),
        ("f", "", "application/jsonp"),
        ("g", "", ""),
    ]:
        job = ricloud.api.job("x")["id"]
        ricloud.api.upload(job, name, b"[]", type=type_, headers={"Content-Type": media})
    listed = ricloud.list("/results")["data"]
    assert [one["type"] for one in listed][:5] == ["json", "json", "json", "messages", "csv"]
    for word in {one["type"] for one in listed} - {None} | {"zip"}:
        wanted = [one["id"] for one in listed if one["type"] == word]
        found = ricloud.list("/results", type=word)
        assert (ids(found["data"]), found["total_count"]) == (wanted, len(wanted)), word
        for state in "available", "consumed":
            found = ricloud.list("/results", type=word, state=state)
            assert ids(found["data"]) == (wanted if state == "available" else [])
    first, second, third = ids(ricloud.list("/results", type="json")["data"])
    assert ids(ricloud.list("/results", type="json", after_id=first, limit=1)["data"]) == [second]
    assert ids(ricloud.list("/results", type="json", before_id=third, limit=1)["data"]) == [second]
    task = listed[1]["task"]
    assert ids(ricloud.list("/results", type="json", task=task)["data"]) == [second]
    assert ricloud.list("/results", type="csv", task=task)["data"] == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ack_works_by_get_and_by_post(ricloud, method):
    made = ricloud.api.publish()["id"]
    body = {"data": "null"} if method == "POST" else {}
    acked = expect(ricloud.request(method, f"/results/{made}/ack", **body), 200)
    assert (acked["id"], acked["resource"], acked["state"]) == (made, "result", "consumed")
    moment(acked["date_consumed"])
    again = expect(ricloud.request(method, f"/results/{made}/ack", **body), 200)
    assert again["date_consumed"] == acked["date_consumed"]
    assert ricloud.api.result(made)["state"] == "consumed"


# ---- what the real client needs ---------------------------------------------------------------------------


def test_the_url_opens_with_the_key_and_the_signed_url_without(ricloud, payload):
    made = ricloud.api.publish("a.bin", payload)["id"]
    result = expect(ricloud.get(f"/results/{made}"), 200)
    assert ricloud.session.get(result["url"], timeout=120).content == payload
    assert requests.get(result["signed_url"]["url"], timeout=120).content == payload
    moment(result["signed_url"]["date_expires"])


@on_disk
def test_the_setting_local_urls_gives_the_file_on_disk(fresh_server):
    api = fresh_server(ricloud_local_urls="on").api()
    made = api.publish("a.bin", FILED)["id"]
    url = expect(Ricloud(api).get(f"/results/{made}"), 200)["url"]
    assert url.startswith("local:///")
    assert pathlib.Path(url[len("local://") :]).read_bytes() == FILED
    acknowledges = Ricloud(api.server.api(["ack"], api.project))
    shown = expect(acknowledges.post(f"/results/{made}/ack"), 200)
    assert shown["signed_url"] is None and not shown["url"].startswith("local:"), "who may not read is told no place"


def test_pages_go_by_after_id_and_has_more(ricloud):
    made = [ricloud.api.publish(f"n{number}")["id"] for number in range(12)]
    first = expect(ricloud.get("/results"), 200)
    assert (ids(first["data"]), first["has_more"], first["total_count"]) == (made[:10], True, 12)
    second = expect(ricloud.get("/results", after_id=made[9]), 200)
    assert (ids(second["data"]), second["has_more"]) == (made[10:], False)
    assert ids(ricloud.results(limit=5, after_id=made[1])) == made[2:7]
    assert set(ids(ricloud.results(limit=1000, before_id=made[3]))) == set(made[:3])


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
def test_a_limit_out_of_bounds_is_refused(ricloud, limit):
    failed(ricloud.get("/results", limit=limit), 400)


def test_parameters_that_are_not_known_do_not_hurt(ricloud):
    made = ricloud.api.publish()
    assert ids(ricloud.results(task=made["job"], colour="red")) == [made["id"]]


@pytest.mark.parametrize("wrap", ['{"results":["%s","%s"]}', '["%s","%s"]'])
def test_many_are_acknowledged_at_once(ricloud, wrap):
    first, second, third = (ricloud.api.publish(name)["id"] for name in "abc")
    answer = expect(ricloud.post("/results/ack", wrap % (first, second)), 200)
    assert answer["resource"] == "list"
    assert set(ids(answer["data"])) == {first, second}
    assert {row["state"] for row in answer["data"]} == {"consumed"}
    assert ids(ricloud.results()) == [third]


def test_an_unknown_id_among_many_is_404_and_nothing_is_acknowledged(ricloud):
    made = ricloud.api.publish()["id"]
    failed(ricloud.post("/results/ack", f'["{made}","{nobody()}"]'), 404, "not-found")
    assert ricloud.api.result(made)["state"] == "available"


@pytest.mark.parametrize("body", ["", "null", "{", '"x"', "[1]", '{"results":"x"}'])
def test_a_wrong_body_of_many_is_refused(ricloud, body):
    failed(ricloud.post("/results/ack", body), 400)


# ---- errors -----------------------------------------------------------------------------------------------


def test_an_unknown_result_is_404_in_ricloud_words(ricloud):
    failed(ricloud.get(f"/results/{nobody()}"), 404, "not-found")
    failed(ricloud.get("/results/missing"), 404, "not-found")
    failed(ricloud.get(f"/results/{nobody()}/ack"), 404, "not-found")


@pytest.mark.parametrize(
    "path, word",
    [
        ("results", "result"),
        ("polls", "poll"),
        ("tasks", "task"),
        ("users", "user"),
        ("sources", "source"),
        ("sessions", "session"),
        ("subscriptions", "subscription"),
        ("events", "event"),
        ("configs/storage", "storage config"),
        ("configs/webhook", "webhook config"),
    ],
)
def test_what_is_not_there_is_called_by_its_own_name(ricloud, path, word):
    for id_ in nobody(), "7", "x":
        answer = ricloud.get(f"/{path}/{id_}")
        assert (answer.status_code, answer.json()["message"]) == (404, f"there is no {word} with this id")


def test_a_foreign_result_is_404(server, ricloud):
    foreign = server.api().publish()["id"]
    failed(ricloud.get(f"/results/{foreign}"), 404, "not-found")
    failed(ricloud.get(f"/results/{foreign}/ack"), 404, "not-found")
    failed(ricloud.post("/results/ack", f'["{foreign}"]'), 404, "not-found")
    assert ricloud.results() == []


def test_a_wrong_method_and_an_unknown_path_below_results_are_in_ricloud_words(ricloud):
    failed(ricloud.request("PATCH", "/results"), 405)
    failed(ricloud.get("/results/a/b/c"), 404)


def test_an_expired_result_is_not_acknowledged(ricloud):
    made = ricloud.api.publish(expires_in="1")
    sleep_until(made["expires_at"])
    response = ricloud.get(f"/results/{made['id']}/ack")
    assert 400 <= response.status_code < 500
    failed(response, response.status_code)


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Authorization": "Token {}"}, 200),
        ({"Authorization": "Bearer {}"}, 200),
        ({"x-api-key": "{}"}, 200),
        ({"Authorization": "Token {}x"}, 401),
        ({}, 401),
    ],
    ids=str,
)
def test_the_ways_of_carrying_the_key(server, own_api, headers, status):
    response = server.get("/results", headers={name: value.format(own_api.key) for name, value in headers.items()})
    if status == 401:
        failed(response, 401, "unauthorised")
    else:
        expect(response, status)


def test_basic_is_not_a_way_of_ricloud(server, own_api):
    failed(requests.get(server.url + "/results", auth=(own_api.key, ""), timeout=120), 401, "unauthorised")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ack_needs_the_scope_ack_whatever_the_method(server, own_api, method):
    made = own_api.publish()["id"]
    reader = Ricloud(server.api([scope for scope in SCOPES if scope != "ack"], own_api.project))
    acker = Ricloud(server.api(["ack"], own_api.project))
    failed(reader.request(method, f"/results/{made}/ack"), 403)
    assert own_api.result(made)["state"] == "available"
    expect(acker.request(method, f"/results/{made}/ack"), 200)
    failed(acker.get("/results"), 403)


def test_the_api_can_be_switched_off(fresh_server):
    api = fresh_server(ricloud="off").api()
    api.publish("a", INLINE)
    assert Ricloud(api).get("/results").status_code == 404


def test_ack_of_many_ignores_members_it_does_not_know(own_api, ricloud):
    result = own_api.publish("a", INLINE)["id"]
    answer = ricloud.post("/results/ack", body=f'{{"results": ["{result}"], "metadata": 1}}')
    assert expect(answer, 200)["data"][0]["state"] == "consumed"


@pytest.mark.parametrize("path", ["/polls/1/2", "/tasks/1", "/users/1", "/configs", "/configs/none", "/key/1"])
def test_an_unknown_path_under_a_root_name_answers_in_its_own_words(ricloud, path):
    failed(ricloud.get(path), 404, "not-found")


@pytest.fixture(scope="module")
def mounted(tmp_path_factory):
    """A server that has this API under a prefix."""
    running = Server(tmp_path_factory.mktemp("mounted"), ricloud_prefix="/far/ric").start()
    yield running
    running.stop()


def test_the_api_can_be_mounted_under_a_prefix(mounted):
    ricloud = Ricloud(mounted.api())
    made = ricloud.api.publish("a", INLINE)
    listed = expect(ricloud.get("/far/ric/results"), 200)
    assert (ids(listed["data"]), listed["url"]) == ([made["id"]], "/far/ric/results")
    assert listed["data"][0]["url"] == made["url"]
    assert requests.get(listed["data"][0]["signed_url"]["url"], timeout=120).content == INLINE
    expect(ricloud.get(f"/far/ric/results/{made['id']}/ack"), 200)
    assert ricloud.api.result(made["id"])["state"] == "consumed"


def test_unknown_paths_below_the_prefix_are_answered_in_its_words(mounted):
    ricloud = Ricloud(mounted.api())
    for path in ("", "/", "/nope", "/results/", "/polls/1/2", "/far/ric/results"):
        failed(ricloud.get("/far/ric" + path), 404, "not-found")
    failed(ricloud.request("PATCH", "/far/ric/results"), 405, "method-not-allowed")
    for path in ("/results", "/far", "/far/rich", "/polls"):
        problem(ricloud.get(path), 404, "not_found")


def test_a_prefix_shows_in_no_metric_as_an_api_of_its_own(mounted):
    Ricloud(mounted.api()).get("/far/ric/results")
    wanted = 'api="ricloud",method="GET",route="/results",status="200"'
    eventually(lambda: wanted in mounted.get("/-/metrics").text, "it is counted")


@pytest.mark.parametrize("prefix", ["ric", "/", "/ric/", "/a//b", "/a b", "/..", "/api/v1", "/-/ric"])
def test_a_prefix_that_cannot_be_is_refused_at_the_start(fresh_server, prefix):
    server = fresh_server(start=False, ricloud_prefix=prefix).spawn()
    assert server.wait() != 0
    assert "ricloud_prefix must" in server.stderr()
