# SPDX-License-Identifier: Apache-2.0
"""UFDL's API: tokens and job-outputs. The seed's own lines, what its clients send, and FilterSpec."""

import base64
import hashlib
import hmac
import itertools
import json
import re
import threading
import time
import urllib.parse

import pytest
import requests
from harness import FILED, INLINE, PATIENCE, Wire, eventually, expect, moment, request_head, sleep_until

NOT_FOUND = {"detail": "Not found."}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}
NOT_PROVIDED = {"detail": "Authentication credentials were not provided."}
BAD_TOKEN = {
    "detail": "Given token not valid for any token type",
    "code": "token_not_valid",
    "messages": [
        {"token_class": "AccessToken", "token_type": "access", "message": "Token is invalid or expired"}
    ],
}
INVALID = {"detail": "Token is invalid or expired", "code": "token_not_valid"}
NOBODY = "01a2008c-e96b-7697-ae38-a495a2b17ddc"
FIELDS = ["pk", "job", "name", "type", "creator", "creation_time", "deletion_time"]

_names = itertools.count(1)


class Ufdl:
    """The client as ufdl-python-client sends; `api` makes what is listed, over the native API."""

    def __init__(self, api, staff=True):
        self.api = api
        self.server = api.server
        self.name = f"user-{next(_names)}"
        self.password = f"secret of {self.name}"
        flags = ["--staff"] if staff else []
        self.server.succeed(
            "user", "create", self.name, "--project", api.project, "--password-stdin", *flags, stdin=self.password
        )
        self.session = requests.Session()
        self.session.trust_env = False
        self.tokens = expect(self.obtain(), 200)
        self.session.headers["Authorization"] = f"Bearer {self.tokens['access']}"

    def request(self, method, path, **arguments):
        return self.session.request(method, self.server.url + "/v1/" + path, timeout=4 * PATIENCE, **arguments)

    def post(self, path, body=None, **arguments):
        return self.request("POST", path, json=body, **arguments)

    def get(self, path):
        return self.request("GET", path)

    def delete(self, path):
        return self.request("DELETE", path)

    def obtain(self, **changes):
        return self.post("auth/obtain", {"username": self.name, "password": self.password, **changes})

    def bearer(self, value, path="job-outputs/1"):
        """A request with another Authorization header, or with none."""
        headers = {} if value is None else {"Authorization": value}
        return requests.get(f"{self.server.url}/v1/{path}", headers=headers, timeout=4 * PATIENCE)

    def publish(self, name="result", type_="JSON", data=INLINE, job=None):
        """The pk of a new output."""
        if job:
            return self.api.upload(job, name, data, type=type_)["pk"]
        return self.api.publish(name, data, type=type_)["pk"]

    def list(self, *expressions, **members):
        """The rows that the whole list gives."""
        spec = {"expressions": list(expressions), **members} if expressions or members else None
        return expect(self.post("job-outputs/list", spec), 200)

    def pks(self, *expressions, **members):
        return [row["pk"] for row in self.list(*expressions, **members)]


@pytest.fixture
def ufdl(own_api):
    return Ufdl(own_api)


@pytest.fixture(scope="module")
def reader(api):
    """One for all tests that change nothing, with one output."""
    ufdl = Ufdl(api)
    ufdl.made = ufdl.publish()
    return ufdl


@pytest.fixture
def visitor(ufdl):
    """A user of the same project who is not of the staff."""
    return Ufdl(ufdl.api, staff=False)


def refused(response, status, body):
    assert (response.status_code, response.json()) == (status, body), response.text
    if status == 401:
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def exact(field, value, **members):
    return {"type": "exact", "field": field, "value": value, **members}


def contains(field, sub_string, **members):
    return {"type": "contains", "field": field, "sub_string": sub_string, **members}


def isnull(field, **members):
    return {"type": "isnull", "field": field, **members}


def compare(field, operator, value, **members):
    return {"type": "compare", "field": field, "operator": operator, "value": value, **members}


def junction(type_, *expressions, **members):
    return {"type": type_, "sub_expressions": list(expressions), **members}


# ---- tokens -----------------------------------------------------------------------------------------------


