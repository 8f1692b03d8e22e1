# SPDX-License-Identifier: Apache-2.0
"""The Debian packages: built as nobody in a copy of what git knows, looked at by lintian, installed in a Debian of
their own, run there as systemd would by the unit's lines, upgraded, removed and purged.

systemd does not run here, but in test_systemd.py where a machine has namespaces. What of the unit can be looked at
without it, systemd-analyze looks at; the rest (User=, Environment=, EnvironmentFile=, ExecStart=, StateDirectory=,
Type=notify) this file does by itself.

It needs root for the Debian in a folder. That one is made by debootstrap once, and kept in build/ with all packages
that ours depend on, so that later runs need no network.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request

import harness
import pytest
from debian import CHECKOUT, package, run

TOOLS = ("dpkg-buildpackage", "dh", "lintian", "debootstrap", "setpriv", "systemd-analyze", "strace")
UNIT = "lib/systemd/system/resultd.service"
LARGE = os.urandom(3_000_000)


def test_this_machine_can_build_and_install_packages():
    """Said as a failure: a step that was left out in silence would look like one that passed."""
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    assert not absent, f"missing: {absent}; tools/setup test installs them"
    assert os.geteuid() == 0, "debootstrap and chroot need root"


# ---- a Debian of its own ----------------------------------------------------------------------------------


def documented(begin):
    """The command of docs/operations.md that begins so."""
    text = (CHECKOUT / "docs" / "operations.md").read_text()
    (found,) = re.findall(rf"^    ({re.escape(begin)}.*)$", text, re.M)
    return found


@pytest.fixture(scope="module")
def bare(system):
    """The files of that Debian before ours."""
    return system.files()


# ---- as systemd would -------------------------------------------------------------------------------------


class Unit:
    """The lines of [Service], and a process made by them."""

    def __init__(self, system):
        self.system = system
        lines = (system.root / UNIT).read_text().split("[Service]")[1].split("[Install]")[0]
        self.lines = re.findall(r"^(\w+)=(.*)$", lines, re.M)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.settimeout(harness.PATIENCE)
        path = system.root / "run/notify"
        path.unlink(missing_ok=True)
        self.notify.bind(str(path))
        path.chmod(0o777)

    def get(self, name):
        (value,) = [value for key, value in self.lines if key == name]
        return value

    def environment(self):
        said = dict(value.split("=", 1) for key, value in self.lines if key == "Environment")
        path = self.system.root / self.get("EnvironmentFile").removeprefix("-").lstrip("/")
        if path.exists():
            said |= dict(line.split("=", 1) for line in path.read_text().splitlines())
        return {"PATH": "/usr/bin", "NOTIFY_SOCKET": "/run/notify", "HOME": "/", **said}

    def start(self, *around):
        state = self.system.root / "var/lib" / self.get("StateDirectory")
        user = self.get("User")
        assert user == self.get("Group")
        assert state.is_dir() and state.owner, "tmpfiles has made it"
        assert f"{state.stat().st_mode & 0o7777:04o}" == self.get("StateDirectoryMode")
        self.log = open(self.system.root / "run/resultd.log", "ab")
        self.process = subprocess.Popen(
            [*around, shutil.which("chroot"), self.system.root, *self.system.user(user), *self.get("ExecStart").split()],
            env=self.environment(), stderr=self.log,
        )
        self.await_told("READY=1")

    def await_told(self, line):
        while line not in self.notify.recv(4096).decode().split("\n"):
            assert self.process.poll() is None, (self.system.root / "run/resultd.log").read_text()

    def stop(self, pid=None):
        os.kill(pid or self.process.pid, signal.SIGTERM)
        self.await_told("STOPPING=1")
        assert self.process.wait(harness.PATIENCE) == 0, (self.system.root / "run/resultd.log").read_text()
        self.notify.close()
        self.log.close()


# ---- the tests, in their order ----------------------------------------------------------------------------


def test_lintian_has_no_error(built):
    (changes,) = built.glob("*.changes")
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error", "--tag-display-limit", "0", changes], capture_output=True, text=True, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_packages_hold_what_they_should(built):
    def contents(name):
        listed = run("dpkg-deb", "-c", package(built, name)).splitlines()
        return {line.split()[5].removeprefix("./") for line in listed if not line.startswith("d")}

    server, client = contents("resultd"), contents("resultctl")
    assert {"usr/bin/resultd", UNIT, UNIT.replace(".service", ".socket"), "etc/resultd/resultd.conf"} <= server
    assert {"usr/lib/sysusers.d/resultd.conf", "usr/lib/tmpfiles.d/resultd.conf", "usr/share/man/man8/resultd.8.gz"} <= server
    assert {"usr/bin/resultctl", "usr/share/man/man1/resultctl.1.gz"} <= client
    shells = {"bash-completion/completions/resultctl.bash", "fish/vendor_completions.d/resultctl.fish", "zsh/vendor-completions/_resultctl"}
    assert {f"usr/share/{name}" for name in shells} <= client


def test_systemd_finds_nothing_wrong_with_the_units(system, bare, built):
    assert UNIT not in bare
    system.bring(package(built, "resultd"), package(built, "resultctl"))
    system.shell(documented("apt install ").replace("install", "install -y").replace("amd64", run("dpkg", "--print-architecture").strip()))
    units = ["/lib/systemd/system/resultd.service", "/lib/systemd/system/resultd.socket"]
    done = subprocess.run(
        ["chroot", system.root, "systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "resultd" not in done.stderr, done.stderr
    said = run("systemd-analyze", "security", "--offline=yes", f"--root={system.root}", "--threshold=20", "resultd.service")
    level = re.search(r"Overall exposure level for resultd\.service: ([\d.]+)", said)
    print(level[0])
    assert float(level[1]) < 2.0


def test_installed_files_belong_to_whom_they_should(system):
    user = re.search(r"^resultd:x:(\d+):(\d+):", (system.root / "etc/passwd").read_text(), re.M)
    assert user and int(user[1]) < 1000
    data, settings = (system.root / "var/lib/resultd").stat(), (system.root / "etc/resultd").stat()
    assert (data.st_uid, data.st_gid, data.st_mode & 0o7777) == (int(user[1]), int(user[2]), 0o710)
    assert (settings.st_uid, settings.st_gid, settings.st_mode & 0o7777) == (0, int(user[2]), 0o750)
    assert "resultd" in system.run("mandoc", "/usr/share/man/man8/resultd.8.gz")
    system.run("bash", "-n", "/usr/share/bash-completion/completions/resultctl.bash")
    system.run("resultctl", "--version")


def test_it_runs_by_the_lines_of_the_unit(system):
    port = harness.free_port()
    (system.root / "etc/resultd/environment").write_text(f"RESULTD_LISTEN=127.0.0.1:{port}\nRESULTD_DISK_FLOOR=0\n")
    command = ["env", "RESULTD_CONFIG=/etc/resultd/resultd.conf", "resultd"]
    system.shell(documented("runuser ").replace("NAME", "shop"))
    key = system.as_user("resultd", *command, "key", "create", "--project", "shop", "--scopes", "read,ack,write").strip()
    unit = Unit(system)
    unit.start()
    try:
        (system.root / "tmp/report.bin").write_bytes(LARGE)
        client = {"RESULTD_URL": f"http://127.0.0.1:{port}", "RESULTD_KEY": key, "HOME": "/tmp"}
        put = system.run("resultctl", "put", "/tmp/report.bin", env=client)
        system.run("resultctl", "get", put.split()[0], "-o", "/tmp/copy.bin", env=client)
        assert (system.root / "tmp/copy.bin").read_bytes() == LARGE
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
            assert b'id="app"' in page.read(), "the page is in it"
        unit.process.send_signal(signal.SIGHUP)
        unit.await_told("RELOADING=1")
        unit.await_told("READY=1")
        owners = {path.stat().st_uid for path in (system.root / "var/lib/resultd").rglob("*")}
        assert len(owners) == 1 and 0 not in owners
    finally:
        unit.stop()


def test_nginx_reaches_files_as_a_member_of_the_group(system):
    text = (CHECKOUT / "docs" / "operations.md").read_text()
    joins, opens = (re.search(rf"`({words}[^`]*)`", text)[1] for words in ("usermod ", "chmod "))

    def reaches():
        return system.status("www-data", "test", "-x", "/var/lib/resultd", env={"PATH": "/usr/bin"}) == 0

    assert not reaches()
    system.run("chmod", "0700", "/var/lib/resultd")
    system.shell(joins)
    assert not reaches()
    system.shell(f"{opens} /var/lib/resultd")
    assert reaches()
    assert system.status("www-data", "cat", "/var/lib/resultd/secret.key", env={"PATH": "/usr/bin"}) != 0


def system_calls(names):
    """Those of a list as in SystemCallFilter=, in which @NAME is a list of systemd's own."""
    found = set()
    for name in names:
        listed = run("systemd-analyze", "syscall-filter", name).splitlines()[1:] if name.startswith("@") else [name]
        words = [line.strip() for line in listed if line.strip() and not line.strip().startswith("#")]
        found |= {word for word in words if not word.startswith("@")}
        found |= system_calls([word for word in words if word.startswith("@")])
    return found


