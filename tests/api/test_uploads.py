# SPDX-License-Identifier: Apache-2.0
"""Uploads: bytes in, of both sizes, whole or not at all."""

import concurrent.futures
import hashlib
import os
import socket

import pytest
from harness import (
    BASE,
    FILED,
    INLINE,
    SIZES,
    UUID,
    Wire,
    content_md5,
    digest_field,
    eventually,
    expect,
    ids,
    moment,
    nobody,
    problem,
    request_head,
    seconds_between,
    sha256,
    sleep_until,
)

TEN_YEARS = 10 * 365 * 86400
INLINE_LIMIT = 32 * 1024


def pieces(data, size=10_000):
    """An iterable body makes requests send it chunked."""
    return (data[start : start + size] for start in range(0, len(data), size))


def begin_put(wire, api, job, name, **headers):
    wire.send(request_head("PUT", f"{BASE}/jobs/{job}/results/{name}", api.key, **headers))


def nothing_kept(api, job, files):
    """No row of the job and no file more than before."""
    assert api.get_job(job)["results"] == []
    assert api.results(job=job, state="any", deleted="any") == []
    eventually(lambda: api.server.files() <= files, lambda: f"{api.server.files() - files} are gone")


# ---- what comes back --------------------------------------------------------------------------------------


def test_a_new_result_has_every_member(api, payload):
    job = api.job(kind="report", batch=api.batch()["id"])
    result = api.upload(job["id"], "a.bin", payload, headers={"Content-Type": "application/x-thing"})
    assert UUID.fullmatch(result["id"])
    assert isinstance(result["pk"], int)
    assert (result["job"], result["project"], result["batch"]) == (job["id"], api.project, job["batch"])
    assert (result["name"], result["type"], result["primary"]) == ("a.bin", "", False)
    assert (result["media_type"], result["size"]) == ("application/x-thing", len(payload))
    assert result["md5"] == hashlib.md5(payload).hexdigest()
    assert result["sha256"] == sha256(payload)
    assert (result["state"], result["storage"], result["keep"]) == ("available", "default", False)
    assert isinstance(result["formats"], list)
    for member in ("rows", "columns"):
        assert result[member] is None or isinstance(result[member], int)
    assert result["url"] == f"{api.server.url}{BASE}/results/{result['id']}/content"
    assert isinstance(result["creator"], str) and result["creator"]
    assert 0 <= seconds_between(job["created_at"], result["created_at"]) < 3600
    for member in ("consumed_at", "expired_at", "deleted_at"):
        assert result[member] is None
    assert api.result(result["id"]) == result


def test_the_answer_has_a_location_that_leads_to_the_result(api):
    response = api.try_upload(api.job()["id"], "a.bin", INLINE)
    result = expect(response, 201)
    assert response.headers["Location"].endswith(f"{BASE}/results/{result['id']}")


def test_the_bytes_come_back_unchanged(api, payload):
    result = api.upload(api.job()["id"], "a.bin", payload)
    assert api.content(result["id"]).content == payload


def test_an_empty_result_is_a_result(api):
    result = api.upload(api.job()["id"], "empty", b"", headers={"Content-Length": "0"})
    assert (result["size"], result["sha256"]) == (0, sha256(b""))
    response = api.content(result["id"])
    assert (response.status_code, response.content) == (200, b"")


def test_the_inline_limit_decides_between_database_and_file(fresh_server):
    api = fresh_server(inline_limit=str(INLINE_LIMIT)).api()
    job = api.job()["id"]
    at_limit, above = b"=" * INLINE_LIMIT, b"+" * (INLINE_LIMIT + 1)
    first, second = api.upload(job, "at", at_limit), api.upload(job, "above", above)
    assert api.server.blob_of(at_limit) is None
    assert api.server.blob_of(above) is not None
    assert api.content(first["id"]).content == at_limit
    assert api.content(second["id"]).content == above


def test_an_inline_limit_of_zero_files_everything(fresh_server):
    api = fresh_server(inline_limit="0").api()
    result = api.publish(data=b"tiny but filed")
    assert api.server.blob_of(b"tiny but filed") is not None
    assert api.content(result["id"]).content == b"tiny but filed"


