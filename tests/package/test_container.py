# SPDX-License-Identifier: Apache-2.0
"""The Containerfile, built by buildah on a Debian that debootstrap has made, so that no registry is asked; its server
run by what the image says. Namespaces are not to be had everywhere: instructions run by `--isolation chroot`, and so
does the server, which has the network of this machine and therefore another port. npm, which fetches what the page is
made of, trusts whom this machine trusts: a base image has the certificates of the house it is used in."""

import json
import os
import pathlib
import shutil
import subprocess
import urllib.request

import harness
import pytest
from debian import System, copy_checkout, run, smallest_debian

pytestmark = pytest.mark.timeout(1400)  # all of the packages of Debian and npm are fetched
BASE = "docker.io/library/debian:bookworm-slim"
OWN_CERTIFICATES = pathlib.Path("/usr/local/share/ca-certificates")  # the place of ca-certificates(8) for them


def test_this_machine_can_build_images():
    assert shutil.which("buildah") and shutil.which("debootstrap"), "tools/setup test installs them"
    assert os.geteuid() == 0, "chroot needs root"


class Buildah:
    def __init__(self, folder):
        self.options = ["--storage-driver", "vfs", "--root", folder / "images", "--runroot", folder / "run"]

    def __call__(self, *words, **options):
        return run("buildah", *self.options, *words, **options).strip()


@pytest.fixture(scope="module")
def buildah(folder):
    made = Buildah(folder)
    container = made("from", "scratch")
    made("add", "--quiet", container, smallest_debian(folder), "/")
    if OWN_CERTIFICATES.is_dir():
        made("add", "--quiet", container, OWN_CERTIFICATES, OWN_CERTIFICATES)
    made("commit", "--quiet", "--rm", container, BASE)
    yield made
    made("rm", "--all")
    made("rmi", "--all", "--force")


@pytest.fixture(scope="module")
def image(folder, buildah):
    """What it says of itself."""
    checkout = folder / "checkout"
    checkout.mkdir()
    copy_checkout(checkout)
    options = ["--isolation", "chroot", "--pull-never", "--format", "docker"]
    buildah("bud", *options, "-t", "resultd", ".", cwd=checkout)
    return json.loads(buildah("inspect", "--type", "image", "resultd"))["Docker"]["config"]


def test_it_says_how_it_is_run(image):
    assert image["User"] == "resultd" and image["StopSignal"] == "SIGTERM"
    assert list(image["Volumes"]) == ["/var/lib/resultd"] and list(image["ExposedPorts"]) == ["8080/tcp"]
    assert image["Entrypoint"] + image["Cmd"] == ["resultd", "serve"]


def test_its_server_keeps_results_in_the_volume_and_is_healthy(buildah, image, tmp_path):
    container = buildah("from", "--pull-never", "resultd")
    system = System(pathlib.Path(buildah("mount", container)))
    assert not (system.root / "usr/bin/gcc").exists() and not (system.root / "src").exists()
    port = harness.free_port()
    said = dict(line.split("=", 1) for line in image["Env"])
    environment = {**said, "RESULTD_LISTEN": said["RESULTD_LISTEN"].replace("8080", str(port))}
    check = [word.replace("8080", str(port)) for word in image["Healthcheck"]["Test"][1:]]
    assert system.status(image["User"], *check, env=environment) != 0, "nobody listens yet"
    system.mount()
    as_user = [shutil.which("chroot"), system.root, *system.user(image["User"])]
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen([*as_user, *image["Entrypoint"], *image["Cmd"]], env=environment, stderr=log)
    try:
        harness.eventually(lambda: system.status(image["User"], *check, env=environment) == 0, "it is healthy")
        system.as_user(image["User"], "resultd", "project", "create", "shop", env=environment)
        words = ["resultd", "key", "create", "--project", "shop", "--scopes", "read,write"]
        key = system.as_user(image["User"], *words, env=environment).strip()
        client = {**environment, "RESULTD_URL": f"http://127.0.0.1:{port}", "RESULTD_KEY": key, "HOME": "/tmp"}
        put = system.as_user(image["User"], "resultctl", "put", "/usr/bin/resultctl", env=client)
        got = system.as_user(image["User"], "sh", "-c", f"resultctl cat {put.split()[0]} | cmp - /usr/bin/resultctl", env=client)
        assert got == ""
        assert (system.root / "var/lib/resultd/resultd.db").exists()
        with urllib.request.urlopen(client["RESULTD_URL"]) as page:
            assert "<script" in page.read().decode(), "the web page is built in"
    finally:
        server.terminate()
        status = server.wait(harness.PATIENCE)
        system.close()
    assert status == 0, (tmp_path / "log").read_text()
