# SPDX-License-Identifier: Apache-2.0
"""Damage done to the data folder between two rounds, to see that the crash test reports it (crash.py --prove)."""

import os
import sqlite3

import model

SINCE = 5  # the first round after which damage is done


class Damage:
    def __init__(self, name):
        self.work = KINDS[name][0]

    def do(self, data, ledger):
        """Does it as soon as there is something to damage; whether it did."""
        return ledger.round >= SINCE and self.work(data, ledger)


def victims(ledger, fits):
    """Results of the last round that stay for long, the newest first."""
    later = model.Span(model.now(), model.now()).plus(30)
    fine = (r for r in ledger.results.values() if r.is_certain() and r.facts.phases(later) == {"live"})
    return [r for r in fine if r.touched == ledger.round and fits(r)][::-1]


def file_of_victim(data, ledger):
    for record in victims(ledger, lambda r: not r.is_inline()):
        return next((data / "blobs").rglob(record.id), None)
    return None


def change_a_byte(data, ledger):
    path = file_of_victim(data, ledger)
    if path:
        with open(path, "r+b") as file:
            file.seek(path.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
    return path


def change_a_conversion(data, ledger):
    """A word becomes another one in what was made of a table."""
    connection = sqlite3.connect(data / "resultd.db")
    kept = "SELECT key FROM representation JOIN result ON result = result.pk WHERE id = ?"
    keys = []
    for record in victims(ledger, lambda r: r.converted):
        keys += [key for key, in connection.execute(kept, (record.id,))]
    connection.close()
    path = next((data / "blobs").rglob(keys[0]), None) if keys else None
    if path:
        whole = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(whole[:-3].replace(b"some words", b"four words", 1) + whole[-3:])
    return path


def cut_a_file(data, ledger):
    path = file_of_victim(data, ledger)
    if path:
        os.truncate(path, path.stat().st_size // 2)
    return path


def delete_a_file(data, ledger):
    path = file_of_victim(data, ledger)
    if path:
        path.unlink()
    return path


def leave_a_file(data, _ledger):
    (data / "blobs" / "4711-tmp").write_bytes(b"left")
    return True


def run_sql(data, statement, *values):
    connection = sqlite3.connect(data / "resultd.db")
    with connection:
        connection.execute("PRAGMA foreign_keys = ON")
        done = connection.execute(statement, values).rowcount
    connection.close()
    return done > 0


def sql_on_victim(statement, fits):
    def work(data, ledger):
        return any(run_sql(data, statement, record.id) for record in victims(ledger, fits)[:1])

    return work


def lose_a_result(data, ledger):
    """With what was made of it, which would hold its row."""
    made_of_it = "DELETE FROM representation WHERE result = (SELECT pk FROM result WHERE id = ?)"
    for record in victims(ledger, lambda _record: True)[:1]:
        run_sql(data, made_of_it, record.id)
        return run_sql(data, "DELETE FROM result WHERE id = ?", record.id)
    return False


def rename_a_result(data, ledger):
    """One of this round, which the next list shows."""
    new = [r for r in victims(ledger, lambda r: r.is_inline()) if r.name.startswith(f"r{ledger.round}-")]
    rename = "UPDATE result SET id = substr(id, 1, 35) || 'x' WHERE id = ?"
    return any(run_sql(data, rename, record.id) for record in new[:1])


def lose_an_event(data, _ledger):
    return run_sql(data, "DELETE FROM event WHERE seq = (SELECT max(seq) - 3 FROM event)")


# name: (what it does, words of the report that have to appear)
KINDS = {
    "damaged-file": (change_a_byte, "delivers bytes of another digest"),
    "damaged-conversion": (change_a_conversion, "bytes of another digest"),
    "cut-file": (cut_a_file, "answers its bytes with 503 instead of 200"),
    "deleted-file": (delete_a_file, "answers its bytes with 503 instead of 200"),
    "left-file": (leave_a_file, "are left in the data folder"),
    "lost-result": (lose_a_result, "answers 404 but has to be live"),
    "lost-ack": (
        sql_on_victim(
            "UPDATE result SET state = 'available', consumed_at = NULL WHERE id = ?", lambda r: r.facts.consumed_at
        ),
        "has consumed_at None",
    ),
    "lost-keep": (
        sql_on_victim("UPDATE result SET keep = 0, due_at = expires_at WHERE id = ?", lambda r: r.facts.keep),
        "has keep False",
    ),
    "alien-result": (rename_a_result, "is listed although nobody stored it"),
    "lost-event": (lose_an_event, "there is no event number"),
}