def unpack(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def pack(value):
    text = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def sign(server, header, claims, purpose=b"ufdl token 1", digest=hashlib.sha256):
    """A token that the server itself could have signed."""
    as_hex = "encode(secret, 'hex')" if server.db else "hex(secret)"
    secret = server.sql(f"SELECT {as_hex} FROM signing_key ORDER BY pk DESC")[0][0]
    key = hmac.new(bytes.fromhex(secret), purpose, hashlib.sha256).digest()
    text = f"{pack(header)}.{pack(claims)}"
    signed = f"{text}\n{stored_password(server, claims)}"
    return f"{text}.{pack(hmac.new(key, signed.encode(), digest).digest())}"


def stored_password(server, claims):
    """What is stored of the password of the user whom the claims name, if they do."""
    pk = claims.get("upk", 0) if isinstance(claims, dict) else 0
    text = "convert_from(secret, 'UTF8')" if server.db else "CAST(secret AS TEXT)"
    rows = server.sql(f"SELECT {text} FROM principal WHERE pk = {pk}")
    return rows[0][0] if rows else ""


def test_obtain_gives_both_tokens(reader):
    for type_, seconds in ("access", 300), ("refresh", 8 * 3600):
        token = reader.tokens[type_]
        header, claims = map(unpack, token.split(".")[:2])
        assert " " not in token and header["alg"] == "HS256"
        assert claims.keys() == {"jtt", "exp", "iat", "jti", "upk"}
        assert (claims["jtt"], claims["exp"] - claims["iat"]) == (type_, seconds)
        assert abs(claims["iat"] - time.time()) < PATIENCE
    assert list(reader.tokens) == ["refresh", "access"]


def test_obtain_takes_a_form(reader):
    answer = reader.request("POST", "auth/obtain", data={"username": reader.name, "password": reader.password})
    assert expect(answer, 200).keys() == {"refresh", "access"}


@pytest.mark.parametrize("path", ["auth/obtain", "auth/obtain/"])
def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(reader, path):
    unknown = {"detail": "No active account found with the given credentials"}
    refused(reader.post(path, {"username": reader.name, "password": "x"}), 401, unknown)
    refused(reader.post(path, {"username": "nobody", "password": reader.password}), 401, unknown)


def test_missing_and_bad_fields_of_tokens_are_named(reader):
    required = ["This field is required."]
    refused(reader.post("auth/obtain", {"username": "admin"}), 400, {"password": required})
    refused(reader.post("auth/obtain", {}), 400, {"username": required, "password": required})
    refused(reader.post("auth/obtain"), 400, {"username": required, "password": required})
    refused(reader.post("auth/refresh", {}), 400, {"refresh": required})
    refused(reader.post("auth/verify", {}), 400, {"token": required})
    refused(reader.post("auth/verify", {"token": None}), 400, {"token": ["This field may not be null."]})
    refused(reader.post("auth/verify", {"token": ""}), 400, {"token": ["This field may not be blank."]})
    refused(reader.post("auth/verify", {"token": [1]}), 400, {"token": ["Not a valid string."]})


def test_bad_json_and_a_wrong_method_are_told(reader):
    answer = reader.request("POST", "auth/obtain", data='{"username"')
    assert answer.status_code == 400 and answer.json()["detail"].startswith("JSON parse error - ")
    answer = reader.get("auth/obtain")
    assert answer.headers["Allow"] == "POST"
    refused(answer, 405, {"detail": 'Method "GET" not allowed.'})


def test_refresh_gives_a_new_access_token_and_verify_an_empty_object(ufdl):
    access = expect(ufdl.post("auth/refresh", {"refresh": ufdl.tokens["refresh"]}), 200)
    assert list(access) == ["access"]
    assert expect(ufdl.post("auth/verify", {"token": access["access"]}), 200) == {}
    assert expect(ufdl.post("auth/verify", {"token": ufdl.tokens["refresh"]}), 200) == {}
    assert ufdl.bearer(f"Bearer {access['access']}", f"job-outputs/{ufdl.publish()}").status_code == 200


def test_refresh_wants_a_refresh_token(reader):
    wrong_type = {"detail": "Token has wrong type", "code": "token_not_valid"}
    refused(reader.post("auth/refresh", {"refresh": reader.tokens["access"]}), 401, wrong_type)
    refused(reader.post("auth/refresh", {"refresh": "x"}), 401, INVALID)
    refused(reader.post("auth/verify", {"token": "a.b.c"}), 401, INVALID)


def test_a_refresh_token_opens_nothing_also_after_it_was_used(ufdl):
    made = ufdl.publish()
    refresh = ufdl.tokens["refresh"]
    for _ in range(5):
        expect(ufdl.post("auth/refresh", {"refresh": refresh}), 200)
        expect(ufdl.post("auth/verify", {"token": refresh}), 200)
        refused(ufdl.bearer(f"Bearer {refresh}", f"job-outputs/{made}"), 401, BAD_TOKEN)


def test_the_servers_own_signature_opens(ufdl):
    """What the forgeries below differ from in one thing each."""
    header, claims = map(unpack, ufdl.tokens["access"].split(".")[:2])
    answer = ufdl.bearer("Bearer " + sign(ufdl.server, header, claims), f"job-outputs/{ufdl.publish()}")
    expect(answer, 200)


FORGERIES = {
    "no algorithm": lambda server, h, c: f"{pack({**h, 'alg': 'none'})}.{pack(c)}.",
    "no algorithm but signed": lambda server, h, c: sign(server, {**h, "alg": "none"}, c),
    "another algorithm": lambda server, h, c: sign(server, {**h, "alg": "HS512"}, c, digest=hashlib.sha512),
    "another algorithm's name": lambda server, h, c: sign(server, {**h, "alg": "RS256"}, c),
    "the algorithm in small letters": lambda server, h, c: sign(server, {**h, "alg": "hs256"}, c),
    "the algorithm missing": lambda server, h, c: sign(server, {"kid": h["kid"]}, c),
    "a key that is not there": lambda server, h, c: sign(server, {**h, "kid": "99"}, c),
    "the key as a number": lambda server, h, c: sign(server, {**h, "kid": 1}, c),
    "the key as a path": lambda server, h, c: sign(server, {**h, "kid": "../../dev/null"}, c),
    "no key": lambda server, h, c: sign(server, {"alg": "HS256"}, c),
    "the empty key": lambda server, h, c: f"{pack(h)}.{pack(c)}."
    + pack(hmac.new(b"", f"{pack(h)}.{pack(c)}".encode(), hashlib.sha256).digest()),
    "signed without the password": lambda server, h, c: f"{pack(h)}.{pack(c)}."
    + sign(server, h, {**c, "upk": 999_999}).rsplit(".", 1)[1],
    "signed for another purpose": lambda server, h, c: sign(server, h, c, purpose=b"resultd link 1"),
    "expired": lambda server, h, c: sign(server, h, {**c, "exp": int(time.time()) - 1}),
    "without an end": lambda server, h, c: sign(server, h, {k: v for k, v in c.items() if k != "exp"}),
    "an end that is a text": lambda server, h, c: sign(server, h, {**c, "exp": str(c["exp"])}),
    "of no type": lambda server, h, c: sign(server, h, {k: v for k, v in c.items() if k != "jtt"}),
    "of another type": lambda server, h, c: sign(server, h, {**c, "jtt": "sliding"}),
    "of no user": lambda server, h, c: sign(server, h, {k: v for k, v in c.items() if k != "upk"}),
    "claims that are no object": lambda server, h, c: sign(server, h, [c]),
    "claims that are no JSON": lambda server, h, c: sign(server, h, b"\xff{"),
    "without its signature": lambda server, h, c: f"{pack(h)}.{pack(c)}",
    "a part too many": lambda server, h, c: sign(server, h, c) + ".x",
    "one letter of its signature": lambda server, h, c: flip(sign(server, h, c), -5),
    "the last bits of its signature": lambda server, h, c: last_bits(sign(server, h, c)),
    "one letter of its claims": lambda server, h, c: flip(sign(server, h, c), len(pack(h)) + 9),
    "with padding": lambda server, h, c: sign(server, h, c) + "=",
    "of 100,000 letters": lambda server, h, c: "x" * 50_000,
}


def flip(token, at):
    at %= len(token)
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


def last_bits(token):
    """Another text that decodes to the same bytes, if nobody looks at the unused bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_tokens_are_refused(reader, forgery):
    header, claims = map(unpack, reader.tokens["access"].split(".")[:2])
    token = FORGERIES[forgery](reader.server, header, claims)
    refused(reader.bearer(f"Bearer {token}", f"job-outputs/{reader.made}"), 401, BAD_TOKEN)
    refused(reader.post("auth/verify", {"token": token}), 401, INVALID)
    refused(reader.post("auth/refresh", {"refresh": token}), 401, INVALID)


def test_a_token_of_a_user_who_is_not_there_opens_nothing(reader):
    header, claims = map(unpack, reader.tokens["access"].split(".")[:2])
    token = sign(reader.server, header, {**claims, "upk": 999_999})
    refused(reader.bearer(f"Bearer {token}"), 401, {"detail": "User not found", "code": "user_not_found"})
    refused(reader.post("auth/verify", {"token": token}), 401, INVALID)


@pytest.mark.parametrize(
    "value, body",
    [
        (None, NOT_PROVIDED),
        ("Token x", NOT_PROVIDED),
        ("Basic eDp5", NOT_PROVIDED),
        ("Bearer x", BAD_TOKEN),
        ("Bearer rk_wrong", BAD_TOKEN),
        (
            "Bearer a b",
            {
                "detail": "Authorization header must contain two space-delimited values",
                "code": "bad_authorization_header",
            },
        ),
        (
            "Bearer",
            {
                "detail": "Authorization header must contain two space-delimited values",
                "code": "bad_authorization_header",
            },
        ),
    ],
    ids=str,
)
def test_the_bodies_of_401(reader, value, body):
    refused(reader.bearer(value), 401, body)


def test_tokens_outlive_a_restart(fresh_server):
    server = fresh_server()
    ufdl = Ufdl(server.api())
    made = ufdl.publish()
    server.restart()
    expect(ufdl.bearer(f"Bearer {ufdl.tokens['access']}", f"job-outputs/{made}"), 200)


def test_a_token_is_no_key_of_the_native_api(ufdl):
    answer = requests.get(
        ufdl.server.url + "/api/v1/jobs", headers={"Authorization": f"Bearer {ufdl.tokens['access']}"}, timeout=120
    )
    assert answer.status_code == 401


def test_a_key_opens_as_bearer_and_as_x_api_key(ufdl):
    made = ufdl.publish()
    url = f"{ufdl.server.url}/v1/job-outputs/{made}"
    expect(requests.get(url, headers={"Authorization": f"Bearer {ufdl.api.key}"}, timeout=120), 200)
    expect(requests.get(url, headers={"x-api-key": ufdl.api.key}, timeout=120), 200)
    refused(requests.get(url, headers={"x-api-key": flip(ufdl.api.key, -1)}, timeout=120), 401, BAD_TOKEN)


def test_one_newline_after_a_password_is_not_of_it(server):
    project = server.project()
    for name, stdin, password in ("one", "p\n", "p"), ("two", "p\n\n", "p\n"), ("none", "p", "p"):
        name = f"{project}-{name}"
        server.succeed("user", "create", name, "--project", project, "--password-stdin", stdin=stdin)
        login = {"username": name, "password": password}
        expect(requests.post(server.url + "/v1/auth/obtain", json=login, timeout=120), 200)


def test_the_name_of_a_user_is_taken_on_the_whole_server(server, ufdl):
    again = ["user", "create", ufdl.name, "--project", server.project(), "--password-stdin"]
    done = server.command(*again, stdin="x")
    assert done.returncode != 0 and ufdl.name in done.stderr


def test_others_are_served_while_passwords_are_checked(ufdl):
    made = ufdl.publish()
    answers = []
    logins = [threading.Thread(target=lambda: answers.append(Ufdl.obtain(ufdl).status_code)) for _ in range(8)]
    for login in logins:
        login.start()
    served = 0
    while any(login.is_alive() for login in logins):
        expect(ufdl.bearer(f"Bearer {ufdl.tokens['access']}", f"job-outputs/{made}"), 200)
        served += 1
    assert answers == [200] * 8 and served >= 8


# ---- job-outputs: the seed's own lines --------------------------------------------------------------------


def test_list_gives_an_array_of_the_seeds_fields(ufdl):
    """A JSON array of objects containing each job-output's fields"""
    job = ufdl.api.job()
    first, second = ufdl.publish("a", job=job["id"]), ufdl.publish("b", "", job=job["id"])
    listed = ufdl.list()
    assert [list(row) for row in listed] == [FIELDS, FIELDS]
    assert [(row["pk"], row["name"], row["type"]) for row in listed] == [(first, "a", "JSON"), (second, "b", "")]
    assert listed[0] == expect(ufdl.get(f"job-outputs/{first}"), 200)


def test_retrieve_gives_the_fields_in_their_order(ufdl):
    """Gets the information about a specific job output."""
    job = ufdl.api.job()
    made = ufdl.api.upload(job["id"], "Ergebnis ✓", INLINE, type="Compressed<JSON>")
    answer = ufdl.get(f"job-outputs/{made['pk']}")
    row = expect(answer, 200)
    assert answer.headers["Content-Type"] == "application/json"
    assert row["job"] == job["pk"] and isinstance(row["creator"], int) and row["deletion_time"] is None
    moment(row["creation_time"])
    assert answer.content.decode() == (
        f'{{"pk":{made["pk"]},"job":{job["pk"]},"name":"Ergebnis ✓","type":"Compressed<JSON>",'
        f'"creator":{row["creator"]},"creation_time":"{made["created_at"]}","deletion_time":null}}'
    )


def test_destroy_is_soft_and_keeps_the_first_time(ufdl):
    """Soft-deletes a job-output."""
    made = ufdl.publish()
    for _ in range(2):
        answer = ufdl.delete(f"job-outputs/{made}")
        assert (answer.status_code, answer.content) == (204, b"")
        time_ = expect(ufdl.get(f"job-outputs/{made}"), 200)["deletion_time"]
        moment(time_)
        assert expect(ufdl.get(f"job-outputs/{made}"), 200)["deletion_time"] == time_
    assert ufdl.pks() == []
    assert ufdl.pks(include_inactive=True) == [made]


def test_hard_delete_gives_the_fields_without_the_pk(ufdl):
    """A JSON object containing the hard-deleted job-output's fields"""
    made = ufdl.publish()
    before = expect(ufdl.get(f"job-outputs/{made}"), 200)
    gone = expect(ufdl.delete(f"job-outputs/{made}/hard"), 200)
    moment(gone["deletion_time"])
    assert list(gone) == FIELDS
    assert gone == {**before, "pk": None, "deletion_time": gone["deletion_time"]}
    refused(ufdl.delete(f"job-outputs/{made}/hard"), 404, NOT_FOUND)
    refused(ufdl.get(f"job-outputs/{made}"), 404, NOT_FOUND)


def test_hard_delete_keeps_the_time_of_the_soft_one(ufdl):
    made = ufdl.publish()
    ufdl.delete(f"job-outputs/{made}")
    time_ = expect(ufdl.get(f"job-outputs/{made}"), 200)["deletion_time"]
    assert expect(ufdl.delete(f"job-outputs/{made}/hard"), 200)["deletion_time"] == time_


def test_reinstate_brings_back(ufdl):
    """A JSON object containing the reinstated job-output's fields"""
    made = ufdl.publish()
    before = expect(ufdl.get(f"job-outputs/{made}"), 200)
    ufdl.delete(f"job-outputs/{made}")
    for _ in range(2):
        assert expect(ufdl.delete(f"job-outputs/{made}/reinstate"), 200) == before
    assert ufdl.pks() == [made]


@pytest.mark.parametrize("data", [INLINE, FILED, b""], ids=["inline", "file", "empty"])
def test_download_gives_the_bytes(ufdl, data):
    """Binary content of the output."""
    made = ufdl.publish("log file", "txt", data)
    answer = ufdl.post(f"job-outputs/{made}/download", {"params": {}})
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["Content-Type"] == "application/data"
    assert answer.headers["Content-Length"] == str(len(data))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="log file.txt"'


@pytest.mark.parametrize(
    "body, name",
    [
        ('{"filetype": "txt", "params": {}}', "result.txt"),
        ('{"filetype": ""}', "result"),
        ('{"params": {"a": "b", "c": ["d", "e"]}, "unknown": 1}', "result.JSON"),
        ("{}", "result.JSON"),
        ("[]", "result.JSON"),
        ("", "result.JSON"),
    ],
    ids=str,
)
def test_filetype_overrides_the_extension(reader, body, name):
    """filetype: str (overrides the default file extension given to the output's filename)"""
    answer = reader.request("POST", f"job-outputs/{reader.made}/download", data=body)
    assert answer.content == INLINE
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_create_is_disallowed(ufdl, visitor):
    """N.B. The standard CREATE action is disallowed for job-outputs."""
    for client in ufdl, visitor:
        refused(client.post("job-outputs/create", {"name": "x"}), 403, FORBIDDEN)
    refused(requests.post(ufdl.server.url + "/v1/job-outputs/create", timeout=120), 401, NOT_PROVIDED)


# ---- job-outputs: who may, and what is not there ----------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("pk", ["{}", "999999"])
def test_nobody_may_change_one(ufdl, visitor, method, pk):
    path = "job-outputs/" + pk.format(ufdl.publish())
    for client in ufdl, visitor:
        refused(client.request(method, path, json={"name": "x"}), 403, FORBIDDEN)


@pytest.mark.parametrize("action", ["", "/hard", "/reinstate"])
def test_only_the_staff_may_delete_and_others_learn_nothing(ufdl, visitor, action):
    made = ufdl.publish()
    refused(visitor.delete(f"job-outputs/{made}{action}"), 403, FORBIDDEN)
    refused(visitor.delete(f"job-outputs/999999{action}"), 403, FORBIDDEN)
    refused(ufdl.delete(f"job-outputs/999999{action}"), 404, NOT_FOUND)
    assert expect(ufdl.get(f"job-outputs/{made}"), 200)["deletion_time"] is None


@pytest.mark.parametrize("scopes, status", [(["read", "write"], 403), (["read", "delete"], 204), (["admin"], 204)])
def test_a_key_that_may_delete_is_of_the_staff(ufdl, scopes, status):
    key = ufdl.server.api(scopes, ufdl.api.project).key
    url = f"{ufdl.server.url}/v1/job-outputs/{ufdl.publish()}"
    assert requests.delete(url, headers={"Authorization": f"Bearer {key}"}, timeout=120).status_code == status


@pytest.mark.parametrize("scopes, status", [(["delete"], 403), (["write"], 403), (["write", "delete"], 200)])
def test_changing_a_job_takes_a_key_that_may_write_and_is_of_the_staff(ufdl, scopes, status):
    key = ufdl.server.api(scopes, ufdl.api.project).key
    head = {"Authorization": f"Bearer {key}"}
    url = f"{ufdl.server.url}/v1/jobs/{ufdl.api.job()['pk']}"
    changed = requests.patch(url, headers=head, json={"description": "other"}, timeout=120)
    assert (changed.status_code == 403) == (status == 403), "406: only what a template made can be changed"
    assert requests.delete(f"{url}/cancel", headers=head, timeout=120).status_code == status


def test_visitors_see_and_download_everything_of_their_project(ufdl, visitor):
    made = ufdl.publish()
    assert visitor.pks() == [made]
    expect(visitor.get(f"job-outputs/{made}"), 200)
    assert visitor.post(f"job-outputs/{made}/download").content == INLINE


@pytest.mark.parametrize("action", ["GET {}", "DELETE {}", "DELETE {}/hard", "DELETE {}/reinstate", "POST {}/download"])
def test_outputs_of_another_project_are_not_there(server, ufdl, action):
    foreign = server.api().publish()["pk"]
    method, path = action.format(f"job-outputs/{foreign}").split()
    refused(ufdl.request(method, path), 404, NOT_FOUND)
    assert ufdl.pks(exact("pk", foreign), include_inactive=True) == []
    assert ufdl.pks(include_inactive=True) == []


@pytest.mark.parametrize("pk", ["0", "999999", "abc", "-1", "1.0", "9223372036854775808", "9" * 100, NOBODY])
def test_what_is_no_pk_is_not_found(reader, pk):
    refused(reader.get(f"job-outputs/{pk}"), 404, NOT_FOUND)


def test_zeros_before_a_pk_mean_nothing(ufdl):
    made = ufdl.publish()
    assert expect(ufdl.get(f"job-outputs/000{made}"), 200)["pk"] == made


def test_head_is_like_get(ufdl):
    made = ufdl.publish()
    answer = ufdl.request("HEAD", f"job-outputs/{made}")
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == ufdl.get(f"job-outputs/{made}").headers["Content-Length"]


@pytest.mark.parametrize("path", ["job-outputs", "job-outputs/1/2/3", "unknown"])
def test_unknown_paths_are_told_in_json(reader, path):
    refused(reader.get(path), 404, NOT_FOUND)


@pytest.mark.parametrize("action", ["GET {}/download", "POST {}/reinstate", "POST {}"])
def test_a_wrong_method_is_405(reader, action):
    method, path = action.format(f"job-outputs/{reader.made}").split()
    answer = reader.request(method, path)
    assert answer.headers["Allow"]
    refused(answer, 405, {"detail": f'Method "{method}" not allowed.'})


def test_json_answers_have_the_headers_of_the_original(reader):
    wanted = {
        "Vary": "Accept",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Content-Type": "application/json",
    }
    for method, path, status, allow in [
        ("GET", f"job-outputs/{reader.made}", 200, "GET, HEAD, PUT, DELETE, PATCH"),
        ("POST", "job-outputs/list", 200, "POST"),
        ("GET", "job-outputs/999999", 404, "GET, HEAD, PUT, DELETE, PATCH"),
        ("PUT", f"job-outputs/{reader.made}", 403, "GET, HEAD, PUT, DELETE, PATCH"),
        ("GET", "job-outputs/list", 405, "POST"),
        ("GET", "job-templates/1", 200, "GET, HEAD"),
        ("POST", "auth/obtain", 400, "POST"),
    ]:
        answer = reader.request(method, path)
        assert (answer.status_code, answer.headers["Allow"]) == (status, allow), path
        assert {name: answer.headers[name] for name in wanted} == wanted, path


@pytest.mark.parametrize("objects", ["job-outputs", "jobs", "job-templates", "nodes"])
@pytest.mark.parametrize("action", ["list", "create"])
def test_the_words_beside_a_pk_take_their_own_method_only(reader, objects, action):
    for method in "GET", "PUT", "DELETE":
        answer = reader.request(method, f"{objects}/{action}")
        assert answer.headers["Allow"] == "POST"
        refused(answer, 405, {"detail": f'Method "{method}" not allowed.'})
    answer = reader.post(f"{objects}/{action}/hard")
    refused(answer, 404, NOT_FOUND)


def test_a_slash_at_the_end_changes_nothing(ufdl):
    made = ufdl.publish()
    assert expect(ufdl.get(f"job-outputs/{made}/"), 200)["pk"] == made
    assert expect(ufdl.post("job-outputs/list/"), 200) == ufdl.list()
    assert ufdl.post(f"job-outputs/{made}/download/", {}).content == INLINE
    assert ufdl.delete(f"job-outputs/{made}/").status_code == 204
    expect(ufdl.delete(f"job-outputs/{made}/reinstate/"), 200)


def test_the_api_can_be_switched_off(fresh_server):
    server = fresh_server(ufdl="off")
    assert server.get("/v1/job-outputs/1").status_code == 404


def test_the_api_can_be_mounted_under_a_prefix(fresh_server):
    server = fresh_server(ufdl_prefix="/far/ufdl")
    api = server.api()
    made = api.publish()["pk"]
    headers = {"Authorization": f"Bearer {api.key}"}
    url = f"{server.url}/far/ufdl/v1/job-outputs/"
    expect(requests.get(f"{url}{made}", headers=headers, timeout=120), 200)
    assert [row["pk"] for row in expect(requests.post(f"{url}list", headers=headers, timeout=120), 200)] == [made]
    refused(requests.get(f"{url}a/b/c", headers=headers, timeout=120), 404, NOT_FOUND)
    assert server.get(f"/v1/job-outputs/{made}").json() != NOT_FOUND


# ---- download ---------------------------------------------------------------------------------------------


def test_soft_deleted_outputs_can_be_downloaded(ufdl, payload):
    made = ufdl.publish(data=payload)
    ufdl.delete(f"job-outputs/{made}")
    assert ufdl.post(f"job-outputs/{made}/download", {"params": {}}).content == payload


def test_expired_outputs_can_be_retrieved_but_have_no_bytes(ufdl):
    made = ufdl.api.publish("a", expires_in="1")
    sleep_until(made["expires_at"])
    assert ufdl.pks() == [made["pk"]]
    expect(ufdl.get(f"job-outputs/{made['pk']}"), 200)
    answer = ufdl.post(f"job-outputs/{made['pk']}/download")
    assert answer.status_code == 410 and "expired" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    ["null", "1", '"x"', "[1]", "{", '{"filetype": 1}', '{"filetype": null}', '{"params": []}', '{"params": {"a": 1}}']
    + ['{"params": {"a": [1]}}', '{"filetype": "a\\u0000b"}'],
)
def test_bad_bodies_of_a_download(reader, body):
    answer = reader.request("POST", f"job-outputs/{reader.made}/download", data=body)
    assert answer.status_code == 400 and answer.json()["detail"]
    assert answer.headers["Content-Type"] == "application/json"
    refused(reader.request("POST", "job-outputs/999999/download", data=body), 404, NOT_FOUND)


