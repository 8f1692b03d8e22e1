# SPDX-License-Identifier: Apache-2.0
"""The web page as it is served. What it does in a browser is tested in tests/browser."""

import gzip
import os
import re
import subprocess
import sys

import pytest
import requests
from harness import CHECKOUT, problem

NAMED = re.compile(r'(?:src|href)="(-/page/[^"]+)"')


def get(server, path, **headers):
    """Bytes as they were sent, with exactly these headers beside Host."""
    with requests.Session() as session:
        session.headers.clear()
        session.trust_env = False
        answer = session.get(server.url + path, headers={"Accept-Encoding": None, **headers}, stream=True, timeout=30)
        answer.body = answer.raw.read(decode_content=False)
        return answer


@pytest.fixture(scope="module")
def files(server):
    """Paths of the files that the document names; none where this build has no page."""
    document = get(server, "/").body.decode()
    if "no web page" in document:
        pytest.skip("this build has no page")
    return ["/" + name for name in NAMED.findall(document)]


def test_the_root_is_a_document_that_nobody_else_may_use(server):
    answer = get(server, "/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_the_document_has_nothing_inline_and_nothing_from_elsewhere(server, files):
    document = get(server, "/").body.decode()
    assert not re.search(r"<style|style=|<script>|\bon\w+=|https?://", document)
    assert len(files) == 3


def test_files_are_kept_for_ever_and_are_what_their_type_says(server, files):
    types = {}
    for path in files:
        answer = get(server, path)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        types[path.rsplit(".", 1)[1]] = answer.headers["Content-Type"]
    assert types == {
        "js": "text/javascript; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "svg": "image/svg+xml",
    }


def test_with_and_without_gzip_the_bytes_are_the_same(server, files):
    for path in ["/", *files]:
        plain = get(server, path)
        packed = get(server, path, **{"Accept-Encoding": "br, gzip;q=0.5"})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
        assert plain.headers["ETag"] != packed.headers["ETag"]
        assert gzip.decompress(packed.body) == plain.body
        refused = get(server, path, **{"Accept-Encoding": "gzip;q=0, *"})
        assert "Content-Encoding" not in refused.headers


def test_who_has_it_already_is_told_so(server, files):
    for path in ["/", *files]:
        etag = get(server, path).headers["ETag"]
        again = get(server, path, **{"If-None-Match": etag})
        assert again.status_code == 304
        assert again.body == b""
        assert again.headers["ETag"] == etag
        assert get(server, path, **{"If-None-Match": '"other"'}).status_code == 200


def test_the_page_is_small(server, files):
    sizes = [len(get(server, path, **{"Accept-Encoding": "gzip"}).body) for path in ["/", *files]]
    assert sum(sizes) <= 120 * 1024


@pytest.mark.parametrize("name", ["", "app.js", "..%2f..%2fsettings", "index.html", "%00"])
def test_other_files_are_not_there(server, name):
    answer = requests.get(f"{server.url}/-/page/{name}", timeout=30)
    assert answer.status_code in (400, 404)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_nothing_is_taken_at_the_root(server):
    answer = requests.post(server.url + "/", data=b"x", timeout=30)
    problem(answer, 405)
    assert answer.headers["Allow"].replace(" ", "").startswith("GET,HEAD")


def test_it_is_there_without_a_key_where_metrics_are_not(fresh_server):
    server = fresh_server(ops_open="off")
    assert get(server, "/").status_code == 200
    assert get(server, "/-/metrics").status_code == 401


# ---- how it is built --------------------------------------------------------------------------------------


@pytest.fixture
def build_page(tmp_path):
    """tools/page.py with an npm that gets nothing, and a node that is this script."""
    def run(node, *options):
        for name, text in (("npm", "exit 0"), ("node", node)):
            program = tmp_path / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        command = [sys.executable, CHECKOUT / "tools" / "page.py", tmp_path / "out.c", CHECKOUT / "web", tmp_path / "work"]
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        return subprocess.run([*command, *options], env={**os.environ, "PATH": path}, capture_output=True, text=True)
    return run


def test_a_build_goes_without_the_page_where_the_bundler_does_not_run(build_page, tmp_path):
    done = build_page("exit 126", "--optional")
    assert done.returncode == 0 and "no web page" in done.stderr, done.stderr
    assert "page_asset_count = 0" in (tmp_path / "out.c").read_text()
    done = build_page("exit 126")
    assert done.returncode != 0 and "-Dweb=disabled" in done.stderr


def test_a_fault_in_the_sources_of_the_page_fails_the_build(build_page):
    assert build_page('[ "$2" = --version ]', "--optional").returncode != 0
