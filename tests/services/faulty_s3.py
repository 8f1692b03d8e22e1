# SPDX-License-Identifier: Apache-2.0
"""A small S3 in memory whose answers go wrong on demand, and which checks every signature and Content-MD5.

    with FaultyS3() as store:
        store.fail("PUT", status(503, "SlowDown"), times=2)     the next two PUTs
        store.fail("GET", cut(1000), where="uploads")           a GET whose query has that word
        store.requests                                           [(method, key, query, headers)]
"""

import base64
import collections
import contextlib
import datetime
import hashlib
import http.server
import itertools
import re
import socket
import threading
import urllib.parse
import uuid
from xml.sax.saxutils import escape, unescape

import s3

ACCESS_KEY, SECRET = "faultyaccess", "faultysecret/with+signs="


# ---- what may go wrong: called with the handler, instead of answering or around it -------------------------


def status(code, word="InternalError"):
    """Answers that and does nothing."""

    def fault(handler, go_on):
        handler.read_body()
        handler.error(code, word)

    return fault


def lost():
    """Does what was asked, and closes the connection instead of answering."""

    def fault(handler, go_on):
        handler.muted = True
        go_on()
        handler.hang_up()

    return fault


def late(seconds):
    """Does what was asked, and answers so much later."""

    def fault(handler, go_on):
        handler.late = seconds
        go_on()

    return fault


def hang(seconds):
    """Reads the request and says nothing for so long."""

    def fault(handler, go_on):
        handler.read_body()
        handler.server.store.released.wait(seconds)
        handler.hang_up()

    return fault


def cut(after):
    """Closes the connection after so many bytes of the body."""

    def fault(handler, go_on):
        handler.cut_after = after
        go_on()

    return fault


def stall(after, seconds):
    """Says nothing for so long after so many bytes of the body, and closes the connection."""

    def fault(handler, go_on):
        handler.cut_after, handler.stalls = after, seconds
        go_on()

    return fault


def drip(after=0, pause=0.1, size=1):
    """After so many bytes of the body the rest comes in pieces of a size, with a pause after each."""

    def fault(handler, go_on):
        handler.cut_after, handler.pause, handler.piece = after, pause, size
        go_on()

    return fault


def endless(piece=b" ", pause=0.1, code=200):
    """An answer that does not end: a piece of body after each pause."""

    def fault(handler, go_on):
        handler.read_body()
        handler.send_response(code)
        handler.send_header("ETag", '"x"')
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.trickle((b"%x\r\n%s\r\n" % (len(piece), piece) for _ in itertools.repeat(None)), pause)

    return fault


def sip(size, pause):
    """Takes the request's body in small pieces with pauses, then goes on."""

    def fault(handler, go_on):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
        left = int(handler.headers.get("Content-Length") or 0)
        handler.body = b""
        while left > len(handler.body) and not handler.server.store.released.wait(pause):
            handler.body += handler.rfile.read(min(size, left - len(handler.body)))
        go_on()

    return fault


def shorter(by):
    """An answer that ends in order, and is shorter than what was asked for."""

    def fault(handler, go_on):
        handler.shorten = by
        go_on()

    return fault


def answer_200(body):
    """200, with something in it."""

    def fault(handler, go_on):
        handler.read_body()
        handler.answer(200, body.encode())

    return fault


ERROR_IN_200 = '<?xml version="1.0"?><Error><Code>InternalError</Code><Message>try again</Message></Error>'

