# SPDX-License-Identifier: Apache-2.0
"""Signing in as the web page does: a key once, then a cookie that stands for it, and only for pages of our own."""

import pytest
import requests
from harness import BASE, FILED, Wire, eventually, expect, moment, problem, raw, request_head, seconds_between

PAGE = {"Resultd-Page": "1"}
SECURE = "__Host-resultd_session"


class Browser:
    """What a page of the server's own origin has: cookies, and no key."""

    def __init__(self, server):
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False

    def request(self, method, path, page=True, headers=None, **arguments):
        headers = {**(PAGE if page else {}), **(headers or {})}
        return self.session.request(method, self.server.url + path, headers=headers, timeout=120, **arguments)

    def sign_in(self, key):
        return self.request("POST", "/-/session", json={"key": key})

    def get(self, path, **arguments):
        return self.request("GET", path, page=False, **arguments)

    @property
    def cookie(self):
        return self.session.cookies["resultd_session"]


@pytest.fixture
def browser(server, api):
    signed_in = Browser(server)
    expect(signed_in.sign_in(api.key), 200)
    return signed_in


def with_cookie(server, value, method="GET", path=BASE + "/jobs", **headers):
    return raw(server, request_head(method, path, Cookie=value, **headers), method)


# ---- signing in and out -----------------------------------------------------------------------------------


def test_a_key_becomes_a_cookie(server, own_api):
    browser = Browser(server)
    answer = browser.sign_in(own_api.key)
    session = expect(answer, 200)
    assert session["project"] == own_api.project
    assert session["scopes"] == ["read", "ack", "write", "delete"]
    assert session["id"] == own_api.key[3:15] and session["name"]
    attributes = [word.strip() for word in answer.headers["Set-Cookie"].split(";")]
    assert attributes[0].startswith("resultd_session=")
    assert {"Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=43200"} == set(attributes[1:])
    assert answer.headers["Cache-Control"] == "no-store"
    assert own_api.key not in answer.text + answer.headers["Set-Cookie"]
    assert expect(browser.get("/-/session"), 200) == session
    assert browser.get(BASE + "/jobs").status_code == 200


def test_behind_https_the_cookie_is_secure_and_bound_to_its_host(fresh_server):
    server = fresh_server(base_url="https://results.example")
    key = server.api().key
    answer = Browser(server).sign_in(key)
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert cookie.startswith(SECURE + "=")
    assert "Secure" in attributes and "Path=/" in attributes
    value = cookie.partition("=")[2]
    assert with_cookie(server, f"{SECURE}={value}").status_code == 200
    assert with_cookie(server, f"resultd_session={value}").status_code == 401


@pytest.mark.parametrize("key", ["rk_wrong", "x", "rk_" + "a" * 12 + "_" + "b" * 32])
def test_a_wrong_key_is_401(server, key):
    answer = Browser(server).sign_in(key)
    problem(answer, 401)
    assert "Set-Cookie" not in answer.headers


def test_what_is_no_key_at_all_is_told_so(server):
    browser = Browser(server)
    problem(browser.request("POST", "/-/session", json={}), 400, "missing", pointer="/key")
    problem(browser.request("POST", "/-/session", json={"key": 1}), 400, "bad_value", pointer="/key")
    problem(browser.request("POST", "/-/session", json={"key": "x" * 256}), 400, "bad_value", pointer="/key")
    problem(browser.request("POST", "/-/session", json={"key": "x", "more": 1}), 400, "unknown_member")


def test_a_session_can_be_looked_at_with_a_key_too(server, own_api):
    shown = expect(server.get("/-/session", headers={"x-api-key": own_api.key}), 200)
    assert (shown["project"], shown["expires_at"]) == (own_api.project, None)
    problem(server.get("/-/session"), 401)


def test_signing_out_takes_the_cookie_away(browser):
    answer = browser.request("DELETE", "/-/session")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Set-Cookie"].startswith("resultd_session=; ")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert "cache" in answer.headers["Clear-Site-Data"]
    assert "resultd_session" not in browser.session.cookies
    assert browser.get("/-/session").status_code == 401
    assert browser.request("DELETE", "/-/session").status_code == 204


def test_signing_in_anew_replaces_the_cookie(server, browser):
    other = server.api(["read"])
    expect(browser.sign_in(other.key), 200)
    assert expect(browser.get("/-/session"), 200)["project"] == other.project


# ---- what the cookie opens --------------------------------------------------------------------------------


