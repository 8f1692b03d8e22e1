#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole loop of Playment's API: a batch, its jobs, a worker, and the annotations of all of them.

    examples/playment.py http://127.0.0.1:8080 KEY PROJECT

KEY is a key with the scopes read and write, PROJECT the name of its project. Needs python3-requests.
"""

import json
import sys
import time

import requests

PHOTOS = ("crossing.jpg", "tunnel.jpg", "bridge.jpg")


def call(method, url, key, **arguments):
    response = requests.request(method, url, headers={"x-api-key": key}, timeout=60, **arguments)
    if response.status_code >= 400:
        sys.exit(f"{method} {url}: {response.status_code} {response.text}")
    return response


def submit(base, key, project):
    """A batch with one job for each photo; returns the batch's id."""
    run = time.strftime("%Y-%m-%d %H:%M:%S")
    body = {"name": f"Photos of {run}", "description": "one car each"}
    batch = call("POST", f"{base}/v1/projects/{project}/batch", key, json=body).json()["data"]["batch_id"]
    print(f"batch     {body['name']}")
    for photo in PHOTOS:
        body = {
            "reference_id": f"{photo} of {run}",
            "work_flow_id": "boxes",
            "batch_id": batch,
            "data": {"image_url": f"https://example.com/{photo}"},
        }
        made = call("POST", f"{base}/v1/projects/{project}/jobs", key, json=body).json()["data"]
        print(f"submitted {made['reference_id']}")
    return batch


def work(base, key):
    """A worker, over the native API: claims what is queued, looks at the photo, uploads what it saw."""
    native = f"{base}/api/v1"
    while True:
        claim = call("POST", f"{native}/jobs/claim", key, json={"kinds": ["boxes"]})
        if claim.status_code == 204:
            return
        job = claim.json()
        seen = {"image_url": job["input"]["data"]["image_url"], "boxes": [{"label": "car", "at": [12, 7, 80, 44]}]}
        call("PUT", f"{native}/jobs/{job['id']}/results/annotations.json?primary=true", key, json=seen)
        call("POST", f"{native}/jobs/{job['id']}/finish", key, json={"lease": job["lease"]})


def jobs_of(base, key, project, batch):
    """All jobs of a batch, a page after the other: the last page has no token."""
    token = ""
    while token is not None:
        page = call("GET", f"{base}/v1/projects/{project}/batch/{batch}?page_token={token}", key).json()["data"]
        yield from page["jobs"]
        token = page.get("next_page_token")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    base, key, project = sys.argv[1].rstrip("/"), sys.argv[2], sys.argv[3]
    batch = submit(base, key, project)
    work(base, key)
    for job in jobs_of(base, key, project, batch):
        result = call("GET", f"{base}/v1/projects/{project}/jobs/{job['id']}", key).json()["data"]
        found = call("GET", f"{base}/v1/attachments?url={result['result']}", key).json()
        print(f"{result['status']} {result['reference_id']}: {json.dumps(found['boxes'])}")


if __name__ == "__main__":
    main()
