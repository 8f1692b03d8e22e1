# SPDX-License-Identifier: Apache-2.0
"""The proxies of examples/ with TLS before one server, as they are but for ports, folders and the certificate; and
what nginx makes of X-Accel-Redirect: every answer has to be as if it had come from resultd."""

import pathlib
import re

import certificates
import deployment
import pytest
import requests
from harness import FILED, INLINE, eventually, expect, free_port

EXAMPLES = deployment.EXAMPLES.parent
KEY = "correct-horse-battery-staple"
ACCEL = {"accel_redirect": "/-/blobs", "accel_grace": "2s"}
ENVIRONMENT = {"RESULTD_ACCEL_KEY": KEY}
# Of an answer that came another way these may differ. nginx leaves Accept-Ranges out of a 206.
OF_THE_WAY = {"date", "server", "connection", "keep-alive", "x-request-id", "accept-ranges"}


class Through:
    """One result, fetched through the proxy and from the server itself."""

    def __init__(self, server, port, certificate):
        self.server, self.api = server, server.api()
        self.url, self.certificate = f"https://127.0.0.1:{port}", str(certificate)

    def request(self, method, path, headers=None, **arguments):
        headers = {"Authorization": f"Bearer {self.api.key}", "Accept-Encoding": "identity", **(headers or {})}
        return requests.request(method, self.url + path, headers=headers, verify=self.certificate, timeout=60, **arguments)

    def publish(self, data, name="a.bin", media_type="application/octet-stream"):
        said = {"Content-Type": media_type}
        answer = self.request("POST", "/api/v1/results", said, params={"name": name}, data=iter([data]))
        return expect(answer, 201)["id"]

    def both(self, result, method="GET", path="/content", **headers):
        """The answer through the proxy, which is the same as the server's own."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        there = self.request(method, f"/api/v1/results/{result}{path}", headers)
        here = self.api.request(method, f"/results/{result}{path}", {"Accept-Encoding": "identity", **headers})
        assert there.status_code == here.status_code
        if here.status_code >= 400:  # which names the request
            assert there.json()["code"] == here.json()["code"]
            return there
        assert there.content == here.content
        shown = [{k.lower(): v for k, v in answer.headers.items() if k.lower() not in OF_THE_WAY} for answer in (there, here)]
        assert shown[0] == shown[1]
        return there

    def left(self):
        return self.server.metric("resultd_left_bytes_total")


def nginx_text(place, server, port, blobs=None):
    certificate, key = certificates.make(place)
    (place / "accel.conf").write_text(f'proxy_set_header X-Accel-Key "{KEY}";')
    text = (EXAMPLES / "nginx.conf").read_text()
    for ours, theirs in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "listen [::]:443 ssl": f"listen [::1]:{port} ssl",
        "127.0.0.1:8080;\n        keepalive": f"127.0.0.1:{server.port};\n        keepalive",
        "/etc/ssl/results.example.org.pem": certificate,
        "/etc/ssl/private/results.example.org.key": key,
        "/etc/nginx/resultd-accel.conf": place / "accel.conf",
        "/var/log/nginx/results.log": place / "access.log",
        "/var/lib/resultd/blobs/": f"{blobs or server.data / 'blobs'}/",
    }.items():
        assert text.count(ours) == 1, ours
        text = text.replace(ours, str(theirs))
    return text, certificate


@pytest.fixture
def fast(node, nginx, place):
    """nginx before a server that leaves files to it."""
    server = node(environment=ENVIRONMENT, cors_origins="https://app.example.org", **ACCEL)
    server.data.chmod(0o710)
    port = free_port()
    text, certificate = nginx_text(place, server, port)
    nginx(text, port)
    yield Through(server, port, certificate)
    assert "[error]" not in (place / "error.log").read_text()


def test_nginx_sends_files_as_the_server_would(fast):
    result = fast.publish(FILED, "übel \"x\".csv", media_type="text/csv")
    whole = fast.both(result)
    assert whole.status_code == 200 and whole.content == FILED and fast.left() == len(FILED)
    assert whole.headers["Repr-Digest"] and whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    part = fast.both(result, Range="bytes=100-199")
    assert part.status_code == 206 and part.content == FILED[100:200] and fast.left() == len(FILED) + 100
    assert fast.both(result, Range="bytes=-5").content == FILED[-5:]
    assert fast.both(result, Range="bytes=149000-").content == FILED[149000:]
    fast.both(result, Origin="https://app.example.org")
    fast.both(result, method="HEAD")
    assert fast.server.metric("resultd_sent_bytes_total") > 0


def test_conditions_keep_their_meaning(fast):
    result = fast.publish(FILED)
    first = fast.both(result)
    tag, date = first.headers["ETag"], first.headers["Last-Modified"]
    past, future = "Mon, 01 Jan 2024 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    wanted = [
        (304, {"If_None_Match": tag}), (304, {"If_None_Match": f'W/{tag}, "x"'}), (200, {"If_None_Match": '"x"'}),
        (304, {"If_Modified_Since": date}), (200, {"If_Modified_Since": past}),
        (200, {"If_None_Match": '"x"', "If_Modified_Since": future}),
        (200, {"If_Match": tag}), (412, {"If_Match": '"x"'}), (200, {"If_Match": "*"}),
        (200, {"If_Unmodified_Since": date}), (412, {"If_Unmodified_Since": past}),
        (206, {"Range": "bytes=0-9", "If_Range": tag}), (200, {"Range": "bytes=0-9", "If_Range": '"x"'}),
        (200, {"Range": "bytes=0-9", "If_Range": past}), (206, {"Range": "bytes=0-9", "If_Match": tag}),
        (416, {"Range": "bytes=200000-"}), (200, {"Range": "lines=1-2"}), (200, {"Range": "bytes=9-3"}),
    ]
    for status, headers in wanted:
        assert fast.both(result, **headers).status_code == status, headers


def test_several_ranges_and_what_is_no_file_come_from_the_server(fast):
    several = fast.request("GET", f"/api/v1/results/{fast.publish(FILED)}/content", {"Range": "bytes=0-4,10-14"})
    assert several.headers["Content-Type"].startswith("multipart/byteranges") and FILED[10:15] in several.content
    small = fast.publish(INLINE)
    assert fast.both(small).content == INLINE
    assert fast.left() == 0


def test_encodings_and_converted_tables(fast):
    rows = "".join(f"{n},{n * n}\n" for n in range(20_000))
    table = fast.publish(f"a,b\n{rows}".encode(), "t.csv", media_type="text/csv")
    fast.request("GET", f"/api/v1/results/{table}/content?format=tsv")  # made while it is sent
    before = fast.left()

    def left_to_nginx():
        assert fast.both(table, path="/content?format=tsv").content.startswith(b"a\tb\r\n")
        return fast.left() > before

    eventually(left_to_nginx, "what was made is sent by nginx")
    encoded = fast.request(
        "POST", "/api/v1/results?name=z.bin", {"Content-Encoding": "br", "Content-Type": "image/x-own"}, data=FILED
    )
    answer = requests.get(
        f"{fast.url}/api/v1/results/{expect(encoded, 201)['id']}/content", stream=True, verify=fast.certificate,
        headers={"Authorization": f"Bearer {fast.api.key}"}, timeout=60,
    )
    assert answer.headers["Content-Encoding"] == "br" and answer.headers["Content-Type"] == "image/x-own"
    assert answer.raw.read(decode_content=False) == FILED


def test_links_are_sent_by_nginx_and_in_no_log(fast, place):
    result = fast.publish(FILED)
    path = re.sub(r"^https?://[^/]+", "", fast.api.link(result)["url"])
    answer = requests.get(fast.url + path, verify=fast.certificate, timeout=60)
    assert answer.content == FILED and fast.left() == len(FILED)
    fast.both(result)
    assert "/-/d/" not in (place / "access.log").read_text()
    assert f"/-/blobs/{result[-12:-10]}/{result}" in (place / "access.log").read_text()


def test_a_link_is_in_no_log_of_nginx_while_the_server_is_away(node, nginx, place):
    server, port = node(environment=ENVIRONMENT, **ACCEL), free_port()
    api = server.api()
    path = re.sub(r"^https?://[^/]+", "", api.link(api.publish("a", FILED)["id"])["url"])
    text, certificate = nginx_text(place, server, port)
    nginx(text, port)
    server.stop()
    assert requests.get(f"https://127.0.0.1:{port}{path}", verify=certificate, timeout=60).status_code == 502
    assert requests.get(f"https://127.0.0.1:{port}/api/v1/jobs", verify=certificate, timeout=60).status_code == 502
    eventually(lambda: "/api/v1/jobs" in (place / "error.log").read_text(), "nginx tells of what it could not do")
    assert "/-/d/" not in (place / "error.log").read_text() + (place / "access.log").read_text()


def test_a_link_is_in_no_log_of_nginx_that_may_not_open_the_file(node, nginx, place):
    """The access log has what an operator needs: the file, and that it was forbidden."""
    server, port = node(environment=ENVIRONMENT, **ACCEL), free_port()
    closed = place / "closed"
    closed.mkdir(mode=0)
    text, certificate = nginx_text(place, server, port, closed)
    nginx(text, port)
    through = Through(server, port, certificate)
    result = through.publish(FILED)
    path = re.sub(r"^https?://[^/]+", "", through.api.link(result)["url"])
    assert requests.get(through.url + path, verify=certificate, timeout=60).status_code == 403
    assert through.request("GET", f"/api/v1/results/{result}/content").status_code == 403
    name = server.blob_of(FILED)
    told = f'"GET /-/blobs/{name.parent.name}/{name.name}" 403 '
    eventually(lambda: (place / "access.log").read_text().count(told) == 2, "nginx tells that it was forbidden")
    logs = (place / "error.log").read_text() + (place / "access.log").read_text()
    assert path not in logs and "/-/d/" not in logs


def over_ipv6(through):
    headers = {"Authorization": f"Bearer {through.api.key}"}
    url = through.url.replace("127.0.0.1", "[::1]") + "/api/v1/jobs"
    return requests.get(url, headers=headers, verify=through.certificate, timeout=60).status_code


def test_nginx_listens_on_both_kinds_of_addresses(fast):
    assert over_ipv6(fast) == 200


def test_strangers_learn_no_names_and_open_no_files(fast):
    result = fast.publish(FILED)
    name = fast.server.blob_of(FILED)
    inside = f"/-/blobs/{name.parent.name}/{name.name}"
    assert fast.request("GET", inside).status_code == 404
    guesses = ("yes", "", KEY[:-1], KEY + "x")
    for guess in guesses:
        answer = fast.api.content(result, **{"X-Accel-Key": guess, "X-Accel-Mapping": "a=b", "X-Sendfile-Type": "X-Accel-Redirect"})
        assert answer.content == FILED and "X-Accel-Redirect" not in answer.headers
    told = fast.api.content(result, **{"X-Accel-Key": KEY})
    assert told.headers["X-Accel-Redirect"] == inside and told.content == b""
    counted = len(guesses) + 1
    eventually(lambda: fast.api.result(result)["downloads"] == counted, "what a proxy sends counts, too")
    assert fast.request("GET", f"/api/v1/results/{result}/content", {"X-Accel-Key": "guess"}).content == FILED


def test_a_file_stays_for_who_was_told_of_it(fast):
    """Between the redirect and nginx' open the result may go; a moment later the file does."""
    result = fast.publish(FILED)
    file = fast.server.blob_of(FILED)
    expect(fast.api.delete(f"/results/{result}", params={"permanent": "true"}), 204)
    assert fast.request("GET", f"/api/v1/results/{result}/content").status_code in (404, 410)
    assert file.exists()
    eventually(lambda: not file.exists(), "it is removed after accel_grace")


