# SPDX-License-Identifier: Apache-2.0
"""Tables to be converted: eight columns, one of them an ISO date, with what tables are made of: digits that a double
would change, letters beyond ASCII, commas and quotes."""

import csv
import functools
import io
import itertools
import json
import random

COLUMNS = ("id", "name", "city", "day", "amount", "count", "active", "note")
BLOCK = 300_000  # rows that differ; a longer table repeats them
_CITIES = ("Berlin", "Zürich", "Łódź", "São Paulo", "Nice, France", "東京", "Oslo", "Winston-Salem")
_WORDS = ("late", "paid", "two boxes,", "checked", '"fragile"', "über", "sent", "by rail", "again", "and", "open")


@functools.lru_cache(maxsize=1)
def rows(count, words):
    """The rows that differ, as texts; `words` in the last column set the length of a row."""
    pick = random.Random(64)
    return [(str(100_000_000 + n), f"item-{pick.randrange(10 ** 6)}", pick.choice(_CITIES),
             f"{pick.randint(1990, 2029)}-{pick.randint(1, 12):02}-{pick.randint(1, 28):02}",
             f"{pick.randrange(10 ** 6)}.{pick.randrange(100):02}", str(pick.randrange(1000)),
             pick.choice(("true", "false")), " ".join(pick.choices(_WORDS, k=words)))
            for n in range(min(count, BLOCK))]


def _repeated(path, head, lines, count, end=""):
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(head)
        for done in range(0, count, len(lines)):
            f.writelines(itertools.islice(lines, count - done))
        f.write(end)


def write_csv(path, count, words):
    lines = []
    for row in rows(count, words):
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        lines.append(line.getvalue())
    _repeated(path, ",".join(COLUMNS) + "\n", lines, count)


def write_json(path, count, words):
    """An array of objects, one a line; numbers and booleans as such."""
    bare = {"id", "amount", "count", "active"}
    line = "{" + ",".join(f'"{name}":%s' for name in COLUMNS) + "}"
    lines = [",\n" + line % tuple(cell if name in bare else json.dumps(cell, ensure_ascii=False)
                                  for name, cell in zip(COLUMNS, row)) for row in rows(count, words)]
    _repeated(path, "[" + lines[0][1:], lines[1:] + lines[:1], count - 1, "\n]\n")


def check_csv(path, count, words):
    """What is wrong with the CSV made of such a table, or None."""
    with open(path, encoding="utf-8", newline="") as f:
        got = csv.reader(f)
        if tuple(next(got, ())) != COLUMNS:
            return "the names of the columns are others"
        n = 0
        for n, (row, wanted) in enumerate(zip(got, itertools.cycle(rows(count, words))), 1):
            if tuple(row) != wanted:
                return f"row {n} is {row}"
    return None if n == count else f"{n} rows instead of {count}"
