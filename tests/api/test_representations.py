# SPDX-License-Identifier: Apache-2.0
"""Converted tables over HTTP: validators, ranges, who waits for what, and the cache. docs/formats.md."""

import concurrent.futures
import contextlib
import itertools
import json
import pathlib
import re
import socket
import struct
import threading

import pytest
import requests
from harness import ENGINE, Wire, digest_field, eventually, expect, problem, raw, request_head
from tables import FORMATS, ask, convert, rows, table

SETTINGS = {"sweep_interval": "1s"}
LARGE = "id,text\n" + "".join(f"{i},some words of row {i}\n" for i in range(60_000))
numbers = itertools.count(100_000)
TEXT_FORMATS = ["json", "ndjson", "csv", "tsv"]


def head(api, result, format_, headers=None, **parameters):
    address = f"/results/{result['id']}/content"
    return api.head(address, params={"format": format_, **parameters}, headers=headers)


def unique(text):
    """Results of the same bytes share what was made of them: this makes the last number another one."""
    return text + f"{next(numbers)},end\n"


@pytest.fixture
def fresh(api):
    """A table of which nothing has been made."""
    return table(api, unique("a,b\n1,x\n"))


@pytest.fixture(scope="module")
def large(api):
    return table(api, unique(LARGE))


def made(api, result, format_, **parameters):
    """Makes it; the answer of the second time."""
    data = convert(api, result, format_, **parameters)
    answer = ask(api, result, format_, **parameters)
    assert answer.content == data
    return answer


# ---- validators -------------------------------------------------------------------------------------------

OPTIONS = [
    {"format": "json"}, {"format": "ndjson"}, {"format": "csv"}, {"format": "tsv"}, {"format": "xlsx"},
    {"format": "csv", "eol": "lf"}, {"format": "csv", "bom": "1"}, {"format": "csv", "safe": "1"},
    {"format": "csv", "delimiter": ";"}, {"format": "csv", "nested": "json"}, {"format": "csv", "types": "text"},
    {"format": "csv", "fields": "a,b"}, {"format": "csv", "fields": "b,a"}, {"format": "csv", "omit": "a"},
    {"format": "csv", "where": "a>0"}, {"format": "csv", "where": "a>1"}, {"format": "csv", "offset": "1"},
    {"format": "csv", "limit": "1"}, {"format": "csv", "limit": "2"},
]


def test_each_choice_has_an_etag_of_its_own_from_the_start(api, fresh):
    before = [api.head(f"/results/{fresh['id']}/content", params=options).headers["ETag"] for options in OPTIONS]
    assert len(set(before)) == len(OPTIONS)
    assert f'"{fresh["sha256"]}"' not in before
    for options, etag in zip(OPTIONS, before):
        for _ in range(2):
            assert ask(api, fresh, **options).headers["ETag"] == etag


def test_the_same_bytes_uploaded_again_have_the_same_etag(api):
    one, two = (head(api, table(api, "a\n1\n"), "json").headers["ETag"] for _ in range(2))
    assert one == two
    assert one != head(api, table(api, "a\n2\n"), "json").headers["ETag"]
    assert one != head(api, table(api, "a\n1\n", parameters="; header=absent"), "json").headers["ETag"]


@pytest.mark.parametrize("format_", FORMATS)
def test_conditions_before_and_after_it_was_made(api, fresh, format_):
    etag = head(api, fresh, format_).headers["ETag"]
    for _ in range(2):
        answer = ask(api, fresh, format_, headers={"If-None-Match": etag})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
        assert answer.headers["Vary"] == "Accept"
        assert answer.headers.get("Content-Length") != "0"
        assert head(api, fresh, format_, headers={"If-None-Match": etag}).status_code == 304
        problem(ask(api, fresh, format_, headers={"If-Match": '"other"'}), 412)
        assert ask(api, fresh, format_, headers={"If-Match": etag, "If-None-Match": '"other"'}).status_code == 200


