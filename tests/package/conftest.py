# SPDX-License-Identifier: Apache-2.0
"""A folder that others may pass."""

import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "api")]


@pytest.fixture(scope="module")
def folder():
    made = pathlib.Path(tempfile.mkdtemp(prefix="resultd-package-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)
