# SPDX-License-Identifier: Apache-2.0
"""What the server has to do, in one page of pure functions: the facts of a result or a job, and what each request
makes of them.

Nobody knows the very microsecond at which the server handled a request, so moments are Spans: an earliest and a latest
microsecond (the two are equal once the server has told the moment). What expires or lapses close to a Span may be seen
either way; that is why `phases`, `states` and the outcomes are sets and tables of possibilities.
"""

import dataclasses
import datetime
import hashlib
import time
from typing import NamedTuple, Optional

SECOND = 1_000_000
MARGIN = 50_000  # microseconds around a deadline in which both sides are right
TRASH_TTL = 3  # seconds; a setting of every round
RESULTS_TTL = 7 * 86400  # the server's default
EPOCH = datetime.datetime(1970, 1, 1)


class Span(NamedTuple):
    first: int
    last: int

    def plus(self, seconds):
        return Span(self.first + round(seconds * SECOND), self.last + round(seconds * SECOND))

    def holds(self, other):
        """Whether a moment that the server told fits; 1 ms for what two clock calls may differ by."""
        return self.first - 1000 <= other.first and other.last <= self.last + 1000


def now():
    return time.time_ns() // 1000


def moment(text):
    """An RFC 3339 time of the API as a Span, None for null."""
    if text is None:
        return None
    since = datetime.datetime.fromisoformat(text.removesuffix("Z")) - EPOCH
    microseconds = since // datetime.timedelta(microseconds=1)
    return Span(microseconds, microseconds)


def around(before, after, deadline, seen):
    """Which of two things somebody may see who looks within `seen`: `before` or `after` the deadline."""
    if deadline.first > seen.last + MARGIN:
        return {before}
    if deadline.last < seen.first - MARGIN:
        return {after}
    return {before, after}


def trashed(deleted_at, seen):
    """Past trash_ttl the sweeper purges when it comes by; from then on a 404 is right too."""
    past = deleted_at.plus(TRASH_TTL).first <= seen.last + MARGIN
    return {"deleted", "gone"} if past else {"deleted"}


# ---- results ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Result:
    expires_at: Span
    there: bool = True  # False: purged
    consumed_at: Optional[Span] = None
    keep: bool = False
    deleted_at: Optional[Span] = None
    with_job: bool = False  # deleted because its job was

    def phases(self, seen):
        if not self.there:
            return {"gone"}
        if self.deleted_at:
            return trashed(self.deleted_at, seen)
        return {"live"} if self.keep else around("live", "expired", self.expires_at, seen)

    def states(self, seen):
        fresh = "consumed" if self.consumed_at else "available"
        return {fresh} if self.keep else around(fresh, "expired", self.expires_at, seen)

    def mismatch(self, row, seen):
        """Why a row of the API (None: 404) cannot be this; None if it can."""
        phases = self.phases(seen)
        if row is None:
            return None if "gone" in phases else f"answers 404 but has to be {' or '.join(sorted(phases))}"
        if phases == {"gone"}:
            return "is there although it was purged"
        for member in ("consumed_at", "expires_at", "deleted_at"):
            sentence = compare_moment(member, getattr(self, member), row)
            if sentence:
                return sentence
        if row["keep"] is not self.keep:
            return f"has keep {row['keep']} instead of {self.keep}"
        if row["state"] not in self.states(seen):
            return f"is {row['state']} instead of {' or '.join(sorted(self.states(seen)))}"
        return None

    def learn(self, row, _seen):
        """The same facts with the moments that the server has told."""
        if row is None:
            return dataclasses.replace(self, there=False)
        told = {member: moment(row[member]) for member in ("consumed_at", "expires_at", "deleted_at")}
        return dataclasses.replace(self, **told)


def compare_moment(member, expected, row):
    told = moment(row[member])
    if (told is None) != (expected is None) or (told and not expected.holds(told)):
        return f"has {member} {row[member]} instead of {describe(expected)}"
    return None


def describe(span):
    if span is None:
        return "null"
    words = [(EPOCH + datetime.timedelta(microseconds=at)).isoformat() for at in sorted(set(span))]
    return " to ".join(words)


def consumed(facts, seen, consumed_ttl):
    if facts.consumed_at:
        return facts
    expires_at = facts.expires_at
    if consumed_ttl:
        early = seen.plus(consumed_ttl)
        expires_at = Span(min(expires_at.first, early.first), min(expires_at.last, early.last))
    return dataclasses.replace(facts, consumed_at=seen, expires_at=expires_at)


def result_outcome(verb, phase, facts, seen, consumed_ttl, job_deleted):
    """(status, facts afterwards) of a request about a result that is in this phase."""
    if phase == "gone":
        return 404, dataclasses.replace(facts, there=False)
    if verb == "delete":
        if facts.keep:
            return 409, facts
        return 204, facts if facts.deleted_at else dataclasses.replace(facts, deleted_at=seen)
    if verb == "purge":
        return (409, facts) if facts.keep else (204, dataclasses.replace(facts, there=False))
    if verb == "restore":
        refused = facts.with_job or job_deleted
        return (409, facts) if refused else (200, dataclasses.replace(facts, deleted_at=None))
    if phase != "live":
        return 410, facts
    if verb == "ack":
        return 200, consumed(facts, seen, consumed_ttl)
    if verb in ("keep", "unkeep"):
        return 200, dataclasses.replace(facts, keep=verb == "keep")
    return {"link": 201, "content": 200}[verb], facts