def test_head_makes_nothing_and_what_was_made_is_like_a_file(api):
    result = table(api, unique(LARGE))
    for _ in range(3):
        answer = head(api, result, "json")
        assert answer.status_code == 200
        assert "Content-Length" not in answer.headers and "Repr-Digest" not in answer.headers
    first = ask(api, result, "json")  # all of it may be there before the answer begins
    assert first.headers.get("Transfer-Encoding") == "chunked" or first.headers["Content-Length"] == str(len(first.content))
    answer = ask(api, result, "json")
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["Repr-Digest"] == digest_field("sha-256", answer.content)
    assert answer.headers["Accept-Ranges"] == "bytes"
    after = head(api, result, "json")
    for name in ("Content-Length", "Repr-Digest", "ETag", "Content-Type", "Content-Disposition", "Vary"):
        assert after.headers[name] == answer.headers[name]


@pytest.mark.parametrize("method, conditions", [
    ("HEAD", {}), ("GET", {"If_None_Match": "*"}), ("HEAD", {"If_None_Match": "*"}),
])
def test_an_answer_without_a_length_has_no_stray_bytes(api, server, fresh, method, conditions):
    """The chunks of a body that is not sent must not be ended, or the next answer begins with that end."""
    with Wire(server) as wire:
        target = f"/api/v1/results/{fresh['id']}/content?format=csv"
        wire.send(request_head(method, target, key=api.key, Connection="close", **conditions))
        answer = wire.rest()
    assert answer.endswith(b"\r\n\r\n") and answer.count(b"\r\n\r\n") == 1
    assert b"Transfer-Encoding" not in answer and b"Content-Length" not in answer


WRONG = [({"fields": "a,zz"}, 400), ({"omit": "zz"}, 400), ({"where": "zz=1"}, 400), ({"where": "a"}, 400),
         ({"fields": ""}, 400), ({"nested": "json", "fields": "n.x"}, 400)]
CONDITIONS = [{}, {"If-None-Match": "*"}, {"If-None-Match": '"other"'}, {"If-Match": '"other"'}, {"If-Match": "*"},
              {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, {"Range": "bytes=0-1"}]


@pytest.mark.parametrize("parameters, status", WRONG, ids=str)
@pytest.mark.parametrize("format_", ["json", "csv", "xlsx"])
def test_what_is_asked_wrongly_is_told_however_it_is_asked(api, format_, parameters, status):
    result = table(api, '[{"a":%d,"n":{"x":1}}]' % next(numbers), "json")
    for headers in CONDITIONS:
        assert problem(ask(api, result, format_, headers=headers, **parameters), status)
        assert head(api, result, format_, headers=headers, **parameters).status_code == status


def test_columns_that_a_spreadsheet_cannot_have_are_told_however_they_are_asked(api):
    result = table(api, json.dumps([{**dict.fromkeys((f"c{i}" for i in range(16385)), 1), "n": next(numbers)}]), "json")
    for parameters in ({}, {"nested": "json"}, {"omit": "c1"}, {"where": "c1=1", "nested": "json"}):
        for headers in CONDITIONS:
            problem(ask(api, result, "xlsx", headers=headers, **parameters), 406, parameter="format")
            assert head(api, result, "xlsx", headers=headers, **parameters).status_code == 406
    narrow = {"nested": "json", "fields": "n"}
    assert head(api, result, "xlsx", **narrow).status_code == 200
    etag = head(api, result, "xlsx", **narrow).headers["ETag"]
    assert ask(api, result, "xlsx", headers={"If-None-Match": etag}, **narrow).status_code == 304
    problem(ask(api, result, "xlsx", headers={"If-Match": '"other"'}, **narrow), 412)
    assert "Content-Length" not in head(api, result, "xlsx", **narrow).headers, "nothing was made"
    assert ask(api, result, "xlsx", headers={"If-Match": etag}, **narrow).headers["ETag"] == etag


# ---- ranges -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("value, wanted", [("bytes=0-0", slice(0, 1)), ("bytes=100000-100999", slice(100000, 101000)),
                                           ("bytes=-7", slice(-7, None))])