@pytest.mark.parametrize("filetype", ['a"; filename="b', "a\r\nX-Evil: yes", "../../../etc/passwd", "\u202eä\\", "%0d%0a"])
def test_a_filetype_cannot_break_out_of_the_header(reader, filetype):
    answer = reader.post(f"job-outputs/{reader.made}/download", {"filetype": filetype})
    assert answer.content == INLINE and "X-Evil" not in answer.headers
    start, plain, rest = answer.headers["Content-Disposition"].split('"')
    assert start == "attachment; filename="
    assert not rest or rest.startswith("; filename*=UTF-8''")
    for name in [plain, *(urllib.parse.unquote(more) for more in rest.split("''")[1:])]:
        assert name.startswith("result.") and not set(name) & set("/\\\r\n")


def test_accept_does_not_matter(reader):
    made = reader.made
    for accept in "application/json", "text/html", "image/png":
        answer = reader.post(f"job-outputs/{made}/download", {}, headers={"Accept": accept})
        assert (answer.status_code, answer.content) == (200, INLINE)


# ---- the list: what clients send --------------------------------------------------------------------------


@pytest.mark.parametrize("body", [None, b"", b"{}", b"[]", b' {"expressions": []} '])
@pytest.mark.parametrize("type_", [None, "application/json; charset=utf-8", "text/plain"])
def test_no_filter_lists_everything(ufdl, body, type_):
    made = [ufdl.publish(name) for name in "cab"]
    headers = {"Content-Type": type_} if type_ else {}
    answer = ufdl.request("POST", "job-outputs/list", data=body, headers=headers)
    assert [row["pk"] for row in expect(answer, 200)] == made


