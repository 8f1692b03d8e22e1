#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The crash test: kill -9 at a random moment under a mixed load, again and again on the same data folder.

usage: tests/crash/crash.py [--rounds N] [--seed S]      RESULTD=path of the binary (build/resultd)
       tests/crash/crash.py --prove                      does damage between rounds and sees that it is reported

A round starts the server, compares what it answers with the ledger (verify.py), lets client threads work for up to
0.4 s (load.py) and kills it. The ledger (ledger.py) holds what was answered with 2xx, which has to be so for ever
after, and what was in flight, of which all or nothing may have happened; model.py says what each request does.

The same seed makes the same choices, but not the same interleaving: threads and kills have their own time. The last
line is `N passed, M failed`; after a failure the data folder and the server's log stay, and the status is 1.
"""

import argparse
import concurrent.futures
import datetime
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "api")]

import harness  # noqa: E402
import ledger as books  # noqa: E402
import load  # noqa: E402
import model  # noqa: E402
import sabotage  # noqa: E402
import verify  # noqa: E402

CLIENTS = 6
PROOFS_AT_ONCE = 2
LONGEST_LOAD = 0.4  # seconds
READY_WITHIN = 10  # seconds
CHECK_EVERY = 10  # rounds
FULL_EVERY = 100  # rounds: everything is looked at, not only the last rounds' objects
TIME_TO_VANISH = 6  # seconds: longer than any short life and trash_ttl
CLEAN_WITHIN = 45  # seconds: the sweeper may need several rounds to see all folders
SETTINGS = {
    "sweep_interval": "1s",
    "orphan_grace": "1s",
    "trash_ttl": f"{model.TRASH_TTL}s",
    "inline_limit": "4KiB",
    "disk_floor": "0",
}


class CrashTest:
    def __init__(self, folder, seed, damage=None):
        self.rng = random.Random(seed)
        self.damage = damage
        self.report = books.Report()
        self.ledger = books.Ledger()
        self.load = load.Load(CLIENTS, self.ledger, self.report, seed)
        self.server = harness.Server(folder, **SETTINGS)
        self.slowest_start = 0.0
        self.consumed_ttl = 0
        self.starts_of_rounds = []
        self.start()
        self.key = self.server.api().key
        self.verifier = verify.Verifier(self.server, self.key, self.ledger, self.report, self.rng)

    def start(self):
        began = time.monotonic()
        self.consumed_ttl = 2 if self.rng.random() < 0.4 else 0
        self.server.settings["consumed_ttl"] = f"{self.consumed_ttl}s"
        self.server.port = harness.free_port()
        self.server.start()
        took = time.monotonic() - began
        self.slowest_start = max(self.slowest_start, took)
        self.report.check(took < READY_WITHIN, f"the server was ready only after {took:.1f} s")

    def restart(self):
        """At times the server is killed in the middle of its start, too."""
        if self.rng.random() < 0.1:
            self.server.spawn()
            time.sleep(self.rng.uniform(0, 0.04))
            self.server.kill()
        self.start()
        self.verifier.restart(self.key)

    def verify(self, everything):
        self.verifier.settle()
        self.verifier.objects(everything)
        self.verifier.lists(None if everything else self.starts_of_rounds[-verify.LOOK_BACK :][0])
        self.verifier.links()
        self.verifier.events()
        self.verifier.files()

    def round(self, number):
        self.ledger.round = number
        self.starts_of_rounds.append(harness.rfc3339(datetime.datetime.now(datetime.timezone.utc)))
        self.load.run_and_kill(self.server, self.key, self.rng.uniform(0, LONGEST_LOAD), self.consumed_ttl)
        if number % (2 * CHECK_EVERY) == 0:
            self.verifier.check(grace="1h")  # on what the crash left
        if self.damage and self.damage.do(self.server.data, self.ledger):
            self.damage = None
        self.restart()
        self.verify(everything=number % FULL_EVERY == 0)
        if number % (2 * CHECK_EVERY) == CHECK_EVERY:
            self.verifier.check(grace="1h")  # while the server runs

    def finish(self):
        """Everything once more, when all that has to vanish has had the time for it."""
        time.sleep(TIME_TO_VANISH)
        deadline = time.monotonic() + CLEAN_WITHIN
        while self.stored_blobs() != self.ledger.stored_files() and time.monotonic() < deadline:
            time.sleep(0.5)
        found, stored = self.stored_blobs(), self.ledger.stored_files()
        self.report.check(not found - stored, f"files without a result are left: {sorted(found - stored)}")
        self.report.check(not stored - found, f"results without their file: {sorted(stored - found)}")
        self.verify(everything=True)
        self.verifier.sweeping()
        self.verifier.histories()
        self.verifier.check(grace="1s")
        self.server.stop()

    def stored_blobs(self):
        return self.verifier.blobs() - self.verifier.representations()

    def run(self, rounds):
        for number in range(1, rounds + 1):
            self.round(number)
            if number % 10 == 0:
                show(f"{number} of {rounds} rounds, {self.figures()}", end=number == rounds)
            if self.report.failures:
                return number
        self.finish()
        return rounds

    def figures(self):
        return (
            f"{self.load.requests} requests of the load, {self.ledger.lost_count} changes in flight at the kills "
            f"({self.ledger.lost_done} had happened), {self.verifier.requests} requests of the verifier; "
            f"{len(self.ledger.results)} results stored, {self.load.bytes >> 20} MiB sent, "
            f"{self.verifier.last_event} events; slowest start {self.slowest_start:.2f} s"
        )


def show(line, end):
    """Progress: in place on a terminal."""
    terminal = sys.stderr.isatty()
    before, after = ("\r\x1b[K", "\n" if end else "") if terminal else ("", "\n")
    print(before + line, end=after, file=sys.stderr, flush=True)


def run(rounds, seed, damage):
    folder = tempfile.mkdtemp(prefix="resultd-crash-")
    began = time.monotonic()
    test = CrashTest(folder, seed, damage)
    try:
        test.run(rounds)
    except (load.Lost, AssertionError) as error:
        test.report.check(False, f"the server does not work after its restart: {error}")
    finally:
        if test.server.process:
            test.server.kill()
    failures = test.report.failures
    for sentence in failures[:20]:
        print(f"seed {seed}, round {test.ledger.round}: {sentence}")
    print(f"{test.ledger.round} rounds in {time.monotonic() - began:.0f} s with seed {seed}: {test.figures()}")
    if failures:
        print(f"the data folder and the server's log are in {folder}")
    else:
        shutil.rmtree(folder)
    print(f"{test.report.passed} passed, {len(failures)} failed")
    return 1 if failures else 0


def prove_one(name):
    """Whether this damage is reported, and the sentence that does it."""
    words = sabotage.KINDS[name][1]
    command = [sys.executable, __file__, "--rounds", "8", "--seed", "1", "--sabotage", name]
    done = subprocess.run(command, capture_output=True, text=True)
    if "are in " in done.stdout:
        shutil.rmtree(done.stdout.split("are in ")[1].splitlines()[0])
    sentence = next((line for line in done.stdout.splitlines() if words in line), done.stdout + done.stderr)
    return done.returncode == 1 and words in done.stdout, sentence


def prove():
    """The test itself must be able to fail: each kind of damage, done after the fifth round, has to be reported."""
    missed = 0
    with concurrent.futures.ThreadPoolExecutor(PROOFS_AT_ONCE) as pool:
        for name, (caught, sentence) in zip(sabotage.KINDS, pool.map(prove_one, sabotage.KINDS)):
            missed += not caught
            print(f"{name}: {'reported' if caught else 'MISSED'}: {sentence}", flush=True)
    print(f"{len(sabotage.KINDS) - missed} passed, {missed} failed")
    return 1 if missed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300, help="how often to kill the server (300)")
    parser.add_argument("--seed", type=int, default=None, help="of the random choices (a new one)")
    parser.add_argument("--prove", action="store_true", help="damage the data folder and see that it is reported")
    parser.add_argument("--sabotage", choices=sabotage.KINDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.prove:
        return prove()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    return run(arguments.rounds, seed, sabotage.Damage(arguments.sabotage) if arguments.sabotage else None)


if __name__ == "__main__":
    sys.exit(main())
