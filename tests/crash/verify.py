# SPDX-License-Identifier: Apache-2.0
"""What has to hold after every restart: the ledger against what the server answers, and against its data folder."""

import collections
import re
import sqlite3

import model
from load import Http, Lost, content_problem, converted_problem

LOOK_BACK = 2  # rounds whose objects are all looked at
OLDER = 30  # and so many of the older ones
BLOB = re.compile(r"blobs/[0-9a-f]{2}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KNOWN_FILES = {"resultd.db", "resultd.db-wal", "resultd.db-shm", "serve.lock", "files.lock", "secret.key", "blobs/resultd-store"}


class Verifier:
    """Compares, after a restart and while nobody else makes requests."""

    def __init__(self, server, key, ledger, report, rng):
        self.server, self.ledger, self.report, self.rng = server, ledger, report, rng
        self.http = Http(server.port, key)
        self.requests = 0
        self.last_event = 0

    def restart(self, key):
        """The server is another process now, and may listen elsewhere."""
        self.http.close()
        self.http = Http(self.server.port, key)

    # ---- looking --------------------------------------------------------------------------------------

    def get(self, path, parameters=None, base="/api/v1"):
        self.requests += 1
        return self.http.send("GET", path, parameters=parameters, base=base)

    def look(self, record):
        """Compares an object with what is known of it; whether that was right."""
        answer = self.get(f"/{record.what}/{record.id}")
        wrong = f"{record} answers {answer.status}: {answer.body[:300]!r}"
        if not self.report.check(answer.status in (200, 404), wrong):
            return False
        row = answer.json() if answer.status == 200 else None
        if not self.report.expect(record.judge(row, answer.seen), record):
            return False
        if record.what == "jobs" and row:
            self.compare_results_of(record, row, answer.seen)
        return True

    def compare_results_of(self, job, row, seen):
        """A job shows its results but for those deleted without it. (Those in question are looked at one by one.)"""
        shown = {brief["id"] for brief in row["results"]}
        results = self.ledger.results_of(job)
        if self.ledger.lost or not all(r.is_certain() for r in results):
            return
        expected = {r for r in results if r.facts.there and (not r.facts.deleted_at or r.facts.with_job)}
        lacking = {r for r in expected if r.id not in shown and "gone" not in r.phases(seen)}
        alien = shown - {r.id for r in expected}
        self.report.check(not lacking, lambda: f"{job} lacks its {', '.join(map(str, lacking))}")
        self.report.check(not alien, lambda: f"{job} shows results that it cannot have: {alien}")

    def pages(self, path, **parameters):
        """(rows, seen) of each page of a list."""
        while True:
            answer = self.get(path, {"limit": 1000, **parameters})
            wrong = f"GET {path} answers {answer.status}: {answer.body[:300]!r}"
            if not self.report.check(answer.status == 200, wrong):
                return
            page = answer.json()
            yield page["data"], answer.seen
            if page["next"] is None:
                return
            parameters["cursor"] = page["next"]

    def list(self, path, **parameters):
        return [row for rows, _ in self.pages(path, **parameters) for row in rows]

    def read(self, record):
        answer = self.get(f"/results/{record.id}/content")
        self.report.expect(content_problem(record, answer, answer.seen), record)
        for form in record.converted:
            answer = self.get(f"/results/{record.id}/content", {"format": form})
            self.report.expect(converted_problem(record, answer, answer.seen, form), record)

    def follow(self, link):
        answer = self.get(link.path, base="")
        late = model.around(False, True, link.expires_at, answer.seen)
        if late == {True}:
            self.report.check(answer.status == 410, f"a link past its time answers {answer.status}")
            return
        also = {410} if True in late else ()
        self.report.expect(content_problem(link.result, answer, answer.seen, also), f"by a link, {link.result}")

    # ---- what is looked at ----------------------------------------------------------------------------

    def settle(self):
        """Finds out what became of the requests that were in flight at the kill."""
        while self.ledger.lost:
            self.ledger.lost_done += self.ledger.lost[0].settle(self)
            self.ledger.lost_count += 1
            self.ledger.lost.pop(0)

    def chosen(self, everything):
        """All objects of the last rounds and a sample of the older ones."""
        since = 0 if everything else self.ledger.round - LOOK_BACK + 1
        recent = self.ledger.touched_since(since)
        older = [r for r in self.ledger.touched_since(0) if r.touched < since]
        return recent + self.rng.sample(older, min(OLDER, len(older)))

    def objects(self, everything=False):
        for record in self.chosen(everything):
            if self.look(record) and record.what == "results":
                self.read(record)

    def links(self):
        recent = [link for link in self.ledger.links if link.made >= self.ledger.round - 1]
        older = self.rng.sample(self.ledger.links, min(3, len(self.ledger.links)))
        for link in recent + older:
            self.follow(link)

    def lists(self, since=None):
        """Every result that is listed is known, and as it has to be; every known one is listed."""
        parameters = {"created_after": since} if since else {}
        listed = set()
        began = model.now()
        for rows, seen in self.pages("/results", state="any", deleted="any", **parameters):
            for row in rows:
                self.compare_listed(row, seen)
                listed.add(row["id"])
        if not since:
            seen = model.Span(began, model.now())
            lacking = [r for r in self.ledger.results.values() if r.id not in listed and "gone" not in r.phases(seen)]
            self.report.check(not lacking, lambda: f"the list lacks {', '.join(map(str, lacking[:5]))}")

    def compare_listed(self, row, seen):
        record = self.ledger.results.get(row["id"])
        if self.report.check(record, lambda: f"{row['id']} ({row['name']}) is listed although nobody stored it"):
            self.report.expect(record.judge(row, seen), f"in the list, {record}")

    # ---- the data folder ------------------------------------------------------------------------------

    def events(self):
        """Numbered without a gap from 1 on, and none is lost that was there before."""
        numbers = [int(seq) for (seq,) in self.rows("SELECT seq FROM event ORDER BY seq")]
        gap = next((at for at, seq in enumerate(numbers, 1) if at != seq), None)
        self.report.check(gap is None, f"there is no event number {gap}")
        last = len(numbers)
        self.report.check(last >= self.last_event, f"there are {last} events after there have been {self.last_event}")
        self.last_event = last

    def rows(self, sql):
        with sqlite3.connect(f"file:{self.server.data}/resultd.db?mode=ro", uri=True) as connection:
            return connection.execute(sql).fetchall()

    def files(self):
        """Relative paths of all files in the data folder; one that the server does not keep is a failure."""
        found = {str(path.relative_to(self.server.data)) for path in self.server.files()}
        stray = {path for path in found if path not in KNOWN_FILES and not BLOB.fullmatch(path)}
        self.report.check(not stray, f"these files are left in the data folder: {sorted(stray)}")
        return found

    def blobs(self):
        return {path.rsplit("/", 1)[1] for path in self.files() if BLOB.fullmatch(path)}

    def representations(self):
        """Those of the files that hold converted tables."""
        return {key for key, in self.rows("SELECT key FROM representation")}

    def check(self, grace):
        """resultd check."""
        done = self.server.command("check", "--orphan-grace", grace)
        self.report.check(done.returncode == 0, lambda: f"resultd check: {done.stdout}{done.stderr}".strip())

    def sweeping(self):
        """Nothing is left in the trash past its time."""
        now = model.Span(model.now(), model.now())
        left = [r for r in self.ledger.results.values() if r.facts.there and "gone" in r.phases(now)]
        self.report.check(not left, lambda: f"past trash_ttl the sweeper has left {', '.join(map(str, left[:5]))}")

    def histories(self):
        """Each change of state has left exactly one event: as many as the state at the end needs."""
        counts = collections.Counter(map(tuple, self.rows("SELECT object, type FROM event WHERE type LIKE 'result.%'")))
        for record in self.ledger.results.values():
            self.report.expect(self.history_problem(record, counts), f"the events of {record}")

    def history_problem(self, record, counts):
        facts = record.facts
        seen = {verb: counts[(record.id, f"result.{verb}")] for verb in
                ("available", "consumed", "deleted", "restored", "kept", "unkept", "expired", "purged")}
        if seen["available"] != 1 or seen["purged"] != (not facts.there):
            return f"count {seen} although it is {'there' if facts.there else 'purged'}"
        if not facts.there:
            return None
        kept = record.kept_at_first + seen["kept"] - seen["unkept"]
        told = (seen["consumed"], seen["deleted"] - seen["restored"], kept, seen["expired"])
        expired = not facts.keep and facts.expires_at.last < model.now() - model.SECOND
        right = (bool(facts.consumed_at), bool(facts.deleted_at), facts.keep, expired)
        return None if told == right else f"count {seen}, which does not fit {facts}"
