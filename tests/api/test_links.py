# SPDX-License-Identifier: Apache-2.0
"""Signed links: they open without a key, only as they were made, and only in their time."""

import http.client
import re
import string
import urllib.parse

import pytest
import requests
from harness import (
    FILED,
    INLINE,
    digest_field,
    expect,
    moment,
    problem,
    raw,
    request_head,
    seconds_between,
    sha256,
    sleep_until,
)

ALPHABET = string.ascii_letters + string.digits + "-_.~="


def target_of(url):
    """Path and query of a link, as they stand."""
    parts = urllib.parse.urlsplit(url)
    return parts.path + ("?" + parts.query if parts.query else "")


def open_link(url, method="GET", **headers):
    return requests.request(method, url, headers=headers, timeout=120)


def test_a_link_has_an_id_an_absolute_url_and_an_end(api):
    link = api.link(api.publish()["id"], note="for the customer")
    assert isinstance(link["id"], str) and link["id"]
    assert link["url"].startswith(f"{api.server.url}/-/d/")
    moment(link["expires_at"])


def test_a_link_needs_no_header(api, payload):
    result = api.publish("a.bin", payload)
    response = open_link(api.link(result["id"])["url"])
    assert (response.status_code, response.content) == (200, payload)


def test_a_link_answers_as_the_content_does(api, payload):
    result = api.publish("ä.bin", payload, headers={"Content-Type": "text/plain"})
    by_key, by_link = api.content(result["id"]), open_link(api.link(result["id"])["url"])
    names = ("ETag", "Content-Type", "Content-Disposition", "Accept-Ranges", "X-Content-Type-Options", "Repr-Digest")
    for name in names:
        assert by_link.headers[name] == by_key.headers[name], name


def test_a_link_takes_head(api, payload):
    response = open_link(api.link(api.publish(data=payload)["id"])["url"], "HEAD")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == str(len(payload))
    assert digest_field("sha-256", payload) in response.headers["Repr-Digest"]


def test_a_link_takes_ranges_and_conditions(api, payload):
    url = api.link(api.publish(data=payload)["id"])["url"]
    part = open_link(url, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, payload[10:20])
    assert open_link(url, **{"If-None-Match": f'"{sha256(payload)}"'}).status_code == 304
    problem(open_link(url, Range="bytes=99999999-"), 416)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_link_takes_no_other_method(api, method):
    response = open_link(api.link(api.publish()["id"])["url"], method)
    problem(response, 405)
    assert "GET" in response.headers["Allow"]


def test_a_link_lives_an_hour_unless_asked_otherwise(api):
    result = api.publish()["id"]
    first, second = api.link(result), api.link(result, expires_in=604800)
    difference = seconds_between(first["expires_at"], second["expires_at"])
    assert abs(difference - (604800 - 3600)) < 60


@pytest.mark.parametrize("value", [0, 604801, -1, 1.5, "60", True])
def test_a_life_out_of_bounds_or_mistyped_is_400(api, value):
    response = api.post(f"/results/{api.publish()['id']}/links", json={"expires_in": value})
    problem(response, 400, pointer="/expires_in")


@pytest.mark.parametrize("member, value", [("format", "nonsense"), ("format", 1), ("note", 1), ("note", [])])
def test_a_wrong_format_or_note_is_400(api, member, value):
    response = api.post(f"/results/{api.publish()['id']}/links", json={member: value})
    problem(response, 400, pointer=f"/{member}")


def changed_bytes(target):
    """The target with one byte changed, for every byte after the leading slash.

    Each byte becomes its other case, its neighbour, a digit, and what begins an escape, a query or a segment;
    the last of every word becomes anything, for the last letter of base64 may carry bits that decoding ignores.
    """
    for index in range(1, len(target)):
        old = target[index]
        ends_a_word = index + 1 == len(target) or target[index + 1] in "./?&=~"
        others = set(ALPHABET) if ends_a_word else {old.swapcase(), chr(ord(old) ^ 1), "0", "1"}
        for new in sorted(others.union("%?/") - {old}):
            if new in "# \t\r\n":
                continue
            yield target[:index] + new + target[index + 1 :]


@pytest.mark.slow
def test_a_link_with_any_byte_changed_is_403_or_404(api):
    target = target_of(api.link(api.publish("ä %.bin")["id"])["url"])
    connection = http.client.HTTPConnection("127.0.0.1", api.server.port, timeout=120)
    tried = 0
    for changed in changed_bytes(target):
        connection.putrequest("GET", changed, skip_accept_encoding=True)
        connection.endheaders()
        response = connection.getresponse()
        body = response.read()
        assert response.status in (403, 404), f"{changed}: {response.status} {body[:200]!r}"
        assert INLINE not in body
        tried += 1
    connection.close()
    assert tried > 2 * len(target)


