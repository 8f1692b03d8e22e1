#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The cluster test: faults of a whole site under a mixed load, and nothing that was acknowledged may be lost.

usage: tests/cluster/cluster.py [--rounds N] [--seed S] [FAULT...]      RESULTD=path of the binary (build/resultd)
       tests/cluster/cluster.py --prove       does damage behind the site's back and sees that it is reported

A site (deployment.py) is two nodes of resultd behind haproxy, PostgreSQL by Patroni in synchronous mode, and Ceph with
two gateways. In each round clients work (work.py, with the ledger of the crash test) while a fault is struck and ended
(faults.py). Then all is compared with the ledger: what was answered with success is there, what was refused for the
moment has not happened, of what had no answer all or nothing has; events have no gap, `resultd check` finds nothing. No
answer may take longer than work.LONGEST, and a refusal says when to come back. The last lines are a table and
`N passed, M failed`; after a failure the folder stays.
"""

import argparse
import contextlib
import datetime
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import deployment  # first: it says where the next ones are
import faults
import harness
import ledger as books
import load
import work

CLIENTS = 4
BEFORE = 1.0  # seconds of load before a fault
AFTER = 1.0  # and after it
SOUND_WITHIN = 90  # seconds for the site to work again
CHECK_EVERY = 4  # rounds
TIME_TO_VANISH = 8  # seconds: longer than any short life and trash_ttl, with a slow sweeper


class Measures:
    """Of all rounds of one fault."""

    def __init__(self):
        self.rows, self.bytes, self.again, self.slowest = [], [], [], 0.0
        self.refused = self.lost = self.answered = 0

    def add(self, probe, times, since, until):
        self.rows.append(probe.outage("rows", since, until))
        self.bytes.append(probe.outage("bytes", since, until))
        self.slowest = max(self.slowest, times.slowest[0])
        self.refused += times.statuses[503] + times.statuses[507]
        self.lost += times.statuses["lost"] + times.statuses[502] + times.statuses[504]
        self.answered += sum(times.statuses.values())

    def last(self):
        return f"no rows for {self.rows[-1]:.1f} s, no bytes for {self.bytes[-1]:.1f} s" if self.rows else "not measured"

    def line(self, fault):
        def span(values):
            return f"{statistics.median(values):.1f} ({max(values):.1f})"

        since = "its end" if fault.lasts is not None else "it"
        return (
            f"| {fault.about} | {len(self.rows)} | {span(self.rows)} | {span(self.bytes)} | {since} |"
            f" {self.refused} | {self.lost} | {self.answered} | {self.slowest:.1f} |"
        )


HEAD = (
    "| fault | rounds | no rows for s | no bytes for s | counted from | refused | without answer | requests |"
    " slowest answer s |\n|---|---|---|---|---|---|---|---|---|"
)


class ClusterTest:
    def __init__(self, folder, seed, names):
        self.rng = random.Random(seed)
        self.report, self.ledger, self.times = books.Report(), books.Ledger(), work.Times()
        self.site = deployment.Site(folder, small=all(faults.FAULTS[name].small for name in names))
        self.measures = {name: Measures() for name in names}
        api = self.site.nodes[0].api()
        self.key = api.key
        self.probe_key = self.site.nodes[0].api().key  # of another project
        self.verifier = work.Verifier(self.site, self.key, self.ledger, self.report, self.rng, self.times)
        self.clients = [
            work.Client(number, self.site, self.key, self.ledger, self.report, seed, self.times)
            for number in range(CLIENTS)
        ]
        self.starts = []

    def sound(self, probe, since):
        """Whether the probe works again soon enough."""
        deadline = time.monotonic() + SOUND_WITHIN
        while not probe.works_since(since):
            if time.monotonic() > deadline:
                return self.report.check(False, f"the site does not work {SOUND_WITHIN} s after a fault")
            time.sleep(0.05)
        return True

    def round(self, fault, measures):
        self.ledger.round += 1
        self.starts.append(harness.rfc3339(datetime.datetime.now(datetime.timezone.utc)))
        self.times.clear()
        probe, end = work.Probe(self.site, self.probe_key, self.times), threading.Event()
        threads = [threading.Thread(target=client.run, args=(end,)) for client in self.clients]
        for client in self.clients:
            client.tidy()
        for thread in threads:
            thread.start()
        try:
            self.trouble(fault, probe, measures)
        finally:
            end.set()
            probe.stop()
            for thread in threads:
                thread.join()
        self.verify(everything=False)

    def trouble(self, fault, probe, measures):
        time.sleep(BEFORE)
        self.report.check(self.sound(probe, 0), "the site works before the fault")
        fault.strike()
        struck = time.monotonic()
        try:
            faults.away(fault, lambda: self.sound(probe, struck))
        finally:
            fault.mend()
            mended = time.monotonic()
        self.sound(probe, mended)
        self.site.await_settled()
        time.sleep(AFTER)
        since, until = (mended, time.monotonic()) if fault.lasts is not None else (struck, mended)
        measures.add(probe, self.times, since, until)

    def verify(self, everything):
        self.verifier.settle()
        self.verifier.objects(everything)
        self.verifier.lists(None if everything else self.starts[-2:][0])
        self.verifier.links()
        self.verifier.events()
        if everything or self.ledger.round % CHECK_EVERY == 0:
            self.verifier.check(grace="10m")

    def finish(self):
        """Everything once more, when all that has to vanish has had the time for it."""
        time.sleep(TIME_TO_VANISH)
        self.verify(everything=True)
        self.verifier.sweeping()
        self.verifier.histories()
        for node in self.site.nodes:
            node.stop()

    def run(self, rounds):
        """The faults take turns, so that each finds what the others have left."""
        for number in range(1, rounds + 1):
            for name in self.measures:
                self.round(faults.FAULTS[name](self.site, self.rng), self.measures[name])
                took, what = self.times.slowest
                statuses = " ".join(f"{key}:{count}" for key, count in sorted(self.times.statuses.items(), key=str))
                show(f"round {number} of {rounds}, {name}: {self.measures[name].last()}; {statuses}; "
                     f"slowest {took:.1f} s ({what})")
                if self.report.failures:
                    return
        self.finish()

    def prove(self):
        """Damage that each round has to report; prints whether it did."""
        work.PATIENCE = 5
        missed = 0
        for name, (sabotage, words) in faults.SABOTAGE.items():
            with contextlib.suppress(AssertionError, load.Lost, work.Refused):
                self.round(sabotage(self.site, self.rng), Measures())
            self.verifier.check(grace="10m")
            told = next((failure for failure in self.report.failures if words in failure), None)
            print(f"{name}: {'reported' if told else 'MISSED'}: {told or self.report.failures[:3]}"[:300], flush=True)
            missed += told is None
            self.report.failures.clear()
        print(f"{len(faults.SABOTAGE) - missed} passed, {missed} failed")
        return 1 if missed else 0

    def table(self):
        lines = [m.line(faults.FAULTS[name]) for name, m in self.measures.items() if m.rows]
        return "\n".join([HEAD, *lines])


def show(line):
    print(line, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="of each fault (1)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of the random choices")
    parser.add_argument("--prove", action="store_true", help="do damage and see that it is reported")
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"of {' '.join(faults.FAULTS)} (all)")
    o = parser.parse_args()
    unknown = set(o.faults) - set(faults.FAULTS)
    if unknown:
        parser.error(f"there is no fault {' '.join(sorted(unknown))}")
    return o


def prove(folder, seed):
    test = ClusterTest(folder, seed, ["node"])
    try:
        return test.prove()
    finally:
        test.site.close()
        shutil.rmtree(folder)


def main():
    o = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with all that is ended below
    folder = tempfile.mkdtemp(prefix="resultd-cluster-")
    if o.prove:
        return prove(folder, o.seed)
    began = time.monotonic()
    test = ClusterTest(folder, o.seed, o.faults or list(faults.FAULTS))
    try:
        test.run(o.rounds)
    except (load.Lost, work.Refused, AssertionError, RuntimeError) as error:
        test.report.check(False, f"the site does not work: {error}")
    except subprocess.SubprocessError as error:  # a tool of a service hangs or fails: the rounds before it count
        test.report.check(False, f"the site cannot be handled: {error}")
    except SystemExit:
        test.report.check(False, "it was interrupted")
    finally:
        test.site.close()
    return told(test, folder, o.seed, time.monotonic() - began)


def told(test, folder, seed, took):
    failures = test.report.failures
    for sentence in failures[:20]:
        print(f"seed {seed}, round {test.ledger.round}: {sentence}")
    results, events = len(test.ledger.results), test.verifier.last_event
    print(f"{took:.0f} s with seed {seed}: {results} results stored, {events} events\n")
    print(test.table())
    if failures:
        print(f"what the servers have said is in {folder}")
    else:
        shutil.rmtree(folder)
    print(f"\n{test.report.passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
