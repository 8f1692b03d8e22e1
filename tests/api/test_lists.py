# SPDX-License-Identifier: Apache-2.0
"""Lists: cursors, limits, links to the next page, and pages that stay right while rows come and go."""

import concurrent.futures
import urllib.parse

import pytest
from harness import expect, ids, problem

MAKERS = {
    "/jobs": lambda api, number: api.job(tag="t"),
    "/results": lambda api, number: api.publish(f"n{number}", type="t"),
    "/batches": lambda api, number: api.batch(f"b{number}"),
}
LISTS = sorted(MAKERS)


def make(api, path, count):
    """Makes rows and returns their ids, newest first."""
    return [MAKERS[path](api, number)["id"] for number in range(count)][::-1]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 3, 7, 10, 11])
def test_pages_give_every_row_once_in_order(server, path, limit):
    api = server.api()
    made = make(api, path, 10)
    pages = [ids(page) for page in api.pages(path, limit=limit)]
    assert sum(pages, []) == made
    assert all(len(page) == limit for page in pages[:-1])
    assert len(pages) == -(-10 // limit)


@pytest.mark.parametrize("path", LISTS)
def test_an_empty_list_has_no_next(own_api, path):
    response = own_api.get(path)
    assert expect(response, 200) == {"data": [], "next": None}
    assert "Link" not in response.headers


@pytest.mark.parametrize("path", LISTS)
def test_a_page_is_100_rows_unless_asked_otherwise(own_api, path):
    made = make(own_api, path, 101)
    first = expect(own_api.get(path), 200)
    assert ids(first["data"]) == made[:100]
    second = expect(own_api.get(path, params={"cursor": first["next"]}), 200)
    assert (ids(second["data"]), second["next"]) == (made[100:], None)
    whole = expect(own_api.get(path, params={"limit": 1000}), 200)
    assert (ids(whole["data"]), whole["next"]) == (made, None)


@pytest.mark.parametrize("path", LISTS)
def test_the_link_header_leads_to_the_next_page(own_api, path):
    made = make(own_api, path, 5)
    found, url = [], own_api.server.url + "/api/v1" + path + "?limit=2"
    while url:
        response = own_api.session.get(url, headers={"Authorization": f"Bearer {own_api.key}"}, timeout=60)
        page = expect(response, 200)
        found += ids(page["data"])
        following = response.links.get("next")
        assert bool(following) == (page["next"] is not None)
        url = urllib.parse.urljoin(url, following["url"]) if following else None
    assert found == made


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.5", "x", "", "99999999999999999999", "1 "])
def test_a_limit_out_of_bounds_is_400(api, path, limit):
    problem(api.get(path, params={"limit": limit}), 400, parameter="limit")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "!!!!", "a" * 3000, "\x00", "ü"])
def test_a_made_up_cursor_is_400(api, path, cursor):
    problem(api.get(path, params={"cursor": cursor}), 400, parameter="cursor")


def test_a_cursor_of_another_list_is_400(own_api):
    make(own_api, "/jobs", 3)
    cursor = expect(own_api.get("/jobs?limit=1"), 200)["next"]
    problem(own_api.get("/results", params={"cursor": cursor}), 400, parameter="cursor")


def test_a_changed_cursor_is_never_a_server_error(own_api):
    make(own_api, "/jobs", 3)
    cursor = expect(own_api.get("/jobs?limit=1"), 200)["next"]
    for index, letter in enumerate(cursor):
        changed = cursor[:index] + ("A" if letter != "A" else "B") + cursor[index + 1 :]
        assert own_api.get("/jobs", params={"cursor": changed}).status_code in (200, 400), changed


def test_a_cursor_is_of_no_use_to_another_project(server, own_api):
    make(own_api, "/jobs", 4)
    cursor = expect(own_api.get("/jobs?limit=1"), 200)["next"]
    stranger = server.api()
    theirs = make(stranger, "/jobs", 2)
    response = stranger.get("/jobs", params={"cursor": cursor})
    assert response.status_code in (200, 400)
    if response.status_code == 200:
        assert set(ids(response.json()["data"])) <= set(theirs)


