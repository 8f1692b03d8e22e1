# SPDX-License-Identifier: Apache-2.0
"""A Debian in a folder, and what it is made of and gets. That needs root. What debootstrap fetched is kept in build/."""

import os
import pathlib
import re
import shutil
import subprocess

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
KEPT = CHECKOUT / "build"
NOBODY = 65534
# What of a system of Debian's changes by installing and removing anything.
OF_DEBIAN = re.compile(
    r"^(proc|dev|sys|run|tmp|root|var/(lib/(dpkg|apt|systemd|private)|cache|log)|etc/(passwd|shadow|group|gshadow|subuid|subgid)-?$"
    r"|etc/ld\.so\.cache|etc/systemd/system|etc/\.pwd\.lock)(/|$|-)"
)


def run(*words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def copy_checkout(to):
    """What git knows of it, and what it has not been told to ignore."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=CHECKOUT, capture_output=True, check=True
    ).stdout
    packing = subprocess.Popen(
        ["tar", "-c", "--null", "-T", "-"], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    unpacking = subprocess.Popen(["tar", "-x", "-C", to], stdin=packing.stdout)
    packing.stdin.write(names)
    packing.stdin.close()
    assert unpacking.wait() == 0 and packing.wait() == 0


class System:
    """A Debian in a folder."""

    def __init__(self, root):
        self.root = root
        self.mounted = []

    def mount(self):
        for kind, name in (("proc", "proc"), ("devpts", "dev/pts")):
            if (self.root / name).is_dir():
                run("mount", "-t", kind, kind, self.root / name)
                self.mounted.append(self.root / name)

    def close(self):
        for place in reversed(self.mounted):
            run("umount", place)
        self.mounted = []

    def run(self, *words, **options):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        environment |= options.pop("env", {})
        return run("chroot", self.root, *words, env=environment, **options)

    @staticmethod
    def user(name):
        """The words that run others as this user."""
        return ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "--no-new-privs", "--bounding-set=-all"]

    def as_user(self, user, *words, **options):
        return self.run(*self.user(user), *words, **options)

    def status(self, user, *words, env):
        """The exit status."""
        chroot = [shutil.which("chroot"), self.root]
        return subprocess.run([*chroot, *self.user(user), *words], env=env, capture_output=True, check=False).returncode

    def shell(self, command, **options):
        return self.run("sh", "-ec", f"cd /root; {command}", **options)

    def bring(self, *packages):
        for path in packages:
            shutil.copy(path, self.root / "root")

    def install(self, *packages):
        self.bring(*packages)
        return self.run("dpkg", "-i", *(f"/root/{path.name}" for path in packages))

    def files(self):
        found = set()
        for place, folders, names in os.walk(self.root):
            here = os.path.relpath(place, self.root)
            folders[:] = [name for name in folders if not OF_DEBIAN.match(os.path.normpath(f"{here}/{name}"))]
            found.update(os.path.normpath(f"{here}/{name}") for name in folders + names)
        return {name for name in found if not OF_DEBIAN.match(name)}


def keep(root, archive):
    KEPT.mkdir(exist_ok=True)
    run("tar", "-c", "--numeric-owner", "-f", f"{archive}.new", "-C", root, ".")
    os.replace(f"{archive}.new", archive)


def unpack(archive, root):
    run("tar", "-x", "--numeric-owner", "-p", "-f", archive, "-C", root)


def smallest_debian(folder):
    """An archive of it."""
    archive = KEPT / "debian-minbase.tar"
    if not archive.exists():
        run("debootstrap", "--variant=minbase", "bookworm", folder / "minbase")
        keep(folder / "minbase", archive)
        shutil.rmtree(folder / "minbase")
    return archive


def package(built, name):
    (found,) = built.glob(f"{name}_*.deb")
    return found


def depends(path):
    """What is installed with it, by default: the first of each alternative."""
    words = [word for kind in ("Depends", "Recommends") for word in run("dpkg-deb", "-f", path, kind).split(",") if word]
    return sorted({re.match(r"\s*([\w.+-]+)", word)[1] for word in words})


def make_base(root, wanted, archive, folder):
    unpack(smallest_debian(folder), root)
    # Services are not started in a folder.
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    system = System(root)
    system.mount()
    try:
        system.run("apt-get", "install", "-y", "--no-install-recommends", *wanted, "mandoc")
        system.run("apt-get", "clean")
    finally:
        system.close()
    keep(root, archive)
