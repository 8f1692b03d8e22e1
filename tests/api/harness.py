# SPDX-License-Identifier: Apache-2.0
"""What every API test stands on: a server of its own, a client, a bare connection and a few assertions.

A Server runs the real binary on a free loopback port with its own data folder. An Api speaks the native
API with one key. A Wire is one TCP connection spoken by hand, for what no HTTP library would send.
"""

import contextlib
import base64
import datetime
import functools
import hashlib
import http.client
import itertools
import os
import pathlib
import random
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

import pytest
import requests

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests" / "services"))
import certificates  # noqa: E402
import s3  # noqa: E402

BLOBS = os.environ.get("RESULTD_TEST_BLOBS", "disk")  # or s3, in the bucket that RESULTD_TEST_S3 names
on_disk = pytest.mark.skipif(BLOBS != "disk", reason="it is about files of the data folder")
BINARY = os.environ.get("RESULTD", str(CHECKOUT / "build" / "resultd"))
# Settings of every server that a test does not set itself, like "readers=4 senders=2".
EXTRA_SETTINGS = dict(word.split("=", 1) for word in os.environ.get("RESULTD_TEST_SETTINGS", "").split())
TLS = bool(os.environ.get("RESULTD_TEST_TLS"))  # all servers speak TLS, but where a test says otherwise
BASE = "/api/v1"
SCOPES = ("read", "ack", "write", "delete")
ENGINE = os.environ.get("RESULTD_TEST_DB", "sqlite")  # or pg: the PostgreSQL that PGHOST and its like name
PATIENCE = 30.0  # seconds; sanitizers make the server ten times slower

INLINE = b"small result\n" * 50  # stays in the database
FILED = bytes(random.Random(1).randbytes(150_000))  # goes to a file
SIZES = {"inline": INLINE, "file": FILED}

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SANITIZER_WORDS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error", "ThreadSanitizer")

_numbers = itertools.count(1)


@functools.cache
def pair():
    """One certificate for all servers of this process, which all of its clients trust."""
    made = certificates.make(pathlib.Path(tempfile.mkdtemp(prefix="resultd-tls-")))
    os.environ["REQUESTS_CA_BUNDLE"] = os.environ["CURL_CA_BUNDLE"] = str(made[0])
    return made


# ---- waiting, times, digests ------------------------------------------------------------------------------


def eventually(check, what="the condition", patience=PATIENCE):
    """Calls check() until it is true and returns what it gave. `what` may be a function, asked only on failure."""
    deadline = time.monotonic() + patience
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {patience} s: {what() if callable(what) else what}"
        time.sleep(0.03)


def moment(text):
    """An RFC 3339 time of the API as a datetime."""
    assert RFC3339.fullmatch(text), f"not RFC 3339 in UTC with six digits: {text!r}"
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)