def test_the_cursor_alone_keeps_the_filter(own_api):
    wanted = []
    for number in range(6):
        wanted.append(own_api.job(kind="wanted")["id"])
        own_api.job(kind="other")
    first = expect(own_api.get("/jobs?kind=wanted&limit=2"), 200)
    rest = expect(own_api.get("/jobs", params={"cursor": first["next"]}), 200)
    assert (ids(first["data"]) + ids(rest["data"]), rest["next"]) == (wanted[::-1], None)


def test_the_cursor_with_the_same_filter_goes_on(own_api):
    wanted = [own_api.job(kind="wanted")["id"] for _ in range(5)]
    own_api.job(kind="other")
    assert ids(own_api.walk("/jobs", kind="wanted", limit=2)) == wanted[::-1]


def test_another_filter_beside_a_cursor_does_not_change_what_is_listed(own_api):
    for number in range(4):
        own_api.job(kind="wanted")
        own_api.job(kind="other")
    cursor = expect(own_api.get("/jobs?kind=wanted&limit=2"), 200)["next"]
    response = own_api.get("/jobs", params={"cursor": cursor, "kind": "other"})
    assert response.status_code in (200, 400)
    if response.status_code == 200:
        assert {row["kind"] for row in response.json()["data"]} == {"wanted"}


@pytest.mark.parametrize("path", ["/jobs", "/results"])
def test_pages_neither_skip_nor_repeat_while_rows_come_and_go(own_api, path):
    made = make(own_api, path, 20)
    seen, gone = [], set()
    for number, page in enumerate(own_api.pages(path, limit=4)):
        seen += ids(page)
        MAKERS[path](own_api, 100 + number)
        unseen = [row for row in made if row not in seen and row not in gone]
        for row in [seen[-1]] + unseen[1:2]:  # the row the cursor stands on, and one of the next page
            expect(own_api.delete(f"{path}/{row}"), 204)
            gone.add(row)
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(made)
    assert [row for row in made if row not in gone or row in seen] == seen


def test_pages_stay_right_while_rows_change_state(own_api):
    made = make(own_api, "/results", 12)
    seen = []
    for page in own_api.pages("/results", limit=3):
        seen += ids(page)
        for row in page:
            expect(own_api.ack(row["id"]), 200)
    assert seen == made


def test_rows_made_at_once_are_listed_once_each(own_api):
    """Rows of one group commit may share a time; the order must still be total."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: own_api.clone().job()["id"], range(40)))
    listed = ids(own_api.walk("/jobs", limit=3))
    assert sorted(listed) == sorted(made)


WRONG = [
    ("/jobs", "status", "done"),
    ("/jobs", "batch", "not-a-uuid"),
    ("/jobs", "deleted", "maybe"),
    ("/results", "state", "gone"),
    ("/results", "job", "not-a-uuid"),
    ("/results", "batch", "not-a-uuid"),
    ("/results", "deleted", "1"),
    ("/results", "created_after", "yesterday"),
    ("/results", "created_before", "2026-13-01T00:00:00Z"),
    ("/jobs", "colour", "red"),
    ("/results", "status", "available"),
    ("/batches", "colour", "red"),
]


@pytest.mark.parametrize("path, name, value", WRONG)
def test_a_wrong_or_unknown_parameter_is_400_naming_it(api, path, name, value):
    problem(api.get(path, params={name: value}), 400, parameter=name)


@pytest.mark.parametrize("path", LISTS)
def test_a_parameter_given_twice_is_400(api, path):
    problem(api.get(path + "?limit=1&limit=2"), 400, parameter="limit")


def test_a_page_of_large_jobs_ends_early_and_the_next_goes_on(own_api):
    made = [own_api.job(input="x" * 900_000)["id"] for _ in range(8)]
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = expect(own_api.get("/jobs", params={"cursor": cursor} if cursor else {}), 200)
        seen += [job["id"] for job in page["data"]]
        cursor, pages = page["next"], pages + 1
    assert seen == made[::-1]
    assert pages > 1
