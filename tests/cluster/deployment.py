# SPDX-License-Identifier: Apache-2.0
"""A site as docs/operations.md describes it, on one machine: PostgreSQL by Patroni, Ceph with two gateways, haproxy,
and nodes of resultd. Configuration files are those of examples/cluster, with addresses and folders of this machine.

Between each node and PostgreSQL stands a haproxy that only passes bytes on, and that a test may stop.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "crash"), str(HERE.parent / "api")]

import harness  # noqa: E402

SERVICES = HERE.parent / "services"
EXAMPLES = HERE.parents[1] / "examples" / "cluster"
HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
SETTLED_WITHIN = 90  # seconds, for services that were killed

# In place of the example's; with them nobody waits for longer than LONGEST.
SETTINGS = {
    "db_connect_timeout": "2s",
    "db_timeout": "3s",
    "db_busy_timeout": "2s",
    "read_queue_timeout": "2s",
    "write_queue_timeout": "4s",
    "bucket_silence": "3s",
    "bucket_patience": "6s",
    "sweep_interval": "1s",
    "orphan_grace": "60s",
    "trash_ttl": "3s",
    "inline_limit": "4KiB",
    "disk_floor": "0",
}


# Debian's Python has the module rados, another one may not.
GROUPS = """
import json, rados, sys
with rados.Rados(conffile=sys.argv[1], name="client.admin", conf={"client_mount_timeout": "20"}) as cluster:
    def ask(prefix):
        return json.loads(cluster.mon_command(json.dumps({"prefix": prefix, "format": "json"}), b"", timeout=20)[1])
    if ask("osd stat")["num_up_osds"] < int(sys.argv[2]):
        sys.exit("an OSD is down")
    for pool in ask("osd dump")["pools"]:
        for number in range(pool["pg_num"]):
            group = f"{pool['pool']}.{number:x}"
            query = json.dumps({"prefix": "query", "pgid": group})
            print(json.loads(cluster.pg_command(group, query, b"", timeout=20)[1])["state"])
"""


def script(name, *arguments, **environment):
    done = subprocess.run(
        [SERVICES / name, *map(str, arguments)],
        env={**os.environ, **{key: str(value) for key, value in environment.items()}},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")


def variables(path):
    """Of a file that shells source."""
    pairs = re.findall(r"^(?:export )?(\w+)='?([^'\n]*)'?$", path.read_text(), re.M)
    return dict(pairs)


def status_of(address):
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=3) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def await_that(what, check, within=SETTLED_WITHIN):
    deadline = time.monotonic() + within
    while not check():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {within} s: {what}")
        time.sleep(0.1)


class Daemons:
    """What one of tests/services' scripts has started in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def kill(self, *names):
        script("daemon", self.folder, "kill", *names)

    def start(self, *names):
        script("daemon", self.folder, "start", *names)

    def stop(self, *names):
        script("daemon", self.folder, "stop", *names)

    def go_on(self, *names):
        script("daemon", self.folder, "cont", *names)


