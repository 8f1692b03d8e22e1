# SPDX-License-Identifier: Apache-2.0
"""ricloud's /configs/storage/{id}/test, against a bucket's server that checks signatures as Amazon documents them."""

import hashlib
import hmac
import http.server
import threading
import time
import urllib.parse

import pytest
from harness import SCOPES, eventually, expect, free_port, nobody
from ricloud_client import Ricloud, failed

ACCESS, SECRET, REGION = "AKIA123", "very secret words", "eu-west-1"
SETTINGS = {"private_endpoints": "on"}


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature_of(handler, method, path, query):
    """What the signature of a request must be (AWS Signature Version 4), by the headers that it says are signed."""
    signed = handler.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0]
    when = handler.headers["x-amz-date"]
    scope = f"{when[:8]}/{REGION}/s3/aws4_request"
    pairs = sorted(query.split("&")) if query else []
    headers = "".join(f"{name}:{handler.headers[name].strip()}\n" for name in signed.split(";"))
    payload = handler.headers["x-amz-content-sha256"]
    canonical = "\n".join([method, path, "&".join(pairs), headers, signed, payload])
    text = "\n".join(["AWS4-HMAC-SHA256", when, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + SECRET.encode()
    for part in scope.split("/"):
        key = digest(key, part)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Bucket(http.server.BaseHTTPRequestHandler):
    """my-bucket is there; moved-bucket is elsewhere; slow-bucket does not answer."""

    written = {}

    def answer(self):
        """An object is written, read and removed below the bucket's own path."""
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        bucket = "/" + path.split("/")[1]
        self.server.asked.append(self.path)
        if path == "/slow-bucket":
            self.server.released.wait(30)
        signature = self.headers["Authorization"].split("Signature=")[1]
        good = f"Credential={ACCESS}/" in self.headers["Authorization"] and hmac.compare_digest(
            signature, signature_of(self, self.command, path, query)
        )
        status = 403 if not good else {"/my-bucket": 200, "/moved-bucket": 301, "/broken-bucket": 500}.get(bucket, 404)
        if self.command == "PUT":
            self.written[path] = body
        listed = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        said = (self.written.get(path, b"") if path != bucket else listed) if self.command == "GET" and status == 200 else b""
        self.send_response(status)
        if status == 301:
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/my-bucket")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def buckets():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    server.asked, server.released = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def admin(server, own_api):
    return Ricloud(server.api([*SCOPES, "admin"], own_api.project))


def config(admin, port, url="s3://my-bucket", host="127.0.0.1", **credentials):
    shown = {"access_key_id": ACCESS, "secret_access_key": SECRET, "region": REGION}
    shown["endpoint"] = f"http://{host}:{port}"
    return admin.make("/configs/storage", url=url, credentials=shown | credentials)["id"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bucket_that_opens_makes_the_config_valid(admin, buckets, method):
    """`POST /configs/storage/{id}/test`; the client sends GET"""
    made = config(admin, buckets.server_port, "s3://my-bucket/some folder/")
    task = expect(admin.request(method, f"/configs/storage/{made}/test"), 200)
    assert (task["resource"], task["type"], task["target"]) == ("task", "storage_config.test", made)
    assert (task["state"], task["error"]) == ("succeeded", None)
    assert expect(admin.get(f"/tasks/{task['id']}"), 200) == task
    assert expect(admin.get(f"/configs/storage/{made}"), 200)["state"] == "valid"
    query = urllib.parse.parse_qs(buckets.asked[-4].partition("?")[2])
    assert query == {"list-type": ["2"], "max-keys": ["1"], "prefix": ["some folder/"], "encoding-type": ["url"]}
    (written,) = set(buckets.asked[-3:])
    assert written.startswith("/my-bucket/some%20folder/resultd-test-"), "it was written, read and removed"
    assert admin.api.claim().status_code == 204, "no worker is asked to do it"
    expect(admin.post(f"/configs/storage/{made}", '{"url": "s3://other-bucket"}'), 200)
    assert expect(admin.get(f"/configs/storage/{made}"), 200)["state"] == "new"


@pytest.mark.parametrize(
    "url, credentials, error",
    [
        ("s3://my-bucket", {"secret_access_key": "wrong"}, "access-denied"),
        ("s3://my-bucket", {"access_key_id": "AKIA999"}, "access-denied"),
        ("s3://no-bucket", {}, "no-such-bucket"),
        ("s3://moved-bucket", {}, "unexpected-answer"),
        ("s3://broken-bucket", {}, "unexpected-answer"),
    ],
)
def test_a_bucket_that_does_not_open_makes_it_invalid(admin, buckets, url, credentials, error):
    made = config(admin, buckets.server_port, url, **credentials)
    asked = len(buckets.asked)
    task = expect(admin.post(f"/configs/storage/{made}/test"), 200)
    assert (task["state"], task["error"]) == ("failed", error)
    assert len(buckets.asked) == asked + 1, "redirects are not followed"
    assert expect(admin.get(f"/configs/storage/{made}"), 200)["state"] == "invalid"
    sentence = admin.api.get_job(task["id"])["error"]["message"]
    assert "status" in sentence and SECRET not in sentence


def test_nobody_listens(admin):
    made = config(admin, free_port())
    assert expect(admin.post(f"/configs/storage/{made}/test"), 200)["error"] == "connection-failed"


def test_a_server_that_does_not_answer_holds_up_nobody_else(admin, buckets):
    made = config(admin, buckets.server_port, "s3://slow-bucket")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(admin.post(f"/configs/storage/{made}/test")))
    thread.start()
    eventually(lambda: any(path.startswith("/slow-bucket") for path in buckets.asked))
    other = Ricloud(admin.api.clone())
    started = time.monotonic()
    for _ in range(20):
        expect(other.get("/results"), 200)
    other.make("/users", identifier="u")
    assert time.monotonic() - started < 7
    assert not answers
    thread.join()
    assert expect(answers[0], 200)["error"] == "connection-failed"


HOSTS = dict.fromkeys(["127.0.0.1", "[::1]", "0.0.0.0", "2130706433", "0x7f.1"], "address-not-allowed")


# What a name stands for is nobody's business.
@pytest.mark.parametrize("host, word", [*HOSTS.items(), ("localhost", "connection-failed")])
def test_private_addresses_are_not_gone_to_unless_a_setting_says_so(fresh_server, buckets, host, word):
    server = fresh_server()
    admin = Ricloud(server.api([*SCOPES, "admin"]))
    made = config(admin, buckets.server_port, host=host)
    asked = len(buckets.asked)
    task = expect(admin.post(f"/configs/storage/{made}/test"), 200)
    assert (task["state"], task["error"]) == ("failed", word)
    assert len(buckets.asked) == asked


def test_testing_is_for_who_administers(server, admin, buckets):
    made = config(admin, buckets.server_port)
    failed(Ricloud(admin.api).get(f"/configs/storage/{nobody()}/test"), 404, "not-found")
    writer = Ricloud(server.api(SCOPES, admin.api.project))
    failed(writer.post(f"/configs/storage/{made}/test"), 403, "forbidden")
    other = Ricloud(server.api([*SCOPES, "admin"]))
    failed(other.post(f"/configs/storage/{made}/test"), 404, "not-found")
