# SPDX-License-Identifier: Apache-2.0
"""Content: the bytes out, with validators, ranges, digests and a file name."""

import email.message
import email.utils
import re
import urllib.parse

import pytest
from harness import FILED, INLINE, SIZES, digest_field, expect, moment, nobody, problem, sha256


@pytest.fixture(scope="module", params=sorted(SIZES))
def stored(api, request):
    """(result, its bytes), once in the database and once in a file."""
    data = SIZES[request.param]
    return api.publish("data.bin", data, headers={"Content-Type": "application/x-thing"}), data


def content(api, result, **headers):
    return api.content(result["id"], **{name.replace("_", "-"): value for name, value in headers.items()})


def parts_of(response):
    """[(content-range, bytes)] of a multipart/byteranges answer."""
    kind, boundary = re.fullmatch(
        r'(multipart/byteranges); *boundary="?([^"]+)"?', response.headers["Content-Type"]
    ).groups()
    assert kind == "multipart/byteranges"
    chunks = response.content.split(b"--" + boundary.encode())
    assert chunks[-1].startswith(b"--"), "the last boundary ends with --"
    found = []
    for chunk in chunks[1:-1]:
        head, body = chunk.split(b"\r\n\r\n", 1)
        fields = dict(line.lower().split(": ", 1) for line in head.decode().strip().split("\r\n"))
        assert body.endswith(b"\r\n")
        found.append((fields["content-range"], body[:-2]))
    return found


# ---- headers ----------------------------------------------------------------------------------------------


def test_the_whole_content_with_all_its_headers(api, stored):
    result, data = stored
    response = content(api, result)
    assert (response.status_code, response.content) == (200, data)
    headers = response.headers
    assert headers["Content-Length"] == str(len(data))
    assert headers["Content-Type"] == "application/x-thing"
    assert headers["ETag"] == f'"{sha256(data)}"'
    assert digest_field("sha-256", data) in headers["Repr-Digest"]
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Content-Type-Options"] == "nosniff"
    modified = email.utils.parsedate_to_datetime(headers["Last-Modified"])
    assert abs((modified - moment(result["created_at"])).total_seconds()) < 2


def test_head_gives_the_headers_of_get_without_a_body(api, stored):
    result, data = stored
    get = content(api, result)
    head = api.head(f"/results/{result['id']}/content")
    assert (head.status_code, head.content) == (200, b"")
    names = ("Content-Length", "Content-Type", "ETag", "Repr-Digest", "Accept-Ranges", "Last-Modified")
    for name in names + ("Content-Disposition", "X-Content-Type-Options"):
        assert head.headers[name] == get.headers[name], name


def test_an_unknown_result_is_404(api):
    problem(api.content(nobody()), 404)
    assert api.head(f"/results/{nobody()}/content").status_code == 404


def test_reading_does_not_consume(api, stored):
    result, _ = stored
    content(api, result)
    assert api.result(result["id"])["state"] == "available"


# ---- file names -------------------------------------------------------------------------------------------


def file_names(response):
    """(filename, filename*) as a browser reads them."""
    header = response.headers["Content-Disposition"]
    header.encode("ascii")
    assert not re.search(r"[\r\n\0]", header)
    message = email.message.Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    extended = re.search(r"filename\*=([^;]+)", header)
    plain = re.search(r'filename=("(?:[^"\\]|\\.)*"|[^";]+)', header)
    star = None
    if extended:
        charset, _, value = extended.group(1).strip().split("'", 2)
        assert charset.lower() == "utf-8"
        assert re.fullmatch(r"(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-Fa-f]{2})*", value), value
        star = urllib.parse.unquote(value, errors="strict")
    fallback = re.sub(r"\\(.)", r"\1", plain.group(1).strip('"')) if plain else None
    return fallback, star


NAMES = [
    "plain.txt",
    "with space.txt",
    "résumé.csv",
    "日本語.json",
    'quo"te\\back.txt',
    "semi;colon,comma.txt",
    "100%25.txt",
    "it's(1)*.txt",
    "😀.bin",
]


@pytest.mark.parametrize("name", NAMES)
def test_content_disposition_carries_the_name(api, name):
    fallback, star = file_names(content(api, api.publish(name)))
    assert (star if star is not None else fallback) == name
    if not name.isascii():
        assert star is not None


def test_a_long_name_still_fits_a_header(api):
    name = "é" * 125 + ".bin"
    assert file_names(content(api, api.publish(name)))[1] == name


