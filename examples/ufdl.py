#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""UFDL's API from both sides: somebody creates a job, a node works on it, its output is fetched and deleted.

    examples/ufdl.py http://127.0.0.1:8080 USER PASSWORD

The user has to be of the staff, who alone may delete: resultd user create USER --project P --staff --password-stdin
"""

import sys

import requests


class Server:
    """What ufdl-python-client does: a token for the password, and one request for each call."""

    def __init__(self, address, user, password, node=None):
        self.address, self.node = address, node
        answer = requests.post(f"{address}/v1/auth/obtain", json={"username": user, "password": password}, timeout=60)
        answer.raise_for_status()
        self.access = answer.json()["access"]

    def call(self, method, path, body=None, data=None, **headers):
        headers["Authorization"] = f"Bearer {self.access}"
        if self.node is not None:
            headers["Node-Id"] = str(self.node)
        url = f"{self.address}/v1/{path}"
        answer = requests.request(method, url, json=body, data=data, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer


def submit(client):
    """A job of a template of our own, as a data scientist would ask for it."""
    templates = client.call("POST", "job-templates/list", {"expressions": [is_("name", "demo")]}).json()
    template = templates[0] if templates else client.call("POST", "job-templates/create", {"name": "demo"}).json()
    values = {"text": {"value": "some words to count", "type": "str"}}
    body = {"input_values": values, "parameter_values": {}, "description": "count words"}
    job = client.call("POST", f"job-templates/{template['pk']}/create-job", body).json()
    print("job of", job["template"]["name"], "waits:", job["description"])
    return job["pk"]


def is_(field, value):
    return {"type": "exact", "field": field, "value": value}


def is_null(field):
    return {"type": "isnull", "field": field}


def work(node):
    """What a job launcher does: look for a job that waits, and do it."""
    waits = [is_null("start_time"), is_null("error_reason"), is_null("node"), is_("template.name", "demo")]
    poll = {"expressions": [{"type": "and", "sub_expressions": waits}]}
    for job in node.call("POST", "jobs/list", poll).json():
        at = f"jobs/{job['pk']}"
        node.call("GET", f"{at}/acquire")
        node.call("POST", f"{at}/start", {"send_notification": "none"})
        words = job["input_values"]["text"]["value"].split()
        node.call("POST", f"{at}/progress/0.5", {"note": f"{len(words)} words"})
        disposition = {"Content-Type": "application/data", "Content-Disposition": "attachment; filename=count"}
        node.call("POST", f"{at}/outputs/count/txt", data=f"{len(words)}\n".encode(), **disposition)
        node.call("POST", f"{at}/finish", {"success": True, "send_notification": "none"})
        print("node finished it")


def fetch(client, job):
    shown = client.call("GET", f"jobs/{job}").json()
    print("job finished without error" if shown["end_time"] and not shown["error_reason"] else "job failed")
    wanted = {"expressions": [is_("job", job)], "order_by": [{"field": "creation_time", "ascending": False}]}
    for output in client.call("POST", "job-outputs/list", wanted).json():
        content = client.call("POST", f"job-outputs/{output['pk']}/download", {"params": {}}).text
        print("output", output["name"], output["type"], "says", content.strip())
        yield output["pk"]


def main(address, user, password):
    client = Server(address, user, password)
    node = Server(address, user, password)
    about = {"ip": "127.0.0.1", "driver_version": "none", "hardware_generation": None, "gpu_mem": 0, "cpu_mem": 1000}
    node.node = node.call("POST", "nodes/create", about).json()["pk"]
    node.call("GET", "nodes/ping")
    job = submit(client)
    work(node)
    for output in list(fetch(client, job)):
        print("destroyed:", client.call("DELETE", f"job-outputs/{output}").status_code)
        print("deleted since:", bool(client.call("GET", f"job-outputs/{output}").json()["deletion_time"]))
        print("reinstated:", client.call("DELETE", f"job-outputs/{output}/reinstate").json()["deletion_time"] is None)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
