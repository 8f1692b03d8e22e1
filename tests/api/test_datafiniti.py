# SPDX-License-Identifier: Apache-2.0
"""Datafiniti's API, version 3: the seed's own lines, and what the published guides and clients send."""

import base64
import datetime
import re
import subprocess
import urllib.parse
import urllib.request

import pytest
import requests
from harness import SCOPES, Wire, eventually, expect, moment, nobody, sleep_until
from tables import MEDIA_TYPES

CAPTURED = "view=products_all&format=csv&q=categories%3Ashoes+AND+-categories%3Ashirts+AND+prices%3A%2A"
QUERY = "categories:shoes AND -categories:shirts AND prices:*"
AS_JSON = b'[{"sku":"a","price":1.10},{"sku":"b","price":2}]'
AS_NDJSON = b'{"sku":"a","price":1.10}\n{"sku":"b","price":2}\n'
AS_CSV = b"sku,price\r\na,1.10\r\nb,2\r\n"
DATE = re.compile(r"2\d{3}-([1-9]|1[0-2])-([1-9]|[12]\d|3[01]) \d\d:\d\d:\d\d")
MEMBERS = ["id", "url", "request_id", "downloaded", "imported", "date_created"]


class Datafiniti:
    """Basic, the token as user and no password: as the guides send it."""

    def __init__(self, api):
        self.api = api
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = (api.key, "")

    def get(self, path, **arguments):
        arguments.setdefault("allow_redirects", False)
        return self.session.get(self.api.server.url + path, timeout=120, **arguments)

    def submit(self, query=CAPTURED, kind="products"):
        """The id of a new request."""
        response = self.get(f"/v3/data/{kind}?{query}&download=true")
        assert response.status_code == 303, response.text
        return int(re.fullmatch(r"/v3/requests/(\d+)", response.headers["Location"])[1])

    def job(self, request):
        (found,) = [job for job in self.api.walk("/jobs") if job["pk"] == request]
        return found["id"]

    def request(self, request):
        (shown,) = expect(self.get(f"/v3/requests/{request}"), 200)
        return shown

    def results(self, request):
        return expect(self.get(f"/v3/results/{request}"), 200)

    def done(self, *files, query=CAPTURED):
        """A request that a worker has completed with these (name, bytes, kind) files."""
        request = self.submit(query)
        job = self.job(request)
        for name, data, kind in files:
            self.api.upload(job, name, data, headers={"Content-Type": MEDIA_TYPES.get(kind, kind)})
        expect(self.api.move(job, "finish"), 200)
        return request


@pytest.fixture
def datafiniti(own_api):
    return Datafiniti(own_api)


def expired(server):
    """How many results the sweeper has taken."""
    return server.metric("resultd_sweep_expired_total")


def failed(response, status, error=None):
    """{"error", "message", "code"}"""
    assert response.status_code == status, response.text
    body = response.json()
    assert list(body) == ["error", "message", "code"], body
    assert body["error"] and body["message"] and body["code"] == status
    if error:
        assert body["error"] == error
    return body["message"]


# ---- the seed's own lines ---------------------------------------------------------------------------------


