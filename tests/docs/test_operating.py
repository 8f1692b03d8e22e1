# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md: each command of resultd in it is run, on real services, with the names that it leaves open.

What asks the machine's service manager, its packages or a container engine is not: apt, runuser, usermod, chmod and
systemctl are run by tests/package, podman and certbot by nobody.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.path.abspath(os.environ.get("RESULTD", str(ROOT / "build" / "resultd")))
CLIENT = os.path.join(os.path.dirname(BINARY), "resultctl")
SERVICES = ROOT / "tests" / "services"
PATIENCE = 60.0
ELSEWHERE = ("apt ", "runuser ", "usermod ", "chmod ", "systemctl ", "podman ", "certbot ")  # see above
HERE = ("resultd ", "resultctl ", "install ", "openssl ")

sys.path.insert(0, str(SERVICES))
import certificates  # noqa: E402


def page():
    return (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def within_sentences():
    """The commands that stand in the text: such words as `openssl rand -hex 24`."""
    return [words for words in re.findall(r"`([a-z-]+ [^`\n]+)`", page()) if words.startswith(HERE + ELSEWHERE)]


def documented():
    """The command lines of the page's blocks, without comments, and what others than we are asked for in its text."""
    lines = [line[4:].split("   #")[0].strip() for line in re.findall(r"^    \S.*$", page(), re.M)]
    lines += [words for words in within_sentences() if not words.startswith("resultd ")]
    return [line for line in lines if line.startswith(HERE + ELSEWHERE)]


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
        return re.sub("^resultd ", BINARY + " ", command)

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


def made_key(desk):
    """nginx' key is one that the server takes."""
    key = desk.run("openssl rand").strip()
    words = [BINARY, "settings", "--accel-redirect", "/-/blobs", "--data", desk.folder]
    done = subprocess.run(words, env={**desk.environment, "RESULTD_ACCEL_KEY": key}, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and key not in done.stdout, done.stderr


def renewed_certificate(desk):
    """The lines of a hook of certbot, between two certificates."""
    lineage, etc, group = desk.folder / "live", desk.folder / "etc", str(os.getegid())
    lineage.mkdir()
    etc.mkdir()
    hook = [desk.line("install -m 0644", **{"/etc/resultd": etc}),
            desk.line("install -m 0640", **{"/etc/resultd": etc, "-g resultd": f"-g {group}"})]

    def renew():
        for made, name in zip(certificates.make(lineage), ("fullchain.pem", "privkey.pem")):
            made.replace(lineage / name)
        subprocess.run(["sh", "-ec", "\n".join(hook)], env={**desk.environment, "RENEWED_LINEAGE": str(lineage)}, check=True)
        return (lineage / "fullchain.pem").read_text(encoding="ascii")

    first = renew()
    assert ((etc / "privkey.pem").stat().st_mode & 0o777, (etc / "fullchain.pem").stat().st_mode & 0o777) == (0o640, 0o644)
    if os.geteuid() != 0:
        return  # a key that its group may read must be root's
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = probe.getsockname()
    server = subprocess.Popen([BINARY, "serve", "--data", desk.folder / "tls", "--listen", f"127.0.0.1:{place[1]}",
                               "--tls-cert", etc / "fullchain.pem", "--tls-key", etc / "privkey.pem"], env=desk.environment)
    try:
        await_certificate(server, place, first)
        second = renew()
        assert second != first
        server.send_signal(signal.SIGHUP)  # systemctl reload
        await_certificate(server, place, second)
    finally:
        server.terminate()
        assert server.wait(PATIENCE) == 0


def await_certificate(server, place, wanted):
    deadline = time.monotonic() + PATIENCE
    shown = None
    while shown != wanted.strip():
        assert server.poll() is None and time.monotonic() < deadline, shown
        with contextlib.suppress(OSError):
            shown = ssl.get_server_certificate(place).strip()
        time.sleep(0.05)


def test_commands_within_sentences_are_some():
    """Of those that only name a subcommand: it is there, and knows the flags."""
    ours = sorted({words for words in within_sentences() if words.startswith("resultd ")})
    assert len(ours) > 5
    for words in ours:
        names = re.findall(r"^[a-z-]+(?: [a-z-]+)*", words.removeprefix("resultd "))[0].split()
        done = subprocess.run([BINARY, *names, "--help"], capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, words
        for flag in re.findall(r"--[a-z-]+", words):
            assert flag in done.stdout or flag == "--help", words


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

    made_key(desk)
    renewed_certificate(desk)

    assert [line for line in desk.left if not line.startswith(ELSEWHERE)] == []
