# SPDX-License-Identifier: Apache-2.0
"""Tests that have other programs open what resultd writes. Most need no server, only the tools of this folder,
built by meson beside the program that RESULTD names (default: build-test/resultd)."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.path.abspath(os.environ.get("RESULTD", str(ROOT / "build-test" / "resultd")))
PATIENCE = 120.0  # seconds; LibreOffice starts slowly where others compile


def run(*command, stdin=None, **options):
    """The standard output of a program, which must succeed."""
    words = [str(part) for part in command]
    done = subprocess.run(words, input=stdin, capture_output=True, timeout=PATIENCE, **options)
    assert done.returncode == 0, f"{words[0]}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def tools():
    return pathlib.Path(BINARY).parent / "tests"