def test_a_broken_escape_in_a_link_is_a_change_like_any_other(api):
    target = target_of(api.link(api.publish("ä.bin")["id"])["url"])
    assert target.endswith("/%C3%A4.bin")
    middle = len(target) // 2
    for changed in (
        target[:middle] + "%" + target[middle + 1 :],
        target[:-4] + "%bin",
        target.replace("%A4", "%00"),
        target.replace("%A4", "%a4"),
        target.replace("%A4", "%FF"),
        target.replace("%C3", "x?C3"),  # what stays is a query that is not UTF-8
        target + "?a=%",
        target + "?%00",
    ):
        problem(raw(api.server, request_head("GET", changed)), 403, code="bad_signature")


def test_a_link_cut_or_prolonged_is_403_or_404(api):
    url = api.link(api.publish()["id"])["url"]
    for changed in (url[:-1], url[:-10], url + "A", url + "=", url + "/", url.split("?")[0][:-1]):
        assert open_link(changed).status_code in (403, 404), changed


def test_a_changed_link_is_refused_with_a_problem(api):
    target = target_of(api.link(api.publish()["id"])["url"])
    last = "A" if target[-1] != "A" else "B"
    response = api.server.get(target[:-1] + last)
    assert response.status_code in (403, 404)
    problem(response, response.status_code)


def test_the_signature_of_one_link_does_not_open_another(api):
    """Whatever halves two links are put together from, nothing opens."""
    first = target_of(api.link(api.publish(data=b"first")["id"])["url"])
    second = target_of(api.link(api.publish(data=b"second")["id"])["url"])
    for cut in range(len("/-/d/"), min(len(first), len(second))):
        mixed = first[:cut] + second[cut:]
        if mixed not in (first, second):
            assert api.server.get(mixed).status_code in (403, 404), mixed


def test_past_its_time_a_link_is_410_saying_how_to_get_another(api):
    link = api.link(api.publish()["id"], expires_in=1)
    sleep_until(link["expires_at"])
    for method in ("GET", "HEAD"):
        assert open_link(link["url"], method).status_code == 410
    detail = problem(open_link(link["url"]), 410, code="expired")["detail"]
    assert re.search("link", detail, re.IGNORECASE), detail


def test_an_expired_link_with_a_byte_changed_is_403_not_410(api):
    link = api.link(api.publish()["id"], expires_in=1)
    sleep_until(link["expires_at"])
    last = "A" if link["url"][-1] != "A" else "B"
    assert open_link(link["url"][:-1] + last).status_code in (403, 404)


def test_a_link_of_a_deleted_result_is_410_and_opens_again_after_restore(api):
    result = api.publish()["id"]
    url = api.link(result)["url"]
    expect(api.delete(f"/results/{result}"), 204)
    problem(open_link(url), 410, code="deleted")
    problem(api.post(f"/results/{result}/links", json={}), 410, code="deleted")
    expect(api.post(f"/results/{result}/restore"), 200)
    assert open_link(url).content == INLINE


def test_a_link_of_an_expired_result_is_410(api):
    result = api.publish(expires_in="3")
    url = api.link(result["id"])["url"]
    sleep_until(result["expires_at"])
    problem(open_link(url), 410, code="expired")
    problem(api.post(f"/results/{result['id']}/links", json={}), 410, code="expired")


def test_a_link_of_a_purged_result_opens_nothing(api):
    result = api.publish()["id"]
    url = api.link(result)["url"]
    expect(api.delete(f"/results/{result}?permanent=true"), 204)
    assert open_link(url).status_code in (404, 410)


def test_a_link_does_not_consume(api):
    result = api.publish()["id"]
    open_link(api.link(result)["url"])
    assert api.result(result)["state"] == "available"


def test_links_of_one_result_differ(api):
    result = api.publish()["id"]
    first, second = api.link(result), api.link(result)
    assert first["id"] != second["id"]
    assert first["url"] != second["url"]


@pytest.mark.slow
def test_older_links_stay_valid_after_rotation_and_a_restart(fresh_server):
    server = fresh_server()
    api = server.api()
    result = api.publish(data=FILED)["id"]
    urls = [api.link(result)["url"]]
    for _ in range(2):
        server.succeed("key", "rotate-signing")
        urls.append(api.link(result)["url"])
    for url in urls:
        assert open_link(url).content == FILED
    server.restart()
    urls.append(api.link(result)["url"])
    for url in urls:
        assert open_link(url).content == FILED


def test_base_url_is_the_address_of_links(fresh_server):
    api = fresh_server(base_url="https://results.example.org").api()
    link = api.link(api.publish()["id"])
    assert link["url"].startswith("https://results.example.org/-/d/")
    assert api.server.get(target_of(link["url"])).content == INLINE


def test_the_host_of_the_request_is_the_address_of_links(api):
    result = api.publish()["id"]
    response = api.post(f"/results/{result}/links", json={}, headers={"Host": "files.example.org:81"})
    assert expect(response, 201)["url"].startswith("http://files.example.org:81/-/d/")
