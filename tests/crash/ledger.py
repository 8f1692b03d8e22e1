# SPDX-License-Identifier: Apache-2.0
"""The client's side of the story: what was answered with 2xx and must hold, and what was in flight when the server
was killed. The Lost classes at the end each know how to find out what became of one request without an answer.
"""

import dataclasses
import hashlib
import threading

import model

INLINE_LIMIT = 4096  # bytes; a setting of every round


class Report:
    """Counts checks and keeps the sentences of those that failed. Used by all client threads at once."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = 0
        self.failures = []

    def check(self, fine, sentence):
        """`sentence` says what is wrong, as text or as a function that makes it."""
        with self.lock:
            if fine:
                self.passed += 1
            else:
                self.failures.append(sentence() if callable(sentence) else sentence)
        return bool(fine)

    def expect(self, problem, subject):
        """Passes when `problem` is None."""
        return self.check(problem is None, lambda: f"{subject} {problem}")


@dataclasses.dataclass(eq=False)
class Upload:
    """One attempt to store bytes under a name that is used only once."""

    owner: int
    name: str
    data: bytes
    job: "Record" = None  # None: published, with a job around it
    expires_in: int = None
    keep: bool = False

    def __post_init__(self):
        self.size = len(self.data)
        self.sha256 = hashlib.sha256(self.data).hexdigest()

    def kind(self):
        """Of the job around what is published: unlike any other's, so that it can be looked for."""
        return f"publish-{self.name}"

    def request(self):
        """(method, path, parameters)"""
        parameters = {"expires_in": self.expires_in, "keep": "true" if self.keep else None}
        if self.job:
            path = f"/jobs/{self.job.id}/results/{self.name}"
            return "PUT", path, {key: value for key, value in parameters.items() if value}
        parameters.update(name=self.name, kind=self.kind())
        return "POST", "/results", {key: value for key, value in parameters.items() if value}


@dataclasses.dataclass(eq=False)
class Record:
    """A result or job that the server has told of. More than one option: it is not known which of them is so."""

    what: str  # "results" or "jobs", as in paths
    id: str
    owner: int  # the client that alone makes requests about it
    options: list
    touched: int  # the last round in which a request was about it
    name: str = ""
    size: int = 0
    sha256: str = ""
    job: str = ""
    kept_at_first: bool = False
    kind: str = ""
    converted: dict = dataclasses.field(default_factory=dict)  # of a table: the digest of it in each format

    def __str__(self):
        how = f" ({self.name}, {self.size} bytes, {'inline' if self.is_inline() else 'file'})" if self.name else ""
        return f"{self.what[:-1]} {self.id}{how}, last used in round {self.touched},"

    @property
    def facts(self):
        return self.options[0]

    def is_certain(self):
        return len(self.options) == 1

    def is_inline(self):
        return self.size <= INLINE_LIMIT

    def phases(self, seen):
        return set().union(*(option.phases(seen) for option in self.options))

    def judge(self, row, seen):
        """None if a row (None: 404) fits one of the options, which is what is known from then on; else why not."""
        problem = self.identity(row)
        if problem:
            return problem
        problems = []
        for option in self.options:
            problem = option.mismatch(row, seen)
            if problem is None:
                self.options = [option.learn(row, seen)]
                return None
            problems.append(problem)
        return " and ".join(problems)

    def identity(self, row):
        if self.what == "jobs" or row is None:
            return None
        for member in ("name", "size", "sha256", "job"):
            if row[member] != getattr(self, member):
                return f"has {member} {row[member]!r} instead of {getattr(self, member)!r}"
        return None


@dataclasses.dataclass(eq=False)
class Link:
    path: str
    result: Record
    expires_at: model.Span
    made: int  # in which round


class Ledger:
    """All that is known. Each client thread adds to it and changes only its own records."""

    def __init__(self):
        self.round = 0
        self.results = {}
        self.jobs = {}
        self.by_job = {}  # id of a job: records of its results
        self.links = []
        self.lost = []
        self.lost_count = self.lost_done = 0  # of those in flight at all kills, and what turned out to have happened

    def add_result(self, upload, row):
        """What an upload's 2xx told, once it has been compared; (record, what is wrong or None)."""
        facts = model.upload_facts(model.moment(row["created_at"]), upload.expires_in, upload.keep)
        job = upload.job.id if upload.job else row["job"]
        record = Record("results", row["id"], upload.owner, [facts], self.round)
        record.name, record.size, record.sha256, record.job = upload.name, upload.size, upload.sha256, job
        record.kept_at_first = upload.keep
        record.converted = model.converted(upload.data) if upload.name.endswith(".csv") else {}
        seen = model.Span(model.moment(row["created_at"]).first, model.now())
        problem = record.judge(row, seen)
        self.results[record.id] = record
        self.by_job.setdefault(job, []).append(record)
        if not upload.job:
            self.add_job(upload.owner, job, upload.kind(), model.Job(status="completed", progress=1.0))
        return record, problem

    def add_job(self, owner, id_, kind, facts):
        record = Record("jobs", id_, owner, [facts], self.round, kind=kind)
        self.jobs[id_] = record
        return record

    def results_of(self, job):
        return self.by_job.get(job.id, [])

    def touched_since(self, round_):
        return [r for table in (self.results, self.jobs) for r in table.values() if r.touched >= round_]

    def stored_files(self):
        """Ids of the results whose bytes are in files, once the sweeper has done its work."""
        now = model.Span(model.now(), model.now())
        stored = (r for r in self.results.values() if not r.is_inline() and "gone" not in r.phases(now))
        return {r.id for r in stored if "expired" not in r.facts.states(now)}