def test_the_unit_allows_what_the_server_does(system, tmp_path):
    """systemd would answer other system calls with an error; here it is looked at which are made."""
    unit = Unit(system)
    unit.start("strace", "-f", "-qq", "-o", tmp_path / "trace")
    (pid,) = map(int, run("pgrep", "-P", unit.process.pid).split())
    url = f"http://{unit.environment()['RESULTD_LISTEN']}"
    try:
        command = ["env", "RESULTD_CONFIG=/etc/resultd/resultd.conf", "resultd", "key", "create", "--project", "shop"]
        key = system.as_user("resultd", *command, "--scopes", "read,write,delete").strip()
        client = {"RESULTD_URL": url, "RESULTD_KEY": key, "HOME": "/tmp"}
        (system.root / "tmp/table.csv").write_text("a,b\n" + "1,2\n" * 50_000)
        put = system.run("resultctl", "put", "/tmp/table.csv", "/tmp/report.bin", env=client)
        table, report = (line.split()[0] for line in put.splitlines())
        system.run("resultctl", "get", "--format", "xlsx", table, "-o", "/tmp/table.xlsx", env=client)
        system.run("resultctl", "get", report, "-o", "/tmp/again.bin", env=client)
        system.run("resultctl", "rm", report, env=client)
        os.kill(pid, signal.SIGHUP)
        unit.await_told("RELOADING=1")
    finally:
        unit.stop(pid)
    ours = (tmp_path / "trace").read_text().split('execve("/usr/bin/resultd"', 1)[1]
    made = set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)", ours, re.M))
    assert len(made) > 30
    lists = [value for name, value in unit.lines if name == "SystemCallFilter"]
    allowed = system_calls(word for value in lists if not value.startswith("~") for word in value.split())
    allowed -= system_calls(word for value in lists if value.startswith("~") for word in value[1:].split())
    assert made - allowed == set()
    families = set(re.findall(r"socket\((AF_\w+)", ours))
    assert families <= set(unit.get("RestrictAddressFamilies").split())