def test_a_range_before_it_was_made_waits_for_it(api, format_, value, wanted):
    result = table(api, unique(LARGE))
    answer = ask(api, result, format_, headers={"Range": value})
    whole = ask(api, result, format_)
    assert whole.headers["Content-Length"] == str(len(whole.content)), "the range has made it"
    assert (answer.status_code, answer.content) == (206, whole.content[wanted])
    first, last, _ = wanted.indices(len(whole.content))
    assert answer.headers["Content-Range"] == f"bytes {first}-{last - 1}/{len(whole.content)}"
    assert answer.headers["Repr-Digest"] == digest_field("sha-256", whole.content)
    again = ask(api, result, format_, headers={"Range": value})
    assert (again.status_code, again.content) == (206, answer.content)


def test_several_ranges_and_those_beyond_the_end(api, large):
    size = len(made(api, large, "csv").content)
    answer = ask(api, large, "csv", headers={"Range": "bytes=0-1,5-6"})
    assert (answer.status_code, answer.content.count(b"Content-Range: ")) == (206, 2)
    beyond = ask(api, large, "csv", headers={"Range": f"bytes={size}-"})
    problem(beyond, 416)
    assert beyond.headers["Content-Range"] == f"bytes */{size}"
    problem(ask(api, table(api, "a\n1\n"), "csv", headers={"Range": "bytes=99-"}), 416)


@pytest.mark.parametrize("before", [True, False])
def test_if_range(api, fresh, before):
    etag = head(api, fresh, "csv").headers["ETag"]
    if not before:
        made(api, fresh, "csv")
    answer = ask(api, fresh, "csv", headers={"Range": "bytes=2-4", "If-Range": etag})
    assert (answer.status_code, answer.content) == (206, b"b\r\n")
    answer = ask(api, fresh, "csv", headers={"Range": "bytes=2-4", "If-Range": '"other"'})
    assert (answer.status_code, answer.content) == (200, convert(api, fresh, "csv"))


def test_a_download_that_broke_off_is_resumed(api):
    result = table(api, unique(LARGE))
    with api.get(f"/results/{result['id']}/content?format=json", stream=True) as answer:
        etag = answer.headers["ETag"]
        begin = answer.raw.read(10_000, decode_content=False)
    rest = ask(api, result, "json", headers={"Range": f"bytes={len(begin)}-", "If-Range": etag})
    assert rest.status_code == 206
    assert begin + rest.content == convert(api, result, "json")


# ---- who waits for what -----------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["json", "csv", "xlsx"])
def test_twenty_who_ask_at_once_get_the_same(api, server, format_):
    result = table(api, unique(LARGE))
    before = server.metric("resultd_conversions_total")
    start = threading.Barrier(20)

    def get(_):
        mine = api.clone()
        start.wait()
        return convert(mine, result, format_)

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(get, range(20)))
    assert len(answers) == 1
    assert answers == {convert(api, result, format_)}
    assert server.metric("resultd_conversions_total") == before + 1, "it was made once"


def test_the_answer_of_a_head_follows_that_of_a_get_at_once(api):
    for _ in range(20):
        result = table(api, unique("a,b\n1,x\n"))
        data = convert(api, result, "csv")
        assert head(api, result, "csv").headers["Content-Length"] == str(len(data))


def test_what_is_asked_wrongly_of_a_very_wide_table_is_told_before_anything_is_sent(api):
    names = [f"c{i}" for i in range(20_000)]
    result = table(api, ",".join(names) + "\n" + ",".join("1" * 20_000) + "\n")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        clones = [api.clone() for _ in range(20)]
        wrong = list(pool.map(lambda one: ask(one, result, "csv", fields="c1,c20000"), clones))
        right = list(pool.map(lambda one: ask(one, result, "csv", fields="c1,c19999"), clones))
    assert {answer.content for answer in right} == {b"c1,c19999\r\n1,1\r\n"}
    for answer in wrong:
        assert problem(answer, 400, "bad_value")["parameter"] == "fields"


