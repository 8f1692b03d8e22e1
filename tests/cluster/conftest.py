# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a server of its own, nginx and haproxy with a given configuration."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import deployment
import pytest
from harness import Server, eventually

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
# Of root's nginx nobody works, as a member of the group that resultd has here.
USER = "user nobody root;" if os.geteuid() == 0 else ""


@pytest.fixture
def place():
    """A folder that others may pass, as none of pytest's."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="resultd-proxy-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def node(place):
    made = []

    def make(**settings):
        folder = place / f"node-{len(made)}"
        folder.mkdir(mode=0o711)
        made.append(Server(folder, disk_floor="0", **settings))
        return made[-1].start()

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def haproxy(place):
    made = []

    def run(text, port):
        made.append(deployment.Haproxy(place, f"haproxy-{len(made)}", text))
        eventually(lambda: deployment.listens(port), "haproxy listens")

    yield run
    for one in made:
        one.close()


@pytest.fixture
def nginx(place):
    made = []

    def run(text, port):
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"{kind}_temp_path {place}/{kind};" for kind in kinds)
        text = text.replace("http {", f"http {{ access_log off; {folders}", 1)
        path = place / "nginx.conf"
        path.write_text(f"daemon off; pid {place}/pid; error_log {place}/error.log; {USER}\n{text}")
        made.append(subprocess.Popen([NGINX, "-p", str(place), "-e", f"{place}/error.log", "-c", str(path)]))
        eventually(lambda: deployment.listens(port), "nginx listens")

    yield run
    for one in made:
        one.terminate()
        one.wait()