# ---- requests without an answer ---------------------------------------------------------------------------


class LostChange:
    """Of one object, or of a job with all its results: either all of it has happened or nothing."""

    def __init__(self, record, changed, followers):
        self.record, self.before, self.changed = record, record.facts, changed
        self.followers = followers
        record.options = [self.before, *(facts for facts in changed if facts != self.before)]

    def settle(self, verifier):
        if not verifier.look(self.record):
            return False
        deleted_at = self.record.facts.deleted_at
        followers = self.followers if (deleted_at is None) != (self.before.deleted_at is None) else ()
        for follower, options in followers:
            follower.options = [dataclasses.replace(facts, deleted_at=deleted_at) for facts in options]
            follower.touched = self.record.touched
        return self.record.facts != self.before


class LostClaim:
    """At most one of the jobs that were queued is claimed now, by a lease that nobody knows."""

    def __init__(self, records, seen, lease_seconds):
        self.records = records
        for record in records:
            queued = next(v for v in record.facts.versions(seen) if v.status == "queued")
            record.options = [record.facts, model.claimed(queued, seen, lease_seconds)]

    def settle(self, verifier):
        before = [record.facts for record in self.records]
        taken = 0
        for record, facts in zip(self.records, before):
            known = verifier.look(record)
            taken += bool(known and record.facts.status == "running" and facts.status == "queued")
        verifier.report.check(taken <= 1, f"one claim in flight at the kill took {taken} jobs")
        return taken > 0


class LostJob:
    """POST /jobs, found again by its reference_id."""

    def __init__(self, owner, kind, reference_id):
        self.owner, self.kind, self.reference_id = owner, kind, reference_id

    def settle(self, verifier):
        rows = verifier.list("/jobs", reference_id=self.reference_id, deleted="any")
        verifier.report.check(len(rows) <= 1, f"{len(rows)} jobs have the reference_id {self.reference_id}")
        for row in rows:
            verifier.look(verifier.ledger.add_job(self.owner, row["id"], self.kind, model.Job()))
        return bool(rows)


class LostUpload:
    """Found again by its name. Into a job it is then sent once more: a second try works, and makes no second result."""

    def __init__(self, upload):
        self.upload = upload

    def settle(self, verifier):
        upload = self.upload
        rows = verifier.list("/results", name=upload.name, state="any", deleted="any")
        verifier.report.check(len(rows) <= 1, f"{len(rows)} results have the name {upload.name}")
        for row in rows:
            record, problem = verifier.ledger.add_result(upload, row)
            verifier.report.expect(problem, f"{record} whose upload was in flight at the kill")
        if upload.job:
            self.repeat(verifier, rows)
        else:
            self.find_job_around(verifier, rows)
        return bool(rows)

    def find_job_around(self, verifier, rows):
        upload = self.upload
        jobs = verifier.list("/jobs", kind=upload.kind(), deleted="any")
        wrong = f"the publication of {upload.name} is half done: {len(rows)} results, {len(jobs)} jobs"
        verifier.report.check([job["id"] for job in jobs] == [row["job"] for row in rows], wrong)

    def repeat(self, verifier, rows):
        upload = self.upload
        if upload.expires_in or not (upload.job.is_certain() and upload.job.facts.is_open()):
            return
        method, path, parameters = upload.request()
        answer = verifier.http.send(method, path, parameters=parameters, body=upload.data)
        expected = {200} if rows else {200, 201} if answer.again else {201}
        wrong = f"the upload of {upload.name}, sent again after the kill, answers {answer.status} instead of {expected}"
        if verifier.report.check(answer.status in expected, wrong) and not rows:
            record, problem = verifier.ledger.add_result(upload, answer.json())
            verifier.report.expect(problem, record)
