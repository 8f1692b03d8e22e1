# SPDX-License-Identifier: Apache-2.0
"""Every operation that is described is called as its examples say, and answers as it says.

Where an example names an object by its place in the path, one is made that can take the call: prepared.py says how,
by the operation's id. An operation without an entry there must need none.
"""

import base64
import json
import subprocess

import described
import harness
import pytest
import requests
from harness import SCOPES
from prepared import BYTES, PREPARE


def document(name):
    return json.loads(subprocess.run([harness.BINARY, "openapi", name], capture_output=True, check=True).stdout)


def operations(name):
    return [(path, method, operation) for path, item in document(name)["paths"].items()
            for method, operation in item.items()]


CASES = [(name, path, method, operation) for name in PREPARE for path, method, operation in operations(name)]


@pytest.fixture(scope="module")
def api(server):
    return server.api(scopes=(*SCOPES, "admin"))


def address(operation, path, places):
    """The path with the objects that there are, and examples for the rest."""
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            value = places.get(parameter["name"], parameter.get("example"))
            assert value is not None, f"{operation['operationId']}: {parameter['name']} has neither object nor example"
            path = path.replace(f"{{{parameter['name']}}}", str(value))
    return path


def query(operation, places):
    """What is required, with an example."""
    return {p["name"]: places.get(p["name"], p.get("example", "example")) for p in operation["parameters"]
            if p["in"] == "query" and p.get("required")}


def body(operation, places):
    """What is sent, with the objects that there are in place of the example's."""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        if media == "multipart/form-data":
            fields = dict(content["example"])
            return {"files": {"file": ("rows.csv", fields.pop("file"), "text/csv")}, "data": fields}
        example = content.get("example")
        if isinstance(example, dict):
            example = {key: places.get(key, value) for key, value in example.items()}
        if "example" in content:
            return {"data": json.dumps(example).encode(), "headers": {"Content-Type": media}}
        if "schema" not in content:
            return {"data": BYTES, "headers": {"Content-Type": media}}
        assert not operation["requestBody"]["required"], f"{operation['operationId']} has no example of its body"
    return {}


def credentials(name, key):
    """The key in the first way that the API describes."""
    scheme = next(iter(document(name)["components"]["securitySchemes"].values()))
    if scheme["type"] == "http" and scheme["scheme"] == "basic":
        return {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}
    if scheme["type"] == "http":
        return {"Authorization": f"Bearer {key}"}
    return {scheme["name"]: key if scheme["name"] != "Authorization" else f"Token {key}"}


@pytest.mark.parametrize("name, path, method, operation", CASES,
                         ids=[f"{name}-{operation['operationId']}" for name, _, _, operation in CASES])
def test_an_example_is_answered_as_described(api, name, path, method, operation):
    prepare = PREPARE[name].get(operation["operationId"], lambda api: {})
    places = prepare(api)
    sent = body(operation, places)
    fields = {p["name"]: places.get(p["name"], p.get("example")) for p in operation["parameters"] if p["in"] == "header"}
    headers = {**credentials(name, api.key), **{k: str(v) for k, v in fields.items() if v}, **sent.pop("headers", {})}
    headers.update({"Authorization": places["Authorization"]} if "Authorization" in places else {})
    answer = api.session.request(
        method.upper(), api.server.url + address(operation, path, places), params=query(operation, places),
        headers=headers, timeout=60, allow_redirects=False, **sent)
    wanted = sorted(int(status) for status in operation["responses"] if int(status) < 400)
    assert answer.status_code in wanted, f"{answer.status_code} {answer.text[:300]}"
    # described.py, by conftest.py, holds the answer itself against the schema


def call(api, name, path, method, operation, chosen):
    """With these parameters beside the required ones, and a format where options of one need it."""
    places = PREPARE[name].get(operation["operationId"], lambda api: {})(api)
    sent = body(operation, places)
    headers = {**credentials(name, api.key), **sent.pop("headers", {})}
    headers.update({k: v for k, v in places.items() if k in ("Authorization", "Node-Id")})
    known = {p["name"] for p in operation["parameters"]}
    options = {"format": "csv"} if name == "native" and "format" in known else {}
    chosen = {key: places.get(key, str(value).lower() if isinstance(value, bool) else value)
              for key, value in chosen.items()}
    return api.session.request(
        method.upper(), api.server.url + address(operation, path, places), timeout=60, allow_redirects=False,
        params={**query(operation, places), **options, **chosen}, headers=headers, **sent)


