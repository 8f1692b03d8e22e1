#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Job outputs of UFDL's API: a worker uploads two over the native API, a user finds, fetches and deletes them.

    examples/ufdl_outputs.py http://127.0.0.1:8080 KEY USER PASSWORD

The key (scopes read and write) is the worker's; the user is of the same project and of the staff:
`resultd user create USER --project NAME --staff --password-stdin`.
"""

import argparse

import requests


def work(address, key):
    """A worker's part: a job with two results. Gives the job's pk."""
    native = requests.Session()
    native.headers["Authorization"] = f"Bearer {key}"
    job = native.post(f"{address}/api/v1/jobs", json={"kind": "train", "input": {"description": "demo job"}}).json()
    for name, type_, data in ("result", "JSON", b'{"score": 0.5}\n'), ("log file", "txt", b"done\n"):
        url = f"{address}/api/v1/jobs/{job['id']}/results/{name}"
        native.put(url, data=data, params={"type": type_}).raise_for_status()
    native.post(f"{address}/api/v1/jobs/{job['id']}/finish", json={}).raise_for_status()
    return job["pk"]


def log_in(address, user, password):
    answer = requests.post(f"{address}/v1/auth/obtain", json={"username": user, "password": password})
    answer.raise_for_status()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {answer.json()['access']}"
    return session


def outputs_of(session, address, job):
    spec = {
        "expressions": [{"type": "exact", "field": "job", "value": job}],
        "order_by": [{"field": "creation_time"}, {"field": "pk"}],
    }
    answer = session.post(f"{address}/v1/job-outputs/list", json=spec)
    answer.raise_for_status()
    return answer.json()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in "address", "key", "user", "password":
        parser.add_argument(name)
    given = parser.parse_args()
    job = work(given.address, given.key)
    session = log_in(given.address, given.user, given.password)
    for output in outputs_of(session, given.address, job):
        url = f"{given.address}/v1/job-outputs/{output['pk']}"
        data = session.post(f"{url}/download", json={"params": {}}).content
        print("output", output["name"], output["type"], data.decode().strip())
    print("destroyed", session.delete(url).status_code, "left", len(outputs_of(session, given.address, job)))
    print("reinstated", session.delete(f"{url}/reinstate").json()["name"])
    print("hard deleted", session.delete(f"{url}/hard").json()["pk"])
    print("left", len(outputs_of(session, given.address, job)))


if __name__ == "__main__":
    main()