def test_an_empty_list_is_an_empty_array(ufdl):
    assert ufdl.request("POST", "job-outputs/list").text == "[]"


def fill(ufdl):
    """Five outputs of two jobs, one of a kind that has a template: their pks by letter."""
    expect(ufdl.post("job-templates/create", {"name": "train"}), 201)
    first, second = (ufdl.api.job(kind)["id"] for kind in ("train", "predict"))
    made = {
        "a": ufdl.publish("result", "JSON", job=first),
        "b": ufdl.publish("Result", "Compressed<JSON>", job=first),
        "c": ufdl.publish("log file", "txt", job=second),
        "d": ufdl.publish("ärger", "", job=second),
        "e": ufdl.publish("Ärger", "json", job=second),
    }
    ufdl.made = made
    ufdl.jobs = [ufdl.api.get_job(job)["pk"] for job in (first, second)]
    return ufdl


@pytest.fixture
def outputs(ufdl):
    return fill(ufdl)


@pytest.fixture(scope="module")
def shelf(server):
    """The same for all tests that change nothing."""
    return fill(Ufdl(server.api()))


def letters(ufdl, pks):
    back = {pk: letter for letter, pk in ufdl.made.items()}
    return "".join(back[pk] for pk in pks)


def test_the_first_line_that_the_client_sent(shelf):
    spec = {
        "expressions": [{"field": "job", "value": shelf.jobs[1], "type": "exact"}],
        "order_by": [{"field": "creation_time", "ascending": False}, {"field": "pk"}],
    }
    assert letters(shelf, [row["pk"] for row in expect(shelf.post("job-outputs/list", spec), 200)]) == "edc"