def test_the_cookie_does_what_its_key_may(server):
    api = server.api(["read", "write"])
    browser = Browser(server)
    expect(browser.sign_in(api.key), 200)
    result = api.publish("a", FILED)["id"]
    assert browser.get(f"{BASE}/results/{result}/content").content == FILED
    assert browser.request("POST", BASE + "/jobs", json={"kind": "k"}).status_code == 201
    problem(browser.request("DELETE", f"{BASE}/results/{result}"), 403, "forbidden")
    problem(browser.request("GET", BASE + "/storages"), 403, "forbidden")


def test_uploads_can_be_made_with_the_cookie(server, browser, api, payload):
    answer = browser.request("POST", BASE + "/results?name=up", data=payload)
    assert expect(answer, 201)["project"] == api.project


def test_another_projects_objects_are_not_there(server, browser):
    foreign = server.api().publish("a")["id"]
    problem(browser.get(f"{BASE}/results/{foreign}"), 404)


@pytest.mark.parametrize("path", ["/results", "/v1/attachments", "/-/metrics"])
def test_no_other_api_takes_the_cookie(fresh_server, path):
    server = fresh_server(ops_open="off")
    browser = Browser(server)
    expect(browser.sign_in(server.api(["admin"]).key), 200)
    assert browser.get(path).status_code == 401


def test_a_key_that_is_sent_counts_before_the_cookie(server, browser):
    other = server.api()
    shown = browser.get("/-/session", headers={"Authorization": f"Bearer {other.key}"})
    assert expect(shown, 200)["project"] == other.project
    problem(browser.get(BASE + "/jobs", headers={"Authorization": "Bearer wrong"}), 401)
    problem(browser.get(BASE + "/jobs", headers={"x-api-key": "wrong"}), 401)


# ---- its end ----------------------------------------------------------------------------------------------


def test_a_session_ends_at_its_time(fresh_server):
    server = fresh_server(session_ttl="2s")
    browser = Browser(server)
    session = expect(browser.sign_in(server.api().key), 200)
    cookie = f"resultd_session={browser.cookie}"
    assert with_cookie(server, cookie).status_code == 200
    eventually(lambda: with_cookie(server, cookie).status_code == 401, "the session has ended")
    assert moment(session["expires_at"])


def test_it_lasts_as_long_as_it_says(browser, api):
    job = api.job()
    session = expect(browser.get("/-/session"), 200)
    assert 43000 < seconds_between(job["created_at"], session["expires_at"]) <= 43201


def test_revoking_the_key_ends_its_sessions(server):
    api = server.api()
    browser = Browser(server)
    expect(browser.sign_in(api.key), 200)
    server.succeed("key", "revoke", api.key)
    eventually(lambda: browser.get(BASE + "/jobs").status_code == 401, "the session has ended")
    problem(browser.get("/-/session"), 401)


def test_rotating_the_key_ends_its_sessions(server):
    api = server.api(["admin"])
    browser = Browser(server)
    expect(browser.sign_in(api.key), 200)
    headers = {"Authorization": f"Token {api.key}"}
    rotated = requests.post(f"{server.url}/keys/{api.key[3:15]}/rotate", headers=headers, timeout=120)
    assert rotated.status_code == 200
    eventually(lambda: browser.get(BASE + "/jobs").status_code == 401, "the session has ended")


def test_links_can_be_signed_by_a_new_key_meanwhile(server, browser):
    server.succeed("key", "rotate-signing")
    assert browser.get(BASE + "/jobs").status_code == 200


# ---- cookies that were not made here ----------------------------------------------------------------------


def forgeries(cookie):
    key, principal, seconds, mac = cookie.split(".")
    last = "A" if mac[-1] != "A" else "B"
    return {
        "another principal": f"{key}.{int(principal) + 1}.{seconds}.{mac}",
        "a later end": f"{key}.{principal}.{int(seconds) + 1}.{mac}",
        "another signing key": f"{int(key) + 1000}.{principal}.{seconds}.{mac}",
        "leading zero": f"0{key}.{principal}.{seconds}.{mac}",
        "a changed signature": f"{key}.{principal}.{seconds}.{mac[:-1]}{last}",
        "a cut signature": f"{key}.{principal}.{seconds}.{mac[:-1]}",
        "no signature": f"{key}.{principal}.{seconds}.",
        "numbers only": f"{key}.{principal}.{seconds}",
        "negative": f"{key}.-{principal}.{seconds}.{mac}",
        "a huge number": f"{'9' * 19}.{principal}.{seconds}.{mac}",
        "very long": "1." * 4000 + mac,
        "quotes": f'"{cookie}"',
        "a blank inside": cookie.replace(".", ". ", 1),
        "odd bytes": cookie + "\xff",
        "nothing": "",
    }