def rfc3339(time_):
    return time_.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def sleep_until(text):
    """Sleeps until just after a time that the server stated."""
    rest = (moment(text) - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    time.sleep(max(0.0, rest) + 0.05)


def seconds_between(earlier, later):
    return (moment(later) - moment(earlier)).total_seconds()


def nobody():
    """The id of an object that does not exist."""
    return str(uuid.uuid4())


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def digest_field(algorithm, data):
    """A Content-Digest or Repr-Digest value (RFC 9530)."""
    hashed = hashlib.new(algorithm.replace("-", ""), data).digest()
    return f"{algorithm}=:{base64.b64encode(hashed).decode()}:"


def content_md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


# ---- assertions -------------------------------------------------------------------------------------------


def expect(response, status):
    """Asserts the status and returns the JSON of the answer, None where there is no body."""
    assert response.status_code == status, f"{response.status_code} {response.text[:500]}"
    return response.json() if response.content else None


def problem(response, status, code=None, pointer=None, parameter=None):
    """Asserts an RFC 9457 problem with all its members and returns it."""
    assert response.status_code == status, f"{response.status_code} {response.text[:500]}"
    assert response.headers["Content-Type"].split(";")[0] == "application/problem+json"
    body = response.json()
    missing = {"type", "title", "status", "detail", "instance", "code"} - set(body)
    assert not missing, f"problem without {missing}: {body}"
    assert body["status"] == status
    assert isinstance(body["code"], str) and body["code"], body
    assert isinstance(body["detail"], str) and body["detail"], body
    if code is not None:
        assert body["code"] == code, body
    if pointer is not None:
        assert body.get("pointer") == pointer, body
    if parameter is not None:
        assert body.get("parameter") == parameter, body
    return body


def ids(rows):
    return [row["id"] for row in rows]


# ---- the client -------------------------------------------------------------------------------------------


class Api:
    """The native API with one key. Methods named after objects assert success and return their JSON."""

    def __init__(self, server, key, project=None):
        self.server = server
        self.key = key
        self.project = project
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = server.certificate or True

    def clone(self):
        """The same key on connections of its own, for another thread."""
        return Api(self.server, self.key, self.project)

    def request(self, method, path, headers=None, **arguments):
        headers = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        arguments.setdefault("timeout", 4 * PATIENCE)
        arguments.setdefault("allow_redirects", False)
        return self.session.request(method, self.server.url + BASE + path, headers=headers, **arguments)

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def head(self, path, **arguments):
        return self.request("HEAD", path, **arguments)

    def post(self, path, **arguments):
        return self.request("POST", path, **arguments)

    def put(self, path, **arguments):
        return self.request("PUT", path, **arguments)

    def patch(self, path, **arguments):
        return self.request("PATCH", path, **arguments)

    def delete(self, path, **arguments):
        return self.request("DELETE", path, **arguments)

    def post_text(self, path, text):
        """A JSON body exactly as written."""
        data = text if isinstance(text, bytes) else text.encode()
        return self.post(path, data=data, headers={"Content-Type": "application/json"})

    def job(self, kind="report", **members):
        return expect(self.post("/jobs", json={"kind": kind, **members}), 201)

    def get_job(self, job):
        return expect(self.get(f"/jobs/{job}"), 200)

    def move(self, job, verb, **members):
        """POST /jobs/{id}/{verb}; the plain response, for a move may be refused."""
        return self.post(f"/jobs/{job}/{verb}", json=members)

    def completed_job(self, **members):
        job = self.job(**members)
        return expect(self.move(job["id"], "finish"), 200)

    def claim(self, **members):
        return self.post("/jobs/claim", json=members)

    def batch(self, name="batch", **members):
        return expect(self.post("/batches", json={"name": name, **members}), 201)

    def try_upload(self, job, name, data, headers=None, **parameters):
        path = f"/jobs/{job}/results/{urllib.parse.quote(name, safe='')}"
        return self.put(path, data=data, headers=headers, params=parameters)

    def upload(self, job, name, data, headers=None, **parameters):
        return expect(self.try_upload(job, name, data, headers, **parameters), 201)

    def try_publish(self, name, data, headers=None, **parameters):
        return self.post("/results", data=data, headers=headers, params={"name": name, **parameters})

    def publish(self, name="file.bin", data=INLINE, headers=None, **parameters):
        return expect(self.try_publish(name, data, headers, **parameters), 201)

    def result(self, result):
        return expect(self.get(f"/results/{result}"), 200)

    def results(self, **parameters):
        return expect(self.get("/results", params=parameters), 200)["data"]

    def content(self, result, **headers):
        return self.get(f"/results/{result}/content", headers=headers)

    def ack(self, result, **members):
        """Acknowledges, without a body when no member is given; the plain response."""
        return self.post(f"/results/{result}/ack", **({"json": members} if members else {}))

    def link(self, result, **members):
        return expect(self.post(f"/results/{result}/links", json=members), 201)

    def usage(self):
        return expect(self.get("/usage"), 200)

    def pages(self, path, **parameters):
        """The pages of a list, each fetched only when it is asked for."""
        cursor = None
        while True:
            chosen = dict(parameters, cursor=cursor) if cursor else parameters
            page = expect(self.get(path, params=chosen), 200)
            yield page["data"]
            cursor = page["next"]
            if cursor is None:
                return

    def walk(self, path, **parameters):
        return [row for page in self.pages(path, **parameters) for row in page]


# ---- a connection by hand ---------------------------------------------------------------------------------


class Answer:
    """An HTTP answer read from a Wire, with the members of requests.Response that the assertions use."""

    def __init__(self, response):
        self.status_code = response.status
        self.headers = response.headers
        self.content = response.read()
        self.text = self.content.decode("utf-8", "replace")

    def json(self):
        return requests.models.complexjson.loads(self.text)


class Wire:
    """One TCP connection to a server, within TLS if that speaks it."""

    def __init__(self, server, source=None, timeout=4 * PATIENCE):
        address = (source, 0) if source else None
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout, source_address=address)
        if server.certificate:
            trust = ssl.create_default_context(cafile=server.certificate)
            self.socket = trust.wrap_socket(self.socket, server_hostname="127.0.0.1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def end_of_sending(self):
        with contextlib.suppress(OSError):  # the server may have closed the connection already
            self.socket.shutdown(socket.SHUT_WR)

    def answer(self, method="GET"):
        response = http.client.HTTPResponse(self.socket, method=method)
        response.begin()
        return Answer(response)

    def line(self):
        """One line, byte by byte, so that nothing after it is lost."""
        line = b""
        while not line.endswith(b"\r\n"):
            byte = self.socket.recv(1)
            assert byte, f"closed after {line!r}"
            line += byte
        return line

    def rest_of(self, size):
        """The last `size` bytes of an answer whose begin has been read."""
        received = b""
        while b"\r\n\r\n" not in received or len(received) < received.index(b"\r\n\r\n") + 4 + size:
            piece = self.socket.recv(1 << 16)
            assert piece, f"closed after {len(received)} bytes"
            received += piece
        return received.split(b"\r\n\r\n", 1)[1]

    def rest(self):
        """Everything until the server closes the connection."""
        received = b""
        try:
            while True:
                piece = self.socket.recv(65536)
                if not piece:
                    return received
                received += piece
        except ConnectionError:
            return received


def request_head(method, target, key=None, **headers):
    """The head of a request; header names are written with underscores."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def raw(server, data, method="GET"):
    """Sends bytes as they are and returns the answer."""
    with Wire(server) as wire:
        wire.send(data)
        return wire.answer(method)


def orphan_beside(blob, age=0.0):
    """A file as a crash could leave it: named as the server names its files, `age` seconds old, without a row."""
    last = "0" if blob.stem[-1] != "0" else "1"
    orphan = blob.with_name(blob.stem[:-1] + last + blob.suffix)
    orphan.write_bytes(b"nobody knows me")
    made = time.time() - age
    os.utime(orphan, (made, made))
    return orphan


# ---- the server -------------------------------------------------------------------------------------------


def free_port():
    """A port below the ephemeral range, so that no outgoing connection takes it in the meantime."""
    while True:
        port = random.SystemRandom().randrange(10000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def clean_environment(**additions):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RESULTD")}
    return {**kept, **additions}


def flags(settings):
    """Settings as command-line flags: results_ttl="2s" becomes --results-ttl 2s."""
    return [word for name, value in settings.items() for word in ("--" + name.replace("_", "-"), str(value))]


def assert_sanitizers_silent(said):
    found = [word for word in SANITIZER_WORDS if word in said]
    assert not found, f"{found}: {said[-4000:]}"


def program(*arguments, stdin="", **environment):
    """Runs the binary to its end."""
    done = subprocess.run(
        [BINARY, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        env=clean_environment(**environment),
    )
    assert_sanitizers_silent(done.stderr)
    return done


def psql(database, sql):
    """Rows as lists of texts."""
    done = subprocess.run(
        ["psql", "-XqtA", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", database],
        input=sql,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


sqlite_only = pytest.mark.skipif(ENGINE != "sqlite", reason="is about SQLite's file")

SQLITE_LOCKER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
database.execute("ROLLBACK")
"""
PG_LOCK = "BEGIN; SELECT 'locked' FROM pg_advisory_xact_lock(8243108427654);\n"


@contextlib.contextmanager
def locked(server):
    """Another process holds the write lock of the database."""
    arguments = [sys.executable, "-c", SQLITE_LOCKER, str(server.database())] if not server.db else None
    with subprocess.Popen(
        arguments or ["psql", "-XqtA", "-d", server.db], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        if server.db:
            other.stdin.write(PG_LOCK)
            other.stdin.flush()
        assert other.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            other.stdin.close()
            other.wait()


class Server:
    """A resultd of its own; its settings are keyword arguments. On PostgreSQL it has a database of its own, unless it
    is one more node `beside` another server: then it has that one's database, bytes and key of secrets."""

    def __init__(self, folder, data=None, environment=None, beside=None, **settings):
        self.folder = pathlib.Path(folder)
        self.data = pathlib.Path(data) if data else self.folder / "data"
        self.log = self.folder / "stderr"
        self.environment = environment or {}
        self.settings = settings
        self.bucket = None
        if beside:
            self.share(beside)
        elif BLOBS == "s3" and "blobs" not in settings:
            self.bucket = s3.Bucket()
            self.prefix = f"api-{uuid.uuid4()}"
            # What is small lies in the bucket, too, but for tests that are about where it lies.
            here = {"blobs": self.bucket.url(self.prefix), "inline_limit": "0", "bucket_removal_delay": "0"}
            self.settings = {**here, **settings}
        if TLS and "tls_cert" not in self.settings:
            self.settings = {**dict(zip(("tls_cert", "tls_key"), pair())), **self.settings}
        self.certificate = str(self.settings.get("tls_cert") or "")
        self.port = free_port()
        self.process = None
        self.db = None
        if ENGINE == "pg" and "db" not in settings:
            self.db = beside.db if beside else f"api_{uuid.uuid4().hex}"
            if not beside:
                # Its own order of texts is not by bytes.
                psql(
                    "postgres",
                    f"CREATE DATABASE {self.db} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'",
                )

    def share(self, other):
        """What nodes of one database have in common beside it."""
        key = other.settings.get("secret_key_file", other.data / "secret.key")
        theirs = {name: other.settings[name] for name in ("blobs", "inline_limit") if name in other.settings}
        self.settings = {**theirs, "secret_key_file": str(key), **self.settings}
        if not self.settings.get("blobs"):
            self.data.mkdir(parents=True, exist_ok=True)
            os.symlink((other.data / "blobs").resolve(), self.data / "blobs")

    def where(self):
        """The flags that say where its data is."""
        elsewhere = f"postgresql:///{self.db}" if self.db else self.settings.get("db")
        names = [("--db", elsewhere), ("--secret-key-file", self.settings.get("secret_key_file"))]
        return ["--data", str(self.data), *(word for name, value in names if value for word in (name, value))]

    @property
    def url(self):
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def spawn(self):
        """Starts the process without waiting for anything."""
        address = [*self.where(), "--listen", f"127.0.0.1:{self.port}"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", *address, *flags({**EXTRA_SETTINGS, **self.settings})],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environment(**self.environment),
            )
        return self

    def start(self, until="/-/ready"):
        self.spawn()
        eventually(lambda: self._answers(until), f"{until} answers 200; {self.log}")
        return self

    def _answers(self, path):
        assert self.process.poll() is None, f"the server ended: {self.stderr()}"
        try:
            return self.get(path).status_code == 200
        except requests.ConnectionError:
            return False

    def stderr(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def signal(self, number):
        self.process.send_signal(number)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def wait(self):
        """Waits for the end of the process and returns its exit status."""
        try:
            status = self.process.wait(4 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self.process = None
            raise AssertionError(f"the server did not stop: {self.stderr()[-2000:]}") from None
        self.process = None
        return status

    def stop(self):
        """SIGTERM, unless it has ended already; the status must be 0 and no sanitizer may have complained."""
        if self.process is not None:
            self.signal(signal.SIGTERM)
            status = self.wait()
            assert status == 0, f"exit status {status}: {self.stderr()[-2000:]}"
        assert_sanitizers_silent(self.stderr())

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.wait()

    def forget(self):
        """Removes what it has in a bucket and on PostgreSQL; folders are pytest's."""
        for found in self.objects():
            found.unlink()
        if self.db:
            psql("postgres", f"DROP DATABASE IF EXISTS {self.db} WITH (FORCE)")

    def restart(self):
        self.stop()
        return self.start()

    def get(self, path, **arguments):
        """A request without a key."""
        return requests.get(self.url + path, timeout=4 * PATIENCE, verify=self.certificate or True, **arguments)

    def command(self, *arguments, **options):
        """A subcommand on this server's data folder."""
        blobs = ["--blobs", self.settings["blobs"]] if "blobs" in self.settings else []
        return program(*arguments, *self.where(), *blobs, **{**self.environment, **options})

    def succeed(self, *arguments, **options):
        done = self.command(*arguments, **options)
        assert done.returncode == 0, f"{arguments}: {done.returncode} {done.stderr}"
        return done.stdout

    def project(self):
        name = f"project-{next(_numbers)}"
        self.succeed("project", "create", name)
        return name

    def api(self, scopes=SCOPES, project=None):
        """A client with a new key; of a new project unless one is named."""
        project = project or self.project()
        key = self.succeed("key", "create", "--project", project, "--scopes", ",".join(scopes)).strip()
        return Api(self, key, project)

    def check(self):
        return self.command("check")

    def metric(self, name):
        """What /-/metrics says of it; labels are part of its name."""
        lines = self.get("/-/metrics").text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name + " "))

    def wait_for_sweeper(self):
        """Until its first round is over and it rests, until its interval ends or something known is due."""
        eventually(lambda: self.metric("resultd_sweeps_total") > 0, "the sweeper rests")

    def files(self):
        """All files of the data folder but SQLite's own."""
        return self.local_files() | self.objects()

    def local_files(self):
        found = (path for path in self.data.rglob("*") if path.is_file())
        return {path for path in found if not path.name.endswith(("-wal", "-shm", "-journal"))}

    def objects(self):
        """What this server has in its bucket, with the methods of paths."""
        if not self.bucket:
            return set()
        return {s3.Object(self.bucket, key, size) for key, size in self.bucket.list(self.prefix + "/").items()}

    def sql(self, text):
        """Runs a statement behind the server's back; rows of texts and numbers."""
        if self.db:
            return psql(self.db, text)
        with contextlib.closing(sqlite3.connect(self.database(), isolation_level=None, timeout=PATIENCE)) as database:
            return database.execute(text).fetchall()

    def columns(self, table):
        if self.db:
            return [row[0] for row in self.sql(f"SELECT attname FROM pg_attribute WHERE attnum > 0"
                                               f" AND attrelid = '{table}'::regclass ORDER BY attnum")]
        return [row[0] for row in self.sql(f"SELECT name FROM pragma_table_info('{table}')")]

    def stored(self):
        """All that the database holds, as bytes to search for a text that must not be there."""
        if self.db:
            return subprocess.run(["pg_dump", self.db], capture_output=True, check=True).stdout
        return b"".join(path.read_bytes() for path in self.data.rglob("resultd.db*"))

    def database(self):
        """The SQLite file, wherever it lies."""
        blobs = self.data / "blobs"  # where the sweeper may be at work
        others = [path for path in self.local_files() if blobs not in path.parents]
        candidates = [path for path in others if path.open("rb").read(15) == b"SQLite format 3"]
        assert len(candidates) == 1, candidates
        return candidates[0]

    def blob_of(self, data):
        """The file that holds exactly these bytes, None if there is none."""
        for path in self.files():
            try:
                if path.stat().st_size == len(data) and path.read_bytes() == data:
                    return path
            except FileNotFoundError:
                continue
        return None