def test_the_second_line_that_the_client_sent(outputs):
    spec = json.loads(
        '{"expressions": [{"sub_expressions": [{"sub_expressions": [{"field": "name", "value": "RESULT", '
        '"case_insensitive": true, "type": "exact"}, {"field": "pk", "operator": ">=", "value": 1, "type": "compare"}], '
        '"type": "and"}, {"field": "type", "sub_string": "compress", "case_insensitive": true, "invert": true, '
        '"type": "contains"}], "type": "or"}]}'
    )
    outputs.made["f"] = outputs.publish("other", "compressed")
    assert letters(outputs, [row["pk"] for row in expect(outputs.post("job-outputs/list", spec), 200)]) == "abcde"


def test_the_third_line_that_the_client_sent(outputs):
    outputs.delete(f"job-outputs/{outputs.made['b']}")
    spec = '{"expressions": [{"field": "creator", "type": "isnull", "invert": true}], "include_inactive": true}'
    answer = outputs.request("POST", "job-outputs/list", data=spec, headers={"Content-Type": "application/json"})
    assert letters(outputs, [row["pk"] for row in expect(answer, 200)]) == "abcde"


@pytest.mark.parametrize(
    "expression, wanted",
    [
        (exact("name", "result"), "a"),
        (exact("name", "result", case_insensitive=True), "ab"),
        (exact("name", "result", invert=True), "bcde"),
        (exact("name", "ÄRGER", case_insensitive=True), "e"),
        (contains("name", "äR", case_insensitive=True), "d"),
        (exact("type", ""), "d"),
        (exact("type", "json", case_insensitive=True), "ae"),
        (exact("job.template.name", "train"), "ab"),
        (exact("job__template__name", "predict"), ""),
        (exact("job.template.name", "default"), "cde"),
        (exact("job.template.name", "default", invert=True), "ab"),
        (exact("job.template.name", "TRAIN", case_insensitive=True), "ab"),
        (compare("job.template.name", ">", "default"), "ab"),
        (contains("job.template.name", "fault"), "cde"),
        (contains("name", "esult"), "ab"),
        (contains("name", "RESULT"), ""),
        (contains("name", "RESULT", case_insensitive=True), "ab"),
        (contains("type", "JSON"), "ab"),
        (contains("type", "<"), "b"),
        (contains("name", "_"), ""),
        (contains("name", "%"), ""),
        (contains("name", "ä"), "d"),
        (contains("type", "JSON", invert=True), "cde"),
        (compare("name", "<", "log"), "b"),
        (compare("name", ">", "s"), "de"),
        (compare("name", ">=", "ä"), "d"),
        (compare("name", "<=", "result", invert=True), "de"),
        (isnull("deletion_time"), "abcde"),
        (isnull("deletion_time", invert=True), ""),
        (isnull("job.end_time"), "abcde"),
        (isnull("creator"), ""),
        (compare("deletion_time", ">", "2020-01-01"), ""),
        (compare("deletion_time", ">", "2020-01-01", invert=True), "abcde"),
        (exact("deletion_time", "2020-01-01", invert=True), "abcde"),
        (compare("creation_time", ">", "2020-01-01"), "abcde"),
        (compare("creation_time", ">=", "2030-01-01T00:00:00Z"), ""),
        (compare("creation_time", "<", "2199-01-01 12:00"), "abcde"),
        (compare("job.creation_time", "<", "2199-01-01T12:00:00.5+13:00"), "abcde"),
        (junction("and", exact("type", "JSON"), exact("name", "result")), "a"),
        (junction("or", exact("type", "txt"), exact("name", "result")), "ac"),
        (junction("or", exact("type", "txt"), exact("name", "result"), invert=True), "bde"),
        (junction("and", exact("type", "JSON"), exact("name", "result"), invert=True), "bcde"),
        (junction("or", junction("and", exact("type", "JSON"), contains("name", "r")), exact("type", "")), "ad"),
    ],
    ids=str,
)
def test_expressions(shelf, expression, wanted):
    assert letters(shelf, shelf.pks(expression)) == wanted