def test_results_give_every_field_of_the_seed(datafiniti):
    """curl -X GET "https://api.datafiniti.co/v3/results/123" -H "Content-Type: application/json" -H "Authorization: …"""
    request = datafiniti.done(("7_1.csv", AS_CSV, "csv"))
    basic = base64.b64encode(f"{datafiniti.api.key}:".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {basic}"}
    (result,) = expect(datafiniti.api.server.get(f"/v3/results/{request}", headers=headers), 200)
    assert list(result) == MEMBERS
    (native,) = datafiniti.api.results()
    assert (result["id"], result["request_id"]) == (native["pk"], request)
    assert (result["downloaded"], result["imported"]) == (2, 2)
    assert all(type(result[name]) is int for name in ("id", "request_id", "downloaded", "imported"))


def test_the_url_needs_no_header(datafiniti):
    """Fetch the content of this URL to download the file. This is typically an S3 pre-signed URL."""
    (result,) = datafiniti.results(datafiniti.done(("7_1.csv", AS_CSV, "csv")))
    with urllib.request.urlopen(result["url"], timeout=120) as answer:
        assert answer.read() == AS_CSV
    assert urllib.parse.urlsplit(result["url"]).path.endswith("/7_1.csv")


def test_dates_have_no_zero_padding(datafiniti):
    """"date_created": "2017-1-11 15:53:00\""""
    request = datafiniti.done(("a", AS_CSV, "csv"))
    (result,) = datafiniti.results(request)
    (native,) = datafiniti.api.results()
    assert DATE.fullmatch(result["date_created"])
    made = moment(native["created_at"])
    assert result["date_created"] == f"{made.year}-{made.month}-{made.day} {made:%H:%M:%S}"


def test_the_token_goes_before_the_host_as_well(datafiniti):
    """In URL form: https://YOUR_API_TOKEN:@api.datafiniti.co/v3/... In cURL: --user YOUR_API_TOKEN:"""
    request = datafiniti.done(("a", AS_CSV, "csv"))
    address = f"{datafiniti.api.server.url}/v3/results/{request}"
    with_token = address.replace("://", f"://{datafiniti.api.key}:@")
    assert len(expect(requests.get(with_token, timeout=120), 200)) == 1
    for words in ([with_token], ["--user", f"{datafiniti.api.key}:", address]):
        done = subprocess.run(["curl", "-sf", "--noproxy", "*", *words], capture_output=True, timeout=120)
        assert done.returncode == 0 and done.stdout.startswith(b'[{"id":')


def test_result_files_expire_seven_days_after_creation(datafiniti):
    """Result files expire 7 days after this date."""
    request = datafiniti.submit()
    job = datafiniti.job(request)
    longer = datafiniti.api.upload(job, "long.csv", AS_CSV, expires_in="86400000")
    shorter = datafiniti.api.upload(job, "short.csv", AS_CSV, expires_in="3600")
    expect(datafiniti.api.move(job, "finish"), 200)
    for result, native, life in zip(datafiniti.results(request), (longer, shorter), (7 * 86400, 3600)):
        token = urllib.parse.urlsplit(result["url"]).path.split("/")[3].split(".")[0]
        payload = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        ends = datetime.datetime.fromtimestamp(int.from_bytes(payload[9:17], "big") / 1e6, datetime.timezone.utc)
        left = (ends - moment(native["created_at"])).total_seconds()
        assert life - 1 <= left <= life


def test_an_expired_file_is_left_out(datafiniti):
    request = datafiniti.submit()
    job = datafiniti.job(request)
    gone = datafiniti.api.upload(job, "gone.csv", AS_CSV, expires_in="1")
    datafiniti.api.upload(job, "there.csv", AS_CSV)
    expect(datafiniti.api.move(job, "finish"), 200)
    sleep_until(gone["expires_at"])
    (result,) = datafiniti.results(request)
    assert "there.csv" in result["url"]
    eventually(lambda: expired(datafiniti.api.server) > 0, "the sweeper has been there")
    assert [result] == [{**again, "url": result["url"]} for again in datafiniti.results(request)]


# ---- submitting -------------------------------------------------------------------------------------------


def test_submitting_is_a_303_with_a_path_and_makes_a_queued_job(datafiniti):
    response = datafiniti.get(f"/v3/data/products?{CAPTURED}&download=true")
    assert response.status_code == 303
    request = int(re.fullmatch(r"/v3/requests/(\d+)", response.headers["Location"])[1])
    job = expect(datafiniti.api.claim(kinds=["products"]), 200)
    assert (job["pk"], job["kind"]) == (request, "products")
    assert job["input"] == {
        "dataType": "products",
        "q": QUERY,
        "view": "products_all",
        "format": "csv",
        "records": None,
    }


def test_following_the_redirect_keeps_the_credentials_of_the_address(datafiniti):
    """The Python guide: requests.get(…), then r.url is polled without an auth argument."""
    base = datafiniti.api.server.url.replace("://", f"://{datafiniti.api.key}:@")
    followed = requests.get(f"{base}/v3/data/products?{CAPTURED}&download=true", timeout=120)
    (request,) = expect(followed, 200)
    assert followed.url.endswith(f"/v3/requests/{request['id']}")
    (again,) = expect(requests.get(followed.url, timeout=120), 200)
    assert again["id"] == request["id"]
    results = followed.url.replace("requests", "results")
    failed(requests.get(results, timeout=120), 404)


@pytest.mark.parametrize("kind", ["products", "businesses", "properties"])
@pytest.mark.parametrize("format_", ["JSON", "CSV", "json", "csv"])
def test_formats_are_taken_in_either_case(datafiniti, kind, format_):
    request = datafiniti.request(datafiniti.submit(f"format={format_}&records=7", kind))
    assert (request["dataType"], request["dataFormat"], request["numRequested"]) == (kind, format_.lower(), 7)


def test_a_preview_makes_nothing(datafiniti):
    for query in (f"{CAPTURED}&download=false", CAPTURED, f"{CAPTURED}&records=5&download="):
        shown = expect(datafiniti.get(f"/v3/data/products?{query}"), 200)
        assert shown == {"estimated total": 0, "records": []}
    assert expect(datafiniti.get("/v3/requests"), 200) == []


def test_head_does_not_submit(datafiniti):
    response = datafiniti.session.head(f"{datafiniti.api.server.url}/v3/data/products?{CAPTURED}&download=true")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET")
    assert expect(datafiniti.get("/v3/requests"), 200) == []


@pytest.mark.parametrize(
    "query, word",
    [
        ("format=xml", "format"),
        ("records=0", "numRequested cannot be <= 0"),
        ("records=-1", "numRequested cannot be <= 0"),
        ("records=x", "records"),
        ("download=yes", "download"),
        ("q=%FF", "q"),
    ],
)
def test_a_wrong_query_is_refused(datafiniti, query, word):
    download = "" if query.startswith("download") else "&download=true"
    assert word in failed(datafiniti.get(f"/v3/data/products?{query}{download}"), 400, "Bad Request")
    assert expect(datafiniti.get("/v3/requests"), 200) == []


# ---- requests ---------------------------------------------------------------------------------------------


def test_a_request_is_shown_from_its_start_to_its_end(datafiniti):
    id_ = datafiniti.submit()
    request = datafiniti.request(id_)
    assert DATE.fullmatch(request.pop("date_started"))
    account = datafiniti.api.key.split("_")[1]
    assert request == {
        "id": id_,
        "records": "",
        "query": QUERY,
        "dataType": "products",
        "dataFormat": "csv",
        "accountId": account,
        "planId": 0,
        "view": "products_all",
        "async": 1,
        "status": "STARTED",
        "error": "",
        "numDownloaded": 0,
        "numFound": 0,
        "numRequested": 0,
        "date_completed": "",
    }
    job = expect(datafiniti.api.claim(), 200)
    assert datafiniti.request(id_)["status"] == "STARTED"
    failed(datafiniti.get(f"/v3/results/{id_}"), 404, "Not Found")
    datafiniti.api.upload(job["id"], "a", AS_CSV, headers={"Content-Type": "text/csv"})
    expect(datafiniti.api.move(job["id"], "finish", lease=job["lease"]), 200)
    request = datafiniti.request(id_)
    assert (request["status"], request["numFound"], request["numDownloaded"], request["numRequested"]) == ("COMPLETED", 2, 2, 2)
    assert DATE.fullmatch(request["date_completed"])


def test_a_request_that_failed_says_why(datafiniti):
    first, second = datafiniti.submit(), datafiniti.submit()
    error = {"code": "quota", "message": "no records left"}
    expect(datafiniti.api.move(datafiniti.job(first), "fail", error=error), 200)
    expect(datafiniti.api.move(datafiniti.job(second), "cancel"), 200)
    assert [datafiniti.request(first)[name] for name in ("status", "error")] == ["FAILED", "no records left"]
    assert [datafiniti.request(second)[name] for name in ("status", "error")] == ["FAILED", "the request was cancelled"]
    failed(datafiniti.get(f"/v3/results/{first}"), 404)


@pytest.mark.parametrize("path", ["/v3/requests", "/v3/requests/"])
def test_requests_are_listed_newest_first(datafiniti, path):
    first = datafiniti.done(("a", AS_CSV, "csv"))
    second = datafiniti.submit("q=x", "businesses")
    listed = expect(datafiniti.get(path), 200)
    assert listed == [datafiniti.request(second), datafiniti.request(first)]


def test_a_job_of_the_native_api_is_a_request_too(datafiniti):
    made = datafiniti.api.publish("a.csv", AS_CSV, headers={"Content-Type": "text/csv"})
    (request,) = expect(datafiniti.get("/v3/requests"), 200)
    assert (request["dataType"], request["dataFormat"], request["status"]) == ("publish", "", "COMPLETED")
    odd = datafiniti.api.job(kind="odd", input={"q": 1, "format": "csv"})["pk"]
    assert datafiniti.request(odd)["query"] == ""
    (result,) = datafiniti.results(request["id"])
    assert result["id"] == made["pk"]
    assert requests.get(result["url"], timeout=120).content == AS_CSV


# ---- results ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, data", [("json", AS_JSON), ("ndjson", AS_NDJSON), ("csv", AS_CSV)])
@pytest.mark.parametrize("format_, wanted", [("json", AS_NDJSON), ("CSV", AS_CSV)])
def test_files_have_the_format_that_was_asked_for(datafiniti, kind, data, format_, wanted):
    (result,) = datafiniti.results(datafiniti.done((f"7_1.{kind}", data, kind), query=f"format={format_}"))
    answer = requests.get(result["url"], timeout=120)
    assert answer.content == wanted
    assert urllib.parse.urlsplit(result["url"]).path.endswith(".csv" if wanted == AS_CSV else ".ndjson")


def test_each_file_is_a_result_in_the_order_of_their_creation(datafiniti):
    request = datafiniti.done(("7_1", AS_CSV, "csv"), ("7_2", b"%PDF", "application/pdf"))
    first, second = datafiniti.results(request)
    assert (first["id"] < second["id"], second["downloaded"]) == (True, 0)
    assert requests.get(second["url"], timeout=120).content == b"%PDF"


def test_a_completed_request_without_files_has_an_empty_list(datafiniti):
    assert datafiniti.results(datafiniti.done()) == []


def test_a_deleted_file_is_left_out_and_a_deleted_request_is_not_there(datafiniti):
    request = datafiniti.done(("a", AS_CSV, "csv"), ("b", AS_CSV, "csv"))
    gone = datafiniti.results(request)[0]
    (native,) = [row for row in datafiniti.api.results() if row["pk"] == gone["id"]]
    expect(datafiniti.api.delete(f"/results/{native['id']}"), 204)
    assert len(datafiniti.results(request)) == 1
    assert requests.get(gone["url"], timeout=120).status_code == 410
    expect(datafiniti.api.delete(f"/jobs/{native['job']}"), 204)
    failed(datafiniti.get(f"/v3/results/{request}"), 404)
    failed(datafiniti.get(f"/v3/requests/{request}"), 404)


@pytest.mark.parametrize("path", ["requests", "results"])
@pytest.mark.parametrize(
    "id_, status",
    [(id_, 404) for id_ in ("0", "00", "0282", "999999999", "9223372036854775807", "9223372036854775808")]
    + [(id_, 400) for id_ in ("x", "1x", "-1")],
)
def test_ids_that_are_unknown_or_no_numbers(datafiniti, path, id_, status):
    failed(datafiniti.get(f"/v3/{path}/{id_}"), status)


# ---- who may ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form, status",
    [
        (lambda key: {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}, 200),
        (lambda key: {"Authorization": f"Bearer {key}"}, 200),
        (lambda key: {"x-api-key": key}, 200),
        (lambda key: {"Authorization": f"Token {key}"}, 401),
        (lambda key: {"Authorization": "Basic " + base64.b64encode(b"rk_wrong:").decode()}, 401),
        (lambda key: {"Authorization": "Basic YOUR_CREDENTIALS"}, 401),
        (lambda key: {}, 401),
    ],
)
def test_the_ways_of_carrying_the_token(server, own_api, form, status):
    response = server.get("/v3/requests", headers=form(own_api.key))
    if status == 401:
        failed(response, 401, "Unauthorized")
        assert response.headers["WWW-Authenticate"].startswith("Basic ")
    else:
        expect(response, 200)