@pytest.mark.slow
def test_many_megabytes_go_through(api):
    data = FILED * 200
    result = api.upload(api.job()["id"], "big", pieces(data, 1 << 20))
    assert (result["size"], result["sha256"]) == (len(data), sha256(data))
    assert sha256(api.content(result["id"]).content) == sha256(data)


def test_parameters_are_kept(api):
    job = api.job()["id"]
    result = api.upload(job, "a", INLINE, type="table", primary="true", expires_in="60", keep="true")
    assert (result["type"], result["primary"], result["keep"]) == ("table", True, True)


def test_a_result_lives_seven_days_unless_the_upload_says_otherwise(api):
    job = api.job()["id"]
    usual, short = api.upload(job, "a", INLINE), api.upload(job, "b", INLINE, expires_in="60")
    assert abs(seconds_between(usual["created_at"], usual["expires_at"]) - 7 * 86400) < 2
    assert abs(seconds_between(short["created_at"], short["expires_at"]) - 60) < 2


def test_the_setting_results_ttl_is_the_default_life(fresh_server):
    result = fresh_server(results_ttl="2h").api().publish()
    assert abs(seconds_between(result["created_at"], result["expires_at"]) - 7200) < 2


def test_ten_years_is_the_longest_life(api):
    job = api.job()["id"]
    moment(api.upload(job, "a", INLINE, expires_in=str(TEN_YEARS))["expires_at"])
    problem(api.try_upload(job, "b", INLINE, expires_in=str(TEN_YEARS + 4 * 86400)), 400, parameter="expires_in")


WRONG_PARAMETERS = [
    ("expires_in", "0"),
    ("expires_in", "-1"),
    ("expires_in", "1.5"),
    ("expires_in", "soon"),
    ("expires_in", "99999999999999999999"),
    ("primary", "maybe"),
    ("keep", "7"),
]


@pytest.mark.parametrize("name, value", WRONG_PARAMETERS)
def test_a_wrong_parameter_is_400_and_nothing_is_kept(api, name, value):
    job, files = api.job()["id"], api.server.files()
    problem(api.try_upload(job, "a", FILED, **{name: value}), 400, parameter=name)
    nothing_kept(api, job, files)


# ---- names ------------------------------------------------------------------------------------------------

GOOD_NAMES = ["a", "x" * 255, "é" * 127, "with space.txt", "a+b&c=d?e#f;g%h", "日本語.json", "...", "..a"]
GOOD_NAMES.append("\"'\\<>|*:")


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_good_name_comes_back_as_it_was(api, name):
    result = api.upload(api.job()["id"], name, INLINE)
    assert result["name"] == name
    assert ids(api.results(name=name, job=result["job"])) == [result["id"]]
    assert api.publish(name)["name"] == name


# percent-encoded as they are sent
BAD_NAMES = {
    "dot": "%2e",
    "dot dot": "%2e%2e",
    "slash": "a%2fb",
    "NUL": "a%00b",
    "newline": "a%0ab",
    "unit separator": "a%1fb",
    "delete": "a%7fb",
    "invalid UTF-8": "a%ff",
    "over-long slash": "a%c0%afb",
    "surrogate": "a%ed%a0%80",
    "beyond Unicode": "a%f4%90%80%80",
    "cut off": "a%e6%97",
    "256 bytes": "x" * 256,
}


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_a_bad_name_in_the_path_is_400_naming_it(api, name):
    job = api.job()["id"]
    with Wire(api.server) as wire:
        begin_put(wire, api, job, name, Content_Length=1)
        wire.send(b"x")
        answer = wire.answer()
    problem(answer, 400, parameter="name")
    assert api.get_job(job)["results"] == []


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_a_bad_name_in_the_query_is_400_naming_the_parameter(own_api, name):
    with Wire(own_api.server) as wire:
        wire.send(request_head("POST", f"{BASE}/results?name={name}", own_api.key, Content_Length=1) + b"x")
        detail = problem(wire.answer(), 400, parameter="name")["detail"]
    assert name != BAD_NAMES["256 bytes"] or "255" in detail
    assert own_api.results() == []