def test_expressions_hold_together(shelf):
    assert letters(shelf, shelf.pks(exact("job", shelf.jobs[0]), contains("type", "Comp"))) == "b"


@pytest.mark.parametrize("field", ["pk", "id"])
def test_a_pk_is_compared_with_all_that_is_a_whole_number(shelf, field):
    b = shelf.made["b"]
    for value in b, str(b), float(b), f"+{b}", f"0{b}":
        assert letters(shelf, shelf.pks(exact(field, value))) == "b"
    assert shelf.pks(exact(field, b + 0.5)) == []
    assert letters(shelf, shelf.pks(exact(field, b + 0.5, invert=True))) == "abcde"
    assert letters(shelf, shelf.pks(compare(field, "<", b + 0.5))) == "ab"
    assert letters(shelf, shelf.pks(compare(field, "<=", b - 0.5))) == "a"
    assert letters(shelf, shelf.pks(compare(field, ">", str(b)))) == "cde"
    assert letters(shelf, shelf.pks(compare(field, ">=", b - 0.5))) == "bcde"
    for number in 1e300, 2**63, 10**30:
        assert letters(shelf, shelf.pks(compare(field, "<", number))) == "abcde"
        assert shelf.pks(compare(field, ">", number)) == []
        assert letters(shelf, shelf.pks(compare(field, ">", -number))) == "abcde"
        assert shelf.pks(exact(field, number)) == []
    assert letters(shelf, shelf.pks(contains(field, str(b)))) >= "b"


def test_true_is_one(fresh_server):
    ufdl = Ufdl(fresh_server().api())
    first, second = ufdl.publish("a"), ufdl.publish("True")
    assert first == 1
    assert ufdl.pks(exact("pk", True)) == [1]
    assert ufdl.pks(exact("name", True)) == [second]


def test_a_number_against_a_text_is_a_text(ufdl):
    made = ufdl.publish("1.50")
    answer = ufdl.request(
        "POST", "job-outputs/list", data='{"expressions":[{"type":"exact","field":"name","value":1.50}]}'
    )
    assert [row["pk"] for row in expect(answer, 200)] == [made]


def test_relations_of_the_job_and_of_the_creator(shelf):
    creator = shelf.list()[0]["creator"]
    name = shelf.api.job()["creator"]
    for field, value in (
        ("creator", creator),
        ("creator.pk", creator),
        ("creator.username", name),
        ("job.creator.username", name),
        ("job.creator", str(creator)),
    ):
        assert letters(shelf, shelf.pks(exact(field, value))) == "abcde", field
        assert shelf.pks(exact(field, value, invert=True)) == [], field
    for field in "job.pk", "job.id", "job__id":
        assert letters(shelf, shelf.pks(exact(field, shelf.jobs[0]))) == "ab", field


def test_the_description_of_the_job_is_in_its_input(ufdl):
    described = ufdl.publish("a", job=ufdl.api.job(input={"description": "demo job"})["id"])
    others = [
        ufdl.publish("a", job=ufdl.api.job(input=other)["id"]) for other in ({"description": 5}, {}, [], "demo job")
    ]
    assert ufdl.pks(exact("job.description", "demo job")) == [described]
    assert ufdl.pks(contains("job__description", "DEMO", case_insensitive=True)) == [described]
    assert ufdl.pks(exact("job.description", "")) == others


def test_times_of_a_job_are_those_that_it_shows(ufdl):
    """A cancelled job has no end_time, one that waits again no start_time."""
    job = ufdl.api.job("train")["id"]
    output = ufdl.publish("result", "JSON", job=job)
    pk = ufdl.api.get_job(job)["pk"]
    expect(ufdl.api.post(f"/jobs/{job}/progress", json={"progress": 0.5}), 200)
    expect(ufdl.api.post(f"/jobs/{job}/cancel"), 200)
    shown = expect(ufdl.request("GET", f"jobs/{pk}"), 200)
    for name in ("start_time", "end_time"):
        spec = {"expressions": [isnull(f"job.{name}")]}
        listed = [row["pk"] for row in expect(ufdl.post("job-outputs/list", spec), 200)]
        assert (output in listed) == (shown[name] is None), name


