# SPDX-License-Identifier: Apache-2.0
"""The load of the crash test on a site that goes on living: a client that gets no answer finds out what became of its
request, and goes on; one that is refused for the moment goes on, too, and nothing may have happened.
"""

import collections
import threading
import time
import traceback

import ledger as books
import load
import verify

LONGEST = 20  # seconds that any answer may take: more than what the settings of a node add up to
PATIENCE = 90  # seconds in which a site must be back
PAUSE = 0.1  # seconds after a refusal


class Refused(Exception):
    """503 or 507: nothing has happened, and it may be tried again."""


class Times:
    """What all clients have seen."""

    def __init__(self):
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        self.slowest, self.statuses = (0.0, ""), collections.Counter()

    def note(self, what, status, took):
        with self.lock:
            self.slowest = max(self.slowest, (took, what))
            self.statuses[status] += 1


class Http(load.Http):
    """One connection to the site, which knows what answers a site in trouble may give."""

    def __init__(self, port, key, report, times):
        super().__init__(port, key)
        self.report, self.times = report, times

    def send(self, method, path, *arguments, **named):
        began = time.monotonic()
        status = "lost"
        try:
            answer = super().send(method, path, *arguments, **named)
            status = answer.status
        finally:
            took = time.monotonic() - began
            self.times.note(f"{method} {path}: {status}", status, took)
            self.report.check(took < LONGEST, f"{method} {path} took {took:.1f} s: {status}")
        if answer.status in (503, 507):
            self.refuse(method, path, answer)
        if answer.status in (502, 504):  # of the proxy, whose node went away
            raise load.Lost(answer.seen, ConnectionError(f"{answer.status} of the proxy"))
        return answer

    def refuse(self, method, path, answer):
        wrong = f"{method} {path} answers {answer.status} without Retry-After: {answer.body[:200]!r}"
        self.report.check("Retry-After" in answer.headers, wrong)
        if b"outcome_unknown" in answer.body:
            raise load.Lost(answer.seen, ConnectionError("outcome_unknown"))
        raise Refused(f"{method} {path}: {answer.body[:300]!r}")


class PatientHttp(Http):
    """Asks again until there is an answer. What may change something is sent while the site is sound."""

    def send(self, method, path, *arguments, **named):
        until = time.monotonic() + PATIENCE
        again = False
        while True:
            try:
                answer = super().send(method, path, *arguments, **named)
                answer.again = again
                return answer
            except (Refused, load.Lost) as error:
                again = again or isinstance(error, load.Lost)
                if time.monotonic() > until:
                    raise AssertionError(f"no answer within {PATIENCE} s: {error}") from error
                time.sleep(PAUSE)


class Verifier(verify.Verifier):
    """Of a site: the database is PostgreSQL, and no files are looked at."""

    def __init__(self, site, key, ledger, report, rng, times):
        self.site = site
        super().__init__(site, key, ledger, report, rng)
        self.http = PatientHttp(site.port, key, report, times)
        self.server = site.nodes[0]

    def rows(self, sql):
        return self.site.patroni.rows(sql)


class Own:
    """One client's view of the ledger: with the requests of its own that are lost."""

    def __init__(self, ledger):
        self.ledger, self.lost, self.lost_count, self.lost_done = ledger, [], 0, 0

    def __getattr__(self, name):
        return getattr(self.ledger, name)


class Client(load.Client):
    def __init__(self, number, site, key, ledger, report, seed, times):
        super().__init__(number, Own(ledger), report, seed)
        self.site, self.times, self.key = site, times, key
        self.verifier = Verifier(site, key, self.ledger, report, self.rng, times)

    def run(self, end):
        self.http = Http(self.site.port, self.key, self.report, self.times)
        try:
            while not end.is_set():
                self.step_or_settle()
            self.settle()
        except Exception:
            self.report.check(False, f"client {self.number} failed: {traceback.format_exc()}")
        finally:
            self.http.close()
            self.verifier.http.close()

    def step_or_settle(self):
        try:
            self.step()
        except Refused:
            time.sleep(PAUSE)
        except load.Lost:
            self.settle()

    def settle(self):
        """Not before everything in flight has come to an end, which may be after its client was left alone."""
        if not self.ledger.lost:
            return
        until = time.monotonic() + PATIENCE
        while not self.site.is_ready():
            if time.monotonic() > until:
                raise AssertionError(f"no node is ready within {PATIENCE} s")
            time.sleep(PAUSE)
        self.verifier.settle()
        self.find_jobs()

    def find_jobs(self):
        """Those whose making had no answer are to be worked with, too: a claim may give them."""
        known = set(self.jobs)
        for job in list(self.ledger.jobs.values()):
            if job.owner == self.number and job.facts.is_open() and job not in known:
                self.jobs.append(job)


class Probe:
    """Looks four times a second whether work is possible, of two kinds; says how long it was not."""

    def __init__(self, site, key, times):
        self.site, self.key, self.times = site, key, times
        self.report = books.Report()  # a probe asks for trouble
        self.end = threading.Event()
        self.seen = {"rows": [], "bytes": []}  # (began, ended, whether it worked)
        self.threads = [threading.Thread(target=self.run, args=(kind,)) for kind in self.seen]
        for thread in self.threads:
            thread.start()

    def run(self, kind):
        http = Http(self.site.port, self.key, self.report, self.times)
        while not self.end.is_set():
            began = time.monotonic()
            try:
                worked = getattr(self, kind)(http)
            except (Refused, load.Lost):
                worked = False
            self.seen[kind].append((began, time.monotonic(), worked))
            time.sleep(0.25)
        http.close()

    @staticmethod
    def rows(http):
        return http.send("POST", "/jobs", members={"kind": "probe"}).status == 201

    @staticmethod
    def bytes(http):
        data = load.POOL[:20_000]
        made = http.send("POST", "/results", parameters={"name": "probe", "expires_in": 60}, body=data)
        if made.status != 201:
            return False
        path = f"/results/{made.json()['id']}"
        read = http.send("GET", path + "/content")
        gone = http.send("DELETE", path, parameters={"permanent": "true"})
        return read.body == data and gone.status == 204

    def works_since(self, moment):
        """Whether each kind has worked at last, in something begun after that moment."""
        return all(seen and seen[-1][2] and seen[-1][0] > moment for seen in self.seen.values())

    def outage(self, kind, since, until):
        """The longest time without a success between these moments, in seconds; a quarter of a second is none."""
        ends = [ended for _, ended, worked in self.seen[kind] if worked and since < ended < until]
        return max(later - earlier for earlier, later in zip([since, *ends], [*ends, until]))

    def stop(self):
        self.end.set()
        for thread in self.threads:
            thread.join()