def seen_while_made(server, api, result, format_):
    """The rows done that the result and the metrics tell while it is made."""
    own, total = [], []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(convert, api.clone(), result, format_)
        while not answer.done():
            preparing = api.result(result["id"])["preparing"]
            if preparing:
                assert (preparing["format"], preparing["rows"]) == (format_, result["rows"])
                own.append(preparing["rows_done"])
            total.append(int(re.search(r"^resultd_conversion_rows_done (\d+)$", server.get("/-/metrics").text, re.M)[1]))
        answer.result()
    return own, total


@pytest.mark.parametrize("format_", ["json", "xlsx"])
def test_the_rows_done_of_a_conversion_grow(fresh_server, format_):
    server = fresh_server(converters="1")
    api = server.api()
    count = 100_000
    for _ in range(4):  # until it takes long enough to be watched
        result = table(api, "id,text\n" + "".join(f"{i},some words of row {i}\n" for i in range(count)))
        own, total = seen_while_made(server, api, result, format_)
        assert own == sorted(own) and all(rows <= count for rows in own + total)
        if min(len(set(own)), len(set(total))) >= 6:
            assert max(own) > count // 4
            return
        count *= 3
    raise AssertionError(f"seen: {sorted(set(own))}, {sorted(set(total))}")


def test_http_1_0_waits_and_has_a_length(api, server):
    result = table(api, unique(LARGE))
    target = f"/api/v1/results/{result['id']}/content?format=json"
    with Wire(server) as wire:
        wire.send(request_head("GET", target, key=api.key).replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = wire.answer()
    assert answer.content == convert(api, result, "json")
    assert answer.headers["Content-Length"] == str(len(answer.content))


def test_who_leaves_disturbs_nobody(api, server):
    for _ in range(5):
        result = table(api, unique(LARGE))
        with Wire(server) as wire:
            wire.send(request_head("GET", f"/api/v1/results/{result['id']}/content?format=csv", key=api.key))
            wire.line()
    assert convert(api, result, "csv").count(b"\n") == 60_002


@pytest.mark.slow
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_who_leaves_while_waiting_is_let_go_and_the_others_are_served(fresh_server, how):
    server = fresh_server(converters="1")
    api = server.api()
    result = table(api, LARGE + LARGE.partition("\n")[2] * 6)
    target = f"/api/v1/results/{result['id']}/content?format=xlsx"

    def gauge(name):
        text = server.get("/-/metrics").text
        return int(re.search(rf"^{name} (\d+)$", text, re.M)[1])

    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(server)) for _ in range(8)]
        for n, wire in enumerate(wires):
            wire.send(request_head("GET", f"{target}&where=id!={n}", api.key, Connection="close"))
        eventually(lambda: gauge("resultd_conversions") == 8, "all wait")
        for wire in wires[1:]:
            if how == "reset":
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.close()
        # Who stays, the one that published, and the one that asks.
        eventually(lambda: gauge("resultd_connections") <= 3, "who has left is let go")
        assert gauge("resultd_conversions") > 1, "before what they had waited for is made"
        assert wires[0].answer().status_code == 200


@pytest.mark.slow
@pytest.mark.plain
def test_what_waits_for_its_turn_takes_little_memory(fresh_server):
    """Of a very wide table what was looked up is many times as large as what is written down of it."""
    server = fresh_server(converters="1")
    api = server.api()
    line = ",".join("1" for _ in range(20_000)) + "\n"
    result = table(api, ",".join(f"column_{i}" for i in range(20_000)) + "\n" + line * 100)

    def most():
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10

    before = most()
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = pool.map(lambda n: convert(api.clone(), result, "csv", where=f"column_0!=x{n}"), range(40))
        assert len(set(answers)) == 1
    assert most() - before < 80 << 20