def test_the_lists_take_the_filters_and_fields_that_the_description_shows(reader):
    document = expect(requests.get(reader.server.url + "/-/openapi/ufdl.json", timeout=PATIENCE), 200)
    lists = {path: item["post"] for path, item in document["paths"].items() if path.endswith("/list")}
    assert sorted(lists) == [f"/v1/{of}/list" for of in ("job-outputs", "job-templates", "jobs", "nodes")]
    for path, operation in lists.items():
        expect(reader.post(path[4:], operation["requestBody"]["content"]["application/json"]["example"]), 200)
        fields = re.findall(r"`([a-z_.]+)`", operation["description"].split("Fields: ")[1])
        assert "pk" in fields
        for field in fields:
            expect(reader.post(path[4:], {"expressions": [{"type": "isnull", "field": field}]}), 200)


# ---- the list: order --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order, wanted",
    [
        ([{"field": "name"}], "bcaed"),
        ([{"field": "name", "ascending": False}], "deacb"),
        ([{"field": "type"}], "dbaec"),
        ([{"field": "job"}, {"field": "pk", "ascending": False}], "baedc"),
        ([{"field": "job__template__name"}, {"field": "name"}], "cedba"),
        ([{"field": "job.template.name", "ascending": False}, {"field": "name"}], "baced"),
        ([{"field": "pk", "ascending": False}, {"field": "name"}], "edcba"),
        ([{"field": "creation_time"}], "abcde"),
        ([{"field": "creation_time", "ascending": False}], "edcba"),
        ([{"field": "creator", "nulls_first": True}], "abcde"),
        ([], "abcde"),
    ],
    ids=str,
)
def test_order(shelf, order, wanted):
    assert letters(shelf, shelf.pks(order_by=order)) == wanted


def test_nulls_are_last_unless_they_are_to_be_first(outputs):
    for letter in "db":
        outputs.delete(f"job-outputs/{outputs.made[letter]}")
    for ascending, nulls_first, wanted in (
        (True, False, "dbace"),
        (False, False, "bdace"),
        (True, True, "acedb"),
        (False, True, "acebd"),
    ):
        order = [{"field": "deletion_time", "ascending": ascending, "nulls_first": nulls_first}]
        assert letters(outputs, outputs.pks(order_by=order, include_inactive=True)) == wanted
    absent = [{"field": "deletion_time"}]
    assert letters(outputs, outputs.pks(order_by=absent, include_inactive=True)) == "dbace"
    assert letters(outputs, outputs.pks(order_by=absent)) == "ace"


# ---- the list: what is refused ----------------------------------------------------------------------------


def unparsable(response):
    assert response.status_code == 400, response.text
    detail = response.json()["detail"]
    assert detail.startswith(("Unable to parse JSON: ", "JSON parse error - ")), detail
    return detail


LEAF = {"type": "isnull", "field": "pk"}


@pytest.mark.parametrize(
    "spec, where",
    [
        ([1], "/"),
        (1, "/"),
        ({"expressions": {}}, "/expressions"),
        ({"expressions": None}, "/expressions"),
        ({"limit": 1}, "/"),
        ({"include_inactive": 1}, "/include_inactive"),
        ({"expressions": [1]}, "/expressions/0"),
        ({"expressions": [{}]}, "/expressions/0/type"),
        ({"expressions": [LEAF, {"type": "is_null", "field": "pk"}]}, "/expressions/1/type"),
        ({"expressions": [{"type": "isnull"}]}, "/expressions/0/field"),
        ({"expressions": [isnull("")]}, "/expressions/0/field"),
        ({"expressions": [isnull("nothing")]}, "/expressions/0/field"),
        ({"expressions": [isnull("job.nothing")]}, "/expressions/0/field"),
        ({"expressions": [isnull("name.length")]}, "/expressions/0/field"),
        ({"expressions": [isnull("pk\u0000")]}, "/expressions/0/field"),
        ({"expressions": [isnull("pk) OR (1=1")]}, "/expressions/0/field"),
        ({"expressions": [isnull("pk", invert="yes")]}, "/expressions/0/invert"),
        ({"expressions": [isnull("pk", case_insensitive=True)]}, "/expressions/0"),
        ({"expressions": [exact("pk", None)]}, "/expressions/0/value"),
        ({"expressions": [exact("pk", [])]}, "/expressions/0/value"),
        ({"expressions": [exact("pk", "abc")]}, "/expressions/0/value"),
        ({"expressions": [exact("pk", "")]}, "/expressions/0/value"),
        ({"expressions": [exact("pk", "2.0")]}, "/expressions/0/value"),
        ({"expressions": [exact("creation_time", "yesterday")]}, "/expressions/0/value"),
        ({"expressions": [exact("creation_time", "2020-13-01")]}, "/expressions/0/value"),
        ({"expressions": [exact("creation_time", 5)]}, "/expressions/0/value"),
        ({"expressions": [exact("name", "a\u0000b")]}, "/expressions/0/value"),
        ({"expressions": [contains("name", "")]}, "/expressions/0/sub_string"),
        ({"expressions": [contains("name", 1)]}, "/expressions/0/sub_string"),
        ({"expressions": [contains("creation_time", "2")]}, "/expressions/0/field"),
        ({"expressions": [compare("pk", "=", 1)]}, "/expressions/0/operator"),
        ({"expressions": [compare("pk", "<", True)]}, "/expressions/0/value"),
        ({"expressions": [compare("pk", "<", 1, case_insensitive=True)]}, "/expressions/0"),
        ({"expressions": [junction("and", LEAF)]}, "/expressions/0/sub_expressions"),
        ({"expressions": [junction("or")]}, "/expressions/0/sub_expressions"),
        ({"expressions": [junction("or", LEAF, junction("or", LEAF, LEAF))]}, "/expressions/0/sub_expressions/1/type"),
        ({"expressions": [junction("and", junction("or", LEAF, LEAF), LEAF)]}, "/expressions/0/sub_expressions/0/type"),
        ({"expressions": [junction("and", junction("and", LEAF, LEAF), LEAF)]}, "/expressions/0/sub_expressions/0/type"),
        ({"order_by": [{}]}, "/order_by/0/field"),
        ({"order_by": [{"field": "pk", "ascending": None}]}, "/order_by/0/ascending"),
        ({"order_by": [{"field": "pk"}, {"field": "x"}]}, "/order_by/1/field"),
        ({"order_by": [{"field": "pk", "x": 1}]}, "/order_by/0"),
        ({"order_by": [{"field": "name"}] * 17}, "/order_by/16"),
        ({"expressions": [LEAF] * 201}, "/expressions/200"),
        ({"expressions": [junction("and", *[LEAF] * 200)]}, "/expressions/0/sub_expressions/199"),
    ],
    ids=str,
)
def test_what_a_filter_may_not_be(reader, spec, where):
    assert unparsable(reader.post("job-outputs/list", spec)).startswith(f"Unable to parse JSON: {where}: ")


@pytest.mark.parametrize("body", ["null", "{", '{"expressions":[],"expressions":[]}', "[]]", "\xff"])
def test_what_is_no_json_is_refused(reader, body):
    unparsable(reader.request("POST", "job-outputs/list", data=body.encode("latin-1")))