def test_publishing_without_a_name_is_400(api):
    problem(api.post("/results", data=INLINE), 400, parameter="name")
    problem(api.post("/results", params={"name": ""}, data=INLINE), 400, parameter="name")


# ---- publish ----------------------------------------------------------------------------------------------


def test_publishing_makes_a_completed_job_around_the_result(api, payload):
    result = api.publish("a.bin", payload, type="t", primary="true")
    job = api.get_job(result["job"])
    assert (job["kind"], job["status"]) == ("publish", "completed")
    assert ids(job["results"]) == [result["id"]]
    assert (result["name"], result["type"], result["primary"]) == ("a.bin", "t", True)
    assert api.content(result["id"]).content == payload


def test_publishing_takes_a_kind(api):
    assert api.get_job(api.publish(kind="export")["job"])["kind"] == "export"


def test_publishing_twice_makes_two(own_api):
    first, second = own_api.publish(), own_api.publish()
    assert first["id"] != second["id"]
    assert first["job"] != second["job"]
    assert len(own_api.results()) == 2


def test_publishing_answers_with_a_location(api):
    response = api.try_publish("a", INLINE)
    assert response.headers["Location"].endswith(f"{BASE}/results/{expect(response, 201)['id']}")


# ---- again, and at the same time --------------------------------------------------------------------------


def test_the_same_upload_again_is_200_and_the_existing_row(api, payload):
    job = api.job()["id"]
    first = api.upload(job, "a", payload, type="t")
    assert expect(api.try_upload(job, "a", payload, type="t"), 200) == first
    assert len(api.get_job(job)["results"]) == 1


@pytest.mark.parametrize("other", [INLINE, FILED, b""], ids=["inline", "file", "empty"])
def test_other_bytes_under_the_same_name_are_409_and_the_first_stay(api, other):
    job = api.job()["id"]
    first = api.upload(job, "a", b"the first bytes")
    problem(api.try_upload(job, "a", other), 409)
    assert api.content(first["id"]).content == b"the first bytes"


def test_another_type_is_another_result(api):
    job = api.job()["id"]
    api.upload(job, "a", INLINE, type="x")
    api.upload(job, "a", b"different", type="y")
    assert len(api.get_job(job)["results"]) == 2


def test_the_name_of_a_soft_deleted_result_stays_taken(api):
    job = api.job()["id"]
    expect(api.delete(f"/results/{api.upload(job, 'a', INLINE)['id']}"), 204)
    problem(api.try_upload(job, "a", b"other bytes"), 409)


@pytest.mark.parametrize("again", [INLINE, b"other bytes", FILED], ids=["same", "other", "large"])
def test_the_name_of_an_expired_result_is_taken_and_it_is_said_how_to_free_it(api, again):
    """Also for the same bytes: what is gone cannot be answered with success."""
    job = api.job()["id"]
    old = api.upload(job, "a", INLINE, expires_in="1")
    sleep_until(old["expires_at"])
    detail = problem(api.try_upload(job, "a", again), 409, code="taken", parameter="name")["detail"]
    assert "expired" in detail
    freeing = f"/results/{old['id']}?permanent=true"
    assert f"DELETE /api/v1{freeing}" in detail
    expect(api.delete(freeing), 204)
    assert api.content(api.upload(job, "a", again)["id"]).content == again


def at_once(api, job, bodies):
    def put(body):
        return api.clone().try_upload(job, "race", body)

    with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(put, bodies))


def test_of_different_uploads_at_once_exactly_one_wins(api):
    job = api.job()["id"]
    bodies = [bytes([number]) * 60_000 for number in range(8)]
    answers = at_once(api, job, bodies)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    winner = next(index for index, answer in enumerate(answers) if answer.status_code == 201)
    assert api.content(answers[winner].json()["id"]).content == bodies[winner]


def test_of_equal_uploads_at_once_one_makes_the_row_that_all_get(api, payload):
    answers = at_once(api, api.job()["id"], [payload] * 8)
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_losers_of_a_race_leave_no_file(own_api):
    job, before = own_api.job()["id"], own_api.server.files()
    at_once(own_api, job, [bytes([number]) * 70_000 for number in range(6)])
    eventually(lambda: len(own_api.server.files() - before) == 1, "only the winner's file is left")