@pytest.mark.parametrize("which", forgeries("1.1.1.m"))
def test_a_forged_cookie_is_401(server, browser, which):
    answer = with_cookie(server, "resultd_session=" + forgeries(browser.cookie)[which])
    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"]


def test_two_cookies_of_that_name_are_none(server, browser):
    good = f"resultd_session={browser.cookie}"
    assert with_cookie(server, f"a=b; {good}; c=d").status_code == 200
    problem(with_cookie(server, f"{good}; {good}"), 401)
    problem(with_cookie(server, f"{good}; resultd_session=x"), 401)
    head = request_head("GET", BASE + "/jobs", Cookie=good)
    with Wire(server) as wire:
        wire.send(head.replace(b"\r\n\r\n", f"\r\nCookie: {good}\r\n\r\n".encode()))
        problem(wire.answer(), 401)


def test_neither_a_token_nor_a_key_is_a_cookie(server, api):
    problem(with_cookie(server, f"resultd_session={api.key}"), 401)
    server.command("user", "create", "eve", "--project", api.project, "--password-stdin", stdin="secret")
    sent = {"username": "eve", "password": "secret"}
    access = expect(requests.post(server.url + "/v1/auth/obtain/", json=sent, timeout=120), 200)["access"]
    bearer = {"Authorization": f"Bearer {access}"}
    for _ in range(3):  # what is remembered of the token does not open the page
        assert server.get("/v1/users/me", headers=bearer).status_code != 401
        problem(with_cookie(server, f"resultd_session={access}"), 401)


# ---- requests of other pages ------------------------------------------------------------------------------


CHANGES = [("POST", "/jobs"), ("PUT", "/jobs/x/results/y"), ("DELETE", "/jobs/x"), ("PATCH", "/storages/x")]


@pytest.mark.parametrize("method, path", CHANGES)
def test_what_may_change_something_needs_the_pages_own_field(server, browser, method, path):
    for headers in ({}, {"Resultd-Page": ""}, {"Resultd-Page": "0"}):
        refused = problem(browser.request(method, BASE + path, page=False, headers=headers, json={}), 403, "forbidden")
        assert refused["header"] == "Resultd-Page"


@pytest.mark.parametrize("site, status", [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)])
def test_a_browser_that_says_where_a_request_comes_from_is_believed(browser, site, status):
    answer = browser.get(BASE + "/jobs", headers={"Sec-Fetch-Site": site})
    assert answer.status_code == status
    if status == 403:
        assert problem(answer, 403)["header"] == "Sec-Fetch-Site"


def test_a_key_needs_none_of_that(api):
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert api.post("/jobs", json={"kind": "k"}, headers=headers).status_code == 201


def test_nobody_can_sign_others_in_from_another_page(server, api):
    """A form can send what looks like JSON to any server, and so sign its reader in with a key of its own."""
    forms = [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {},
        {"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"},
    ]
    for headers in forms:
        answer = Browser(server).request(
            "POST", "/-/session", page=False, headers=headers, data=f'{{"key":"{api.key}"}}'
        )
        problem(answer, 403)
        assert "Set-Cookie" not in answer.headers


def test_json_is_as_good_as_the_field_for_signing_in(server, api):
    answer = Browser(server).request("POST", "/-/session", page=False, json={"key": api.key})
    assert expect(answer, 200)["project"] == api.project


def test_signing_out_needs_the_field(browser):
    problem(browser.request("DELETE", "/-/session", page=False), 403)
    assert browser.get("/-/session").status_code == 200


def test_other_origins_are_never_allowed_cookies(fresh_server):
    server = fresh_server(cors_origins="*")
    asked = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "resultd-page",
    }
    for path in ("/-/session", BASE + "/jobs"):
        answer = requests.options(server.url + path, headers=asked, timeout=120)
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "resultd-page" not in answer.headers["Access-Control-Allow-Headers"].lower()


def test_nothing_of_it_is_logged(fresh_server):
    server = fresh_server(access_log="all", log_level="debug")
    api = server.api()
    browser = Browser(server)
    expect(browser.sign_in(api.key), 200)
    browser.get(BASE + "/jobs")
    problem(with_cookie(server, f"resultd_session={browser.cookie}x"), 401)
    server.stop()
    assert api.key[16:] not in server.stderr()
    assert browser.cookie.split(".")[3] not in server.stderr()
