#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fills the database of a stopped resultd with many small results, by SQL: over HTTP ten million would take
most of an hour.

    bench/fill.py --data DIR --rows N

The project and key must be there already (`resultd project create`, `resultd key create`). Every result is
available, belongs to a completed job of RESULTS_PER_JOB results, and has the same few bytes, stored in the
database, so that `resultd check` finds nothing to complain about. Events are not written. Only the statements
that come first know the schema.
"""

import argparse
import glob
import hashlib
import os
import random
import sqlite3
import sys
import time
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCHEMA = os.path.join(ROOT, "sql", "sqlite")
RESULTS_PER_JOB = 10
CHUNK = 100_000
CONTENT = b'{"benchmark":true}\n'

# A UUIDv7 of the time `at` (microseconds) and 8 random bytes in `r` (hex), as resultd makes them.
UUID = """lower(printf('%08x-%04x-7%03x-%s%s-%s', at / 1000 >> 16, at / 1000 & 65535, at % 1000 * 4096 / 1000,
                 substr('89AB', 1 + unicode(r) % 4, 1), substr(r, 2, 3), substr(r, 5, 12)))"""

# Rows :first to :last, oldest first; row n is made at :began + n * :span / :rows. A recursive table is
# computed once a row, so that its random bytes are the same wherever the row is used.
ROWS = """WITH RECURSIVE
    n(i, r) AS (SELECT :first, hex(randomblob(8)) UNION ALL
                SELECT i + 1, hex(randomblob(8)) FROM n WHERE i < :last),
    row(i, r, at) AS (SELECT i, r, :began + i * :span / :rows FROM n)"""

OWNER = """SELECT p.pk AS project, c.pk AS creator FROM project p JOIN principal c ON c.project = p.pk
    ORDER BY p.pk, c.pk LIMIT 1"""
FIRST_FREE = """SELECT (SELECT coalesce(max(pk), 0) FROM job) AS job0,
    (SELECT coalesce(max(pk), 0) FROM result) AS result0"""
JOBS = (f"""INSERT INTO job (pk, id, project, kind, priority_weight, status, progress, creator, created_at,
                             started_at, finished_at)
    {ROWS} SELECT :job0 + i, {UUID}, :project, 'bench', 5, 'completed', 1, :creator, at, at, :now
    FROM row""",)
RESULTS = (
    f"""INSERT INTO result (pk, id, project, job, job_id, kind, name, type, is_primary, media_type, size, md5, sha256,
                            crc32, state, is_inline, creator, created_at, expires_at, due_at)
    {ROWS} SELECT :result0 + i, {UUID}, :project, :job0 + 1 + (i - 1) / :per_job,
        (SELECT j.id FROM job j WHERE j.pk = :job0 + 1 + (i - 1) / :per_job), 'bench',
        printf('result-%08d.json', i), '', 0, 'application/json', :size, :md5, :sha256, :crc32, 'available',
        1, :creator, at, at + :ttl, at + :ttl FROM row""",
    f"""INSERT INTO result_state (in_project, in_state, pk) {ROWS} SELECT :project, 'available', :result0 + i FROM row""",
    f"""INSERT INTO result_bytes (result, bytes) {ROWS} SELECT :result0 + i, :content FROM row""",
)
# What the triggers would have counted.
USAGE = """INSERT INTO usage (project, state, trash, results, bytes)
    VALUES (:project, 'available', 0, :rows, :rows * :size)
    ON CONFLICT (project, state, trash)
    DO UPDATE SET results = results + excluded.results, bytes = bytes + excluded.bytes"""
IDS = {
    "random": "SELECT id FROM result",
    "available": "SELECT id FROM result WHERE state = 'available' AND deleted_at IS NULL ORDER BY pk",
}


def schema_digest():
    """Changes when the schema does: a folder filled before is then filled anew."""
    digest = hashlib.sha256()
    for path in sorted(glob.glob(os.path.join(SCHEMA, "*.sql"))) + [os.path.abspath(__file__)]:
        with open(path, "rb") as f:
            digest.update(f.read())
    return digest.hexdigest()


def database(data):
    """The path of the database in a data folder: the one file that is an SQLite database."""
    found = []
    for name in sorted(os.listdir(data)):
        path = os.path.join(data, name)
        if os.path.isfile(path):
            with open(path, "rb") as f:
                if f.read(16) == b"SQLite format 3\0":
                    found.append(path)
    if len(found) != 1:
        raise ValueError(f"{data} has {len(found)} databases, one was expected")
    return found[0]


def set_aside(db):
    """Drop the indexes and triggers that have SQL of their own; returns it. Indexing at the end is faster."""
    kept = db.execute("SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') "
                      "AND sql IS NOT NULL ORDER BY type").fetchall()
    for kind, name, _ in kept:
        db.execute(f'DROP {kind} "{name}"')
    return [sql for _, _, sql in kept]


def fill(data, rows, progress=lambda done: None):
    """Add `rows` results, made evenly over the last hour."""
    os.environ["SQLITE_TMPDIR"] = data  # what sorting the indexes spills
    db = sqlite3.connect(database(data), isolation_level=None)
    try:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -262144")
        db.execute("PRAGMA foreign_keys = OFF")
        db.row_factory = sqlite3.Row
        owner = db.execute(OWNER).fetchone()
        if owner is None:
            raise ValueError(f"{data} has no project with a key")
        now, span = time.time_ns() // 1000, 3600 * 1_000_000
        params = {
            **owner, **db.execute(FIRST_FREE).fetchone(), "now": now, "began": now - span, "span": span,
            "ttl": 7 * 24 * span, "per_job": RESULTS_PER_JOB, "content": CONTENT, "size": len(CONTENT),
            "md5": hashlib.md5(CONTENT).digest(), "sha256": hashlib.sha256(CONTENT).digest(),
            "crc32": zlib.crc32(CONTENT), "rows": rows,
        }
        # One transaction, so that an interrupted fill leaves the database as it was.
        db.execute("BEGIN IMMEDIATE")
        later = set_aside(db)
        for total, statements in ((-(-rows // RESULTS_PER_JOB), JOBS), (rows, RESULTS)):
            for first in range(1, total + 1, CHUNK):
                last = min(first + CHUNK - 1, total)
                for statement in statements:
                    db.execute(statement, {**params, "first": first, "last": last, "rows": total})
                if statements is RESULTS and last % (10 * CHUNK) == 0 and last < rows:
                    progress(last)
        progress(rows)
        db.execute(USAGE, params)
        for sql in later:
            db.execute(sql)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()
    with open(database(data), "rb") as f:
        os.fsync(f.fileno())


def write_ids(data, path, part, most=1_000_000):
    """A file of ids, one a line. `random`: at most so many of all results, in random order. `ordered`: of the
    available ones the first 70 %, oldest first; `shuffled`: the other 30 %, in random order."""
    db = sqlite3.connect(f"file:{database(data)}?mode=ro", uri=True)
    try:
        if part == "random":
            ids = [row[0] for row in db.execute(IDS["random"])]
            random.shuffle(ids)
        else:
            ids = [row[0] for row in db.execute(IDS["available"])]
            cut = len(ids) * 7 // 10
            ids = ids[:cut] if part == "ordered" else ids[cut:]
            if part == "shuffled":
                random.shuffle(ids)
    finally:
        db.close()
    with open(path, "w", encoding="ascii") as f:
        f.writelines(one + "\n" for one in ids[:most])


def main():
    p = argparse.ArgumentParser(prog="bench/fill.py", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, metavar="DIR", help="data folder of a stopped server")
    p.add_argument("--rows", required=True, type=int, metavar="N", help="results to add")
    o = p.parse_args()
    began = time.monotonic()
    fill(o.data, o.rows, lambda done: print(f"{done} results", file=sys.stderr))
    print(f"{o.rows} results in {time.monotonic() - began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