def test_a_job_that_is_no_longer_open_takes_nothing(api):
    for verb, members in (("finish", {}), ("fail", {"error": {"code": "c", "message": "m"}}), ("cancel", {})):
        job = api.job()["id"]
        expect(api.move(job, verb, **members), 200)
        problem(api.try_upload(job, "a", INLINE), 409)
        assert api.get_job(job)["results"] == []


def test_a_running_job_takes_results(api):
    job = api.job()["id"]
    expect(api.move(job, "progress", progress=0.1), 200)
    api.upload(job, "a", INLINE)


def test_a_deleted_job_takes_nothing(api):
    job = api.job()["id"]
    expect(api.delete(f"/jobs/{job}"), 204)
    assert api.try_upload(job, "a", INLINE).status_code in (409, 410)


def test_an_unknown_job_is_404(api):
    problem(api.try_upload(nobody(), "a", INLINE), 404)


def test_a_job_takes_no_more_results_than_the_setting_allows(fresh_server):
    api = fresh_server(max_results_per_job="2").api()
    job = api.job()["id"]
    api.upload(job, "a", INLINE)
    api.upload(job, "b", INLINE)
    refused = api.try_upload(job, "c", INLINE)
    assert 400 <= refused.status_code < 500
    assert len(api.get_job(job)["results"]) == 2


# ---- digests ----------------------------------------------------------------------------------------------


def digest_headers(data):
    both = f"{digest_field('md5', data)}, {digest_field('sha-256', data)}"
    return {
        "Content-MD5": {"Content-MD5": content_md5(data)},
        "Content-Digest sha-256": {"Content-Digest": digest_field("sha-256", data)},
        "Content-Digest md5": {"Content-Digest": digest_field("md5", data)},
        "Repr-Digest sha-256": {"Repr-Digest": digest_field("sha-256", data)},
        "Repr-Digest md5": {"Repr-Digest": digest_field("md5", data)},
        "several in one": {"Repr-Digest": both},
        "all at once": {"Content-MD5": content_md5(data), "Content-Digest": both, "Repr-Digest": both},
    }


@pytest.mark.parametrize("which", digest_headers(b""))
def test_a_right_digest_is_accepted(api, payload, which):
    api.upload(api.job()["id"], "a", payload, headers=digest_headers(payload)[which])


@pytest.mark.parametrize("which", digest_headers(b""))
def test_a_wrong_digest_is_400_and_nothing_is_kept(api, payload, which):
    job, files = api.job()["id"], api.server.files()
    problem(api.try_upload(job, "a", payload, headers=digest_headers(payload + b"!")[which]), 400)
    nothing_kept(api, job, files)
    api.upload(job, "a", payload, headers=digest_headers(payload)[which])


@pytest.mark.parametrize("which", digest_headers(b""))
def test_a_wrong_digest_names_the_field_that_was_sent(api, which):
    headers = digest_headers(INLINE + b"!")[which]
    answer = problem(api.try_publish("a", INLINE, headers=headers), 400, code="digest_mismatch")
    assert answer["header"] in headers


def test_one_wrong_digest_among_right_ones_is_400(api):
    field = f"{digest_field('sha-256', INLINE)}, {digest_field('md5', b'other')}"
    problem(api.try_upload(api.job()["id"], "a", INLINE, headers={"Content-Digest": field}), 400)


def test_a_wrong_digest_of_a_chunked_upload_is_400(api, payload):
    job, files = api.job()["id"], api.server.files()
    headers = {"Content-Digest": digest_field("sha-256", b"other")}
    problem(api.try_upload(job, "a", pieces(payload), headers=headers), 400)
    nothing_kept(api, job, files)


MALFORMED = [
    {"Content-MD5": "not base64!"},
    {"Content-MD5": "AAAA"},
    {"Content-Digest": "sha-256=:AAAA:"},
    {"Repr-Digest": "sha-256=:not base64!:"},
    {"Repr-Digest": "sha-256=" + "A" * 44},
]


