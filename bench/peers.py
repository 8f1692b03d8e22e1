# SPDX-License-Identifier: Apache-2.0
"""The programs that a measurement starts: resultd, its peers, and the load generators.

Every process started here is remembered by its pid and ended by close(); each also ends by itself when the
script dies (PR_SET_PDEATHSIG). All of them listen on and talk to the loopback address only.
"""

import base64
import contextlib
import ctypes
import glob
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
MIB = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """A measurement could not be made; the sentence says why."""


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Failed(f"{name} is not installed (tools/setup bench installs what the benchmark needs)")
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Processes:
    """All that is running now, newest last."""

    def __init__(self):
        self.running = []

    def start(self, args, **more):
        def die_with_parent():
            _libc.prctl(1, signal.SIGTERM, 0, 0, 0)

        proc = subprocess.Popen(args, preexec_fn=die_with_parent, **{"stdin": subprocess.DEVNULL, **more})
        self.running.append(proc)
        return proc

    def run(self, args, timeout, said=None, **more):
        """Run to the end, with `said` as its standard input; returns what it printed."""
        if said is not None:
            more["stdin"] = subprocess.PIPE
        proc = self.start(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
        try:
            out, err = proc.communicate(said, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"{os.path.basename(args[0])} did not end within {timeout:.0f} s") from None
        finally:
            self.stop(proc)
        if proc.returncode != 0:
            raise Failed(f"{os.path.basename(args[0])} ended with {proc.returncode}: "
                         f"{(err or out).strip()[-500:]}")
        return out

    def stop(self, proc, timeout=40):
        if proc.poll() is None:
            proc.terminate()
            try:
                proc.wait(timeout)
            except subprocess.TimeoutExpired:
                say(f"process {proc.pid} did not stop within {timeout} s, killed")
                proc.kill()
                proc.wait()
        if proc in self.running:
            self.running.remove(proc)

    def close(self):
        for proc in reversed(list(self.running)):
            self.stop(proc)


class Nginx:
    """Two workers, keep-alive, no access log: / answers a fixed 200 of `size` bytes, /static/ sends files."""

    CONFIG = """\
worker_processes 2;
daemon off;
pid {dir}/pid;
{user}
error_log {dir}/error.log error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    client_max_body_size 0;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
    uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
    server {{
        listen 127.0.0.1:{port};
        location /static/ {{ alias {dir}/static/; default_type application/octet-stream; }}
        location / {{ return 200 "{body}"; }}
    }}
}}
"""

    def __init__(self, processes, folder):
        self.processes, self.dir, self.proc, self.port, self.size = processes, folder, None, 0, 0
        self.static = os.path.join(folder, "static")
        os.makedirs(self.static, exist_ok=True)

    def start(self, size):
        self.stop()
        self.port, self.size = free_port(), size
        user = "user root;" if os.geteuid() == 0 else ""
        conf = os.path.join(self.dir, "nginx.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(self.CONFIG.format(dir=self.dir, port=self.port, user=user, body="x" * size))
        self.proc = self.processes.start(
            [program("nginx"), "-p", self.dir, "-e", os.path.join(self.dir, "error.log"), "-c", conf])
        wait_ready(self.proc, self.port, "/", 10)
        length = len(request(self.port, "GET", "/").body)
        if length != size:
            raise Failed(f"nginx answers {length} bytes instead of {size}")

    def stop(self):
        if self.proc:
            self.processes.stop(self.proc)
        self.proc = None


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def request(port, method, path, headers=None, body=None):
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body, {"Connection": "close", **(headers or {})})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def wait_ready(proc, port, path, timeout):
    """Ask until the answer is 200; returns the moment it was."""
    end = time.monotonic() + timeout
    while True:
        try:
            if request(port, "GET", path).status == 200:
                return time.monotonic()
        except (OSError, http.client.HTTPException):
            pass
        if proc.poll() is not None:
            raise Failed(f"process ended with {proc.returncode} before it answered {path}")
        if time.monotonic() > end:
            raise Failed(f"{path} did not answer 200 within {timeout} s")
        time.sleep(0.001)


def cpu_of(pid):
    """Seconds of processor time so far, of all threads, in user and in system mode."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_of_family(pid):
    """The same of a process and its children of now."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return sum(map(cpu_of, (pid, *map(int, f.read().split()))))


class Server:
    """One resultd on a folder of its own, with a project and a key."""

    def __init__(self, processes, binary, folder, settings=(), environment=None):
        self.processes, self.binary, self.dir = processes, binary, folder
        self.settings, self.environment = list(settings), environment
        self.data = os.path.join(folder, "data")
        self.log = os.path.join(folder, "log")
        self.proc, self.port = None, 0
        os.makedirs(folder, exist_ok=True)
        keyfile = os.path.join(folder, "key")
        if os.path.exists(keyfile):
            with open(keyfile, encoding="ascii") as f:
                self.key = f.read().strip()
        else:
            self.command("project", "create", "bench")
            self.key = self.command("key", "create", "--project", "bench", "--scopes",
                                    "read,ack,write,delete,admin").strip()
            private = os.open(keyfile, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(private, "w", encoding="ascii") as f:
                f.write(self.key + "\n")

    def command(self, *words):
        """A subcommand on the same database; what it printed."""
        at = self.settings.index("--db") if "--db" in self.settings else len(self.settings)
        return self.processes.run([self.binary, *words, "--data", self.data, *self.settings[at:at + 2]], 60,
                                  env=self.environment)

    def start(self):
        """Start and wait; returns the seconds from exec to the first 200 of /-/ready."""
        self.port = free_port()
        with open(self.log, "ab") as log:
            began = time.monotonic()
            self.proc = self.processes.start(
                [self.binary, "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}",
                 "--access-log", "off", *self.settings], stdout=log, stderr=log, env=self.environment)
        try:
            return wait_ready(self.proc, self.port, "/-/ready", 120) - began
        except Failed as e:
            raise Failed(f"resultd at its start: {e}; its log: {self.tail()}") from None

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()[-400:].strip().replace("\n", " / ")

    def stop(self):
        if self.proc:
            self.processes.stop(self.proc)
        self.proc = None

    @contextlib.contextmanager
    def own_memory(self):
        """The most memory of its own, without mapped files, while this is open: a list that gets the bytes at the
        end."""
        found, ended = [], threading.Event()
        most = [0]

        def watch():
            while not ended.wait(0.01):
                most[0] = max(most[0], self.memory("RssAnon"))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield found
        finally:
            ended.set()
            thread.join()
            found.append(max(most[0], self.memory("RssAnon")))

    def memory(self, what):
        """VmRSS (now), RssAnon (of it what is not mapped from files) or VmHWM (the most so far) in bytes."""
        with open(f"/proc/{self.proc.pid}/status", encoding="ascii") as f:
            return int(re.search(rf"^{what}:\s+(\d+) kB", f.read(), re.M).group(1)) * 1024

    def cpu(self):
        return cpu_of(self.proc.pid)

    def disk(self):
        """Bytes in the data folder, and in files that are open but have no name any more."""
        total = 0
        for folder, _, names in os.walk(self.data):
            for name in names:
                try:
                    total += os.lstat(os.path.join(folder, name)).st_size
                except FileNotFoundError:
                    pass
        for fd in glob.glob(f"/proc/{self.proc.pid}/fd/*"):
            try:
                if os.readlink(fd).endswith(" (deleted)"):
                    total += os.stat(fd).st_size
            except FileNotFoundError:
                pass
        return total

    def connect(self, timeout=120):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def call(self, method, path, expect, document=None, body=None):
        headers = {"Authorization": "Bearer " + self.key}
        if document is not None:
            headers["Content-Type"], body = "application/json", json.dumps(document)
        answer = request(self.port, method, path, headers, body)
        if answer.status not in expect:
            raise Failed(f"{method} {path}: {answer.status} {answer.body[:300].decode('utf-8', 'replace')}")
        return answer

    def publish(self, job, name, file):
        """Upload by curl with both digests; returns the path of the result."""
        curl_upload(self.processes, self, f"/api/v1/jobs/{job}/results/{name}", file)
        found = self.call("GET", f"/api/v1/results?job={job}&name={name}", (200,)).json()["data"]
        return "/api/v1/results/" + found[0]["id"]

    def user(self):
        """Makes a user; (name, password)."""
        name, password = "bench-" + secrets.token_hex(4), secrets.token_hex(16)
        self.processes.run([self.binary, "user", "create", name, "--project", "bench", "--password-stdin",
                            "--data", self.data], 60, said=password)
        return name, password

    def access_token(self, name, password):
        """Of UFDL's API; good for five minutes."""
        body = json.dumps({"username": name, "password": password})
        return request(self.port, "POST", "/v1/auth/obtain", {}, body).json()["access"]

    def running_job(self):
        job = self.call("POST", "/api/v1/jobs", (201,), {"kind": "bench"}).json()["id"]
        self.call("POST", f"/api/v1/jobs/{job}/progress", (200,), {"progress": 0.1})
        return job


class Wrk:
    """One run of the load generator; the fields are those of its BENCH line."""

    def __init__(self, processes):
        self.processes = processes

    def args(self, script, port, seconds, connections, threads):
        return [program("wrk"), "-t", str(threads), "-c", str(connections), "-d", f"{seconds}s",
                "--timeout", "30s", "-s", os.path.join(HERE, "lua", script + ".lua"),
                f"http://127.0.0.1:{port}/"]

    def env(self, port, key, threads, params):
        env = dict(os.environ, BENCH_HOST=f"127.0.0.1:{port}", BENCH_KEY=key, BENCH_THREADS=str(threads))
        env.update({"BENCH_" + name.upper(): str(value) for name, value in params.items()})
        return env

    @staticmethod
    def parse(out):
        line = re.search(r"^BENCH (.*)$", out, re.M)
        if not line:
            raise Failed("wrk printed no result: " + out.strip()[-300:])
        got = {k: int(v) for k, v in (pair.split("=") for pair in line.group(1).split())}
        broken = got["connect"] + got["read"] + got["write"] + got["timeout"]
        if got["status"] or (broken and not got["ran_out"]):
            raise Failed(f"{got['status']} of {got['requests']} answers were errors, "
                         f"{broken} connections broke")
        if not got["requests"]:
            raise Failed("not one answer")
        got["rate"] = got["requests"] / (got["us"] / 1e6)
        return got

    def run(self, script, port, key="none", seconds=3, connections=64, threads=2, **params):
        args = self.args(script, port, seconds, connections, threads)
        return self.parse(self.processes.run(args, seconds + 60, env=self.env(port, key, threads, params)))

    def watch(self, script, port, key, connections, threads, **params):
        """Start without an end; stop_watch() ends it and returns what it saw."""
        args = self.args(script, port, 36000, connections, threads)
        return self.processes.start(args, stdout=subprocess.PIPE, text=True,
                                    env=self.env(port, key, threads, params))

    def stop_watch(self, proc):
        proc.send_signal(signal.SIGINT)
        try:
            out, _ = proc.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            raise Failed("wrk did not end") from None
        finally:
            self.processes.stop(proc)
        return self.parse(out)


def md5_rate(processes, seconds):
    """Bytes per second of md5 on one core."""
    out = processes.run([program("openssl"), "speed", "-mr", "-evp", "md5", "-bytes", "16384", "-seconds",
                         str(seconds)], seconds + 60)
    found = re.search(r"^\+F:\d+:md5:([\d.]+)", out, re.M | re.I)
    if not found:
        raise Failed("openssl speed printed no rate: " + out.strip()[-200:])
    return float(found.group(1))


class SqliteAlone:
    """sqlite_alone.c, compiled in `folder`."""

    def __init__(self, processes, folder):
        self.processes, self.binary = processes, os.path.join(folder, "sqlite_alone")
        processes.run([os.environ.get("CC") or program("cc"), "-O2", "-o", self.binary,
                       os.path.join(HERE, "sqlite_alone.c"), "-lsqlite3"], 120)

    def rate(self, file, group, seconds):
        """Rows per second, `group` of them in a commit."""
        return float(self.processes.run([self.binary, file, str(group), str(seconds)], seconds + 120))


class File:
    """A file with its digests."""

    def __init__(self, path):
        self.path, self.size = path, os.path.getsize(path)
        md5, sha256 = hashlib.md5(), hashlib.sha256()
        with open(path, "rb") as f:
            while block := f.read(4 * MIB):
                md5.update(block)
                sha256.update(block)
        self.md5, self.sha256 = md5.hexdigest(), sha256.hexdigest()

    @property
    def content_md5(self):
        return base64.b64encode(bytes.fromhex(self.md5)).decode()

    @property
    def repr_digest(self):
        return f"sha-256=:{base64.b64encode(bytes.fromhex(self.sha256)).decode()}:"


class RandomFile(File):
    """A file of random bytes."""

    def __init__(self, path, size):
        if not (os.path.exists(path) and os.path.getsize(path) == size):
            with open(path, "wb") as f:
                left = size
                while left:
                    left -= f.write(os.urandom(min(left, 4 * MIB)))
        super().__init__(path)


def curl_upload(processes, server, path, file):
    """PUT by curl with both digests; returns bytes per second."""
    answer = os.path.join(server.dir, "answer")
    out = processes.run(
        [program("curl"), "-q", "-sS", "--noproxy", "*", "-T", file.path, "-o", answer,
         "-H", "Authorization: Bearer " + server.key, "-H", "Repr-Digest: " + file.repr_digest,
         "-H", "Content-MD5: " + file.content_md5, "-H", "Content-Type: application/octet-stream",
         "-w", "%{http_code} %{time_total}", f"http://127.0.0.1:{server.port}{path}"], 600)
    status, seconds = out.split()
    if status != "201":
        with open(answer, encoding="utf-8", errors="replace") as f:
            raise Failed(f"upload by curl: {status} {f.read()[:300]}")
    return file.size / float(seconds)


def curl_rate(processes, arguments, size):
    """One transfer by curl; returns bytes per second."""
    out = processes.run(
        [program("curl"), "-q", "-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code} %{time_total}",
         *arguments], 600)
    status, seconds = out.split()
    if status != "200":
        raise Failed(f"curl: {status}")
    return size / float(seconds)


def curl_download(processes, server, path, target="/dev/null", timeout=600):
    """GET by curl; returns seconds."""
    out = processes.run(
        [program("curl"), "-q", "-sS", "--noproxy", "*", "-o", target, "-H", "Authorization: Bearer " + server.key,
         "-w", "%{http_code} %{time_total}", f"http://127.0.0.1:{server.port}{path}"], timeout)
    status, seconds = out.split()
    if status != "200":
        raise Failed(f"GET {path} by curl: {status}")
    return float(seconds)


def curl_post(processes, server, path, timeout=600):
    """POST without a body by curl; returns (bytes, seconds)."""
    out = processes.run(
        [program("curl"), "-q", "-sS", "--noproxy", "*", "-X", "POST", "-o", "/dev/null", "-H",
         "Authorization: Bearer " + server.key, "-w", "%{http_code} %{size_download} %{time_total}",
         f"http://127.0.0.1:{server.port}{path}"], timeout)
    status, size, seconds = out.split()
    if status != "200":
        raise Failed(f"POST {path} by curl: {status}")
    return int(size), float(seconds)


def by_pandas(processes, source, target):
    """Convert a JSON table; returns (seconds, version)."""
    out = processes.run(["/usr/bin/python3", os.path.join(HERE, "pandas_alone.py"), source, target], 600)
    seconds, version = out.split()
    return float(seconds), version


def by_jq(processes, columns, source, target):
    """Convert a JSON table to CSV; returns the seconds of the whole process."""
    cells = ",".join("." + name for name in columns)
    with open(target, "wb") as f:
        began = time.monotonic()
        proc = processes.start([program("jq"), "-r", f".[]|[{cells}]|@csv", source], stdout=f)
        try:
            proc.wait(600)
        except subprocess.TimeoutExpired:
            raise Failed("jq did not end within 600 s") from None
        finally:
            processes.stop(proc)
        if proc.returncode:
            raise Failed(f"jq ended with {proc.returncode}")
        return time.monotonic() - began


class Downloader:
    """GETs over one kept connection with a large receive buffer, so that the client costs little."""

    def __init__(self, port, path, key="none"):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.ask = (f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                    f"Authorization: Bearer {key}\r\n\r\n").encode()
        self.buffer = bytearray(MIB)

    def get(self, digest=None):
        """One download; returns its length. With a hash object, the body is fed to it."""
        self.sock.sendall(self.ask)
        got = b""
        while b"\r\n\r\n" not in got:
            more = self.sock.recv(4096)
            if not more:
                raise Failed("the server closed the connection in a header")
            got += more
        head, body = got.split(b"\r\n\r\n", 1)
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise Failed("download: " + head.split(b"\r\n", 1)[0].decode("latin-1"))
        length = int(re.search(rb"\r\ncontent-length: *(\d+)", head, re.I).group(1))
        if digest:
            digest.update(body)
        left, view = length - len(body), memoryview(self.buffer)
        while left:
            n = self.sock.recv_into(self.buffer, min(left, len(self.buffer)))
            if not n:
                raise Failed("the server closed the connection in a body")
            if digest:
                digest.update(view[:n])
            left -= n
        return length

    def rate(self, seconds):
        """Bytes per second over whole downloads for about so long."""
        total, began = 0, time.monotonic()
        while True:
            total += self.get()
            took = time.monotonic() - began
            if took >= seconds:
                return total / took

    def close(self):
        self.sock.close()


def parallel_uploads(server, paths, file):
    """PUT `file` to all paths at once, one connection each; returns (seconds, [what went wrong])."""
    wrong, barrier = [], threading.Barrier(len(paths) + 1)

    def upload(path):
        try:
            s = socket.create_connection(("127.0.0.1", server.port), timeout=120)
            with s, open(file.path, "rb") as f:
                barrier.wait(60)
                s.sendall((f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer "
                           f"{server.key}\r\nContent-Type: application/octet-stream\r\n"
                           f"Content-Length: {file.size}\r\nConnection: close\r\n\r\n").encode())
                s.sendfile(f)
                status = s.recv(4096).split(b"\r\n", 1)[0].decode("latin-1")
                if " 201 " not in status + " ":
                    wrong.append(status or "closed without an answer")
        except (OSError, threading.BrokenBarrierError) as e:
            wrong.append(f"{type(e).__name__}: {e}")

    threads = [threading.Thread(target=upload, args=(path,), daemon=True) for path in paths]
    for thread in threads:
        thread.start()
    barrier.wait(60)
    began = time.monotonic()
    for thread in threads:
        thread.join(1800)
    return time.monotonic() - began, wrong
