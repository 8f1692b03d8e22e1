# SPDX-License-Identifier: Apache-2.0
"""The mixed load: client threads that make requests until the server is killed under them, and enter every answer
in the ledger. Each client works on objects of its own, so that the order of requests about one object is known.
"""

import base64
import dataclasses
import hashlib
import http.client
import io
import json
import random
import threading
import time
import traceback
import urllib.parse
import zipfile

import ledger as books
import model

BASE = "/api/v1"
ANSWER_WITHIN = 30  # seconds
MOST_BYTES = 6 << 20  # that a client leaves on the server's disk
MOST_RECORDS = 120  # results that a client goes on working with
MOST_OPEN_JOBS = 8
POOL = random.Random(1).randbytes(6 << 20)


class Lost(Exception):
    """No answer came."""

    def __init__(self, seen, error):
        super().__init__(f"{type(error).__name__}: {error}")
        self.seen = seen


class Answer:
    again = False  # a try before this one had no answer, and may have done the work

    def __init__(self, status, headers, body, seen):
        self.status, self.headers, self.body, self.seen = status, headers, body, seen

    def json(self):
        return json.loads(self.body)

    def row(self):
        """The object that the answer shows, None if it shows none."""
        return self.json() if self.status in (200, 201) else None


class Http:
    """One connection with a key."""

    def __init__(self, port, key):
        self.port, self.key = port, key
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_WITHIN)

    def send(self, method, path, parameters=None, body=None, members=None, headers=None, base=BASE):
        headers = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        if members is not None:
            body = json.dumps(members).encode()
            headers["Content-Type"] = "application/json"
        target = base + path + ("?" + urllib.parse.urlencode(parameters) if parameters else "")
        began = model.now()
        try:
            self.connection.request(method, target, body, headers)
            response = self.connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise Lost(model.Span(began, model.now()), error) from error
        return Answer(response.status, response.headers, data, model.Span(began, model.now()))

    def close(self):
        self.connection.close()


