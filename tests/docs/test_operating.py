# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md: each command of resultd in it is run, on real services, with the names that it leaves open.

What asks the machine's service manager, its packages or a container engine is not: apt and runuser are run by
tests/package, systemctl, podman and certbot by nobody.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.path.abspath(os.environ.get("RESULTD", str(ROOT / "build" / "resultd")))
CLIENT = os.path.join(os.path.dirname(BINARY), "resultctl")
SERVICES = ROOT / "tests" / "services"
PATIENCE = 60.0
ELSEWHERE = ("apt ", "runuser ", "systemctl ", "podman ", "certbot ")  # see above


def documented():
    """The command lines of the page's blocks, without comments."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    lines = [line[4:].split("   #")[0].strip() for line in re.findall(r"^    \S.*$", text, re.M)]
    return [line for line in lines if re.match(r"(resultd|resultctl) |" + "|".join(ELSEWHERE), line)]


def environment_of(path):
    """NAME=value lines, quoted and exported or not."""
    pairs = re.findall(r"^(?:export )?(\w+)='?([^'\n]*)'?$", path.read_text(encoding="utf-8"), re.M)
    return dict(pairs)


@pytest.fixture(scope="module")
def desk():
    """A folder and an environment with a PostgreSQL and a bucket, in which commands are run."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="resultd-operating-"))
    folder.chmod(0o755)  # PostgreSQL does not run as root and has to reach its data
    bucket, database = folder / "ceph", folder / "pg"
    try:
        subprocess.run([SERVICES / "ceph-up", bucket], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([SERVICES / "pg-up.sh", database], check=True)
        own = {name: value for name, value in os.environ.items() if not name.startswith("RESULTD_")}
        environment = {**own, **environment_of(bucket / "env"), **environment_of(database / "pg.env"), "no_proxy": "*"}
        yield Desk(folder, environment)
    finally:
        subprocess.run([SERVICES / "pg-down.sh", database], check=False)
        subprocess.run([SERVICES / "ceph-down", bucket, "--rm"], check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder)


class Desk:
    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment
        self.bucket = environment.pop("RESULTD_TEST_S3")
        self.data = folder / "data"
        self.left = documented()

    def line(self, beginning, **names):
        """The documented command that begins so, with these in place of what it leaves open."""
        found = [line for line in self.left if line.startswith(beginning)]
        assert found, f"docs/operations.md has no (other) command that begins with {beginning!r}"
        self.left.remove(found[0])
        command = found[0]
        for name, value in names.items():
            assert name in command, (name, command)
            command = command.replace(name, str(value))
        return command.replace("resultd ", BINARY + " ", 1)

    def run(self, beginning, status=0, names=None, **more):
        done = subprocess.run(["bash", "-c", self.line(beginning, **(names or {}))], env={**self.environment, **more},
                              capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == status, (done.args, done.stdout, done.stderr)
        return done.stdout

    @contextlib.contextmanager
    def served(self, beginning, names, **more):
        """A server, started by the documented line, while it is needed: its address."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        environment = {**self.environment, "RESULTD_LISTEN": address, "RESULTD_PRIVATE_ENDPOINTS": "on", **more}
        command = self.line(beginning, **names).replace("127.0.0.1:8080", address)
        process = subprocess.Popen(["bash", "-c", "exec " + command], env=environment)
        try:
            deadline = time.monotonic() + PATIENCE
            while not is_alive(address):
                assert process.poll() is None and time.monotonic() < deadline, command
                time.sleep(0.05)
            yield f"http://{address}"
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0

    def client(self, url, key, *words, stdin=None):
        environment = {**self.environment, "RESULTD_URL": url, "RESULTD_KEY": key, "HOME": str(self.folder)}
        done = subprocess.run([CLIENT, *words], env=environment, capture_output=True, text=True, input=stdin, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def key(self, data, scopes, project="shop", **more):
        words = [BINARY, "key", "create", "--project", project, "--scopes", scopes, "--data", str(data)]
        return subprocess.run(words, env={**self.environment, **more}, capture_output=True, text=True, check=True).stdout.strip()


def is_alive(address):
    try:
        with urllib.request.urlopen(f"http://{address}/-/live", timeout=PATIENCE) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_every_command_about_operating(desk):
    shop = {"DIR": desk.data}
    bucket = desk.bucket.replace("results?", "results/ours?")

    # a first server
    desk.run("resultd project create", names={"NAME": "shop", **shop})
    reader = desk.run("resultd key create", names={"NAME": "shop", **shop}).strip()
    writer = desk.key(desk.data, "read,write,admin")
    with desk.served("resultd serve --data DIR --listen", shop) as url:
        assert desk.client(url, reader, "ls") == ""
        desk.client(url, writer, "put", "-", "--name", "note.txt", stdin="a note\n")
        desk.run("resultd backup", names={"/backup/today": desk.folder / "today", **shop})
    assert "1 results with 7 bytes: 0 missing" in desk.run("resultd check", names={"DIR": desk.folder / "today"})

    # a bucket of a client, held against its rows
    with desk.served("resultd serve --data DIR --blobs", {
            "DIR": desk.folder / "in-bucket", "s3://BUCKET/PREFIX?endpoint=https://s3.example.org&region=us-east-1": bucket,
    }) as url:
        subprocess.run([BINARY, "project", "create", "reports", "--data", desk.folder / "in-bucket"], check=True,
                       env=desk.environment, stdout=subprocess.DEVNULL)
        admin = desk.key(desk.folder / "in-bucket", "admin", "reports")
        endpoint = re.search(r"endpoint=([^&]*)", bucket)[1]
        body = ('{"name":"acme","url":"s3://results/acme","endpoint":"%s","credentials":{"access_key_id":"%s","secret_access_key":"%s"}}'
                % (endpoint, desk.environment["AWS_ACCESS_KEY_ID"], desk.environment["AWS_SECRET_ACCESS_KEY"]))
        asked = urllib.request.Request(url + "/api/v1/storages", body.encode(), {"Authorization": f"Bearer {admin}"})
        urllib.request.urlopen(asked).close()
        asked = urllib.request.Request(url + "/api/v1/results?name=table.csv&storage=acme", b"a\n1\n",
                                       {"Authorization": f"Bearer {admin}", "Content-Type": "text/csv"})
        urllib.request.urlopen(asked).close()
        held = desk.run("resultd reconcile", names={"DIR": desk.folder / "in-bucket"}, RESULTD_PRIVATE_ENDPOINTS="on")
        assert "1 objects and 1 results: 0 missing, 0 changed; 0 unknown" in held
        subprocess.run([BINARY, "backup", desk.folder / "of-bucket", "--data", desk.folder / "in-bucket", "--blobs", bucket],
                       check=True, env=desk.environment, stdout=subprocess.DEVNULL)
    desk.run("resultd adopt", names={"DIR": desk.folder / "of-bucket", "…": f"'{bucket}'"})

    # PostgreSQL, and moving there
    subprocess.run(["createdb", "moved"], env=desk.environment, check=True)
    subprocess.run(["createdb", "fresh"], env=desk.environment, check=True)
    plain = "postgresql://resultd@db.example.org/resultd?sslmode=verify-full"
    with desk.served("resultd serve --data /var/lib/resultd", {"/var/lib/resultd": desk.folder / "node", plain: "postgresql:///fresh"}):
        pass
    settings = desk.folder / "new.conf"
    settings.write_text(f"data = {desk.folder}/arrived\ndb = postgresql:///moved\n", encoding="utf-8")
    desk.run("resultd move", names={"/var/lib/resultd": desk.data, "/etc/resultd/new.conf": settings})

    assert [line for line in desk.left if not line.startswith(ELSEWHERE)] == []