def test_a_conversion_that_fails_breaks_the_connection(api, server):
    """The original is damaged on disk: whoever asks sees no clean end."""
    text = unique(LARGE + LARGE.partition("\n")[2] * 6)  # it must not have failed before whoever asks looks
    result = table(api, text)
    blob = server.blob_of(text.encode())
    whole = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(whole[:-1000] + b"\xff" + whole[-999:])
    try:
        with Wire(server) as wire:
            target = f"/api/v1/results/{result['id']}/content?format=json"
            wire.send(request_head("GET", target, key=api.key, Connection="close"))
            received = wire.rest()
        if ENGINE == "pg" and received.startswith(b"HTTP/1.1 503"):
            assert b'"storage"' in received  # it had failed before whoever asked had looked again
        else:
            assert received.startswith(b"HTTP/1.1 200") and not received.endswith(b"0\r\n\r\n")
        for format_, headers in (("csv", {"Range": "bytes=0-5"}), ("xlsx", {})):
            problem(ask(api, result, format_, headers=headers), 503, "storage")
        problem(api.get(f"/results/{result['id']}/rows?offset=419990"), 503, "storage")
    finally:
        blob.write_bytes(whole)
    assert convert(api, result, "json").endswith(b"\n]\n"), "and it is made anew"
    assert len(rows(api, result, offset=419_990)["rows"]) == 11


# ---- Accept -----------------------------------------------------------------------------------------------