@pytest.mark.parametrize("headers", MALFORMED, ids=str)
def test_a_malformed_digest_is_400(api, headers):
    problem(api.try_upload(api.job()["id"], "a", INLINE, headers=headers), 400)


def test_a_wrong_digest_is_400_for_publishing_too(own_api, payload):
    problem(own_api.try_publish("a", payload, headers={"Content-MD5": content_md5(b"other")}), 400)
    assert own_api.results(state="any") == []
    assert expect(own_api.get("/jobs"), 200)["data"] == []


# ---- on the wire ------------------------------------------------------------------------------------------


def test_a_chunked_upload_arrives_whole(api, payload):
    result = api.upload(api.job()["id"], "a", pieces(payload))
    assert (result["size"], result["sha256"]) == (len(payload), sha256(payload))


def test_chunks_of_one_byte_arrive_whole(api):
    job, data = api.job()["id"], INLINE[:200]
    with Wire(api.server) as wire:
        begin_put(wire, api, job, "a", Transfer_Encoding="chunked")
        wire.send(b"".join(b"1\r\n%c\r\n" % byte for byte in data) + b"0\r\n\r\n")
        assert expect(wire.answer(), 201)["sha256"] == sha256(data)


def test_a_broken_chunk_is_refused_and_nothing_is_kept(api):
    job, files = api.job()["id"], api.server.files()
    with Wire(api.server) as wire:
        begin_put(wire, api, job, "a", Transfer_Encoding="chunked")
        wire.send(b"5\r\nhello\r\nzz\r\nnonsense\r\n")
        wire.end_of_sending()
        assert b" 201 " not in wire.rest().split(b"\r\n")[0]
    nothing_kept(api, job, files)


def test_expect_100_continue_is_answered_before_the_body(api, payload):
    job = api.job()["id"]
    with Wire(api.server) as wire:
        begin_put(wire, api, job, "a", Content_Length=len(payload), Expect="100-continue")
        assert wire.line() == b"HTTP/1.1 100 Continue\r\n"
        while wire.line() != b"\r\n":
            pass
        wire.send(payload)
        assert expect(wire.answer(), 201)["sha256"] == sha256(payload)


def test_a_refused_upload_is_refused_instead_of_100_continue(api):
    with Wire(api.server) as wire:
        begin_put(wire, api, nobody(), "a", Content_Length=1 << 30, Expect="100-continue")
        assert wire.line().startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("expect_header", [{}, {"Expect": "100-continue"}], ids=["plain", "expect"])
def test_too_large_by_content_length_is_413_before_a_byte_is_read(fresh_server, expect_header):
    api = fresh_server(max_result_size="1MiB").api()
    job, files = api.job()["id"], api.server.files()
    with Wire(api.server) as wire:
        begin_put(wire, api, job, "a", Content_Length=(1 << 20) + 1, **expect_header)
        problem(wire.answer(), 413)
    nothing_kept(api, job, files)
    assert api.upload(job, "a", bytes(1 << 20))["size"] == 1 << 20


def test_beyond_a_tebibyte_is_413_by_default(api):
    with Wire(api.server) as wire:
        begin_put(wire, api, api.job()["id"], "a", Content_Length=(1 << 40) + 1)
        problem(wire.answer(), 413)


def test_an_absurd_content_length_is_refused(api):
    with Wire(api.server) as wire:
        begin_put(wire, api, api.job()["id"], "a", Content_Length="99999999999999999999999999")
        assert wire.answer().status_code in (400, 413)


def test_too_large_in_chunks_is_413_and_nothing_is_kept(fresh_server):
    api = fresh_server(max_result_size="100KiB").api()
    job, files = api.job()["id"], api.server.files()
    with Wire(api.server) as wire:
        begin_put(wire, api, job, "a", Transfer_Encoding="chunked")
        chunk = b"8000\r\n" + bytes(0x8000) + b"\r\n"
        wire.send(chunk * 4 + b"0\r\n\r\n")
        problem(wire.answer(), 413)
    nothing_kept(api, job, files)


