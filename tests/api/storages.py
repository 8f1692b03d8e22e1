# SPDX-License-Identifier: Apache-2.0
"""Storages of projects in a bucket of tests/services/faulty_s3.py, for the tests that need some."""

import time

import faulty_s3
from harness import SCOPES, expect

ALL = [*SCOPES, "admin"]


def words(store, name="acme", **members):
    endpoint = f"http://127.0.0.1:{store.port}"
    credentials = {"access_key_id": faulty_s3.ACCESS_KEY, "secret_access_key": faulty_s3.SECRET}
    url = "s3://results/from us/here"
    return {"name": name, "url": url, "endpoint": endpoint, "region": "eu-test-1", "credentials": credentials, **members}


def storage(api, store, name="acme", **members):
    made = expect(api.post("/storages", json=words(store, name, **members)), 201)
    time.sleep(0.02)  # for so long a key may be remembered as one of a project without storages
    return made
