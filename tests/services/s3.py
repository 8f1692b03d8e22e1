# SPDX-License-Identifier: Apache-2.0
"""S3 from Python's standard library: signing and checking signatures, and a client of one bucket.

It shares nothing with the server's signer, so that each can be held against the other.
"""

import datetime
import hashlib
import hmac
import http.client
import os
import re
import threading
import urllib.parse
import xml.etree.ElementTree as tree

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"


def quote(text, safe=""):
    return urllib.parse.quote(text, safe="-._~" + safe)


def signature(secret, method, path, query, headers, payload, stamp, region):
    """Of a request: `path` unquoted, `query` a list of pairs, `headers` those that are signed, in lower case."""
    day = stamp[:8]
    scope = f"{day}/{region}/s3/aws4_request"
    pairs = sorted((quote(name), quote(value)) for name, value in query)
    canonical = [method, quote(path, "/"), "&".join(f"{name}={value}" for name, value in pairs)]
    canonical += [f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers)]
    canonical += ["", ";".join(sorted(headers)), payload]
    hashed = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    key = ("AWS4" + secret).encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = "\n".join((ALGORITHM, stamp, scope, hashed))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def check(method, target, headers, secrets, now=None):
    """Why a request is refused, or None: `headers` in lower case, `secrets` by access key."""
    path, _, query = target.partition("?")
    path = urllib.parse.unquote(path)
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    asked = dict(pairs)
    now = now or datetime.datetime.now(datetime.timezone.utc)
    if "X-Amz-Signature" in asked:
        given, credential, names = (asked[f"X-Amz-{n}"] for n in ("Signature", "Credential", "SignedHeaders"))
        stamp, payload = asked["X-Amz-Date"], UNSIGNED
        pairs = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
        lasts = int(asked["X-Amz-Expires"])
        if not 1 <= lasts <= 7 * 24 * 3600:
            return "AuthorizationQueryParametersError"
    else:
        found = re.fullmatch(
            ALGORITHM + r" Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})",
            headers.get("authorization", ""),
        )
        if not found:
            return "AccessDenied"
        credential, names, given = found.groups()
        stamp, payload, lasts = headers["x-amz-date"], headers["x-amz-content-sha256"], 900
        unsigned = [n for n in headers if n.startswith("x-amz-") and n not in names.split(";")]
        if unsigned or "host" not in names.split(";"):
            return "AccessDenied"
    access_key, day, region, service, ending = credential.split("/")
    if access_key not in secrets:
        return "InvalidAccessKeyId"
    if (service, ending, day) != ("s3", "aws4_request", stamp[:8]):
        return "AuthorizationHeaderMalformed"
    began = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if not -900 <= (now - began).total_seconds() <= lasts:
        return "RequestTimeTooSkewed"
    signed = {name: headers[name] for name in names.split(";")}
    right = signature(secrets[access_key], method, path, pairs, signed, payload, stamp, region)
    return None if hmac.compare_digest(right, given) else "SignatureDoesNotMatch"


class Bucket:
    """One bucket in path style, by s3://NAME?endpoint=…&region=… and the keys of the environment."""

    def __init__(self, url=None):
        url = urllib.parse.urlsplit(url or os.environ["RESULTD_TEST_S3"])
        parameters = dict(urllib.parse.parse_qsl(url.query))
        self.name = url.netloc
        self.endpoint = parameters["endpoint"]
        self.host = urllib.parse.urlsplit(self.endpoint).netloc
        self.region = parameters.get("region", "us-east-1")
        self.access_key = os.environ["AWS_ACCESS_KEY_ID"]
        self.secret = os.environ["AWS_SECRET_ACCESS_KEY"]
        self.own = threading.local()

    def url(self, prefix):
        """The address of a part of it, as a setting."""
        return f"s3://{self.name}/{prefix}?endpoint={self.endpoint}&region={self.region}"

    def request(self, method, key="", query=(), body=b"", headers=None):
        """(status, headers in lower case, body)"""
        path = f"/{self.name}/{key}" if key else f"/{self.name}"
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        fields = {"host": self.host, "x-amz-date": stamp, "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
        fields.update(headers or {})
        signed = signature(
            self.secret, method, path, query, fields, fields["x-amz-content-sha256"], stamp, self.region
        )
        fields["authorization"] = (
            f"{ALGORITHM} Credential={self.access_key}/{stamp[:8]}/{self.region}/s3/aws4_request, "
            f"SignedHeaders={';'.join(sorted(fields))}, Signature={signed}"
        )
        text = "&".join(f"{quote(name)}={quote(value)}" for name, value in query)
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, quote(path, "/") + ("?" + text if text else ""), body or None, fields)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()
        finally:
            connection.close()

    def get(self, key):
        status, _, body = self.request("GET", key)
        if status == 404:
            raise FileNotFoundError(key)
        assert status == 200, (status, body)
        return body

    def put(self, key, body):
        status, _, said = self.request("PUT", key, body=body)
        assert status == 200, (status, said)

    def delete(self, key):
        status, _, said = self.request("DELETE", key)
        assert status == 204, (status, said)

    def list(self, prefix):
        """{key: size}"""
        found, token = {}, None
        while True:
            query = [("list-type", "2"), ("prefix", prefix)]
            query += [("continuation-token", token)] if token else []
            status, _, body = self.request("GET", query=query)
            assert status == 200, (status, body)
            root = tree.fromstring(body)
            for entry in root.findall("{*}Contents"):
                found[entry.findtext("{*}Key")] = int(entry.findtext("{*}Size"))
            token = root.findtext("{*}NextContinuationToken")
            if not token:
                return found

    def uploads(self, prefix):
        """[(key, upload id)] of uploads of parts that are not completed."""
        status, _, body = self.request("GET", query=[("uploads", ""), ("prefix", prefix)])
        assert status == 200, (status, body)
        return [(e.findtext("{*}Key"), e.findtext("{*}UploadId")) for e in tree.fromstring(body).findall("{*}Upload")]


class Stat:
    def __init__(self, size):
        self.st_size = size


class Object:
    """An object of a bucket with the methods of a path that tests use."""

    def __init__(self, bucket, key, size=-1):
        self.bucket, self.key, self.size = bucket, key, size
        self.name = self.stem = key.rsplit("/", 1)[-1]
        self.suffix = ""

    def __eq__(self, other):
        return isinstance(other, Object) and self.key == other.key

    def __hash__(self):
        return hash(self.key)

    def __repr__(self):
        return f"s3:{self.key}"

    def stat(self):
        if self.size < 0:
            self.size = len(self.read_bytes())
        return Stat(self.size)

    def with_name(self, name):
        return Object(self.bucket, self.key.rsplit("/", 1)[0] + "/" + name)

    def exists(self):
        return self.key in self.bucket.list(self.key)

    def is_file(self):
        return self.exists()

    def read_bytes(self):
        return self.bucket.get(self.key)

    def write_bytes(self, data):
        self.bucket.put(self.key, data)
        self.size = len(data)

    def unlink(self):
        self.bucket.delete(self.key)

    def chmod(self, _):
        """Who may put may put again."""