def test_other_files_stay_the_owners_alone(fast):
    result = fast.publish(FILED)
    file = fast.server.blob_of(FILED)
    assert file.stat().st_mode & 0o777 == 0o600
    fast.both(result)
    assert file.stat().st_mode & 0o777 == 0o640
    assert (fast.server.data / "secret.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("settings, said", [
    ({"accel_redirect": "/-/blobs"}, "needs an accel_key"),
    ({"accel_redirect": "/-/blobs", "RESULTD_ACCEL_KEY": "short"}, "at least 20 characters"),
    ({"accel_redirect": "blobs/", "RESULTD_ACCEL_KEY": KEY}, "must be like /-/blobs"),
    ({"accel_redirect": "/-/blobs", "accel_key": KEY}, "everybody on this machine can read"),
])
def test_settings_that_would_open_files_are_refused(tmp_path, settings, said):
    from harness import flags, program

    environment = {name: settings.pop(name) for name in list(settings) if name.startswith("RESULTD")}
    done = program("serve", "--data", tmp_path / "data", *flags(settings), **environment)
    assert done.returncode == 2 and said in done.stderr and KEY not in done.stderr


# ---- haproxy ----------------------------------------------------------------------------------------------


def test_haproxy_with_tls_passes_everything_on(node, haproxy, place):
    server, port = node(), free_port()
    certificate, key = certificates.make(place)
    (place / "both.pem").write_text(certificate.read_text() + key.read_text())
    text = (EXAMPLES / "haproxy.cfg").read_text()
    for ours, theirs in {
        "bind 0.0.0.0:443": f"bind 127.0.0.1:{port}",
        "bind [::]:443": f"bind [::1]:{port}",
        "/etc/haproxy/results.pem": place / "both.pem",
        "resultd 127.0.0.1:8080": f"resultd 127.0.0.1:{server.port}",
    }.items():
        assert text.count(ours) in (1, 2), ours
        text = text.replace(ours, str(theirs))
    haproxy(text, port)
    through = Through(server, port, certificate)
    result = through.publish(FILED)
    assert through.both(result).content == FILED
    assert through.both(result, Range="bytes=5-9").content == FILED[5:10]
    assert through.request("GET", "/-/ready").status_code == 404
    assert through.request("GET", "/-/live").status_code == 200
    assert over_ipv6(through) == 200