def pieces(data, rng):
    """A body that arrives slowly; without a Content-Length it is sent chunked."""
    step = max(1, len(data) // rng.randint(2, 12))
    for at in range(0, len(data), step):
        yield data[at : at + step]
        time.sleep(rng.uniform(0, 0.008))


class Client:
    """One thread's part of the load. It lives through all rounds; `run` is called once in each."""

    WORK = (
        (20, "publish"),
        (18, "upload"),
        (9, "create_job"),
        (7, "claim"),
        (10, "move_job"),
        (3, "delete_job"),
        (3, "restore_job"),
        (16, "ack"),
        (4, "keep"),
        (3, "unkeep"),
        (7, "delete"),
        (5, "restore"),
        (7, "purge"),
        (5, "link"),
        (5, "read"),
        (10, "convert"),
        (3, "archive"),
        (2, "abandon"),
        (2, "lie"),
    )

    def __init__(self, number, ledger, report, seed):
        self.number, self.ledger, self.report = number, ledger, report
        self.rng = random.Random(f"{seed}/{number}")
        self.kind = f"work-{number}"
        self.results = []  # records that it goes on working with
        self.jobs = []
        self.names = 0
        self.requests = self.bytes = 0
        self.http = None
        self.consumed_ttl = 0

    def run(self, http_, consumed_ttl, killed):
        """Works until no answer comes."""
        self.http, self.consumed_ttl = http_, consumed_ttl
        try:
            while True:
                self.step()
        except Lost as lost:
            self.report.check(killed.is_set(), f"a connection broke although nobody had killed the server: {lost}")
        except Exception:
            self.report.check(False, f"client {self.number} failed: {traceback.format_exc()}")
        finally:
            http_.close()

    def step(self):
        weights, names = zip(*self.WORK)
        names = self.rng.choices(names, weights)
        if sum(r.size for r in self.results if not r.is_inline()) > MOST_BYTES:
            names = ["purge_largest"]
        elif len(self.results) > MOST_RECORDS:
            names = ["purge"]
        getattr(self, names[0])()

    def tidy(self):
        """Forgets what can hardly change any more (the ledger does not)."""
        seen = model.Span(model.now(), model.now())
        mine = (r for r in self.ledger.results.values() if r.owner == self.number and r.facts.there)
        self.results = [r for r in mine if "expired" not in r.facts.states(seen) or self.rng.random() < 0.02]
        mine = (j for j in self.ledger.jobs.values() if j.owner == self.number and j.facts.there)
        self.jobs = [j for j in mine if j.facts.is_open() or j.facts.deleted_at or j.touched >= self.ledger.round - 5]

    def send(self, *arguments, **named):
        self.requests += 1
        self.bytes += len(named.get("body") or b"") if isinstance(named.get("body"), bytes) else 0
        return self.http.send(*arguments, **named)

    def pick(self, records, fits=lambda facts: True):
        """One of the records whose facts are known and fit; often one of the newest."""
        fitting = [r for r in records if r.is_certain() and fits(r.facts)]
        if not fitting:
            return None
        chosen = self.rng.choice(fitting[-12:] if self.rng.random() < 0.5 else fitting)
        chosen.touched = self.ledger.round
        return chosen

    def change(self, record, verb, outcomes, request, followers=()):
        """Makes a request that changes a record; `outcomes(seen)` is the table of what may come of it."""
        try:
            answer = self.send(*request[:2], **request[2])
        except Lost as lost:
            table = outcomes(lost.seen)
            changed = [facts for status, options in table.items() if status < 300 for facts in options]
            if changed:
                follow = followers(lost.seen) if followers else []
                self.ledger.lost.append(books.LostChange(record, changed, follow))
            raise
        table = outcomes(answer.seen)
        wrong = f"{verb} of {record} answers {answer.status} instead of {' or '.join(map(str, sorted(table)))}"
        if not self.report.check(answer.status in table, lambda: f"{wrong}: {answer.body[:300]!r}"):
            return None
        follow = followers(answer.seen) if followers and answer.status < 300 else []
        record.options = table[answer.status]
        for follower, options in follow:
            follower.options = options
            follower.touched = self.ledger.round
        return answer

    # ---- uploads --------------------------------------------------------------------------------------

    def payload(self):
        """Bytes unlike any others: half of them small enough for the database, a few of some MiB."""
        size = self.rng.choice((0, 1, 100, 2000, 4096, 4097, 20_000, 150_000, 400_000, 900_000))
        if self.rng.random() < 0.04:
            size = self.rng.randint(1 << 20, 4 << 20)
        at = self.rng.randrange(len(POOL) - size)
        return (self.rng.randbytes(16) + POOL[at : at + size])[:size]

    def upload_of(self, job=None):
        self.names += 1
        name = f"r{self.ledger.round}-c{self.number}-{self.names}"
        expires_in = self.rng.choice((None, None, None, None, 3600, 1, 2, 4))
        data = self.payload()
        if self.rng.random() < 0.3:
            name, data = name + ".csv", model.table(self.rng, len(data))
        return books.Upload(self.number, name, data, job, expires_in, self.rng.random() < 0.06)

    def body(self, upload, headers):
        """Sent at once with a Content-Length, or slowly, with or without one."""
        if not upload.data or self.rng.random() < 0.7:
            return upload.data
        if self.rng.random() < 0.5:
            headers["Content-Length"] = str(upload.size)
        return pieces(upload.data, self.rng)

    def store(self, upload):
        method, path, parameters = upload.request()
        headers = {}
        if self.rng.random() < 0.5:
            headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(upload.sha256)).decode()}:"
        body = self.body(upload, headers)
        try:
            answer = self.send(method, path, parameters=parameters, body=body, headers=headers)
        except Lost:
            self.ledger.lost.append(books.LostUpload(upload))
            raise
        wrong = f"the upload of {upload.name} ({upload.size} bytes) answers {answer.status} instead of 201"
        if self.report.check(answer.status == 201, lambda: f"{wrong}: {answer.body[:300]!r}"):
            record, problem = self.ledger.add_result(upload, answer.json())
            self.report.expect(problem, f"{record} just stored,")
            self.results.append(record)

    def publish(self):
        self.store(self.upload_of())

    def upload(self):
        job = self.pick(self.jobs, model.Job.is_open)
        if job:
            self.store(self.upload_of(job))

    def abandon(self):
        """Sends half of a body and goes away: nothing of it may ever be seen."""
        upload = self.upload_of()
        half = upload.data[: upload.size // 2]
        method, path, parameters = upload.request()
        other = http.client.HTTPConnection("127.0.0.1", self.http.port, timeout=ANSWER_WITHIN)
        try:
            other.putrequest(method, f"{BASE}{path}?{urllib.parse.urlencode(parameters)}")
            other.putheader("Authorization", f"Bearer {self.http.key}")
            other.putheader("Content-Length", str(upload.size + 1))
            other.endheaders(half)
        except OSError:
            pass  # killed; the next request will tell
        other.close()

    def lie(self):
        """Announces other bytes than it sends: refused, and nothing of it may ever be seen."""
        upload = self.upload_of()
        method, path, parameters = upload.request()
        headers = {"Content-MD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}
        answer = self.send(method, path, parameters=parameters, body=upload.data, headers=headers)
        self.report.check(answer.status == 400, f"an upload with a wrong digest answers {answer.status}, not 400")

    # ---- results --------------------------------------------------------------------------------------

    def change_result(self, record, verb, method, path, **named):
        if record is None:
            return None
        facts = record.facts
        job_deleted = self.is_job_deleted(record)
        request = (method, f"/results/{record.id}{path}", named)

        def outcomes(seen):
            return model.result_outcomes(verb, facts, seen, self.consumed_ttl, job_deleted)

        answer = self.change(record, verb, outcomes, request)
        if answer and answer.status == 200:
            self.report.expect(record.judge(answer.row(), answer.seen), f"{verb} answers that {record}")
        return answer

    def is_job_deleted(self, record):
        """Of what was uploaded into a job of this client; jobs that uploads made are not deleted."""
        job = self.ledger.jobs.get(record.job)
        return bool(job and job.facts.deleted_at)

    def ack(self):
        record = self.pick(self.results)
        proof = {"sha256": record.sha256, "size": record.size} if record and self.rng.random() < 0.5 else {}
        self.change_result(record, "ack", "POST", "/ack", members=proof)

    def keep(self):
        self.change_result(self.pick(self.results), "keep", "PUT", "/keep")

    def unkeep(self):
        record = self.pick(self.results, lambda facts: facts.keep) or self.pick(self.results)
        self.change_result(record, "unkeep", "DELETE", "/keep")

    def delete(self):
        self.change_result(self.pick(self.results), "delete", "DELETE", "")

    def restore(self):
        record = self.pick(self.results, lambda facts: facts.deleted_at) or self.pick(self.results)
        job = self.ledger.jobs.get(record.job) if record else None
        if job is None or job.is_certain():
            self.change_result(record, "restore", "POST", "/restore")

    def purge(self):
        self.purge_this(self.pick(self.results))

    def purge_largest(self):
        self.purge_this(max(self.results, key=lambda r: r.size))

    def purge_this(self, record):
        if record is None or not record.is_certain():
            return
        record.touched = self.ledger.round
        if record.facts.keep:
            self.change_result(record, "unkeep", "DELETE", "/keep")
        answer = self.change_result(record, "purge", "DELETE", "", parameters={"permanent": "true"})
        if answer and answer.status in (204, 404):
            self.results.remove(record)

    def link(self):
        record = self.pick(self.results)
        seconds = self.rng.choice((1, 3600))
        answer = self.change_result(record, "link", "POST", "/links", members={"expires_in": seconds})
        if answer and answer.status == 201:
            row = answer.json()
            path = urllib.parse.urlsplit(row["url"]).path
            link = books.Link(path, record, model.moment(row["expires_at"]), self.ledger.round)
            self.ledger.links.append(link)

    def read(self):
        record = self.pick(self.results)
        if record is None:
            return
        answer = self.send("GET", f"/results/{record.id}/content")
        self.report.expect(content_problem(record, answer, answer.seen), f"while others write, {record}")

    def convert(self):
        record = self.pick([r for r in self.results if r.converted])
        if record is None:
            return
        form = self.rng.choice(list(record.converted))
        headers = {"Range": "bytes=0-"} if self.rng.random() < 0.3 else None
        answer = self.send("GET", f"/results/{record.id}/content", parameters={"format": form}, headers=headers)
        self.report.expect(converted_problem(record, answer, answer.seen, form), f"while others write, {record}")

    def archive(self):
        job = self.pick(self.jobs)
        if job is None:
            return
        answer = self.send("GET", f"/jobs/{job.id}/archive.zip")
        if answer.status != 200:
            self.report.check(answer.status < 500, lambda: f"the archive of {job} answers {answer.status}")
            return
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            self.report.check(archive.testzip() is None, lambda: f"the archive of {job} is damaged")

    # ---- jobs -----------------------------------------------------------------------------------------

    def create_job(self):
        if sum(job.facts.is_open() for job in self.jobs) >= MOST_OPEN_JOBS:
            return
        self.names += 1
        reference_id = f"job-r{self.ledger.round}-c{self.number}-{self.names}"
        members = {"kind": self.kind, "reference_id": reference_id, "priority_weight": self.rng.randint(1, 10)}
        try:
            answer = self.send("POST", "/jobs", members=members)
        except Lost:
            self.ledger.lost.append(books.LostJob(self.number, self.kind, reference_id))
            raise
        if self.report.check(answer.status == 201, f"POST /jobs answers {answer.status}: {answer.body[:300]!r}"):
            self.jobs.append(self.ledger.add_job(self.number, answer.json()["id"], self.kind, model.Job()))

    def claimable(self, seen):
        """Jobs that a claim may find queued at some moment of `seen`, and whether one of them surely is."""
        mine = [j for j in self.jobs if j.kind == self.kind and j.facts.is_open()]
        versions = [(j, {v.status for v in j.facts.versions(seen)}) for j in mine]
        return [j for j, v in versions if "queued" in v], any(v == {"queued"} for _, v in versions)

    def claim(self):
        if not all(job.is_certain() for job in self.jobs):
            return
        lease_seconds = self.rng.choice((1, 600, 600))
        members = {"kinds": [self.kind], "lease_seconds": lease_seconds}
        try:
            answer = self.send("POST", "/jobs/claim", members=members)
        except Lost as lost:
            queued, _ = self.claimable(lost.seen)
            if queued:
                self.ledger.lost.append(books.LostClaim(queued, lost.seen, lease_seconds))
            for job in queued:
                job.touched = self.ledger.round
            raise
        queued, surely = self.claimable(answer.seen)
        if answer.status == 204:
            self.report.check(not surely, lambda: f"a claim finds nothing although {queued[0]} is queued")
            return
        row = answer.row()
        job = next((j for j in queued if row and j.id == row["id"]), None)
        wrong = f"a claim answers {answer.status} with something that was not queued: {answer.body[:300]!r}"
        if self.report.check(job, wrong):
            job.options = [model.claimed(job.facts, answer.seen, lease_seconds, row["lease"])]
            job.touched = self.ledger.round

    def change_job(self, job, verb, request, followers=None, **named):
        facts = job.facts

        def outcomes(seen):
            return model.job_outcomes(verb, facts, seen, **named)

        answer = self.change(job, verb, outcomes, request, followers)
        if answer and answer.status == 200:
            self.report.expect(job.judge(answer.row(), answer.seen), f"{verb} answers that {job}")

    def move_job(self):
        job = self.pick(self.jobs, model.Job.is_open if self.rng.random() < 0.9 else lambda facts: True)
        if job is None:
            return
        verb = self.rng.choice(("progress", "progress", "finish", "finish", "fail", "cancel"))
        lease = job.facts.lease if self.rng.random() < 0.95 else None
        members = {"lease": lease} if lease else {}
        progress = self.rng.choice((0.25, 0.5, 0.75)) if verb == "progress" else 0.0
        if verb == "progress":
            members["progress"] = progress
        if verb == "fail":
            members["error"] = {"code": "boom", "message": "it broke"}
        request = ("POST", f"/jobs/{job.id}/{verb}", {"members": members})
        self.change_job(job, verb, request, lease=lease, progress=progress)

    def job_with_known_results(self, fits):
        job = self.pick(self.jobs, fits)
        return job if job and all(r.is_certain() for r in self.ledger.results_of(job)) else None

    def delete_job(self):
        job = self.job_with_known_results(lambda facts: not facts.deleted_at)
        if job is None:
            return
        results = [r for r in self.ledger.results_of(job) if r.facts.there and not r.facts.deleted_at]

        def followers(seen):
            return [(r, [dataclasses.replace(r.facts, deleted_at=seen, with_job=True)]) for r in results]

        kept = any(r.facts.keep for r in results)
        self.change_job(job, "delete", ("DELETE", f"/jobs/{job.id}", {}), followers, holds_kept=kept)

    def restore_job(self):
        job = self.job_with_known_results(lambda facts: facts.deleted_at)
        if job is None:
            return
        results = [r for r in self.ledger.results_of(job) if r.facts.there and r.facts.with_job]

        def followers(seen):
            return [(r, self.restored(r, seen)) for r in results]

        self.change_job(job, "restore", ("POST", f"/jobs/{job.id}/restore", {}), followers)

    def restored(self, record, seen):
        """A result whose job came back; close to trash_ttl it may have been purged just before."""
        back = dataclasses.replace(record.facts, deleted_at=None, with_job=False)
        gone = dataclasses.replace(record.facts, there=False)
        return [back, gone] if "gone" in record.phases(seen) else [back]


CONTENT_STATUS = {"live": 200, "expired": 410, "deleted": 410, "gone": 404}


def content_problem(record, answer, seen, also=()):
    """What is wrong with the answer to a request for a result's bytes; None if nothing is."""
    expected = {CONTENT_STATUS[phase] for phase in record.phases(seen)} | set(also)
    if answer.status not in expected:
        return f"answers its bytes with {answer.status} instead of {' or '.join(map(str, sorted(expected)))}"
    if answer.status != 200:
        return None
    if len(answer.body) != record.size:
        return f"delivers {len(answer.body)} bytes"
    if hashlib.sha256(answer.body).hexdigest() != record.sha256:
        return "delivers bytes of another digest"
    if answer.headers["ETag"] != f'"{record.sha256}"':
        return f"delivers the ETag {answer.headers['ETag']}"
    return None


def converted_problem(record, answer, seen, form):
    """The same of a table in another format: what came to its end is all of it."""
    expected = {CONTENT_STATUS[phase] for phase in record.phases(seen)}
    if answer.status not in expected and not (answer.status == 206 and 200 in expected):
        return f"answers itself as {form} with {answer.status} instead of {' or '.join(map(str, sorted(expected)))}"
    if answer.status not in (200, 206):
        return None
    if hashlib.sha256(answer.body).hexdigest() != record.converted[form]:
        return f"delivers as {form} {len(answer.body)} bytes of another digest"
    return None


class Load:
    """All clients."""

    def __init__(self, count, ledger, report, seed):
        self.clients = [Client(number, ledger, report, seed) for number in range(count)]
        self.report = report

    @property
    def requests(self):
        return sum(client.requests for client in self.clients)

    @property
    def bytes(self):
        return sum(client.bytes for client in self.clients)

    def run_and_kill(self, server, key, seconds, consumed_ttl):
        """Lets all clients work for a time, kills the server under them and waits until they have noticed."""
        killed = threading.Event()
        threads = [
            threading.Thread(target=client.run, args=(Http(server.port, key), consumed_ttl, killed))
            for client in self.clients
        ]
        for client in self.clients:
            client.tidy()
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.report.check(server.process.poll() is None, "the server ended by itself")
        killed.set()
        server.kill()
        for thread in threads:
            thread.join(2 * ANSWER_WITHIN)
            self.report.check(not thread.is_alive(), "a client still waits although the server is dead")