def test_an_upgrade_keeps_settings_and_results(system, built):
    settings = system.root / "etc/resultd/resultd.conf"
    assert "\ndata = /var/lib/resultd\n" in settings.read_text()
    settings.write_text(settings.read_text() + "results_ttl = 14d\n")
    system.install(package(built, "resultd"))
    assert "results_ttl = 14d" in settings.read_text()
    assert system.run("stat", "-c", "%a %G", "/etc/resultd").strip() == "750 resultd"
    checked = system.as_user("resultd", "env", "RESULTD_CONFIG=/etc/resultd/resultd.conf", "resultd", "check")
    assert "1 result" in checked or "results" in checked


def test_removed_it_leaves_settings_and_results(system):
    system.run("dpkg", "-r", "resultd", "resultctl")
    assert not (system.root / "usr/bin/resultd").exists() and not (system.root / UNIT).exists()
    assert (system.root / "etc/resultd/resultd.conf").exists()
    assert (system.root / "var/lib/resultd/resultd.db").exists()


def test_purged_it_leaves_results_alone(system, bare):
    said = system.run("dpkg", "-P", "resultd", "resultctl")
    assert "/var/lib/resultd stays" in said
    assert (system.root / "var/lib/resultd/resultd.db").exists()
    left = {name for name in system.files() - bare if not name.startswith("var/lib/resultd")}
    assert left == set()


def test_purged_with_its_data_it_leaves_nothing(system, bare, built):
    system.install(package(built, "resultd"))
    system.run("dpkg", "-P", "resultd", env={"RESULTD_PURGE": "data"})
    assert system.files() - bare == set()