class Patroni(Daemons):
    def __init__(self, folder):
        super().__init__(folder)
        script("patroni-up.sh", folder)
        self.environment = variables(folder / "pg.env")
        lines = (folder / "hosts").read_text().splitlines()
        self.hosts = {name: (int(pg), int(rest)) for name, pg, rest in map(str.split, lines)}

    def close(self):
        script("patroni-down.sh", self.folder)

    def with_role(self, role):
        return [name for name, (_, rest) in self.hosts.items() if status_of(f"http://127.0.0.1:{rest}/{role}") == 200]

    def settled(self):
        """One primary, two standbys, one of them synchronous."""
        roles = self.with_role("primary"), self.with_role("replica"), self.with_role("synchronous")
        return list(map(len, roles)) == [1, 2, 1]

    def kill_machine(self, name):
        """Patroni and all processes of its PostgreSQL at once."""
        leader = int((self.folder / name / "postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{leader}/task/{leader}/children").read_text().split()
        self.kill(name)
        for pid in (leader, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_database(self, name):
        """PostgreSQL alone: Patroni is there and sees it."""
        os.kill(int((self.folder / name / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def rows(self, sql):
        done = subprocess.run(
            ["psql", "-XqtA", "-F", "\t", "-d", "resultd", "-c", sql],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return [line.split("\t") for line in done.stdout.splitlines()]


class Ceph(Daemons):
    def __init__(self, folder, small):
        super().__init__(folder)
        counts = {} if small else {"CEPH_STORE": "bluestore", "CEPH_MONS": 3, "CEPH_OSDS": 3}
        self.osds = 1 if small else 3
        script("ceph-up", folder, CEPH_GATEWAYS=2, **counts)
        self.environment = variables(folder / "env")
        self.gateways = [int(address.rsplit(":", 1)[1]) for address in self.environment["S3_ENDPOINTS"].split()]

    def close(self):
        script("ceph-down", self.folder, "--rm")

    def settled(self):
        """All OSDs up and no copy missing; both gateways answer."""
        gateways = all(status_of(f"http://127.0.0.1:{port}/") == 200 for port in self.gateways)
        return gateways and self.states_of_groups() == {"active+clean"}

    def states_of_groups(self):
        """Of placement groups, by asking them: there is no manager that gathers it."""
        done = subprocess.run(
            ["/usr/bin/python3", "-c", GROUPS, str(self.folder / "ceph.conf"), str(self.osds)],
            capture_output=True, text=True, timeout=60, check=False,
        )
        return set(done.stdout.split())

    def admin(self, *arguments):
        """What it prints. Sometimes, in a cluster that has borne many faults, the program hangs: it is started again,
        which does not always help, and may be, since all that it is asked for here can be done twice."""
        command = ["radosgw-admin", "-c", str(self.folder / "ceph.conf"), "--no-mon-config", *map(str, arguments)]
        for last in (False, False, True):
            try:
                return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
            except subprocess.TimeoutExpired:
                if last:
                    raise

    def limit_objects(self, bucket):
        """The quota of the bucket is half of what it holds, which counts at once in both gateways."""
        stats = json.loads(self.admin("bucket", "stats", f"--bucket={bucket}"))
        held = stats.get("usage", {}).get("rgw.main", {}).get("num_objects", 0)
        self.admin("quota", "set", "--quota-scope=bucket", f"--bucket={bucket}", f"--max-objects={max(1, held // 2)}")
        self.admin("quota", "enable", "--quota-scope=bucket", f"--bucket={bucket}")

    def lift_limit(self, bucket):
        self.admin("quota", "disable", "--quota-scope=bucket", f"--bucket={bucket}")


class Haproxy:
    """A process of it, in the foreground."""

    def __init__(self, folder, name, text):
        self.path = folder / f"{name}.cfg"
        self.path.write_text(text)
        self.log = open(folder / f"{name}.log", "wb")
        self.process = subprocess.Popen(
            [HAPROXY, "-db", "-f", str(self.path)], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.go_on()
        self.process.kill()
        self.process.wait()
        self.log.close()


def wire(folder, name, ports):
    """A haproxy that passes bytes on; (it, its ports)"""
    own = [harness.free_port() for _ in ports]
    text = "defaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n"
    for mine, theirs in zip(own, ports):
        text += f"listen p{mine}\n bind 127.0.0.1:{mine}\n server s 127.0.0.1:{theirs}\n"
    made = Haproxy(folder, name, text)
    await_that(f"{name} listens", lambda: all(map(listens, own)))
    return made, own


class Site:
    """All of it. `small`: one monitor and one OSD, for what is not about them."""

    def __init__(self, folder, nodes=2, small=False):
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o755)  # PostgreSQL is another user than root
        self.parts = contextlib.ExitStack()
        self.nodes, self.wires = [], []
        try:
            self.patroni = self.add(Patroni(self.folder / "patroni"))
            self.ceph = self.add(Ceph(self.folder / "ceph", small))
            ports = [harness.free_port() for _ in range(nodes)]
            self.port, self.s3_port = harness.free_port(), harness.free_port()
            self.haproxy = self.add(Haproxy(self.folder, "haproxy", self.haproxy_text(ports)))
            await_that("haproxy passes S3 on", lambda: status_of(f"http://127.0.0.1:{self.s3_port}/") == 200)
            for port in ports:
                self.add_node(port)
        except BaseException:
            self.parts.close()
            raise

    def add(self, part):
        self.parts.callback(part.close)
        return part

    def close(self):
        self.parts.close()

    def haproxy_text(self, ports):
        text = (EXAMPLES / "haproxy.cfg").read_text()
        places = {"10.0.0.20:80": self.port, "10.0.0.20:7480": self.s3_port}
        places.update({f"10.0.0.{21 + i}:8080": port for i, port in enumerate(ports)})
        places.update({f"10.0.0.{31 + i}:7480": port for i, port in enumerate(self.ceph.gateways)})
        return re.sub(r"10\.0\.0\.\d+:\d+", lambda place: f"127.0.0.1:{places[place[0]]}", text)

    def settings(self, folder, ports):
        """Of examples/cluster/resultd.conf."""
        text = (EXAMPLES / "resultd.conf").read_text()
        settings = dict(re.findall(r"^(\w+) = (.*)$", text, re.M))
        settings["secret_key_file"] = str(self.folder / "secret.key")
        settings["db"] = settings["db"].replace("5432,5432,5432", ",".join(map(str, ports)))
        settings["db"] = re.sub(r"10\.0\.0\.1\d", "127.0.0.1", settings["db"])
        settings["blobs"] = settings["blobs"].replace("10.0.0.20:7480", f"127.0.0.1:{self.s3_port}")
        for name in ("data", "listen", "base_url"):
            del settings[name]
        return {**settings, **SETTINGS}

    def add_node(self, port):
        name = f"resultd{len(self.nodes) + 1}"
        passed_on, ports = wire(self.folder, f"wire-{name}", [pg for pg, _ in self.patroni.hosts.values()])
        self.add(passed_on)
        keys = {key: self.ceph.environment[key] for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        environment = {"PGPASSWORD": self.patroni.environment["PGPASSWORD"], **keys}
        folder = self.folder / name
        folder.mkdir()
        node = harness.Server(folder, environment=environment, **self.settings(folder, ports))
        node.port = port
        node.start()
        self.parts.callback(lambda: node.process and node.kill())
        self.nodes.append(node)
        self.wires.append(passed_on)

    def is_ready(self):
        """A commit of some node has taken place now: what was in flight before has, or never will."""
        return any(status_of(f"{node.url}/-/ready") == 200 for node in self.nodes)

    def settled(self):
        return (
            self.patroni.settled()
            and self.ceph.settled()
            and all(status_of(f"{node.url}/-/ready") == 200 for node in self.nodes)
        )

    def await_settled(self):
        await_that("all services and nodes are back", self.settled)
