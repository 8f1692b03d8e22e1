# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a shared server for a module, fresh ones with settings of their own, clients of both."""

import os
import subprocess
import sys
import tempfile

import pytest

sys.dont_write_bytecode = True
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"

import described  # noqa: E402
import harness  # noqa: E402
from faulty_s3 import FaultyS3  # noqa: E402


def services(script, *arguments):
    subprocess.run([harness.CHECKOUT / "tests" / "services" / script, *arguments], check=True)


def pytest_configure(config):
    """RESULTD_TEST_DB=pg without a PostgreSQL in the environment: one for this session."""
    if harness.ENGINE != "pg" or "PGHOST" in os.environ:
        return
    folder = tempfile.mkdtemp(prefix="resultd-pg-")
    os.chmod(folder, 0o755)
    config.stash[started] = folder
    services("pg-up.sh", folder)
    with open(os.path.join(folder, "pg.env"), encoding="utf-8") as lines:
        os.environ.update(line.strip().split("=", 1) for line in lines)


@pytest.fixture(scope="session", autouse=True)
def descriptions():
    """Every answer of every test is held against the server's description of itself."""
    undo = described.watch(harness.BINARY)
    yield
    undo()


started = pytest.StashKey[str]()


def pytest_unconfigure(config):
    if started in config.stash:
        services("pg-down.sh", config.stash[started])


@pytest.fixture(scope="module")
def server(tmp_path_factory, request):
    """One server for the module; a module-level dict SETTINGS changes its settings."""
    settings = getattr(request.module, "SETTINGS", {})
    running = harness.Server(tmp_path_factory.mktemp("server"), **settings).start()
    yield running
    running.stop()
    running.forget()


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
            running.forget()
        except AssertionError as failure:
            failures.append(str(failure))
        running.forget()
    assert not failures, failures


@pytest.fixture
def store():
    """A bucket in memory, which has found nothing wrong with any request."""
    with FaultyS3() as running:
        yield running
        assert running.refused == []


@pytest.fixture(params=sorted(harness.SIZES))
def payload(request):
    """Bytes of either size: kept in the database, kept in a file."""
    return harness.SIZES[request.param]