SQL = [
    "' OR 1=1 --",
    '" OR ""="',
    "'; DROP TABLE result; --",
    "x') UNION SELECT secret FROM principal --",
    "$1",
    "?1) OR (1=1",
    "\\' OR 1=1 /*",
    "1; ATTACH DATABASE '/tmp/x' AS x",
    "r.pk = r.pk",
]
TEXT_FIELDS = ["name", "type", "creator.username", "job.template.name", "job.description", "job.creator.username"]
OTHER_FIELDS = ["pk", "job", "creator", "creation_time", "deletion_time", "job.start_time"]


@pytest.mark.parametrize("text", SQL)
def test_sql_in_any_string_of_a_filter_is_a_text_or_an_error(shelf, text):
    before = shelf.pks(include_inactive=True)
    for field in TEXT_FIELDS:
        for fold in False, True:
            assert shelf.pks(exact(field, text, case_insensitive=fold)) == []
            assert shelf.pks(contains(field, text, case_insensitive=fold)) == []
        assert letters(shelf, shelf.pks(exact(field, text, invert=True))) == "abcde"
        assert len(shelf.pks(junction("or", compare(field, "<", text), compare(field, ">", text)))) == 5
    for field in OTHER_FIELDS:
        unparsable(shelf.post("job-outputs/list", {"expressions": [exact(field, text)]}))
        unparsable(shelf.post("job-outputs/list", {"expressions": [compare(field, "<", text)]}))
    for spec in [
        {"expressions": [{**LEAF, "type": text}]},
        {"expressions": [isnull("job." + text)]},
        {"expressions": [compare("pk", text, 1)]},
        {"expressions": [{**LEAF, text: True}]},
        {"order_by": [{"field": "name, " + text}]},
        {"order_by": [{"field": "name", "ascending": text}]},
        {text: []},
    ]:
        unparsable(shelf.post("job-outputs/list", spec))
    assert shelf.pks(include_inactive=True) == before


def test_nested_expressions_by_the_thousand_are_harmless(ufdl):
    nested = '{"type":"and","sub_expressions":[' * 3000 + "1" + "]}" * 3000
    unparsable(ufdl.request("POST", "job-outputs/list", data='{"expressions":[%s]}' % nested))
    unparsable(ufdl.request("POST", "job-outputs/list", data="[" * 100_000))
    assert ufdl.list() == []


def test_a_million_elements_are_harmless(ufdl):
    body = '{"expressions":[' + "0," * 500_000 + "0]}"
    unparsable(ufdl.request("POST", "job-outputs/list", data=body))
    answer = ufdl.request("POST", "job-outputs/list", data='{"expressions":[' + "0," * 2_000_000 + "0]}")
    assert answer.status_code in (400, 413)
    assert ufdl.list() == []


def test_as_many_expressions_as_are_allowed(shelf):
    several = [exact("name", f"n{number}", invert=True) for number in range(199)]
    assert letters(shelf, shelf.pks(junction("and", *several))) == "abcde"
    many_orders = [{"field": field} for field in ("type", "job", "creator", "name") * 4]
    assert letters(shelf, shelf.pks(order_by=many_orders)) == "dbaec"


# ---- the list: long ones ----------------------------------------------------------------------------------

MANY = 3000


@pytest.fixture(scope="module")
def long_list(tmp_path_factory):
    """A server of its own with some thousand outputs, written while it was down."""
    from harness import Server

    server = Server(tmp_path_factory.mktemp("long")).start()
    ufdl = Ufdl(server.api())
    ufdl.publish("first")
    server.stop()
    chosen = ", ".join(name for name in server.columns("result") if name not in ("pk", "id", "name"))
    values = ", ".join(f"('{i:036d}', 'n{i * 7919 % MANY:06d}')" for i in range(1, MANY))
    server.sql(
        f"INSERT INTO result (id, name, {chosen}) SELECT column1, column2, {chosen} FROM (VALUES {values}) v, result"
        " WHERE result.pk = 1"
    )
    server.sql("INSERT INTO result_state SELECT project, state, pk FROM result WHERE pk > 1")
    server.start()
    ufdl.tokens = expect(ufdl.obtain(), 200)
    yield ufdl
    server.stop()


def test_a_long_list_comes_whole_and_in_order(long_list):
    everything = long_list.list()
    assert len(everything) == MANY
    assert [row["pk"] for row in everything] == sorted(row["pk"] for row in everything)
    by_name = long_list.list(order_by=[{"field": "name", "ascending": False}])
    assert [row["name"] for row in by_name] == sorted((row["name"] for row in everything), reverse=True)
    assert long_list.pks(contains("name", "n00299", case_insensitive=True)) == [
        row["pk"] for row in everything if "n00299" in row["name"]
    ]


def test_a_long_list_does_not_wait_for_a_slow_client(long_list):
    """It is made from one view of the database, and what happens meanwhile does not reach it."""
    with Wire(long_list.server) as slow:
        slow.send(request_head("POST", "/v1/job-outputs/list", long_list.tokens["access"], Content_Length=0))
        assert slow.line() == b"HTTP/1.1 200 OK\r\n"
        made = long_list.publish("later")
        assert long_list.delete(f"job-outputs/{made}/hard").status_code == 200
        rows = json.loads(unchunked(slow))
    assert len(rows) == MANY


def unchunked(wire):
    while wire.line() != b"\r\n":
        pass
    body = b""
    while True:
        size = int(wire.line(), 16)
        piece = b""
        while len(piece) < size + 2:
            piece += wire.socket.recv(size + 2 - len(piece))
        body += piece[:-2]
        if size == 0:
            return body


def test_clients_that_go_away_leave_nothing_behind(long_list):
    for _ in range(20):
        with Wire(long_list.server) as wire:
            wire.send(request_head("POST", "/v1/job-outputs/list", long_list.tokens["access"], Content_Length=0))
            wire.line()
    assert len(long_list.list()) == MANY
    assert eventually(lambda: not list(long_list.server.data.rglob("*.tmp")), "no file is left")


def test_http_1_0_gets_the_whole_list(long_list):
    with Wire(long_list.server) as wire:
        wire.send(
            b"POST /v1/job-outputs/list HTTP/1.0\r\nContent-Length: 0\r\n"
            b"Authorization: Bearer " + long_list.tokens["access"].encode() + b"\r\n\r\n"
        )
        head, body = wire.rest().split(b"\r\n\r\n", 1)
    assert b" 200 " in head and len(json.loads(body)) == MANY


def test_stopping_does_not_wait_for_lists(long_list):
    """Many whole lists are asked for and not read; the server ends in good order all the same."""
    server = long_list.server
    wires = [Wire(server) for _ in range(40)]
    for wire in wires:
        wire.send(request_head("POST", "/v1/job-outputs/list", long_list.tokens["access"], Content_Length=0))
    server.restart()
    for wire in wires:
        wire.close()
    assert len(long_list.list()) == MANY
