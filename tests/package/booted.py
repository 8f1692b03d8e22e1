# SPDX-License-Identifier: Apache-2.0
"""systemd as process 1 of a Debian in a folder: in namespaces of its own, but with the network of this machine."""

import os
import pathlib
import signal
import subprocess

import harness
from debian import run

NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")
# A root that was changed to by chroot(2) may have no user namespaces, which PrivateUsers= is made of.
BOOT = """
set -e
cd "$1"
mount --bind . .
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for place in run dev; do mount -t tmpfs -o mode=755 tmpfs $place; done
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mkdir -p old
pivot_root . old
cd /
umount -l old
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=other /lib/systemd/systemd --unit=multi-user.target
"""


def cgroups():
    """Where the cgroups of version 2 are, or None."""
    mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    return next((pathlib.Path(place) for _, place, kind, *_ in mounts if kind == "cgroup2"), None)


def can_boot():
    mounts = "mount -t proc proc /proc && mount -t sysfs -o ro sysfs /mnt && mount -t cgroup2 cgroup2 /mnt/fs/cgroup"
    words = ["unshare", *NAMESPACES, "--propagation", "private", "--fork", "sh", "-c", mounts]
    unshared = subprocess.run(words, capture_output=True, check=False)
    return unshared.returncode == 0 and cgroups() is not None and os.access(cgroups(), os.W_OK)


class Booted:
    """The folder is a Debian with systemd; close() ends all that runs in it."""

    def __init__(self, root):
        self.group = cgroups() / f"resultd-test-{os.getpid()}"
        self.group.mkdir()
        join = 'echo $$ >"$0/cgroup.procs" && exec unshare "$@"'
        words = [*NAMESPACES, "--propagation", "private", "--fork", "bash", "-c", BOOT, "boot", str(root)]
        with open(root / "boot.log", "wb") as log:
            self.outside = subprocess.Popen(["bash", "-c", join, self.group, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = harness.eventually(self.find, lambda: (root / "boot.log").read_text())
        state = ("running", "degraded")
        harness.eventually(lambda: self.ask("systemctl", "is-system-running") in state, lambda: (root / "boot.log").read_text())

    def find(self):
        """Process 1, once systemd is that."""
        for child in self.children():
            if pathlib.Path(f"/proc/{child}/comm").read_text(encoding="utf-8").strip() == "systemd":
                return child
        assert self.outside.poll() is None, "it could not be booted"
        return None

    def children(self):
        listed = subprocess.run(["pgrep", "-P", str(self.outside.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in listed.stdout.split()]

    def inside(self, *words):
        return ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--root", "--wd", "--", *words]

    def run(self, *words, env=None):
        said = ["env", *(f"{name}={value}" for name, value in (env or {}).items())]
        return run(*self.inside(*said, *words))

    def ask(self, *words):
        """What it prints, however it ends."""
        return subprocess.run(self.inside(*words), capture_output=True, text=True, check=False).stdout.strip()

    def show(self, unit, name):
        return self.ask("systemctl", "show", "--value", "-p", name, unit)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)  # and with it everything in its namespace
        self.outside.wait(harness.PATIENCE)
        for group in sorted(self.group.rglob("*/"), reverse=True):
            if group.is_dir():
                group.rmdir()
        self.group.rmdir()
