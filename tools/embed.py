#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turns sql/ENGINE/NNNN_*.sql into a C table of migrations: embed.py ENGINE OUT.c FILE..."""
import sys


def c_string(text):
    lines = text.splitlines(keepends=True)
    out = []
    for line in lines:
        escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        out.append(f'    "{escaped}"')
    return "\n".join(out)


def main():
    engine, target, *files = sys.argv[1:]
    with open(target, "w", encoding="utf-8") as out:
        out.write('#include "store/store.h"\n\n')
        out.write(f"const struct migration store_{engine}_migrations[] = {{\n")
        for number, path in enumerate(files, start=1):
            name = path.rsplit("/", 1)[-1].removesuffix(".sql")
            if int(name[:4]) != number:
                sys.exit(f"{path}: migrations are numbered from 0001 without gaps; this is the {number}th")
            with open(path, encoding="utf-8") as f:
                out.write(f'    {{{number}, "{name}",\n{c_string(f.read())}}},\n')
        out.write("};\n")
        out.write(f"const int store_{engine}_migration_count = {len(files)};\n")


if __name__ == "__main__":
    main()