def values_of(schema):
    """Some that it names or bounds; of texts it says nothing."""
    schema = schema.get("items", schema)
    if "enum" in schema:
        return schema["enum"]
    if schema["type"] == "integer":
        return [schema[bound] for bound in ("minimum", "maximum") if bound in schema]
    return {"boolean": ["true", "false"]}.get(schema["type"], ["2026-11-21T23:59:24Z"] if "format" in schema else [])


CHOICES = [(path, method, operation, parameter["name"], value) for path, method, operation in operations("native")
           for parameter in operation["parameters"] if parameter["in"] == "query"
           for value in values_of(parameter["schema"])]


@pytest.mark.parametrize("path, method, operation, parameter, value", CHOICES,
                         ids=[f"{o['operationId']}-{parameter}-{value}" for _, _, o, parameter, value in CHOICES])
def test_each_value_that_a_parameter_names_is_taken(api, path, method, operation, parameter, value):
    answer = call(api, "native", path, method, operation, {parameter: value})
    assert answer.status_code < 400, f"{answer.status_code} {answer.text[:300]}"


EXAMPLES = [(name, path, method, operation, parameter) for name, path, method, operation in CASES
            for parameter in operation["parameters"] if parameter["in"] == "query" and "example" in parameter]


@pytest.mark.parametrize("name, path, method, operation, parameter", EXAMPLES,
                         ids=[f"{n}-{o['operationId']}-{p['name']}" for n, _, _, o, p in EXAMPLES])
def test_the_example_of_a_parameter_is_taken(api, name, path, method, operation, parameter):
    described.Api(document(name)).check(parameter["schema"], parameter["example"], parameter["name"])
    answer = call(api, name, path, method, operation, {parameter["name"]: parameter["example"]})
    assert answer.status_code < 400, f"{answer.status_code} {answer.text[:300]}"


def test_each_parameter_of_the_native_api_has_an_example():
    assert [parameter["name"] for _, _, operation in operations("native") for parameter in operation["parameters"]
            if "example" not in parameter] == []


def test_a_session_opens_what_the_description_says(api):
    """By a cookie alone, under its name, and with the field that it needs where something may change."""
    schemes = document("native")["components"]["securitySchemes"]
    cookie, field = schemes["session"]["name"], schemes["page"]["name"]
    browser = requests.Session()
    base = api.server.url
    assert browser.post(f"{base}/-/session", json={"key": api.key}, timeout=60).status_code == 200
    assert list(browser.cookies.keys()) == [cookie]
    assert browser.get(f"{base}/-/session", timeout=60).json()["project"] == api.project
    for path, method, wanted in (("/api/v1/usage", "get", 200), ("/api/v1/jobs", "post", 201)):
        security = document("native")["paths"][path][method]["security"]
        needed = next(set(one) - {"session"} for one in security if "session" in one)
        assert needed == ({"page"} if method == "post" else set())
        sent = {"json": {"kind": "render"}} if method == "post" else {}
        if needed:
            assert browser.request(method, base + path, timeout=60, **sent).status_code == 403
        answer = browser.request(method, base + path, headers={field: "1"} if needed else {}, timeout=60, **sent)
        assert answer.status_code == wanted, answer.text


@pytest.mark.parametrize("name", PREPARE)
def test_examples_of_answers_fit_their_schemas(name):
    api = described.Api(document(name))
    for _, _, operation in operations(name):
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                if "example" in content:
                    api.check(described.closed(content["schema"]), content["example"],
                              f"{operation['operationId']}: {status}")
        for content in operation.get("requestBody", {}).get("content", {}).values():
            if "example" in content:
                api.check(described.closed(content["schema"]), content["example"], operation["operationId"])


def test_nothing_is_prepared_for_what_is_not_there():
    for name, entries in PREPARE.items():
        assert set(entries) <= {operation["operationId"] for _, _, operation in operations(name)}


def test_what_is_not_described_is_found():
    api = described.Api(document("native"))
    operation = api.find("GET", "/api/v1/results/there")
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    answer = document("native")["paths"]["/api/v1/results/{id}"]["get"]["responses"]["200"]["content"]
    example = answer["application/json"]["example"]
    for wrong in ({**example, "more": 1}, {**example, "size": "1"}, {**example, "state": "lost"},
                  {key: value for key, value in example.items() if key != "keep"}):
        with pytest.raises(described.Mismatch):
            api.check(schema, wrong, "getResult")
