#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole loop of the ricloud API: submit a poll, work on it, wait, fetch, acknowledge.

    examples/ricloud.py http://127.0.0.1:8080 KEY

The key needs the scopes read, write and ack. The worker, which would be another program, speaks the native API.
"""

import argparse
import hashlib
import json
import threading

import requests


def client(base, key):
    """What ricloud's client sends: `Authorization: Token`, JSON without a Content-Type."""
    session = requests.Session()
    session.headers["Authorization"] = f"Token {key}"

    def call(method, path, body=None, **headers):
        data = None if body is None else json.dumps(body)
        answer = session.request(method, base + path, data=data, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()

    return call


def work(base, key, poll):
    """Claims the poll's tasks one after the other and uploads what each asks for."""
    native = requests.Session()
    native.headers["Authorization"] = f"Bearer {key}"
    for _ in poll["tasks_pending"]:
        job = native.post(f"{base}/api/v1/jobs/claim", json={"kinds": ["ricloud.data_type"]}, timeout=60).json()
        target = job["input"]["target"]
        rows = {"data": [{"text": f"a row of {target}"}]}
        native.put(f"{base}/api/v1/jobs/{job['id']}/results/{target}", json=rows, timeout=60).raise_for_status()
        finished = native.post(f"{base}/api/v1/jobs/{job['id']}/finish", json={"lease": job["lease"]}, timeout=60)
        finished.raise_for_status()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="address of the server, like http://127.0.0.1:8080")
    parser.add_argument("key", help="a key with the scopes read, write and ack")
    arguments = parser.parse_args()
    call = client(arguments.base, arguments.key)

    user = call("POST", "/users", {"identifier": "ada@example.net"})
    source = {"user": user["id"], "type": "mocks.mock", "identifier": "ada"}
    session = call("POST", "/sessions", {"source": source, "payload": {"password": "open sesame"}})
    print("session", session["state"])

    wanted = {"data_types": ["ios_messages.messages", "ios_calls.calls"]}
    poll = call("POST", "/polls", {"session": session["id"], "payload": wanted})
    print("poll", poll["state"], "with", len(poll["tasks_pending"]), "tasks")

    threading.Timer(0.5, work, [arguments.base, arguments.key, poll]).start()
    while poll["state"] != "completed":
        poll = call("GET", f"/polls/{poll['id']}", **{"Ricloud-Await": "10"})
    print("poll", poll["state"])

    for result in poll["results"]["data"]:
        data = requests.get(result["signed_url"]["url"], timeout=60).content
        intact = hashlib.md5(data).hexdigest() == result["checksum"]
        print("result", result["identifier"], result["type"], "intact" if intact else "damaged", data.decode())
        print("result", call("POST", f"/results/{result['id']}/ack")["state"])
    left = call("GET", f"/results?poll={poll['id']}")
    print("results left", left["total_count"])


if __name__ == "__main__":
    main()