def test_requests_of_another_project_are_not_there(server, datafiniti):
    request = datafiniti.done(("a", AS_CSV, "csv"))
    other = Datafiniti(server.api())
    assert failed(other.get(f"/v3/requests/{request}"), 404) == failed(other.get("/v3/requests/999999999"), 404)
    failed(other.get(f"/v3/results/{request}"), 404)
    assert expect(other.get("/v3/requests"), 200) == []


def test_scopes_follow_what_is_done(server, own_api):
    reader = Datafiniti(server.api(["read"], own_api.project))
    writer = Datafiniti(server.api(["write"], own_api.project))
    failed(reader.get("/v3/data/products?download=true"), 403, "Forbidden")
    request = writer.submit()
    assert reader.request(request)["id"] == request
    failed(writer.get(f"/v3/requests/{request}"), 403)


def test_a_user_is_only_told_about_itself(server, datafiniti):
    key = datafiniti.api.key
    shown = expect(datafiniti.get(f"/v3/users/{key}"), 200)
    assert shown["accountId"] == key.split("_")[1]
    assert expect(datafiniti.get(f"/v3/users/{shown['accountId']}"), 200) == shown
    other = server.api().key
    for token in (other, other.split("_")[1], nobody(), key[:-1]):
        failed(datafiniti.get(f"/v3/users/{token}"), 404)