@pytest.mark.parametrize("media_type, extension", [("text/csv", ".csv"), ("application/json", ".json")])
def test_a_name_without_an_extension_gets_that_of_its_format(api, media_type, extension):
    response = content(api, api.publish("report", b"[]\n", headers={"Content-Type": media_type}))
    fallback, star = file_names(response)
    assert (star or fallback) == "report" + extension


# ---- conditions -------------------------------------------------------------------------------------------


def matching(etag):
    return ["*", etag, f'"other", {etag}', f'{etag},"other"']


def test_if_none_match_of_the_same_content_is_304_without_a_body(api, stored):
    result, data = stored
    etag = f'"{sha256(data)}"'
    for value in matching(etag) + [f"W/{etag}"]:
        response = content(api, result, If_None_Match=value)
        assert (response.status_code, response.content) == (304, b""), value
        assert response.headers["ETag"] == etag


def test_if_none_match_of_other_content_is_200(api, stored):
    result, data = stored
    for value in ('"other"', f'"{sha256(data)[:-1]}"', f'"x", "{sha256(data)}x"'):
        assert content(api, result, If_None_Match=value).content == data, value


def test_if_none_match_works_for_head(api, stored):
    result, data = stored
    response = api.head(f"/results/{result['id']}/content", headers={"If-None-Match": f'"{sha256(data)}"'})
    assert response.status_code == 304


def test_if_match_of_the_same_content_is_200(api, stored):
    result, data = stored
    for value in matching(f'"{sha256(data)}"'):
        assert content(api, result, If_Match=value).status_code == 200, value


def test_if_match_of_other_content_is_412(api, stored):
    result, data = stored
    for value in ('"other"', f'W/"{sha256(data)}"'):
        problem(content(api, result, If_Match=value), 412)


def test_a_failed_if_match_goes_before_if_none_match_and_range(api, stored):
    result, data = stored
    headers = {"If_Match": '"other"', "If_None_Match": f'"{sha256(data)}"', "Range": "bytes=0-1"}
    problem(content(api, result, **headers), 412)


def test_if_none_match_goes_before_range(api, stored):
    result, data = stored
    assert content(api, result, If_None_Match=f'"{sha256(data)}"', Range="bytes=0-1").status_code == 304


# ---- one range --------------------------------------------------------------------------------------------

SINGLE = [
    ("bytes=0-0", slice(0, 1)),
    ("bytes=0-99", slice(0, 100)),
    ("bytes=100-199", slice(100, 200)),
    ("bytes=600-", slice(600, None)),
    ("bytes=-1", slice(-1, None)),
    ("bytes=-100", slice(-100, None)),
    ("bytes=10-99999999999999999999999999", slice(10, None)),
    ("Bytes=5-6", slice(5, 7)),
]


@pytest.mark.parametrize("value, wanted", SINGLE, ids=[value for value, _ in SINGLE])
def test_a_single_range(api, stored, value, wanted):
    result, data = stored
    response = content(api, result, Range=value)
    assert (response.status_code, response.content) == (206, data[wanted])
    first, last, _ = wanted.indices(len(data))
    assert response.headers["Content-Range"] == f"bytes {first}-{last - 1}/{len(data)}"
    assert response.headers["Content-Length"] == str(last - first)
    assert response.headers["ETag"] == f'"{sha256(data)}"'
    assert response.headers["Content-Type"] == "application/x-thing"


def test_the_last_byte_by_its_position(api, stored):
    result, data = stored
    assert content(api, result, Range=f"bytes={len(data) - 1}-").content == data[-1:]


def test_a_suffix_longer_than_the_content_is_all_of_it(api, stored):
    result, data = stored
    response = content(api, result, Range=f"bytes=-{len(data) + 10}")
    assert response.status_code in (200, 206)
    assert response.content == data


def test_the_repr_digest_of_a_part_is_that_of_the_whole(api, stored):
    result, data = stored
    assert digest_field("sha-256", data) in content(api, result, Range="bytes=0-9").headers["Repr-Digest"]


def test_a_download_resumed_by_ranges_gives_the_whole(api, stored):
    result, data = stored
    step = len(data) // 7 + 1
    pieces = [content(api, result, Range=f"bytes={at}-{at + step - 1}") for at in range(0, len(data), step)]
    assert {piece.status_code for piece in pieces} == {206}
    assert b"".join(piece.content for piece in pieces) == data


UNSATISFIABLE = ["bytes=-0", "bytes=99999999-", "bytes=99999999-99999999999", "bytes=" + "9" * 40 + "-"]


