# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a shared server for a module, fresh ones with settings of their own, clients of both."""

import os
import sys

import pytest

sys.dont_write_bytecode = True
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"

import harness  # noqa: E402


@pytest.fixture(scope="module")
def server(tmp_path_factory, request):
    """One server for the module; a module-level dict SETTINGS changes its settings."""
    settings = getattr(request.module, "SETTINGS", {})
    running = harness.Server(tmp_path_factory.mktemp("server"), **settings).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def api(server):
    """A client of the module's server and project, with every scope but admin."""
    return server.api()


@pytest.fixture
def own_api(server):
    """A client of a project that this test has for itself."""
    return server.api()


@pytest.fixture
def fresh_server(tmp_path_factory):
    """Makes servers: fresh_server(sweep_interval="1s"). start=False leaves starting to the test."""
    made = []

    def make(start=True, **settings):
        running = harness.Server(tmp_path_factory.mktemp("fresh"), **settings)
        made.append(running)
        return running.start() if start else running

    yield make
    failures = []
    for running in made:
        try:
            running.stop()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, failures


@pytest.fixture(params=sorted(harness.SIZES))
def payload(request):
    """Bytes of either size: kept in the database, kept in a file."""
    return harness.SIZES[request.param]
