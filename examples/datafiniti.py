#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole loop of Datafiniti's API, version 3: a request, a worker, the files.

usage: examples/datafiniti.py [ADDRESS [KEY]]     of a key with the scopes read and write
"""

import sys
import urllib.request

import requests

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
KEY = sys.argv[2] if len(sys.argv) > 2 else open("data/first-key", encoding="utf-8").read().strip()
WITH_KEY = ADDRESS.replace("://", f"://{KEY}:@")  # as the guides write it: the token is the user


def ask():
    """What a client of Datafiniti does: a GET that leads to the request it made. The address to be polled."""
    query = {"view": "products_all", "format": "csv", "q": "categories:shoes", "download": "true"}
    response = requests.get(f"{WITH_KEY}/v3/data/products", params=query, timeout=60)
    response.raise_for_status()
    print("request", response.json()[0]["status"])
    return response.url


def work():
    """What a worker does, over the native API: it takes a job, publishes the files, is done."""
    native, auth = f"{ADDRESS}/api/v1", (KEY, "")
    job = requests.post(f"{native}/jobs/claim", json={"kinds": ["products"]}, auth=auth, timeout=60).json()
    print("worker asked for", job["input"]["q"], "as", job["input"]["format"])
    records = [{"name": "boot", "price": 79.9}, {"name": "sandal", "price": 19}]
    published = requests.put(f"{native}/jobs/{job['id']}/results/7_1", json=records, auth=auth, timeout=60)
    published.raise_for_status()
    finish = {"lease": job["lease"]}
    requests.post(f"{native}/jobs/{job['id']}/finish", json=finish, auth=auth, timeout=60).raise_for_status()


def fetch(url):
    """What the client does then: it looks whether the request is completed, and downloads each file."""
    request = requests.get(url, timeout=60).json()[0]
    print("request", request["status"], request["numDownloaded"], "records")
    for result in requests.get(url.replace("requests", "results"), timeout=60).json():
        with urllib.request.urlopen(result["url"], timeout=60) as file:
            print("file", result["downloaded"], "records")
            print(file.read().decode().replace("\r\n", "\n"), end="")


if __name__ == "__main__":
    wanted = ask()
    work()
    fetch(wanted)
