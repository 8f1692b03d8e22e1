# SPDX-License-Identifier: Apache-2.0
"""What the tests of the ricloud API share: a client that sends what reincubate/ricloud sends."""

import json

import requests
from harness import expect


class Ricloud:
    """The client as reincubate/ricloud sends: Authorization: Token, bodies without a Content-Type."""

    def __init__(self, api):
        self.api = api
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(
            {"User-Agent": "ricloud-py/3.2.0", "Authorization": f"Token {api.key}", "Ricloud-Await": "0"}
        )

    def request(self, method, path, **arguments):
        return self.session.request(method, self.api.server.url + path, timeout=120, **arguments)

    def get(self, path, **parameters):
        return self.request("GET", path, params=parameters)

    def post(self, path, body="null"):
        return self.request("POST", path, data=body)

    def make(self, path, **body):
        """What was created; bodies have no Content-Type, as the client sends them."""
        answer = self.post(path, json.dumps(body))
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def list(self, path, **parameters):
        return expect(self.get(path, **parameters), 200)

    def results(self, **parameters):
        return expect(self.get("/results", **parameters), 200)["data"]


def failed(response, status, error=None):
    """A ricloud error: a JSON object with error, message and params."""
    assert response.status_code == status, response.text
    body = response.json()
    assert isinstance(body["error"], str) and body["error"]
    assert isinstance(body["message"], str) and body["message"]
    assert "params" in body
    if error:
        assert body["error"] == error
