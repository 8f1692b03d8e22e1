# SPDX-License-Identifier: Apache-2.0
"""A server, and a folder with the public tools of package.json."""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "api"))

import described  # noqa: E402
import harness  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def descriptions():
    undo = described.watch(harness.BINARY)
    yield
    undo()


@pytest.fixture(scope="session")
def tools():
    """A folder with node_modules as package-lock.json says, made anew only when that has changed."""
    lock = (HERE / "package-lock.json").read_bytes()
    folder = HERE.parents[1] / "build" / "openapi" / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # tests run in several processes
        if not (folder / "complete").exists():
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(HERE / name, folder)
            subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            (folder / "complete").touch()
    return folder


@pytest.fixture
def workshop(tools, tmp_path):
    """A folder of this test's own in which Node finds the tools."""
    os.symlink(tools / "node_modules", tmp_path / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    return tmp_path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = harness.Server(tmp_path_factory.mktemp("server")).start()
    yield running
    running.stop()
    running.forget()
