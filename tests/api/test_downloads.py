# SPDX-License-Identifier: Apache-2.0
"""How often results were downloaded: what counts, in a result and in the history of its project."""

import concurrent.futures

import pytest
import requests
from harness import BASE, FILED, Wire, eventually, expect, moment, request_head

SETTINGS = {"downloads_interval": "1s"}


def downloads(api, result):
    return api.result(result)["downloads"]


def sent(api):
    """(downloads, bytes) of the last two hours, for a test may begin just before the next one."""
    spans = expect(api.get("/usage/history", params={"hours": 2}), 200)["data"]
    return tuple(sum(span[name] for span in spans) for name in ("downloads", "downloaded_bytes"))


def settled(api, result, count):
    """Exactly so many, once more is written after them: another result's download, made later."""
    later = api.publish("later", b"x")["id"]
    api.content(later)
    eventually(lambda: downloads(api, later) == 1, "what was counted is written")
    assert downloads(api, result) == count


def test_a_new_result_was_never_downloaded(api):
    result = api.publish("a")
    assert (result["downloads"], result["downloaded_at"]) == (0, None)


def test_a_download_counts(own_api, payload):
    result = own_api.publish("a", payload)["id"]
    for _ in range(3):
        assert own_api.content(result).content == payload
    eventually(lambda: downloads(own_api, result) == 3, "three downloads")
    shown = own_api.result(result)
    assert moment(shown["created_at"]) < moment(shown["downloaded_at"])
    assert own_api.results()[0]["downloads"] == own_api.results(state="any")[0]["downloads"] == 3
    assert sent(own_api) == (3, 3 * len(payload))


def test_an_empty_result_can_be_downloaded_too(own_api):
    result = own_api.publish("a", b"")["id"]
    own_api.content(result)
    eventually(lambda: downloads(own_api, result) == 1, "one download")
    assert sent(own_api) == (1, 0)


def test_only_what_reaches_the_last_byte_is_a_download(own_api, payload):
    result = own_api.publish("a", payload)["id"]
    etag = own_api.head(f"/results/{result}/content").headers["ETag"]
    assert own_api.content(result, Range="bytes=0-9").status_code == 206
    assert own_api.content(result, Range="bytes=2-3,5-6").status_code == 206
    assert own_api.content(result, **{"If-None-Match": etag}).status_code == 304
    assert own_api.content(result, **{"If-Match": '"other"'}).status_code == 412
    assert own_api.content(result, Range=f"bytes={len(payload)}-").status_code == 416
    settled(own_api, result, 0)
    assert own_api.content(result, Range="bytes=10-").status_code == 206  # the rest, as a resumed download asks for it
    eventually(lambda: downloads(own_api, result) == 1, "one download")
    assert own_api.content(result, Range="bytes=0-0,-1").status_code == 206
    eventually(lambda: downloads(own_api, result) == 2, "another one")


def test_a_download_that_breaks_off_is_none(own_api):
    data = b"x" * (64 << 20)
    result = own_api.publish("large", data)["id"]
    with Wire(own_api.server) as wire:
        wire.send(request_head("GET", f"{BASE}/results/{result}/content", own_api.key))
        assert wire.line().startswith(b"HTTP/1.1 200")
    settled(own_api, result, 0)


def test_other_ways_to_the_bytes_count_as_well(server, own_api):
    result = own_api.publish("t.csv", b"a,b\n1,2\n", {"Content-Type": "text/csv"})["id"]
    expect(own_api.get(f"/results/{result}/content?format=json"), 200)
    eventually(lambda: downloads(own_api, result) == 1, "in another format, as it is made")
    expect(own_api.get(f"/results/{result}/content?format=json"), 200)
    eventually(lambda: downloads(own_api, result) == 2, "as it was made before")
    assert requests.get(own_api.link(result)["url"], timeout=120).status_code == 200
    eventually(lambda: downloads(own_api, result) == 3, "by a link")
    pk = own_api.result(result)["pk"]
    headers = {"x-api-key": own_api.key}
    url = f"{server.url}/v1/job-outputs/{pk}/download"
    assert requests.post(url, json={}, headers=headers, timeout=120).content == b"a,b\n1,2\n"
    eventually(lambda: downloads(own_api, result) == 4, "over another API")


def test_what_the_page_shows_itself_is_no_download(server, own_api):
    result = own_api.publish("t.csv", b"a,b\n1,2\n", {"Content-Type": "text/csv"})["id"]
    url = f"{server.url}{BASE}/results/{result}/content"
    page = {"Resultd-Page": "1"}
    with requests.Session() as browser:
        browser.trust_env = False
        expect(browser.post(f"{server.url}/-/session", json={"key": own_api.key}, headers=page, timeout=120), 200)
        for form in ("", "?format=json"):
            assert browser.get(url + form, headers=page, timeout=120).status_code == 200
        settled(own_api, result, 0)
        assert browser.get(url, timeout=120).status_code == 200
        eventually(lambda: downloads(own_api, result) == 1, "by a link on the page")
    assert own_api.content(result, **page).status_code == 200
    eventually(lambda: downloads(own_api, result) == 2, "by a key, whatever it says of itself")


def test_archives_and_rows_are_no_downloads_of_results(own_api):
    published = own_api.publish("t.csv", b"a,b\n1,2\n", {"Content-Type": "text/csv"})
    assert own_api.get(f"/jobs/{published['job']}/archive.zip").status_code == 200
    assert own_api.get(f"/results/{published['id']}/rows").status_code == 200
    settled(own_api, published["id"], 0)


def test_many_at_once_are_all_counted(own_api):
    results = [own_api.publish(f"n{i}", b"x" * 10)["id"] for i in range(20)]

    def fetch(number):
        client = own_api.clone()
        for i in range(50):
            assert client.content(results[(number + i) % len(results)]).status_code == 200

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(fetch, range(8)))
    eventually(lambda: sent(own_api) == (400, 4000), "all are counted")
    eventually(lambda: sum(downloads(own_api, result) for result in results) == 400, "each at its result")


def test_more_results_than_one_task_writes(own_api):
    results = [own_api.publish(f"n{i}", b"x")["id"] for i in range(450)]
    for result in results:
        own_api.content(result)
    eventually(lambda: all(row["downloads"] == 1 for row in own_api.walk("/results", limit=500)), "all are counted")


def test_a_server_that_ends_writes_what_it_counted(fresh_server):
    server = fresh_server(downloads_interval="1h")
    api = server.api()
    result = api.publish("a", FILED)["id"]
    api.content(result)
    server.restart()
    assert downloads(api, result) == 1
    assert sent(api) == (1, len(FILED))


def test_a_download_counts_in_its_project_only(server, own_api):
    stranger = server.api()
    result = own_api.publish("a", b"12345")["id"]
    own_api.content(result)
    assert stranger.content(result).status_code == 404
    eventually(lambda: downloads(own_api, result) == 1, "one download")
    assert sent(stranger) == (0, 0)


@pytest.mark.parametrize("end", ["/results/{}?permanent=true", "/results/{}"])
def test_a_result_that_is_gone_when_it_is_counted_harms_nothing(own_api, end):
    result, other = own_api.publish("a")["id"], own_api.publish("b")["id"]
    own_api.content(result)
    own_api.content(other)
    expect(own_api.delete(end.format(result)), 204)
    eventually(lambda: downloads(own_api, other) == 1, "the other one is counted")
    eventually(lambda: sent(own_api)[0] == 2, "both are in the history")
