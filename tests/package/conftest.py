# SPDX-License-Identifier: Apache-2.0
"""Folders that others may pass, our packages, and a Debian for them."""

import hashlib
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "api")]

from debian import KEPT, NOBODY, System, copy_checkout, depends, make_base, package, run, unpack  # noqa: E402


def new_folder():
    made = pathlib.Path(tempfile.mkdtemp(prefix="resultd-package-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def folder():
    yield from new_folder()


@pytest.fixture(scope="session")
def workshop():
    yield from new_folder()


@pytest.fixture(scope="session")
def built(workshop):
    """The folder with the packages."""
    copy = workshop / "built" / "resultd"
    copy.mkdir(parents=True)
    copy_checkout(copy)
    run("chown", "-R", f"{NOBODY}:{NOBODY}", copy.parent)
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    environment = {"HOME": str(copy.parent), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    run(*as_nobody, "dpkg-buildpackage", "-b", "-us", "-uc", "-j2", cwd=copy, env=environment)
    return copy.parent


@pytest.fixture(scope="module")
def system(folder, built):
    """With all that the packages need, and without them."""
    wanted = sorted({*depends(package(built, "resultd")), *depends(package(built, "resultctl"))})
    named = hashlib.sha256(" ".join(wanted).encode()).hexdigest()[:12]
    archive, root = KEPT / f"debian-{named}.tar", folder / "root"
    root.mkdir()
    if archive.exists():
        unpack(archive, root)
    else:
        make_base(root, wanted, archive, folder)
    made = System(root)
    made.mount()
    yield made
    made.close()