def result_outcomes(verb, facts, seen, consumed_ttl=0, job_deleted=False):
    """{status: [facts afterwards, as far as they can be]} of a request that is handled at some moment of `seen`."""
    outcomes = (result_outcome(verb, phase, facts, seen, consumed_ttl, job_deleted) for phase in facts.phases(seen))
    return table_of(outcomes)


def table_of(outcomes):
    table = {}
    for status, facts in outcomes:
        options = table.setdefault(status, [])
        if facts not in options:
            options.append(facts)
    return table


def upload_facts(created_at, expires_in, keep):
    return Result(expires_at=created_at.plus(expires_in or RESULTS_TTL), keep=keep)


# ---- jobs -------------------------------------------------------------------------------------------------

GOALS = {"progress": "running", "finish": "completed", "fail": "failed", "cancel": "cancelled"}


@dataclasses.dataclass(frozen=True)
class Job:
    there: bool = True
    status: str = "queued"
    progress: float = 0.0
    lease: Optional[str] = None  # None with a lease_until: claimed, but the answer with the token was lost
    lease_seconds: int = 0
    lease_until: Optional[Span] = None
    deleted_at: Optional[Span] = None

    def is_open(self):
        return self.there and not self.deleted_at and self.status in ("queued", "running")

    def phases(self, seen):
        if not self.there:
            return {"gone"}
        return trashed(self.deleted_at, seen) if self.deleted_at else {"live"}

    def versions(self, seen):
        """Itself, or queued again because the lease ran out, or both."""
        if self.status != "running" or not self.lease_until:
            return {self}
        lapsed = dataclasses.replace(self, status="queued", progress=0.0, lease=None, lease_until=None)
        return around(self, lapsed, self.lease_until, seen)

    def mismatch(self, row, seen):
        phases = self.phases(seen)
        if row is None:
            return None if "gone" in phases else f"answers 404 but has to be {' or '.join(sorted(phases))}"
        if phases == {"gone"}:
            return "is there although it was purged"
        if (row["status"], row["progress"]) not in {(v.status, v.progress) for v in self.versions(seen)}:
            return f"is {row['status']} at {row['progress']} instead of {self.status} at {self.progress}"
        return compare_moment("deleted_at", self.deleted_at, row)

    def learn(self, row, seen):
        if row is None:
            return dataclasses.replace(self, there=False)
        seen_as = next(v for v in self.versions(seen) if v.status == row["status"])
        return dataclasses.replace(seen_as, deleted_at=moment(row["deleted_at"]))


def claimed(facts, seen, lease_seconds, lease=None):
    until = seen.plus(lease_seconds)
    return dataclasses.replace(
        facts, status="running", progress=0.0, lease=lease, lease_seconds=lease_seconds, lease_until=until
    )


def moved(facts, verb, seen, progress):
    if verb == "progress":
        until = seen.plus(facts.lease_seconds) if facts.lease_until else None
        return dataclasses.replace(facts, status="running", progress=progress, lease_until=until)
    progress = 1.0 if verb == "finish" else facts.progress
    return dataclasses.replace(facts, status=GOALS[verb], progress=progress, lease=None, lease_until=None)


def move_outcome(verb, facts, seen, lease, progress):
    if facts.status not in ("queued", "running"):
        return (200 if facts.status == GOALS[verb] else 409), facts
    if verb != "cancel" and ((facts.lease_until and lease is None) or lease != facts.lease):
        return 409, facts
    return 200, moved(facts, verb, seen, progress)


def job_outcome(verb, phase, facts, seen, holds_kept):
    """Of a deletion or restoration, or of a move that the phase forbids."""
    if phase == "gone":
        return 404, dataclasses.replace(facts, there=False)
    if verb == "restore":
        return 200, dataclasses.replace(facts, deleted_at=None)
    if verb != "delete":
        return 410, facts
    if facts.deleted_at:
        return 204, facts
    return (409, facts) if holds_kept else (204, dataclasses.replace(facts, deleted_at=seen))


def job_outcomes(verb, facts, seen, lease=None, progress=0.0, holds_kept=False):
    """As for results. `holds_kept`: a result of it is kept."""
    if verb in GOALS and facts.phases(seen) == {"live"}:
        return table_of(move_outcome(verb, version, seen, lease, progress) for version in facts.versions(seen))
    return table_of(job_outcome(verb, phase, facts, seen, holds_kept) for phase in facts.phases(seen))


# ---- tables -----------------------------------------------------------------------------------------------


def table(rng, size):
    """CSV of about so many bytes, unlike any other: of numbers and words."""
    rows = [f"{rng.randrange(10**9)},some words {n},{n}.50\n" for n in range(max(1, size // 32))]
    return ("id,text,amount\n" + "".join(rows)).encode()


def converted(data):
    """The digests of such a table in other formats."""
    rows = [line.split(",") for line in data.decode().splitlines()]
    texts = {
        "ndjson": "".join('{"id":%s,"text":"%s","amount":%s}\n' % tuple(row) for row in rows[1:]),
        "tsv": "".join("\t".join(row) + "\r\n" for row in rows),
    }
    return {form: hashlib.sha256(text.encode()).hexdigest() for form, text in texts.items()}