Object = collections.namedtuple("Object", "body etag meta time")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # Whoever has heard enough may go at any time.

    def handle(self):
        with contextlib.suppress(OSError):
            super().handle()

    def finish(self):
        with contextlib.suppress(OSError):
            super().finish()

    # -- answering

    def hang_up(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def read_body(self):
        if self.body is None:
            self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return self.body

    def answer(self, code, body=b"", **headers):
        if self.decided is not None:
            return self.decided.append((code, body, headers))
        if self.muted:
            return
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            body = b""
        if self.cut_after is not None and len(body) > self.cut_after:
            self.wfile.write(body[: self.cut_after])
            self.wfile.flush()
            if self.pause:
                pieces = (body[at : at + self.piece] for at in range(self.cut_after, len(body), self.piece))
                return self.trickle(pieces, self.pause)
            self.server.store.released.wait(self.stalls)
            self.hang_up()
            return
        try:
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    def trickle(self, pieces, pause):
        """Until the other side has gone, or the store heals."""
        try:
            for piece in pieces:
                self.wfile.write(piece)
                self.wfile.flush()
                if self.server.store.released.wait(pause):
                    break
        except OSError:
            pass
        self.hang_up()

    def error(self, code, word):
        self.answer(code, f"<Error><Code>{word}</Code><Message>as asked</Message></Error>".encode())

    # -- dispatching

    def handle_any(self):
        store = self.server.store
        self.body, self.muted, self.cut_after, self.stalls, self.shorten = None, False, None, 0, 0
        self.pause, self.late, self.decided = 0, 0, None
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        bucket, _, self.key = urllib.parse.unquote(path)[1:].partition("/")
        fields = {name.lower(): value for name, value in self.headers.items()}
        with store.lock:
            store.requests.append((self.command, self.key, self.query, fields))
        refused = s3.check(self.command, self.path, fields, {ACCESS_KEY: SECRET}, store.now())
        if refused:
            store.refused.append((refused, self.path))
            self.read_body()
            return self.error(403, refused)
        if bucket != store.bucket:
            self.read_body()
            return self.error(404, "NoSuchBucket")
        fault = store.next_fault(self.command, query, self.key)
        if fault:
            fault(self, self.act)
        else:
            self.act()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def act(self):
        store, body = self.server.store, self.read_body()
        given = self.headers.get("Content-MD5")
        if given and base64.b64encode(hashlib.md5(body).digest()).decode() != given:
            return self.error(400, "BadDigest")
        if self.command == "PUT" and not given:
            store.refused.append(("no Content-MD5", self.path))
        with store.lock:
            self.decided = []
            getattr(self, f"on_{self.command.lower()}")(store, body)
            (code, body, headers), self.decided = self.decided[0], None
        store.released.wait(self.late)
        self.answer(code, body, **headers)  # which may take long, and nobody else waits for it

    def on_put(self, store, body):
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        if "uploadId" in self.query:
            upload = store.uploads.get(self.query["uploadId"])
            if not upload:
                return self.error(404, "NoSuchUpload")
            upload.parts[int(self.query["partNumber"])] = Object(body, etag, {}, store.now())
            return self.answer(200, ETag=etag)
        if self.headers.get("If-None-Match") == "*" and self.key in store.objects:
            return self.error(412, "PreconditionFailed")
        store.objects[self.key] = Object(body, etag, self.meta(), store.now())
        self.answer(200, ETag=etag)

    def meta(self):
        return {name: value for name, value in self.headers.items() if name.lower().startswith("x-amz-meta-")}

    def on_post(self, store, body):
        if "uploads" in self.query:
            name = uuid.uuid4().hex
            store.uploads[name] = Upload(self.key, self.meta(), store.now())
            return self.answer(
                200,
                "<InitiateMultipartUploadResult><UploadId>"
                f"{name}</UploadId></InitiateMultipartUploadResult>".encode(),
            )
        if "delete" in self.query:
            return self.remove_many(store, body)
        upload = store.uploads.get(self.query["uploadId"])
        if not upload:
            return self.error(404, "NoSuchUpload")
        wanted = re.findall(r"<PartNumber>(\d+)</PartNumber><ETag>(.*?)</ETag>", body.decode())
        parts = [upload.parts.get(int(number)) for number, _ in wanted]
        if any(p is None or p.etag != etag for p, (_, etag) in zip(parts, wanted)):
            return self.error(400, "InvalidPart")
        if any(len(p.body) < 5 << 20 for p in parts[:-1]):
            return self.error(400, "EntityTooSmall")
        whole = b"".join(p.body for p in parts)
        etag = f'"{hashlib.md5(whole).hexdigest()}-{len(parts)}"'
        store.objects[self.key] = Object(whole, etag, upload.meta, upload.time)  # as Amazon dates them
        del store.uploads[self.query["uploadId"]]
        self.answer(200, f"<CompleteMultipartUploadResult><ETag>{escape(etag)}</ETag></CompleteMultipartUploadResult>".encode())

    def remove_many(self, store, body):
        keys = [unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", body.decode())]
        if not self.headers.get("Content-MD5"):
            return self.error(400, "InvalidRequest")
        if not 0 < len(keys) <= 1000:
            return self.error(400, "MalformedXML")
        answers = []
        for key in keys:
            if key in store.kept:
                answers.append(f"<Error><Key>{escape(key)}</Key><Code>AccessDenied</Code></Error>")
            else:
                store.objects.pop(key, None)
                answers.append(f"<Deleted><Key>{escape(key)}</Key></Deleted>")
        self.answer(200, f"<DeleteResult>{''.join(answers)}</DeleteResult>".encode())

    def on_delete(self, store, _):
        if "uploadId" in self.query:
            return self.answer(204) if store.uploads.pop(self.query["uploadId"], None) else self.error(404, "NoSuchUpload")
        store.objects.pop(self.key, None)
        self.answer(204)

    def on_head(self, store, body):
        self.on_get(store, body)

    def on_get(self, store, _):
        if not self.key:
            return self.list_uploads(store) if "uploads" in self.query else self.list_objects(store)
        if "uploadId" in self.query:
            return self.list_parts(store)
        found = store.objects.get(self.key)
        if not found:
            return self.error(404, "NoSuchKey")
        condition = self.headers.get("If-Match")
        if condition and condition != found.etag:
            return self.error(412, "PreconditionFailed")
        headers = {"ETag": found.etag, "Accept_Ranges": "bytes", **found.meta}
        for name in ("content-type", "content-disposition", "content-encoding"):
            if f"response-{name}" in self.query:
                headers[name] = self.query[f"response-{name}"]
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not asked:
            return self.answer(200, found.body, **headers)
        first, last = int(asked[1]), min(int(asked[2]), len(found.body) - 1)
        if first > last:
            return self.error(416, "InvalidRange")
        last -= self.shorten
        piece = found.body[first : last + 1]
        self.answer(206, piece, Content_Range=f"bytes {first}-{last}/{len(found.body)}", **headers)

    def stamp(self, time_):
        return time_.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def list_objects(self, store):
        after = self.query.get("continuation-token") or self.query.get("start-after", "")
        keys = [k for k in sorted(store.objects) if k.startswith(self.query.get("prefix", "")) and k > after]
        page = keys[: store.page]
        entries = "".join(
            f"<Contents><Key>{urllib.parse.quote(k)}</Key><Size>{len(store.objects[k].body)}</Size>"
            f"<ETag>{escape(store.objects[k].etag)}</ETag>"
            f"<LastModified>{self.stamp(store.objects[k].time)}</LastModified></Contents>"
            for k in page
        )
        more = len(keys) > len(page)
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else ""
        self.answer(
            200,
            f"<ListBucketResult>{entries}<IsTruncated>{str(more).lower()}</IsTruncated>{token}"
            "</ListBucketResult>".encode(),
        )

    def list_uploads(self, store):
        entries = "".join(
            f"<Upload><Key>{u.key}</Key><UploadId>{name}</UploadId><Initiated>{self.stamp(u.time)}</Initiated></Upload>"
            for name, u in store.uploads.items()
        )
        self.answer(200, f"<ListMultipartUploadsResult>{entries}</ListMultipartUploadsResult>".encode())

    def list_parts(self, store):
        upload = store.uploads.get(self.query["uploadId"])
        if not upload:
            return self.error(404, "NoSuchUpload")
        entries = "".join(
            f"<Part><PartNumber>{n}</PartNumber><LastModified>{self.stamp(p.time)}</LastModified></Part>"
            for n, p in sorted(upload.parts.items())
        )
        self.answer(200, f"<ListPartsResult>{entries}</ListPartsResult>".encode())


class Upload:
    def __init__(self, key, meta, time_):
        self.key, self.meta, self.time, self.parts = key, meta, time_, {}


class FaultyS3:
    """An endpoint of its own with one bucket."""

    bucket = "results"
    page = 1000

    def __init__(self):
        self.lock = threading.Lock()
        self.objects, self.uploads = {}, {}
        self.faults, self.requests, self.refused = [], [], []
        self.kept = set()  # objects that are removed by no request for many
        self.released = threading.Event()
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.store = self
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.http.shutdown()
        self.http.server_close()

    @property
    def blobs(self):
        """The objects without those that say whose a prefix is."""
        return {key: found for key, found in self.objects.items() if not key.endswith("resultd-store")}

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc)

    @property
    def url(self):
        return f"s3://{self.bucket}/some/where?endpoint=http://127.0.0.1:{self.port}&region=eu-test-1"

    @property
    def environment(self):
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    def fail(self, method, fault, times=1, where="", after=0):
        """The next `times` requests of that kind, but for the first `after`."""
        with self.lock:
            self.faults.append([method, where, fault, times, after])

    def heal(self):
        with self.lock:
            self.faults.clear()
        self.released.set()
        self.released = threading.Event()

    def next_fault(self, method, query, key):
        with self.lock:
            for entry in self.faults:
                if entry[0] not in (method, "*") or (entry[1] not in query and entry[1] not in key) or entry[3] <= 0:
                    continue
                if entry[4] > 0:
                    entry[4] -= 1
                    continue
                entry[3] -= 1
                return entry[2]
        return None

    def count(self, method, where=""):
        with self.lock:
            return sum(m == method and (where in key or where in query) for m, key, query, _ in self.requests)
