#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole loop of the Nostradamus API: a collection, data, an invocation, a worker, the results.

usage: examples/nostradamus.py [ADDRESS [KEY]]     of a key with the scopes read and write
"""

import sys

import requests

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
KEY = sys.argv[2] if len(sys.argv) > 2 else open("data/first-key", encoding="utf-8").read().strip()
HEADERS = {"Authorization": f"Token {KEY}"}

SALES = b"shop;day;sold\nnorth;mon;3\nnorth;tue;5\nsouth;mon;10\nsouth;tue;2\n"


def call(method, path, **arguments):
    response = requests.request(method, ADDRESS + path, headers=HEADERS, timeout=60, **arguments)
    response.raise_for_status()
    return response


def ask():
    """What a client of Nostradamus does: the id of its invocation."""
    collection = call("POST", "/api/collection", json={"name": "sales", "timezone": "Europe/Rome"}).json()
    print("collection", collection["name"])

    form = {"files": {"file": ("sales.csv", SALES, "text/csv")}, "data": {"separator": ";"}}
    data = call("POST", f"/api/collection/{collection['id']}/data/sales/append", **form).json()
    print("data", call("GET", f"/api/invocation/{data['id']}").json()["status"])

    order = {"collectionId": collection["id"], "invocationType": "insights", "args": {"by": "shop"}}
    invocation = call("POST", "/api/invocation", json=order).json()
    print("invocation", invocation["status"])
    return invocation["id"]


def work():
    """What a worker does, over the native API: it takes a job, finds its data, publishes results, is done."""
    job = call("POST", "/api/v1/jobs/claim", json={"kinds": ["insights"]}).json()
    rows = sales_of(job["input"]["collectionId"])
    by = job["input"]["args"]["by"]
    sums = {}
    for row in rows:
        sums[row[by]] = sums.get(row[by], 0) + row["sold"]
    publish(job, "sums", [{by: name, "sold": sold} for name, sold in sums.items()], primary="true")
    publish(job, "total", {"sold": sum(sums.values()), "rows": len(rows)})
    call("POST", f"/api/v1/jobs/{job['id']}/finish", json={"lease": job["lease"]})


def sales_of(collection):
    """The rows that were appended to a collection."""
    jobs = call("GET", "/api/v1/jobs", params={"kind": "append"}).json()["data"]
    ids = [result["id"] for job in jobs if job["input"]["collectionId"] == collection for result in job["results"]]
    contents = [call("GET", f"/api/v1/results/{id_}/content", params={"format": "json"}).json() for id_ in ids]
    return [row for content in contents for row in content]


def publish(job, name, value, **parameters):
    call("PUT", f"/api/v1/jobs/{job['id']}/results/{name}.json", json=value, params=parameters)


def fetch(id_):
    """What the client does then: it looks whether the invocation is completed, and takes what there is."""
    invocation = call("GET", f"/api/invocation/{id_}").json()
    print("invocation", invocation["status"])
    for result, facts in invocation["invocationResults"].items():
        formats = [word for word in ("json", "csv", "xlsx") if facts[word + "Available"]]
        print("primary" if facts["primaryResult"] else "accessory", facts["status"], *formats)
        print(call("GET", f"/api/invocation/{id_}/result/{result}/json").text.strip())
    print(call("GET", f"/api/invocation/{id_}/csv").text.strip())


if __name__ == "__main__":
    wanted = ask()
    work()
    fetch(wanted)