def test_the_token_never_comes_out(fresh_server):
    server = fresh_server(access_log="all")
    datafiniti = Datafiniti(server.api())
    request = datafiniti.done(("a", AS_CSV, "csv"))
    answers = [datafiniti.get(path).text for path in (f"/v3/users/{datafiniti.api.key}", f"/v3/requests/{request}")]
    answers.append(datafiniti.get(f"/v3/user/{datafiniti.api.key}").text)
    server.stop()
    secret = datafiniti.api.key.rsplit("_", 1)[1]
    assert not [text for text in (*answers, server.stderr()) if secret in text]
    assert "/v3/users/" in server.stderr(), "the request was logged"


def test_unknown_paths_and_methods_answer_in_its_words(server, datafiniti):
    failed(datafiniti.get("/v3/nothing"), 404)
    failed(datafiniti.get("/v3/data/cars?download=true"), 404)
    failed(datafiniti.get("/v3/results/"), 404)
    failed(datafiniti.session.post(f"{server.url}/v3/requests", timeout=120), 405)


def test_a_fault_of_the_server_has_the_id_of_the_request(fresh_server):
    server = fresh_server(connection_limit="50")
    datafiniti = Datafiniti(server.api())
    with Wire(server) as wire:  # a request under way holds the server while it is being stopped
        wire.send(b"POST /api/v1/results?name=a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n")
        wire.send(b"x-api-key: " + datafiniti.api.key.encode() + b"\r\n\r\n")
        assert (wire.line(), wire.line()) == (b"HTTP/1.1 100 Continue\r\n", b"\r\n")
        wire.send(b"1")
        keep = requests.Session()
        keep.auth = (datafiniti.api.key, "")
        assert keep.get(f"{server.url}/v3/requests", timeout=120).status_code == 200
        server.signal(15)
        # What it has begun to answer before it sees the signal is answered as ever, and the last on its connection.
        eventually(lambda: not server.listens(), "it takes no more connections")
        response = keep.get(f"{server.url}/v3/requests", timeout=120)
        wire.send(b"23456789")
    body = response.json()
    assert response.status_code == 503 and body["code"] == 503
    assert body["requestId"] == response.headers["X-Request-Id"]


def test_the_api_can_be_mounted_under_a_prefix(fresh_server):
    server = fresh_server(datafiniti_prefix="/far/dat")
    datafiniti = Datafiniti(server.api())
    base = server.url.replace("://", f"://{datafiniti.api.key}:@")
    followed = requests.get(f"{base}/far/dat/v3/data/products?download=true", timeout=120)
    (request,) = expect(followed, 200)
    assert followed.url.endswith(f"/far/dat/v3/requests/{request['id']}")
    assert f"GET /far/dat/v3/requests/{request['id']}" in failed(datafiniti.get(f"/far/dat/v3/results/{request['id']}"), 404)
    expect(datafiniti.api.move(datafiniti.job(request["id"]), "finish"), 200)
    assert expect(datafiniti.get(f"/far/dat/v3/results/{request['id']}"), 200) == []
    failed(datafiniti.get("/far/dat/v3/nothing"), 404)
    assert datafiniti.get("/v3/requests").headers["Content-Type"] == "application/problem+json"


def test_the_api_can_be_switched_off(fresh_server):
    response = Datafiniti(fresh_server(datafiniti="off").api(SCOPES)).get("/v3/requests")
    assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")
