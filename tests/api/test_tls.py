# SPDX-License-Identifier: Apache-2.0
"""TLS spoken by the server itself. ./test api-tls runs other API tests over it as well."""

import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import time

import certificates
import pytest
import requests
from harness import (
    BINARY, FILED, PATIENCE, Server, Wire, clean_environment, eventually, expect, free_port, program, request_head,
)

RESULTCTL = pathlib.Path(BINARY).parent / "resultctl"
LARGE = os.urandom(9_000_000)


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def serve(fresh_server, folder):
    """Makes servers that speak TLS, with a pair in files of this test."""

    def make(kind="ec", **settings):
        certificate, key = certificates.make(folder, kind=kind)
        return fresh_server(tls_cert=certificate, tls_key=key, **settings)

    return make


def renew(server, **options):
    """Another pair in the files of the one in use."""
    certificate, key = certificates.make(pathlib.Path(server.certificate).parent, "renewed", **options)
    os.replace(certificate, server.settings["tls_cert"])
    os.replace(key, server.settings["tls_key"])


def shown(server):
    """The certificate that a new connection is shown."""
    return ssl.get_server_certificate(("127.0.0.1", server.port))


def handshake(server, **options):
    """What a client is told that knows only this; the version of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(options.pop("ciphers", "ALL:@SECLEVEL=0"))
    for name, value in options.items():
        setattr(context, name, value)
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain:
        with context.wrap_socket(plain) as connection:
            return connection.version()


@pytest.mark.parametrize("kind", sorted(certificates.KINDS))
def test_bytes_pass_unchanged_both_ways(serve, kind):
    api = serve(kind).api()
    made = api.publish("a.bin", LARGE)
    chunked = expect(api.post("/results", params={"name": "b.bin"}, data=iter([LARGE[:5], LARGE[5:]])), 201)
    assert made["sha256"] == chunked["sha256"]
    assert api.content(made["id"]).content == LARGE
    part = api.content(made["id"], Range="bytes=1000000-8999998")
    assert part.status_code == 206 and part.content == LARGE[1000000:8999999]
    several = api.content(made["id"], Range="bytes=0-9,-10")
    assert several.headers["Content-Type"].startswith("multipart/byteranges") and LARGE[-10:] in several.content


def test_addresses_in_answers_are_https(serve):
    server = serve()
    api = server.api()
    made = api.publish("a.txt", b"a")
    link = api.link(made["id"])["url"]
    assert link.startswith(server.url + "/-/d/") and made["url"].startswith(server.url)
    assert requests.get(link, verify=server.certificate, timeout=PATIENCE).content == b"a"


def test_a_client_is_told_to_go_on(serve):
    server = serve()
    api = server.api()
    with Wire(server) as wire:
        wire.send(request_head("POST", "/api/v1/results?name=a", api.key, Content_Length=len(FILED), Expect="100-continue"))
        assert wire.line() == b"HTTP/1.1 100 Continue\r\n" and wire.line() == b"\r\n"
        wire.send(FILED)
        made = expect(wire.answer("POST"), 201)
    assert api.content(made["id"]).content == FILED


def test_slow_clients_get_and_give_everything(serve):
    """Pieces that are neither records of TLS nor blocks of the server; buffers of the kernel that are full."""
    server = serve(upload_memory="1MiB")
    api = server.api()
    with Wire(server) as wire:
        wire.send(request_head("POST", "/api/v1/results?name=a", api.key, Content_Length=len(LARGE)))
        for at in range(0, len(LARGE), 1_000_003):
            wire.send(LARGE[at : at + 1_000_003])
            time.sleep(0.02)
        made = expect(wire.answer("POST"), 201)
    with Wire(server) as wire:
        wire.send(request_head("GET", f"/api/v1/results/{made['id']}/content", api.key))
        time.sleep(0.5)  # nothing is read meanwhile
        assert wire.answer().content == LARGE


def test_archives_and_answers_that_wait(serve):
    api = serve().api()
    batch = api.batch()
    job = api.job(batch=batch["id"])
    for number in range(20):
        api.upload(job["id"], f"{number}.bin", FILED)
    archive = api.get(f"/batches/{batch['id']}/archive.zip")
    assert archive.status_code == 200 and len(archive.content) == int(archive.headers["Content-Length"])
    assert archive.content[:2] == b"PK" and archive.content.count(FILED) == 20


def test_plain_http_is_not_answered_and_harms_nobody(serve):
    server = serve()
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain:
        plain.sendall(request_head("GET", "/-/live"))
        try:
            said = plain.recv(4096)
        except ConnectionError:
            said = b""
    assert b"HTTP" not in said
    assert server.get("/-/live").status_code == 200


def test_a_handshake_that_takes_too_long_is_ended_without_a_word(serve):
    server = serve(header_timeout="1s")
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain:
        plain.sendall(b"\x16\x03")
        assert plain.recv(4096) == b""
    with Wire(server) as wire:  # and so is a header, of which nothing but TLS can be said on this connection
        wire.send(b"GET /-/live HT")
        assert wire.rest() == b""


def test_old_versions_and_ciphers_are_refused(serve):
    server = serve("rsa")
    assert handshake(server) == "TLSv1.3"
    assert handshake(server, maximum_version=ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    with pytest.warns(DeprecationWarning), pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(server, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    for weak in ("AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA256"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(server, maximum_version=ssl.TLSVersion.TLSv1_2, ciphers=weak + ":@SECLEVEL=0")


# ---- another pair -----------------------------------------------------------------------------------------


def test_sighup_takes_another_pair_and_no_download_notices(serve):
    server = serve(kind="ec")
    api = server.api()
    made = api.publish("a.bin", LARGE)
    before, ends = shown(server), server.metric("resultd_tls_certificate_expiry_timestamp_seconds")
    assert abs(ends - (time.time() + 30 * 86400)) < 3600
    with Wire(server) as wire:
        wire.send(request_head("GET", f"/api/v1/results/{made['id']}/content", api.key))
        assert wire.line() == b"HTTP/1.1 200 OK\r\n"
        renew(server, kind="rsa", days=60)
        server.signal(signal.SIGHUP)
        eventually(lambda: shown(server) != before, "new connections are shown the new certificate")
        assert wire.rest_of(len(LARGE)) == LARGE
    assert abs(server.metric("resultd_tls_certificate_expiry_timestamp_seconds") - (time.time() + 60 * 86400)) < 3600
    assert "the certificate was re-read" in server.stderr()


@pytest.mark.parametrize("what", ["another key", "nothing", "no PEM", "readable"])
def test_a_pair_that_cannot_be_used_leaves_the_old_one(serve, what):
    server = serve()
    before = shown(server)
    damage(server.settings, what)
    server.signal(signal.SIGHUP)
    eventually(lambda: "the certificate is left as it was" in server.stderr(), "it is told")
    assert "tls_key" in server.stderr().split("left as it was")[1]
    assert shown(server) == before
    assert server.metric("resultd_tls_reload_failures_total") == 1


def damage(settings, what):
    key = pathlib.Path(settings["tls_key"])
    if what == "another key":
        shutil.move(certificates.make(key.parent, "other")[1], key)
    elif what == "nothing":
        key.unlink()
    elif what == "no PEM":
        key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        key.chmod(0o600)
    else:
        key.chmod(0o644)


WRONG = {
    "another key": "is not the key of the first certificate that tls_cert names",
    "nothing": "cannot be opened: No such file",
    "no PEM": "cannot be used",
    "readable": "may be read by others",
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_no_server_starts_with_such_a_pair(folder, what):
    certificate, key = certificates.make(folder)
    settings = {"tls_cert": certificate, "tls_key": key}
    damage(settings, what)
    done = serve_once(folder, tls_cert=certificate, tls_key=key)
    assert done.returncode == 2 and "tls_key" in done.stderr and WRONG[what] in done.stderr
    assert not (folder / "data").exists()


def serve_once(folder, **settings):
    words = [word for name, value in settings.items() for word in ("--" + name.replace("_", "-"), value)]
    return program("serve", "--data", folder / "data", "--listen", f"127.0.0.1:{free_port()}", *words)


@pytest.mark.parametrize("tls, settings, told", [
    (True, {"tls_hsts": "30d"}, "max-age=2592000"), (True, {}, None), (False, {"tls_hsts": "30d"}, None),
])
def test_browsers_are_told_to_insist_on_tls_if_that_is_wanted(serve, fresh_server, tls, settings, told):
    server = (serve if tls else fresh_server)(**settings)
    for path in ("/", "/api/v1/jobs"):
        assert server.get(path).headers.get("Strict-Transport-Security") == told


def test_certificate_and_key_go_together(folder):
    certificate, key = certificates.make(folder)
    done = serve_once(folder, tls_cert=certificate)
    assert done.returncode == 2 and "tls_key is missing" in done.stderr
    done = serve_once(folder, tls_key=key)
    assert done.returncode == 2 and "tls_cert is missing" in done.stderr
    done = serve_once(folder, tls_cert=key, tls_key=key)
    assert done.returncode == 2 and done.stderr.count("tls_cert:") == 1


# ---- the end ----------------------------------------------------------------------------------------------


def test_a_download_ends_well_while_the_server_stops(serve):
    server = serve()
    api = server.api()
    made = api.publish("a.bin", LARGE)
    with Wire(server) as wire:
        wire.send(request_head("GET", f"/api/v1/results/{made['id']}/content", api.key))
        assert wire.line() == b"HTTP/1.1 200 OK\r\n"
        server.signal(signal.SIGTERM)
        eventually(lambda: not server.listens(), "it takes no more connections")
        assert wire.rest_of(len(LARGE)) == LARGE
    assert server.wait() == 0


# ---- the client -------------------------------------------------------------------------------------------


def test_resultctl_trusts_whom_it_is_told_to(serve, folder):
    server = serve()
    (folder / "a.bin").write_bytes(FILED)
    environment = clean_environment(RESULTD_URL=server.url, RESULTD_KEY=server.api().key, HOME=str(folder))
    environment.pop("CURL_CA_BUNDLE", None)

    def run(*words, **more):
        return subprocess.run([RESULTCTL, *words], cwd=folder, env={**environment, **more}, capture_output=True, text=True)

    refused = run("put", "a.bin", "--tries", "1")
    assert refused.returncode != 0 and "certificate" in refused.stderr
    put = run("put", "a.bin", "--ca-file", server.certificate)
    assert put.returncode == 0, put.stderr
    got = run("get", put.stdout.split()[0], "-o", "b.bin", CURL_CA_BUNDLE=server.certificate)
    assert got.returncode == 0, got.stderr
    assert (folder / "b.bin").read_bytes() == FILED