ACCEPT = [
    ("application/json", "json"), ("application/x-ndjson", "ndjson"), ("text/tab-separated-values", "tsv"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"), ("*/*", None), ("text/csv", None),
    ("text/csv, application/json", None), ("text/csv;q=0.5, application/json", "json"), ("text/*", None),
    ("image/png", None),
    ("application/json;q=0.1, */*", None), ("application/json;q=0", None), ("Application/JSON ; q=0.5", "json"),
    ("", None), ("application/ndjson", "ndjson"), ("application/jsonl;q=0.5, text/plain", "ndjson"), ("text/json", "json"),
    ("application/x-jsonlines", "ndjson"), ("application/jsonlines", "ndjson"), ("text/json;q=0", None),
    ("text/json, text/csv", None), ("text/*, application/json;q=0.5", None), ("text/csv;q=0.1, text/json", "json"),
]


@pytest.mark.parametrize("accept, format_", ACCEPT, ids=[accept for accept, _ in ACCEPT])
def test_accept_chooses(api, large, accept, format_):
    answer = api.head(f"/results/{large['id']}/content", headers={"Accept": accept})
    wanted = head(api, large, format_).headers["ETag"] if format_ else f'"{large["sha256"]}"'
    assert (answer.status_code, answer.headers["ETag"], answer.headers["Vary"]) == (200, wanted, "Accept")


@pytest.mark.parametrize("lines, format_", [
    (["image/png", "application/json"], "json"), (["application/json;q=0.2", "text/tab-separated-values"], "tsv"),
    (["application/json;q=0.5", "text/csv"], None), (["", "application/json"], "json"),
])
def test_several_accept_lines_are_one_list(api, large, lines, format_):
    target = f"/api/v1/results/{large['id']}/content"
    request = request_head("HEAD", target, api.key).removesuffix(b"\r\n")
    request += "".join(f"{name}: {line}\r\n" for name, line in zip(("Accept", "accept"), lines)).encode()
    answer = raw(api.server, request + b"\r\n", "HEAD")
    wanted = head(api, large, format_).headers["ETag"] if format_ else f'"{large["sha256"]}"'
    assert (answer.status_code, answer.headers["ETag"]) == (200, wanted)


def test_format_goes_before_accept_and_accept_is_never_406(api, large):
    answer = api.head(f"/results/{large['id']}/content?format=tsv", headers={"Accept": "application/json"})
    assert answer.headers["Content-Type"].startswith("text/tab-separated-values")
    nothing = table(api, "a\n1,2\n")
    assert api.content(nothing["id"], Accept="application/json").content == b"a\n1,2\n"


# ---- the cache --------------------------------------------------------------------------------------------


def digests(api, result, formats=FORMATS):
    return [head(api, result, format_).headers.get("Repr-Digest") for format_ in formats]


def test_the_cache_survives_a_restart(fresh_server):
    server = fresh_server()
    api = server.api()
    result = table(api, unique(LARGE))
    before = [made(api, result, format_) for format_ in FORMATS]
    usage = api.usage()
    server.restart()
    assert digests(api, result) == [answer.headers["Repr-Digest"] for answer in before]
    for format_, answer in zip(FORMATS, before):
        assert convert(api, result, format_) == answer.content
    assert api.usage() == usage == {**usage, "bytes": result["size"]}
    assert " 0 missing, 0 truncated, 0 damaged; 0 orphans" in server.check().stdout


def expiring_with_every_format(api):
    """A result that lives just long enough for all of its formats to be made, on a slow machine, too."""
    for seconds in (2, 10, 50):
        named = {"Content-Type": "text/csv"}
        result = api.publish("a.csv", unique(LARGE).encode(), headers=named, expires_in=seconds)
        answers = {ask(api, result, format_).status_code for format_ in FORMATS}
        assert answers <= {200, 410}
        if answers == {200}:
            return result
    raise AssertionError("five conversions take longer than 50 s")


@pytest.mark.parametrize("how", ["purge", "expiry", "job"])
def test_the_cache_goes_with_its_result(api, server, how):
    files = server.files()
    if how == "expiry":
        result = expiring_with_every_format(api)
    else:
        result = table(api, unique(LARGE))
        for format_ in FORMATS:
            convert(api, result, format_)
    eventually(lambda: how == "expiry" or len(server.files() - files) == 6, "all are kept")
    if how == "purge":
        expect(api.delete(f"/results/{result['id']}", params={"permanent": "true"}), 204)
    if how == "job":
        expect(api.delete(f"/jobs/{result['job']}"), 204)
        problem(ask(api, result, "csv"), 410, "deleted")
        assert len(server.files() - files) == 6, "what is in the trash can be restored"
        expect(api.post(f"/jobs/{result['job']}/restore"), 200)
        assert None not in digests(api, result)
        expect(api.delete(f"/results/{result['id']}", params={"permanent": "true"}), 204)
    eventually(lambda: not server.files() - files, "no file is left")
    assert ask(api, result, "csv").status_code in (404, 410)


def test_results_of_the_same_bytes_share_what_was_made(api):
    text = unique(LARGE)
    one, two = table(api, text), table(api, text)
    data = convert(api, one, "csv")
    assert head(api, two, "csv").headers["Repr-Digest"] == digest_field("sha-256", data)
    expect(api.delete(f"/results/{one['id']}", params={"permanent": "true"}), 204)
    eventually(lambda: "Repr-Digest" not in head(api, two, "csv").headers, "it went with the first")
    assert convert(api, two, "csv") == data


def test_what_is_made_again_after_it_went_is_the_same(api):
    one = table(api, "a\n1\n")
    data = convert(api, one, "xlsx")
    expect(api.delete(f"/results/{one['id']}", params={"permanent": "true"}), 204)
    assert convert(api, table(api, "a\n1\n"), "xlsx") == data


def test_the_oldest_make_room(fresh_server):
    server = fresh_server(cache_limit="3KiB", converters="1")  # who keeps one after the other
    api = server.api()
    result = table(api, "a\n" + "x" * 1000 + "\n")
    for delimiter in (",", ";", "|"):
        made(api, result, "csv", delimiter=delimiter)
    assert all("Repr-Digest" in head(api, result, "csv", delimiter=d).headers for d in (",", ";"))
    made(api, result, "json")
    eventually(lambda: "Repr-Digest" not in head(api, result, "csv", delimiter=",").headers, "the oldest is gone")
    assert digests(api, result, ["json"]) != [None]
    assert "Repr-Digest" in made(api, result, "csv", fields="a", eol="lf").headers
    large = table(api, "a\n" + "x" * 10_000 + "\n")
    assert "Repr-Digest" in made(api, large, "csv").headers, "what is new stays, even if it is larger alone"
    eventually(lambda: digests(api, result) == [None] * 5, "the others are gone")


def test_the_sum_of_what_is_kept_is_right_whatever_happens(fresh_server):
    server = fresh_server(cache_limit="3KiB", converters="1", sweep_interval="1s")
    api = server.api()

    def total():
        found = server.sql("SELECT size, (SELECT sum(size) FROM representation) FROM representation_total")
        return tuple(map(int, found[0]))

    result, other = table(api, "a\n" + "x" * 1000 + "\n"), table(api, "a\n" + "y" * 1000 + "\n")
    for delimiter in (",", ";", "|", "tab"):
        made(api, result, "csv", delimiter=delimiter)
        made(api, other, "csv", delimiter=delimiter)
    size, summed = total()
    assert size == summed and 2000 < size <= 3 * 1024
    server.kill()
    server.start()
    assert total() == (size, size)
    expect(api.delete(f"/results/{other['id']}", params={"permanent": "true"}), 204)
    made(api, result, "json")
    eventually(lambda: total()[0] == total()[1] < 3 * 1024, "one went, and one came")
    server.stop()
    server.succeed("check")
    server.sql("UPDATE representation_total SET size = size + 1")
    wrong = server.check()
    assert wrong.returncode != 0 and "the sum of the kept representations is wrong" in wrong.stdout


@pytest.mark.parametrize("format_", TEXT_FORMATS)
def test_the_media_type_is_the_same_before_and_after(api, fresh, format_):
    first, second = ask(api, fresh, format_), ask(api, fresh, format_)
    for name in ("Content-Type", "Content-Disposition", "X-Content-Type-Options", "Last-Modified"):
        assert first.headers[name] == second.headers[name]


# ---- what a failure looks like ----------------------------------------------------------------------------


@pytest.mark.parametrize("filler", [b"\n", b"0", b"x"])
def test_damage_of_the_stored_bytes_never_ends_cleanly(fresh_server, filler):
    server = fresh_server(**SETTINGS)
    api = server.api()
    result = table(api, LARGE)
    twin = table(api, LARGE)
    stored = next(path for path in server.files() if path.name == result["id"])
    whole = stored.read_bytes()
    half = len(whole) // 2
    stored.write_bytes(whole[:half] + filler * (len(whole) - half))
    for options in ({"format": "ndjson"}, {"format": "csv"}):
        with contextlib.suppress(requests.exceptions.ChunkedEncodingError):  # or seen before the answer began
            problem(ask(api, result, headers={"Connection": "close"}, **options), 503, "storage")
    problem(ask(api, result, "xlsx"), 503, "storage")
    problem(ask(api, result, "xlsx", nested="json", fields="text"), 503, "storage")
    assert len(convert(api, twin, "ndjson").splitlines()) == LARGE.count("\n") - 1


@pytest.mark.parametrize("address", ["rows", "content?format=xlsx"])
def test_a_body_does_not_keep_a_get_from_waiting(api, fresh, address):
    with Wire(api.server) as wire:
        target = f"/api/v1/results/{fresh['id']}/{address}"
        wire.send(request_head("GET", target, api.key, Content_Length="1") + b"x")
        assert wire.answer().status_code == 200


def test_a_cache_that_holds_nothing_still_answers(fresh_server):
    api = fresh_server(cache_limit="0", **SETTINGS).api()
    result = table(api, LARGE)
    whole = convert(api, result, "csv", limit="1000")

    def one(offset):
        answer = ask(api, result, "csv", headers={"Range": "bytes=0-8"}, limit="1000", offset=str(offset % 5))
        assert answer.status_code == 206 and answer.content == whole[:9], answer.text

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        list(pool.map(one, range(60)))
