#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bundles the web page and turns it into a C table: page.py OUT.c [SOURCE WORK [--optional]]

SOURCE is the folder web/ of the checkout, which is only read; packages and bundle go to the folder WORK. npm is asked
for packages only when the lock file has changed since. Without SOURCE the table is empty; with --optional it is, and
that is said, where npm cannot get the packages, or they do not run here. A fault in the sources fails the build.

    page.py --packages SOURCE WORK     only gets all packages, those for tests and type checks, too
"""
import gzip
import hashlib
import pathlib
import shutil
import subprocess
import sys

LARGEST = 120 * 1024  # bytes, compressed, of the whole page
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
COPIED = ("package.json", "package-lock.json", ".npmrc", "tsconfig.json", "build.mjs")


def copy_sources(source, work):
    """The bundler finds packages beside the sources only, and the checkout stays as it is."""
    work.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copy(source / name, work / name)
    shutil.rmtree(work / "src", ignore_errors=True)
    shutil.copytree(source / "src", work / "src")


def get_packages(source, work, everything):
    """npm ci, unless these packages are there already: the stamp says which lock file they are of."""
    stamp = work / "packages.stamp"
    lock = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    have = stamp.read_text().split() if stamp.exists() else []
    if have[:1] == [lock] and (have[1:] == ["all"] or not everything):
        return
    stamp.unlink(missing_ok=True)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]
    command += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]  # else it takes a minute to find no network
    if not everything:
        command.append("--omit=dev")
    subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)
    # The bundler is a program for one kind of machine: it may not run on this one.
    bundler = ["node", "node_modules/esbuild/bin/esbuild", "--version"]
    subprocess.run(bundler, cwd=work, check=True, stdout=subprocess.DEVNULL)
    stamp.write_text(f"{lock} {'all' if everything else 'needed'}\n")


def bundle(work):
    """(name, bytes) of every file of the page; the document's name is empty."""
    subprocess.run(["node", "build.mjs", "dist"], cwd=work, check=True)
    files = sorted(p for p in (work / "dist").iterdir())
    return [("" if p.name == "index.html" else p.name, p.suffix, p.read_bytes()) for p in files]


def c_bytes(data):
    rows = (data[i : i + 24] for i in range(0, len(data), 24))
    return "\n".join("    " + ", ".join(str(byte) for byte in row) + "," for row in rows)


def write_table(target, files):
    packed = [gzip.compress(data, compresslevel=9, mtime=0) for _, _, data in files]
    total = sum(len(data) for data in packed)
    if total > LARGEST:
        sys.exit(f"the page has {total} bytes compressed; {LARGEST} are allowed")
    with open(target, "w", encoding="utf-8") as out:
        out.write('#include "api/page.h"\n\n')
        for number, data in enumerate(packed):
            out.write(f"static const unsigned char file_{number}[] = {{\n{c_bytes(data)}\n}};\n")
        out.write("const struct page_asset page_assets[] = {\n")
        for number, (name, suffix, data) in enumerate(files):
            digest = hashlib.sha256(data).hexdigest()[:16]
            out.write(f'    {{"{name}", "{MEDIA_TYPES[suffix]}", "{digest}", ')
            out.write(f"file_{number}, sizeof file_{number}, {len(data)}}},\n")
        if not files:
            out.write("    {0},\n")
        out.write(f"}};\nconst size_t page_asset_count = {len(files)};\n")
    return total


def main():
    if sys.argv[1] == "--packages":
        source, work = map(pathlib.Path, sys.argv[2:4])
        copy_sources(source, work)
        get_packages(source, work, True)
        return
    target, *rest = sys.argv[1:]
    if not rest:
        write_table(target, [])
        return
    source, work = map(pathlib.Path, rest[:2])
    copy_sources(source, work)
    try:
        get_packages(source, work, False)
    except (OSError, subprocess.CalledProcessError) as error:
        if "--optional" not in rest:
            sys.exit(f"the packages of the web page cannot be had or do not run ({error}); -Dweb=disabled builds without it")
        print(f"This build has no web page, since its packages cannot be had or do not run: {error}", file=sys.stderr)
        write_table(target, [])
        return
    total = write_table(target, bundle(work))
    (work / "size").write_text(f"{total} {LARGEST}\n")


if __name__ == "__main__":
    main()