@pytest.mark.parametrize("size", sorted(SIZES))
def test_a_body_shorter_than_its_content_length_leaves_nothing(api, size):
    job, files, data = api.job()["id"], api.server.files(), SIZES[size]
    with Wire(api.server) as wire:
        begin_put(wire, api, job, "a", Content_Length=len(data))
        wire.send(data[:-1])
        wire.end_of_sending()
        assert b" 201 " not in wire.rest().split(b"\r\n")[0]
    nothing_kept(api, job, files)
    api.upload(job, "a", data)


@pytest.mark.parametrize("framing", [{"Content_Length": len(FILED)}, {"Transfer_Encoding": "chunked"}], ids=str)
def test_a_client_that_stops_in_the_middle_leaves_nothing(api, framing):
    job, files = api.job()["id"], api.server.files()
    with Wire(api.server) as wire:
        begin_put(wire, api, job, "a", **framing)
        wire.send(b"10000\r\n" if "Transfer_Encoding" in framing else b"")
        wire.send(FILED[:65536])
        linger_zero = b"\1\0\0\0\0\0\0\0"
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)  # close with a reset
    nothing_kept(api, job, files)
    api.upload(job, "a", FILED)


def test_an_upload_in_two_halves_shows_nothing_before_it_is_complete(api):
    job = api.job()["id"]
    with Wire(api.server) as wire:
        begin_put(wire, api, job, "a", Content_Length=len(FILED))
        wire.send(FILED[:100_000])
        assert api.results(job=job, state="any") == []
        wire.send(FILED[100_000:])
        result = expect(wire.answer(), 201)
    assert ids(api.results(job=job)) == [result["id"]]


def test_a_job_that_ends_during_an_upload_refuses_it(api):
    job = api.job()["id"]
    with Wire(api.server) as wire:
        begin_put(wire, api, job, "a", Content_Length=len(FILED))
        wire.send(FILED[:100_000])
        expect(api.move(job, "cancel"), 200)
        wire.send(FILED[100_000:])
        problem(wire.answer(), 409)
    assert api.get_job(job)["results"] == []


def test_one_connection_carries_many_uploads(api):
    job = api.job()["id"]
    with Wire(api.server) as wire:
        for number in range(5):
            data = SIZES["file" if number % 2 else "inline"]
            begin_put(wire, api, job, f"n{number}", Content_Length=len(data))
            wire.send(data)
            expect(wire.answer(), 201)
    assert len(api.get_job(job)["results"]) == 5


def test_small_chunks_that_outrun_the_disk_arrive_whole_and_others_are_not_disturbed(fresh_server):
    """Many chunks in one piece of received data, with the smallest memory for what is not yet written."""
    api = fresh_server(upload_memory="1MiB", workers="1").api()
    job = api.job()["id"]
    data = os.urandom(1 << 20) * 24
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        uploads = [pool.submit(api.upload, job, f"n{n}", pieces(data, 5000)) for n in range(4)]
        for upload in uploads:
            assert upload.result()["sha256"] == sha256(data)
    api.upload(job, "after", INLINE)


def test_a_chunked_upload_that_goes_far_beyond_the_limit_is_413(fresh_server):
    """More than what is swallowed after the refusal comes before it."""
    api = fresh_server(max_result_size="80MiB").api()
    problem(api.try_publish("a", pieces(bytes(100 << 20), 1 << 20)), 413)
    assert api.results() == []


@pytest.mark.parametrize("kind", ["a\nb", "a\x1bb", "x" * 256])
def test_a_kind_that_is_no_name_is_400_naming_it(api, kind):
    problem(api.try_publish("a", INLINE, kind=kind), 400, parameter="kind")


def test_keeping_an_upload_needs_the_scope_delete(server):
    writer = server.api(scopes=["read", "write"])
    problem(writer.try_publish("a", INLINE, keep="true"), 403)
    assert expect(writer.try_publish("a", INLINE), 201)["keep"] is False


def test_an_empty_content_type_counts_as_none(api):
    assert api.publish("a", INLINE, headers={"Content-Type": ""})["media_type"] == "application/octet-stream"
