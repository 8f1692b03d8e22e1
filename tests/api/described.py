# SPDX-License-Identifier: Apache-2.0
"""Holds what servers answer against how they describe themselves.

While `watch()` is on, every answer that a test gets through requests is looked at: its status must be one that the
operation names, its JSON must fit the operation's schema without a member that is not in it, and what was sent must
fit, too, where it was accepted. So every test is also one of the descriptions, and no list of examples goes stale.
"""

import functools
import json
import re
import subprocess
import urllib.parse

import jsonschema
import requests

APIS = ("native", "ricloud", "nostradamus", "datafiniti", "playment", "ufdl")
ANYWHERE = {405, 408, 414, 431}  # of the server, whatever the operation
LARGEST = 100_000  # bytes; what is longer is more of the same


FORMATS = jsonschema.FormatChecker(formats=["uuid"])
NOT_ALWAYS = {"Link", "Retry-After", "Content-Range", "Repr-Digest"}  # fields that only some answers of a kind have


@FORMATS.checks("date-time")
def is_time(value):
    return not isinstance(value, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value)


class Mismatch(AssertionError):
    """An answer that its description does not know."""


def closed(schema):
    """The same, in which objects have no members but those that are named; a description leaves that open."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: value if key == "example" else closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        result.setdefault("additionalProperties", False)
    return result


class Api:
    def __init__(self, document):
        self.document = closed(document)
        self.resolver = jsonschema.RefResolver.from_schema(self.document)
        self.operations = []  # (method, pattern, operation)
        self.validators = {}
        for path, item in document["paths"].items():
            for method, operation in self.document["paths"][path].items():
                self.operations.append((method.upper(), self.pattern(path, operation), operation))
        self.operations.sort(key=lambda entry: entry[1].pattern.count("["))  # whole words before places

    @staticmethod
    def pattern(path, operation):
        kinds = {p["name"]: p["schema"]["type"] for p in operation["parameters"] if p["in"] == "path"}
        parts = re.split(r"\{(\w+)\}", path)
        for i in range(1, len(parts), 2):
            parts[i] = "[0-9]+" if kinds[parts[i]] == "integer" else "[^/]+"
        parts[::2] = map(re.escape, parts[::2])
        return re.compile("".join(parts))

    def find(self, method, path):
        method = "GET" if method == "HEAD" else method
        path = path.rstrip("/") if self.document.get("x-trailing-slash") else path
        return next((o for m, pattern, o in self.operations if m == method and pattern.fullmatch(path)), None)

    def check(self, schema, value, what):
        validator = self.validators.get(id(schema))
        if validator is None:
            validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver, format_checker=FORMATS)
            self.validators[id(schema)] = validator
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        if error is not None:
            raise Mismatch(f"{what}: {'/'.join(map(str, error.absolute_path))}: {error.message[:500]}")


@functools.lru_cache(maxsize=None)
def described(binary, name):
    return Api(json.loads(subprocess.run([binary, "openapi", name], capture_output=True, check=True, timeout=60).stdout))


def parsed(content):
    try:
        return json.loads(content)
    except ValueError:
        return None


def is_elsewhere(operation, response):
    """The server itself says that nothing is here: the API is off, or behind a prefix."""
    own = operation["responses"].get("400", {}).get("content", {})
    return response.status_code == 404 and response.headers.get("Content-Type", "") not in own


def check_query(operation, query, what):
    known = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
    unknown = set(urllib.parse.parse_qs(query, keep_blank_values=True)) - known
    if unknown:
        raise Mismatch(f"{what}: took the parameters {sorted(unknown)}, which it does not describe")


def check_form(answer, content, response, what):
    """The body is there or not, of a type that is named, and so are the fields."""
    sent = response.headers.get("Content-Type", "").split(";")[0]
    ranges = "*/*" in content or sent == "multipart/byteranges"
    if response.content and not ranges and sent not in {name.split(";")[0] for name in content}:
        raise Mismatch(f"{what}: a body of type {sent!r} is none of {sorted(content)}")
    missing = {name for name in answer.get("headers", {}) if name not in response.headers} - NOT_ALWAYS
    if missing:
        raise Mismatch(f"{what}: it lacks {sorted(missing)}")


def look(binary, response):
    """Raises Mismatch where an answer is not as described. What no API describes is not looked at."""
    sent = response.request
    address = urllib.parse.urlsplit(sent.url)
    found = ((api, api.find(sent.method, address.path)) for api in map(functools.partial(described, binary), APIS))
    api, operation = next(((a, o) for a, o in found if o), (None, None))
    if operation is None or response.status_code in ANYWHERE or is_elsewhere(operation, response):
        return
    what = f"{sent.method} {address.path}: {operation['operationId']}: {response.status_code}"
    answers = operation["responses"]
    if str(response.status_code) not in answers:
        raise Mismatch(f"{what} is none of {sorted(answers)}")
    if sent.method == "HEAD":
        return
    answer = answers[str(response.status_code)]
    content = answer.get("content", {})
    check_form(answer, content, response, what)
    media = next((c["schema"] for name, c in content.items()
                  if "schema" in c and response.headers.get("Content-Type", "").startswith(name)), None)
    if media is not None and len(response.content) <= LARGEST:
        api.check(media, response.json(), what)
    if response.status_code < 300:
        if not operation.get("x-open-query"):  # passes over parameters that it does not know
            check_query(operation, address.query, what)
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        whole = isinstance(sent.body, (str, bytes)) and len(sent.body) <= LARGEST
        value = parsed(sent.body) if body and whole else None
        if isinstance(value, dict):
            api.check(body, {k: v for k, v in value.items() if v is not None}, what + ", sent")


def watch(binary):
    """From now on every answer that is not streamed is looked at. A pytest fixture undoes it by what is returned."""
    send = requests.Session.send

    def send_and_look(session, prepared, **arguments):
        response = send(session, prepared, **arguments)
        if not arguments.get("stream"):
            look(binary, response)
        return response

    requests.Session.send = send_and_look

    def undo():
        requests.Session.send = send

    return undo