@pytest.mark.parametrize("value", UNSATISFIABLE)
def test_a_range_beyond_the_end_is_416_with_the_size(api, stored, value):
    result, data = stored
    response = content(api, result, Range=value)
    problem(response, 416)
    assert response.headers["Content-Range"] == f"bytes */{len(data)}"


def test_the_position_of_the_end_is_beyond_the_end(api, stored):
    result, data = stored
    problem(content(api, result, Range=f"bytes={len(data)}-"), 416)


def test_any_range_of_an_empty_result_is_416(api):
    result = api.publish("empty", b"", headers={"Content-Length": "0"})
    problem(content(api, result, Range="bytes=0-"), 416)


ABSURD = ["bytes=", "bytes", "bytes=a-b", "bytes=5-2", "bytes=--5", "bytes=1-2-3", "bytes=-", "bytes=0x1-0x2", "=1-2"]


@pytest.mark.parametrize("value", ABSURD)
def test_a_malformed_range_gives_the_whole_or_416(api, stored, value):
    result, data = stored
    response = content(api, result, Range=value)
    assert response.status_code in (200, 416)
    if response.status_code == 200:
        assert response.content == data


def test_an_unknown_unit_is_ignored(api, stored):
    result, data = stored
    response = content(api, result, Range="lines=0-1")
    assert (response.status_code, response.content) == (200, data)


# ---- several ranges ---------------------------------------------------------------------------------------


def test_several_ranges_come_as_multipart_in_the_order_asked(api, stored):
    result, data = stored
    response = content(api, result, Range="bytes=0-9, 200-299,-5")
    assert response.status_code == 206
    assert int(response.headers["Content-Length"]) == len(response.content)
    size = len(data)
    assert parts_of(response) == [
        (f"bytes 0-9/{size}", data[:10]),
        (f"bytes 200-299/{size}", data[200:300]),
        (f"bytes {size - 5}-{size - 1}/{size}", data[-5:]),
    ]


def test_of_several_ranges_those_beyond_the_end_are_left_out(api, stored):
    result, data = stored
    response = content(api, result, Range="bytes=99999999-,3-4")
    assert response.status_code == 206
    if "Content-Range" in response.headers:
        assert response.content == data[3:5]
    else:
        assert parts_of(response) == [(f"bytes 3-4/{len(data)}", data[3:5])]


def test_several_ranges_all_beyond_the_end_are_416(api, stored):
    result, _ = stored
    problem(content(api, result, Range="bytes=99999999-,88888888-88888889"), 416)


@pytest.mark.parametrize("one", ["0-", "0-0", "-1"])
def test_thousands_of_ranges_do_not_multiply_the_answer(api, one):
    result = api.publish("big", FILED)
    response = content(api, result, Range="bytes=" + ",".join([one] * 5000))
    assert response.status_code in (200, 206, 416)
    assert len(response.content) < 2 * len(FILED) + 65536


# ---- If-Range ---------------------------------------------------------------------------------------------


def test_if_range_with_the_same_etag_gives_the_range(api, stored):
    result, data = stored
    response = content(api, result, Range="bytes=0-9", If_Range=f'"{sha256(data)}"')
    assert (response.status_code, response.content) == (206, data[:10])


def test_if_range_with_another_or_a_weak_etag_or_an_old_date_gives_the_whole(api, stored):
    result, data = stored
    for value in ('"other"', f'W/"{sha256(data)}"', "Sat, 01 Jan 2000 00:00:00 GMT", "nonsense"):
        response = content(api, result, Range="bytes=0-9", If_Range=value)
        assert (response.status_code, response.content) == (200, data), value


# ---- gone -------------------------------------------------------------------------------------------------


def test_content_of_a_soft_deleted_result_is_410_saying_what_to_do(api):
    result = api.publish("a", INLINE)
    expect(api.delete(f"/results/{result['id']}"), 204)
    problem(content(api, result), 410, code="deleted")
    assert api.head(f"/results/{result['id']}/content").status_code == 410


def test_a_consumed_result_can_still_be_downloaded(api, payload):
    result = api.publish("a", payload)
    expect(api.ack(result["id"]), 200)
    assert content(api, result).content == payload


def test_a_304_has_the_length_of_the_200_or_none(api):
    result = api.publish("a", INLINE)
    answer = api.get(f"/results/{result['id']}/content", headers={"If-None-Match": f'"{result["sha256"]}"'})
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers.get("Content-Length") in (None, str(len(INLINE)))
