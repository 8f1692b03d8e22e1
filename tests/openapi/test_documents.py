# SPDX-License-Identifier: Apache-2.0
"""The descriptions of all APIs, as public tools take them: a validator, a generator of types, a compiler."""

import json
import os
import subprocess
import urllib.parse
import urllib.request

import harness
import pytest

APIS = ("native", "ricloud", "nostradamus", "datafiniti", "playment", "ufdl")
STRICT = ["--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext", "--skipLibCheck"]


def document(name):
    return subprocess.run([harness.BINARY, "openapi", name], capture_output=True, text=True, check=True).stdout


def node(folder, *arguments, **environment):
    done = subprocess.run(["node", *map(str, arguments)], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, **environment}, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def generate(folder, name):
    (folder / f"{name}.json").write_text(document(name))
    node(folder, "node_modules/openapi-typescript/bin/cli.js", f"{name}.json", "-o", f"{name}.ts")


@pytest.mark.parametrize("name", APIS)
def test_a_public_validator_finds_nothing(workshop, name):
    (workshop / f"{name}.json").write_text(document(name))
    (workshop / "validate.mjs").write_bytes(harness.CHECKOUT.joinpath("tests/openapi/validate.mjs").read_bytes())
    node(workshop, "validate.mjs", f"{name}.json")


@pytest.mark.parametrize("name", APIS)
def test_a_public_generator_makes_types_that_compile(workshop, name):
    generate(workshop, name)
    node(workshop, "node_modules/typescript/bin/tsc", *STRICT, "--noEmit", f"{name}.ts")


def test_a_client_of_generated_types_works(workshop, server):
    generate(workshop, "native")
    (workshop / "client.ts").write_bytes(harness.CHECKOUT.joinpath("tests/openapi/client.ts").read_bytes())
    types = workshop / "node.d.ts"  # what it needs of Node: one name
    types.write_text("declare const process: { env: Record<string, string | undefined> };\n")
    node(workshop, "node_modules/typescript/bin/tsc", *STRICT, "--lib", "es2022,dom", "client.ts", "node.d.ts")
    api = server.api()
    assert node(workshop, "client.js", RESULTD_URL=server.url, RESULTD_KEY=api.key) == "delivered rows.csv 23\n"


def test_a_client_that_is_wrong_does_not_compile(workshop):
    """So the types say something."""
    generate(workshop, "native")
    (workshop / "wrong.ts").write_text('import type { paths } from "./native.js";\n'
                                       'type Body = paths["/api/v1/jobs"]["post"]["requestBody"]["content"]'
                                       '["application/json"];\nexport const body: Body = { kinds: "scrape" };\n')
    with pytest.raises(AssertionError, match="kinds"):
        node(workshop, "node_modules/typescript/bin/tsc", *STRICT, "--noEmit", "wrong.ts")


def test_servers_serve_what_the_program_prints(server):
    for name in APIS:
        with urllib.request.urlopen(f"{server.url}/-/openapi/{name}.json") as answer:
            assert {**json.load(answer), "servers": None} == {**json.loads(document(name)), "servers": None}


def address_of_paths(url):
    """Where the paths of a document go on from: its server's address, if relative, begins at the document's own."""
    with urllib.request.urlopen(url) as answer:
        return urllib.parse.urljoin(url, json.load(answer)["servers"][0]["url"]).rstrip("/")


def test_documents_lead_to_what_they_describe(server, tmp_path):
    for path in ("/-/openapi/native.json", "/api/v1/openapi.json", "/-/openapi/ufdl.json"):
        assert address_of_paths(server.url + path) == server.url
    elsewhere = harness.Server(tmp_path, ricloud_prefix="/there").start()
    assert address_of_paths(f"{elsewhere.url}/-/openapi/ricloud.json") == f"{elsewhere.url}/there"
    assert address_of_paths(f"{elsewhere.url}/-/openapi/native.json") == elsewhere.url
    elsewhere.stop()


def test_what_is_not_served_is_not_described(server):
    for path in ("/-/openapi/native", "/-/openapi/other.json", "/-/docs/other"):
        assert server.get(path).status_code == 404


def test_pages_ask_for_nothing_from_elsewhere(server):
    for name in APIS:
        answer = server.get(f"/-/docs/{name}")
        assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<script" not in answer.text and "src=" not in answer.text
        for operation in json.loads(document(name))["paths"].values():
            for described in operation.values():
                assert f'<section id="{described["operationId"]}">' in answer.text
    assert server.get("/-/docs/style.css").headers["Content-Type"].startswith("text/css")
