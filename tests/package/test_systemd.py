# SPDX-License-Identifier: Apache-2.0
"""The package on a Debian that systemd has booted: the unit as it is, with all that it forbids; started with the
installation, reloaded, restarted when it dies or hangs, and started by its socket. The lines with systemctl in
docs/operations.md are run here."""

import os
import re

import harness
import pytest
from booted import Booted, can_boot
from debian import CHECKOUT, package

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0 or not can_boot(), reason="needs root, namespaces and cgroups of version 2"),
]
UNIT, SOCKET = "resultd.service", "resultd.socket"
LARGE = os.urandom(3_000_000)


@pytest.fixture(scope="module")
def port():
    return harness.free_port()


@pytest.fixture(scope="module")
def debian(system, built, port):
    (system.root / "usr/sbin/policy-rc.d").unlink()  # here services start
    settings = system.root / "etc/resultd/environment"
    settings.parent.mkdir()
    settings.write_text(f"RESULTD_LISTEN=127.0.0.1:{port}\nRESULTD_DISK_FLOOR=0\n", encoding="utf-8")
    system.bring(package(built, "resultd"), package(built, "resultctl"))
    booted = Booted(system.root)
    yield booted
    booted.close()


@pytest.fixture(scope="module")
def client(debian, port):
    """The environment of resultctl."""
    settings = {"RESULTD_CONFIG": "/etc/resultd/resultd.conf"}
    for words in (["project", "create", "shop"], ["key", "create", "--project", "shop", "--scopes", "read,write"]):
        said = debian.run("runuser", "-u", "resultd", "--", "resultd", *words, env=settings)
    return {"RESULTD_URL": f"http://127.0.0.1:{port}", "RESULTD_KEY": said.strip(), "HOME": "/root"}


def documented(begin):
    (found,) = set(re.findall(rf"(?:^    |`)({re.escape(begin)}[^`#\n]*?) *(?:`|#|$)", (CHECKOUT / "docs/operations.md").read_text(), re.M))
    return found.split()


def write_edit(debian, system, unit, lines):
    """What `systemctl edit` writes."""
    folder = system.root / f"etc/systemd/system/{unit}.d"
    folder.mkdir(exist_ok=True)
    (folder / "override.conf").write_text(lines, encoding="utf-8")
    debian.run("systemctl", "daemon-reload")


def journal(debian):
    return debian.ask("journalctl", "--no-pager", "-u", UNIT)


def become_active(debian):
    harness.eventually(lambda: debian.show(UNIT, "ActiveState") == "active", lambda: journal(debian))
    return int(debian.show(UNIT, "MainPID"))


def another_process(debian, before):
    def is_there():
        pid = debian.show(UNIT, "MainPID")
        return pid not in ("0", str(before)) and debian.show(UNIT, "ActiveState") == "active"

    harness.eventually(is_there, lambda: journal(debian), patience=2 * harness.PATIENCE)


def test_installed_it_runs_and_forbids_itself_what_it_does_not_need(debian, system, built, port):
    debian.run("dpkg", "-i", *(f"/root/{package(built, name).name}" for name in ("resultd", "resultctl")))
    pid = become_active(debian)
    assert f"listening on 127.0.0.1:{port}" in debian.run(*documented("systemctl status resultd"))
    status = dict(re.findall(r"^(\w+):\s*(.*)$", debian.run("cat", f"/proc/{pid}/status"), re.M))
    user = re.search(r"^resultd:x:(\d+):", (system.root / "etc/passwd").read_text(), re.M)[1]
    assert status["Uid"].split() == [user] * 4
    assert (int(status["CapEff"], 16), status["NoNewPrivs"], status["Seccomp"]) == (0, "1", "2")
    assert len(debian.run("cat", f"/proc/{pid}/uid_map").splitlines()) == 2, "it knows of root and of itself"


def test_what_was_put_is_there_when_it_was_killed(debian, system, client):
    (system.root / "root/report.bin").write_bytes(LARGE)
    result = debian.run("resultctl", "put", "/root/report.bin", env=client).split()[-2]
    pid = become_active(debian)
    debian.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT)
    another_process(debian, pid)
    debian.run("resultctl", "get", result, "-o", "/root/copy.bin", env=client)
    assert (system.root / "root/copy.bin").read_bytes() == LARGE


def test_it_reloads(debian):
    pid = become_active(debian)
    debian.run(*documented("systemctl reload resultd"))
    harness.eventually(lambda: "the settings were re-read" in journal(debian), lambda: journal(debian))
    assert become_active(debian) == pid


def test_one_that_hangs_is_replaced(debian, system):
    write_edit(debian, system, UNIT, "[Service]\nWatchdogSec=10s\n")
    debian.run(*documented("systemctl restart resultd"))
    pid = become_active(debian)
    debian.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", UNIT)
    another_process(debian, pid)
    assert "watchdog" in journal(debian).lower()


def test_its_socket_starts_it(debian, system, client):
    other = harness.free_port()
    debian.run("systemctl", "stop", UNIT)
    assert debian.show(UNIT, "ActiveState") == "inactive" and debian.show(UNIT, "Result") == "success", journal(debian)
    write_edit(debian, system, SOCKET, f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{other}\n")
    debian.run(*documented("systemctl enable --now resultd.socket"))
    assert debian.show(UNIT, "ActiveState") == "inactive"
    listed = debian.run("resultctl", "ls", env={**client, "RESULTD_URL": f"http://127.0.0.1:{other}"})
    assert "report.bin" in listed
    assert f"listening on 127.0.0.1:{other}" in debian.show(UNIT, "StatusText")


def test_removed_it_has_ended(debian, system):
    debian.run("dpkg", "-r", "resultd", "resultctl")
    assert debian.show(UNIT, "ActiveState") == "inactive"
    assert not (system.root / "usr/bin/resultd").exists() and (system.root / "var/lib/resultd/resultd.db").exists()
