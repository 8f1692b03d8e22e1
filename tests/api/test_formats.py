# SPDX-License-Identifier: Apache-2.0
"""Tables: what is one, and what comes out in each format. docs/formats.md, line by line."""

import gzip
import io
import json
import random
import subprocess
import zipfile

import harness
import openpyxl
import pytest
from harness import problem, sha256
from tables import (
    FORMATS,
    MEDIA_TYPES,
    Number,
    ask,
    as_bytes,
    convert,
    none_of,
    parse,
    parse_pairs,
    read_csv,
    read_xlsx,
    rows,
    table,
)

N = Number
ALL = ["json", "ndjson", "csv", "tsv", "xlsx"]


def gz(data):
    return gzip.compress(as_bytes(data), mtime=0)


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=as_bytes(data), capture_output=True, check=True).stdout


def rows_of(api, result, **parameters):
    return parse(convert(api, result, "json", **parameters))


# ---- every kind in every format ---------------------------------------------------------------------------

SAME_TABLE = {
    "json": '[{"n":1.10,"t":"x, \\"y\\"","b":true,"e":""},{"n":null,"t":"1","b":false,"e":"é😀"}]',
    "ndjson": '{"n":1.10,"t":"x, \\"y\\"","b":true,"e":""}\n{"n":null,"t":"1","b":false,"e":"é😀"}\n',
    "csv": 'n,t,b,e\r\n1.10,"x, ""y""",true,""\r\n,"1",false,é😀\r\n',
    "tsv": 'n\tt\tb\te\r\n1.10\t"x, ""y"""\ttrue\t""\r\n\t"1"\tfalse\té😀\r\n',
}


@pytest.fixture(scope="module", params=sorted(SAME_TABLE))
def same_table(api, request):
    return table(api, SAME_TABLE[request.param], request.param)


def test_every_kind_says_what_it_is(same_table):
    assert same_table["formats"] == ALL
    assert same_table["unavailable"] is None
    assert (same_table["rows"], same_table["columns"]) == (2, 4)


@pytest.mark.parametrize("format_, wanted", [
    ("json", '[\n{"n":1.10,"t":"x, \\"y\\"","b":true,"e":""},\n{"n":null,"t":"1","b":false,"e":"é😀"}\n]\n'),
    ("ndjson", SAME_TABLE["ndjson"]),
    ("csv", SAME_TABLE["csv"]),
    ("tsv", 'n\tt\tb\te\r\n1.10\t"x, ""y"""\ttrue\t""\r\n\t"1"\tfalse\té😀\r\n'),
])
def test_every_kind_in_every_text_format(api, same_table, format_, wanted):
    assert convert(api, same_table, format_).decode() == wanted


def test_every_kind_as_a_spreadsheet(api, same_table):
    header, first, second = read_xlsx(convert(api, same_table, "xlsx"))[0]
    assert header == ["n", "t", "b", "e"]
    assert first[:3] == [1.1, 'x, "y"', True] and first[3] in ("", None)
    assert second == [None, "1", False, "é😀"]


@pytest.mark.parametrize("format_", FORMATS)
def test_the_media_type_and_name_of_a_format(api, same_table, format_):
    answer = ask(api, same_table, format_)
    assert answer.headers["Content-Type"].split(";")[0] == MEDIA_TYPES[format_]
    assert f'filename="table.{format_}"' in answer.headers["Content-Disposition"]
    assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize("name, wanted", [
    ("report", "report.json"), ("report.csv.gz", "report.json"), ("report.v2", "report.v2.json"),
    ("report.csv.zst", "report.json"), ("a.csv.csv", "a.csv.json"),
])
def test_the_extension_of_the_original_is_replaced(api, name, wanted):
    answer = ask(api, table(api, "a\n1\n", "csv", name=name), "json")
    assert f'filename="{wanted}"' in answer.headers["Content-Disposition"]


# ---- what is a candidate ----------------------------------------------------------------------------------

ARRAY, LINES, COMMAS, TABS = '[{"a":1}]', '{"a":1}\n', "a,b\n1,2\n", "a\tb\n1\t2\n"
CANDIDATES = [
    ("application/json", "x", ARRAY), ("text/json", "x", ARRAY), ("application/geo+json", "x", ARRAY),
    ("application/x-ndjson", "x", LINES), ("application/ndjson", "x", LINES), ("application/jsonl", "x", LINES),
    ("application/jsonlines", "x", LINES), ("application/x-jsonlines", "x", LINES), ("text/csv", "x", COMMAS),
    ("application/csv", "x", COMMAS), ("text/tab-separated-values", "x", TABS), ("TEXT/CSV", "x.bin", COMMAS),
] + [
    (media_type, name, data)
    for media_type in ("application/octet-stream", "text/plain", "application/x-www-form-urlencoded")
    for name, data in (("x.json", ARRAY), ("x.ndjson", LINES), ("x.JSONL", LINES), ("x.csv", COMMAS), ("x.tsv", TABS))
] + [
    ("application/gzip", "x.csv.gz", gz(COMMAS.encode())), ("application/x-gzip", "x.json.gz", ARRAY),
    ("application/zstd", "x.csv.zst", COMMAS), ("binary/octet-stream", "x.csv", COMMAS),
]


@pytest.mark.parametrize("media_type, name, data", CANDIDATES, ids=[f"{m} {n}" for m, n, _ in CANDIDATES])
def test_candidates_by_media_type_or_name(api, media_type, name, data):
    result = api.publish(name, as_bytes(data), headers={"Content-Type": media_type})
    assert result["formats"] == ALL, result["unavailable"]
    assert result["rows"] == 1


def test_an_upload_without_a_media_type_is_judged_by_its_name(api):
    assert api.publish("x.csv", COMMAS.encode())["formats"] == ALL


@pytest.mark.parametrize("media_type, name", [
    ("image/png", "x.csv"), ("text/plain", "x.txt"), ("application/octet-stream", "csv"), ("text/html", "x.json"),
    ("image/png; charset=shift_jis", "x.csv"),
])
def test_others_are_not_looked_at(api, media_type, name):
    result = api.publish(name, COMMAS.encode(), headers={"Content-Type": media_type})
    assert (result["formats"], result["unavailable"]) == ([], None)
    assert (result["rows"], result["columns"]) == (None, None)
    body = problem(ask(api, result, "csv"), 406, "not_acceptable", parameter="format")
    assert body["title"] == "Not acceptable"
    problem(api.get(f"/results/{result['id']}/rows"), 406, "not_acceptable")
    assert "Vary" not in ask(api, result).headers


# ---- JSON in ----------------------------------------------------------------------------------------------

ARRAYS = [
    ('[{"a":1},{"a":2}]', "12"),
    ('{"data":[{"a":1}]}', "1"),
    ('{"meta":{"n":1},"x":[{"a":1}],"next":null}', "1"),
    ('{"x":[{"a":1}],"data":[{"a":2}]}', "2"),
    ('{"data":[{"a":2}],"x":[{"a":1}],"y":[{"a":3}]}', "2"),
    ('{"items":[{"a":4}],"results":[{"a":3}],"records":[{"a":2}],"data":[{"a":1}]}', "1"),
    ('{"items":[{"a":4}],"results":[{"a":3}],"records":[{"a":2}]}', "2"),
    ('{"items":[{"a":4}],"results":[{"a":3}]}', "3"),
    ('{"data":[],"x":[{"a":1}]}', "1"),
    ('{"data":[1],"x":[{"a":1}]}', "1"),
    ('{"data":[1,{"a":5}],"x":[{"a":1}]}', "1"),
    ('{"data":{"data":[{"a":5}]},"x":[{"a":1}]}', "1"),
    ('\ufeff [ {"a" : 1 } ] \n', "1"),
]


@pytest.mark.parametrize("text, wanted", ARRAYS, ids=[text for text, _ in ARRAYS])
def test_the_array_that_is_the_table(api, text, wanted):
    result = table(api, text, "json")
    assert rows_of(api, result) == [{"a": N(digit)} for digit in wanted]
    assert result["rows"] == len(wanted)


NO_JSON = [
    "", " ", "1", '"a"', "null", "[1]", '[{"a":1},[]]', "{}",
    '{"a":1}', '{"a":[]}', '{"a":[1]}', '{"a":{"b":[{"c":1}]}}',
    '{"x":[{"a":1}],"y":[{"a":2}]}', '{"data":[{"a":1}],"data":[{"a":2}]}', '[{"a":1}] x', '[{"a":1}][]',
    '[{"a":1},]', '[{"a":1,}]', '[{"a" 1}]', '[{a:1}]', "[{'a':1}]", '[{"a":01}]', '[{"a":+1}]', '[{"a":.5}]',
    '[{"a":1.}]', '[{"a":1e}]', '[{"a":NaN}]', '[{"a":-}]', '[{"a":tru}]', '[{"a":True}]', '[{"a":"\\x"}]',
    '[{"a":"\\ud800"}]', '[{"a":"\\udc00x"}]', '[{"a":"\\ud800\\u0041"}]', '[{"\\ud800":1}]', '[{"a":"\n"}]',
    '[{"a":"\\u12G4"}]', '[{"a":1}', '[{"a":"', "[", "{", '{"a":', '[{"a":1}]\0',
]


@pytest.mark.parametrize("text", NO_JSON)
def test_json_that_is_no_table_is_stored_with_the_reason(api, text):
    assert none_of(api, text, "json")


@pytest.mark.parametrize("data", [
    b'[{"a":"\xff"}]', b'[{"a":"\xc3"}]', b'[{"a":"\xed\xa0\x80"}]', b'[{"\xc0\x80":1}]',
])
def test_json_that_is_not_utf8_is_no_table(api, data):
    assert "UTF-8" in none_of(api, data, "json")


@pytest.mark.parametrize("text, count", [("[]", 0), (" [ ] ", 0), ("[{}]", 1), ("[{},{}]", 2)])
def test_without_columns_there_is_json_and_ndjson_only(api, text, count):
    result = table(api, text, "json")
    assert (result["formats"], result["rows"], result["columns"]) == (["json", "ndjson"], count, 0)
    assert result["unavailable"] == dict.fromkeys(["csv", "tsv", "xlsx"], "no columns")
    assert rows_of(api, result) == [{}] * count
    assert convert(api, result, "ndjson") == b"{}\n" * count
    assert "no columns" in problem(ask(api, result, "csv"), 406)["detail"]
    assert rows(api, result) == {"columns": [], "rows": [[]] * count, "total": N(count)}


def test_ndjson_takes_blank_lines_and_any_line_end(api):
    result = table(api, '\n{"a":1}\r\n \t\n\n{"a":2}', "ndjson")
    assert convert(api, result, "ndjson") == b'{"a":1}\n{"a":2}\n'
    assert table(api, "", "ndjson")["formats"] == ["json", "ndjson"]


@pytest.mark.parametrize("text", ['{"a":1} {"a":2}', '{"a":1}\n[]', '{"a":1}\n2', '{"a":\n', '{"a":1},\n{"a":2}'])
def test_ndjson_with_anything_but_one_object_in_a_line_is_no_table(api, text):
    assert none_of(api, text, "ndjson")


def test_the_reason_says_where(api):
    assert none_of(api, 'a,b\n1,2\n3,"4\n', "csv") == "row 2 at byte 8: unclosed quote"
    assert none_of(api, '[{"a":1},{"a":x}]', "json").startswith("row 2 at byte 14: ")
    assert none_of(api, "a,b\n1,2\n3,4,5\n", "csv") == "row 2 at byte 8: 3 cells, the header has 2"


# ---- numbers, texts, keys ---------------------------------------------------------------------------------

NUMBERS = ["0", "-0", "1", "1.10", "1e400", "-1E-400", "12345678901234567890", "0.1e+5", "1" * 400, "3.00"]


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_numbers_keep_their_digits(api, kind):
    text = "[" + ",".join('{"n":%s}' % n for n in NUMBERS) + "]" if kind == "json" else "n\n" + "\n".join(NUMBERS)
    result = table(api, text, kind)
    assert rows_of(api, result) == [{"n": N(n)} for n in NUMBERS]
    assert read_csv(convert(api, result, "csv")) == [["n"]] + [[n] for n in NUMBERS]
    assert [row[0] for row in rows(api, result)["rows"]] == [N(n) for n in NUMBERS]


CHARACTERS = ["\0", "\x01", "\b", "\t", "\n", "\r", "\r\n", "\x1f", "\x7f", "\x85", "\u2028", "é", "😀",
              "\U0010ffff", "\uffff", "\ufeff", "a\0b", '"', '""', "\\", "/", "'", " ", " x ",
              ",", ";", "|", "&<>", "]]>", "_x0041_", "_x0001_", "=1+1", "null", "None"]


@pytest.mark.parametrize("ascii_", [True, False])
def test_every_character_comes_through(api, ascii_):
    result = table(api, json.dumps([{"t": c, "i": 1} for c in CHARACTERS], ensure_ascii=ascii_), "json")
    assert [row["t"] for row in rows_of(api, result)] == CHARACTERS
    assert [row["t"] for row in map(parse, convert(api, result, "ndjson").splitlines())] == CHARACTERS
    assert [row[0] for row in rows(api, result)["rows"]] == CHARACTERS
    read = convert(api, result, "csv")
    assert [row["t"] for row in rows_of(api, table(api, read))] == CHARACTERS
    assert [row["t"] for row in rows_of(api, table(api, convert(api, result, "tsv"), "tsv"))] == CHARACTERS


def test_every_character_comes_through_a_spreadsheet(api):
    result = table(api, json.dumps([{"t": c, "i": 1} for c in CHARACTERS]), "json")
    assert [row[0] for row in read_xlsx(convert(api, result, "xlsx"))[0][1:]] == CHARACTERS


KEYS = ["", " ", "a b", "a,b", 'q"q', "é😀", "1", "true", "x\ny", "=1", "\\", "a.b", "_x0041_", "a;b", "a\tb", "a|b|c|d",
        "Price (EUR|USD|GBP)"]


def test_every_key_comes_through(api):
    result = table(api, json.dumps([dict.fromkeys(KEYS, 1)]), "json")
    assert list(rows_of(api, result)[0]) == KEYS
    assert read_csv(convert(api, result, "csv"))[0] == KEYS
    assert read_csv(convert(api, result, "tsv"), "\t")[0] == KEYS
    assert read_xlsx(convert(api, result, "xlsx"))[0][0] in (KEYS, [None, *KEYS[1:]])
    assert [column["name"] for column in rows(api, result)["columns"]] == KEYS


# Characters that mean something to one format or another, and delimiters most of all.
SPECIAL = list(",,;;||\t\t\"'\r\n =.1xé😀\\")
CSV_OPTIONS = [{}, {"delimiter": ";"}, {"delimiter": "|"}, {"delimiter": "tab"}, {"eol": "lf", "bom": "1"}]


def random_texts(chance, count, most):
    return ["".join(chance.choices(SPECIAL, k=chance.randint(0, most))) for _ in range(count)]


@pytest.mark.parametrize("options", CSV_OPTIONS, ids=str)
@pytest.mark.parametrize("keys", [KEYS, ["Price (EUR|USD|GBP)", "n"], ["x;y"], ["a\tb"], ["a,b;c"], ["n"]], ids=repr)
def test_keys_and_cells_with_delimiters_read_back(api, keys, options):
    text = json.dumps([dict.fromkeys(keys, cell) for cell in ("a,b", "a;b", "a|b", "a\tb", "a,,b\n", "1", 1, None)])
    first = table(api, text, "json")
    assert rows_of(api, table(api, convert(api, first, "csv", **options))) == parse(text)


@pytest.mark.parametrize("seed", range(40))
def test_random_keys_and_cells_read_back(api, seed):
    chance = random.Random(seed)
    keys = list(dict.fromkeys(random_texts(chance, chance.randint(1, 4), 8)))
    text = json.dumps([dict(zip(keys, random_texts(chance, len(keys), 6))) for _ in range(4)])
    first = table(api, text, "json")
    for options in CSV_OPTIONS:
        assert rows_of(api, table(api, convert(api, first, "csv", **options))) == parse(text), options
    assert rows_of(api, table(api, convert(api, first, "tsv"), "tsv")) == parse(text)


def test_a_nul_in_a_key_is_a_symbol_in_the_columns_name(api):
    result = table(api, '[{"a\\u0000b":1}]', "json")
    assert convert(api, result, "csv") == "a\u2400b\r\n1\r\n".encode()
    assert rows_of(api, result) == [{"a\0b": N(1)}]


def test_nested_json_keeps_the_escapes_of_the_source(api):
    result = table(api, '[{"a":{"b":"\\u00e9\\/"}},{"a":{"b":"é/"}}]', "json")
    assert convert(api, result, "ndjson", nested="json", fields="a") == (
        '{"a":{"b":"\\u00e9\\/"}}\n{"a":{"b":"é/"}}\n'.encode())
    assert read_csv(convert(api, result, "csv", nested="json")) == [["a"], ['{"b":"\\u00e9\\/"}'], ['{"b":"é/"}']]
    assert read_csv(convert(api, result, "csv", nested="json", where='a={"b":"é/"}')) == [["a"], ['{"b":"é/"}']]


def test_duplicate_keys_have_the_last_value_at_the_first_place(api):
    result = table(api, '[{"a":1,"b":{"x":1,"y":2,"x":3},"a":[{"z":1,"z":2}]},{"c":1,"c":null}]', "json")
    assert parse_pairs(convert(api, result, "json")) == [
        [("a", [[("z", N(2))]]), ("b", [("x", N(3)), ("y", N(2))])], [("c", None)]]
    assert convert(api, result, "csv") == b"a.0.z,b.x,b.y,c\r\n2,3,2,\r\n,,,\r\n"
    assert convert(api, result, "csv", nested="json").decode() == (
        'a,b,c\r\n"[{""z"":2}]","{""x"":3,""y"":2}",\r\n,,\r\n')


# ---- nesting ----------------------------------------------------------------------------------------------

NESTING = [
    ('{"a":{"b":1,"c":{"d":2}}}', ["a.b", "a.c.d"], ["1", "2"]),
    ('{"tags":["x","y"]}', ["tags.0", "tags.1"], ["x", "y"]),
    ('{"a":{},"b":[]}', ["a", "b"], ["{}", "[]"]),
    ('{"a":{"b":1},"a.b":2}', ["a.b_2", "a.b"], ["1", "2"]),
    ('{"a":{"b":{"c":1},"b.c":2},"a.b":{"c":3},"a.b.c":4}',
     ["a.b.c_2", "a.b.c_3", "a.b.c_4", "a.b.c"], list("1234")),
    ('{"a":{"b":1},"a.b":2,"a.b_2":3}', ["a.b_3", "a.b", "a.b_2"], ["1", "2", "3"]),
    ('{"a":[[1,[]],{"0":2}]}', ["a.0.0", "a.0.1", "a.1.0"], ["1", "[]", "2"]),
    ('{"":{"":1}}', ["."], ["1"]),
]


@pytest.mark.parametrize("text, names, cells", NESTING, ids=[text for text, _, _ in NESTING])
def test_nested_values_have_columns_of_their_own(api, text, names, cells):
    result = table(api, f"[{text}]", "json")
    assert result["columns"] == len(names)
    assert read_csv(convert(api, result, "csv")) == [names, cells]
    assert read_csv(convert(api, result, "tsv"), "\t") == [names, cells]
    page = rows(api, result)
    assert [column["name"] for column in page["columns"]] == names
    assert [str(cell) for cell in page["rows"][0]] == cells
    assert [str(cell) for cell in read_xlsx(convert(api, result, "xlsx"))[0][1]] == cells
    assert rows_of(api, result) == [parse(text)], "JSON keeps its nesting"


def test_columns_stand_as_first_seen_over_all_rows(api):
    result = table(api, '[{"b":1},{"a":{"y":1}},{"c":1,"b":2,"a":{"x":3,"y":4}}]', "json")
    assert convert(api, result, "csv", eol="lf") == b"b,a.y,c,a.x\n1,,,\n,1,,\n2,4,1,3\n"


def test_a_value_and_an_object_of_the_same_key_are_two_columns(api):
    result = table(api, '[{"a":1},{"a":{"b":2}},{"a":{}},{"a":null}]', "json")
    assert convert(api, result, "csv", eol="lf") == b"a,a.b\n1,\n,2\n{},\n,\n"


def test_nested_json_is_text_without_white_space(api):
    result = table(api, '[{"a": { "b" : [ 1 , "x y" ] }, "c": 1}]', "json")
    assert read_csv(convert(api, result, "csv", nested="json")) == [["a", "c"], ['{"b":[1,"x y"]}', "1"]]
    assert read_xlsx(convert(api, result, "xlsx", nested="json"))[0][1] == ['{"b":[1,"x y"]}', 1]
    assert rows(api, result, nested="json")["rows"] == [['{"b":[1,"x y"]}', N(1)]]
    assert rows_of(api, result, nested="json") == rows_of(api, result)


# ---- CSV in -----------------------------------------------------------------------------------------------

CSV_IN = [
    ("a\n1\n1.10\n1e400\n-0\n", [N(1), N("1.10"), N("1e400"), N("-0")]),
    ("a\ntrue\nfalse\nTrue\nnull\n", [True, False, "True", "null"]),
    ("a\n01\n+1\n.5\n1.\n 1\n1 \n0x1\nNaN\n1e\n-\n--1\n",
     ["01", "+1", ".5", "1.", " 1", "1 ", "0x1", "NaN", "1e", "-", "--1"]),
    ('a\n"1"\n"true"\n""\n', ["1", "true", ""]),
    ("a\n\nx\n", [None, "x"]),
    ('a\n"x\ny"\n"x\r\ny"\n"a""b"\n"a,b"\n', ["x\ny", "x\r\ny", 'a"b', "a,b"]),
    ('a\nx"y\nx""\n', ['x"y', 'x""']),
    ("a\r1\r2", [N(1), N(2)]),
    ("a\r\n1\r\n2\r\n", [N(1), N(2)]),
    ("a\n1\r2\r\n3", [N(1), N(2), N(3)]),
    ("a\n x \n\tx\n", [" x ", "\tx"]),
    ("\n\na\n1\n", [N(1)]),
    ("\ufeffa\n1\n", [N(1)]),
    ("a\nx\0y\n\x01\n", ["x\0y", "\x01"]),
    ("a\n", []),
    ("a", []),
]


@pytest.mark.parametrize("text, wanted", CSV_IN, ids=[text for text, _ in CSV_IN])
def test_cells_of_csv(api, text, wanted):
    assert rows_of(api, table(api, text)) == [{"a": cell} for cell in wanted]


def test_types_text_keeps_all_cells_as_texts(api):
    result = table(api, 'a,b\n1.10,true\n,""\n')
    assert rows_of(api, result, types="text") == [{"a": "1.10", "b": "true"}, {"a": None, "b": ""}]
    assert read_xlsx(convert(api, result, "xlsx", types="text"))[0][1] == ["1.10", "true"]
    assert convert(api, result, "csv", types="text", eol="lf") == b'a,b\n"1.10","true"\n,""\n'
    page = rows(api, result, types="text")
    assert page["columns"] == [{"name": "a", "type": "text"}, {"name": "b", "type": "text"}]


HEADERS = [
    ("a,b\n1,2\n", ["a", "b"]), ("a;b;c\n1;2;3\n", ["a", "b", "c"]), ("a\tb\n1\t2\n", ["a", "b"]),
    ("a|b\n1|2\n", ["a", "b"]),
    ("a;b,c\n1\n", ["a;b", "c"]), ("a,b;c;d\n1\n", ["a,b", "c", "d"]), ('"a;;;",b\n1,2\n', ["a;;;", "b"]),
    ("abc\n1,2\n", None),
    ("a,a,a\n1,2,3\n", ["a", "a_2", "a_3"]), ("a,a,a_2\n1,2,3\n", ["a", "a_2", "a_2_2"]), (",\n1,2\n", ["", "_2"]),
    ('"1",true\n1,2\n', ["1", "true"]), ("a.b,a\n1,2\n", ["a.b", "a"]),
]


@pytest.mark.parametrize("text, names", HEADERS, ids=[text for text, _ in HEADERS])
def test_the_header_and_the_delimiter_it_shows(api, text, names):
    if names is None:
        assert none_of(api, text, "csv")
        return
    result = table(api, text)
    assert [column["name"] for column in rows(api, result)["columns"]] == names
    assert result["rows"] == 1


def test_a_tsv_has_a_tab_whatever_its_header_shows(api):
    assert rows_of(api, table(api, "a,b,c\td\n1\t2\n", "tsv")) == [{"a,b,c": N(1), "d": N(2)}]


def test_a_delimiter_that_the_media_type_says(api):
    text = "a,x:b\n1,y:2\n"
    colon = table(api, text, parameters='; delimiter=":"')
    assert rows_of(api, colon) == [{"a,x": "1,y", "b": N(2)}]
    assert rows_of(api, table(api, text)) == [{"a": N(1), "x:b": "y:2"}], "also of the same bytes"
    assert rows_of(api, table(api, "a;b\n1;2\n", parameters='; delimiter=";"')) == [{"a": N(1), "b": N(2)}]
    assert rows_of(api, table(api, "a,b\tc\n1,2\t3\n", parameters="; delimiter=tab")) == [{"a,b": "1,2", "c": N(3)}]
    assert rows_of(api, table(api, text, parameters="; delimiter=::")) == [{"a": N(1), "x:b": "y:2"}], "passed over"


def test_a_header_that_is_absent(api):
    result = table(api, "1,x\n2\n", parameters="; header=absent")
    assert rows_of(api, result) == [{"c1": N(1), "c2": "x"}, {"c1": N(2), "c2": None}]
    assert none_of(api, "1\n2,3\n", "csv", parameters="; header=absent").endswith("2 cells, the first row has 1")


def test_short_rows_end_in_nulls_and_empty_lines_are_skipped(api):
    result = table(api, "a,b,c\n1\n\n2,3\r\n\r\n,,\n")
    assert convert(api, result, "csv", eol="lf") == b"a,b,c\n1,,\n2,3,\n,,\n"


NO_CSV = ["", "\n", "\ufeff", 'a\n"x', 'a\n"x"y\n', 'a\n"x" \n', "a,b\n1,2,3\n", 'a,"b\n', 'a\n"x""\n']


@pytest.mark.parametrize("text", NO_CSV)
def test_csv_that_is_no_table_is_stored_with_the_reason(api, text):
    assert none_of(api, text, "csv")


@pytest.mark.parametrize("data", [b"a\n\xff\n", b"a\n\xc3\n", b"\xc3,a\n1,2\n", b"a\n\xed\xa0\x80\n", b'a\n"\x80"\n'])
def test_csv_that_is_not_utf8_is_no_table(api, data):
    assert "UTF-8" in none_of(api, data, "csv")


# ---- CSV out ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def texts(api):
    values = ["x", "", None, "1", 1, "true", True, "null", "a,b", "a;b", "a|b", "a\tb", 'a"b', "a\nb", "a\rb", " x"]
    return table(api, json.dumps([{"t": value, "i": 0} for value in values]), "json")


@pytest.mark.parametrize("parameters, quoted", [
    ({}, '"a,b" a;b a|b a\tb'), ({"delimiter": ","}, '"a,b" a;b a|b a\tb'),
    ({"delimiter": ";"}, 'a,b "a;b" a|b a\tb'),
    ({"delimiter": "|"}, 'a,b a;b "a|b" a\tb'), ({"delimiter": "tab"}, 'a,b a;b a|b "a\tb"'),
])
def test_only_what_must_be_is_quoted(api, texts, parameters, quoted):
    delimiter = {"tab": "\t"}.get(parameters.get("delimiter"), parameters.get("delimiter", ","))
    cells = ["t", "x", '""', "", '"1"', "1", '"true"', "true", "null"]
    cells += [*quoted.split(" "), '"a""b"', '"a\nb"', '"a\rb"', " x"]
    wanted = "".join(f"{cell}{delimiter}{'i' if i == 0 else 0}\r\n" for i, cell in enumerate(cells))
    assert convert(api, texts, "csv", **parameters).decode() == wanted


@pytest.mark.parametrize("parameters, wanted", [
    ({}, b"a,b\r\n1,\r\n"), ({"eol": "crlf"}, b"a,b\r\n1,\r\n"), ({"eol": "lf"}, b"a,b\n1,\n"),
    ({"bom": "1", "eol": "lf"}, b"\xef\xbb\xbfa,b\n1,\n"), ({"bom": "0", "eol": "lf"}, b"a,b\n1,\n"),
])
def test_line_ends_and_byte_order_mark(api, parameters, wanted):
    result = table(api, "a,b\n1,")
    assert convert(api, result, "csv", **parameters) == wanted
    assert convert(api, result, "tsv", **parameters) == wanted.replace(b",", b"\t")


def test_safe_disarms_formulas_but_no_numbers(api):
    values = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "x=1", -1, "'x", "-"]
    result = table(api, json.dumps([{"=n": value, "i": 0} for value in values]), "json")
    cells = [row[0] for row in read_csv(convert(api, result, "csv", safe="1"))]
    assert cells == ["'=n", "'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "x=1", "-1", "'x", "'-"]
    assert [row[0] for row in read_csv(convert(api, result, "tsv", safe="1"), "\t")] == cells
    assert [row[0] for row in read_csv(convert(api, result, "csv"))] == ["=n", *map(str, values)]


def test_a_column_of_nulls_reads_back(api):
    result = table(api, '[{"a":null},{"a":1},{"a":null}]', "json")
    assert convert(api, result, "csv", eol="lf") == b"a\n\n1\n\n"
    assert rows_of(api, table(api, convert(api, result, "csv"))) == rows_of(api, result)


# ---- round trips ------------------------------------------------------------------------------------------

FLAT = [
    {"id": i, "text": c, "flag": bool(i % 2), "none": None, "n": -i / 4, "both": c if i % 2 else i}
    for i, c in enumerate(CHARACTERS)
]


@pytest.mark.parametrize("through", ["csv", "tsv", "ndjson"])
def test_json_there_and_back_is_the_same(api, through):
    first = table(api, json.dumps(FLAT, ensure_ascii=False), "json")
    json_ = convert(api, first, "json")
    second = table(api, convert(api, first, through), through)
    assert convert(api, second, "json") == json_


@pytest.mark.parametrize("through", ["json", "ndjson"])
def test_csv_there_and_back_is_the_same(api, through):
    csv_ = convert(api, table(api, json.dumps(FLAT), "json"), "csv")
    second = table(api, convert(api, table(api, csv_), through), through)
    assert convert(api, second, "csv") == csv_
    assert convert(api, table(api, csv_), "csv") == csv_


# ---- XLSX -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number, as_number", [
    ("1", True), ("1.10", True), ("-0.5", True), ("123456789012345", True), ("1234567890123456", False),
    ("123456789012345000", True), ("0.000123456789012345", True), ("1e300", True), ("1e400", False),
    ("1e-400", False), ("5e-324", False), ("2.225e-308", False), ("2.2251e-308", True),
    ("12345678901234567890", False), ("1.0000000000000001", False), ("1" + "0" * 300, True), ("0", True),
], ids=lambda value: str(value)[:30])
def test_a_number_is_one_in_a_spreadsheet_if_a_double_holds_it(api, number, as_number):
    cell = read_xlsx(convert(api, table(api, f"a\n{number}\n"), "xlsx"))[0][1][0]
    assert (type(cell) is not str) == as_number, cell
    assert float(cell) == float(number) if as_number else cell == number


def test_the_header_is_bold_and_frozen(api):
    book = openpyxl.load_workbook(io.BytesIO(convert(api, table(api, "a,b\n=1,2\n"), "xlsx")))
    sheet = book.active
    assert book.sheetnames == ["Sheet1"]
    assert sheet.freeze_panes == "A2"
    assert [cell.font.bold for cell in sheet[1]] == [True, True]
    assert not sheet["A2"].font.bold
    assert (sheet["A2"].data_type, sheet["A2"].value) == ("s", "=1"), "text is never a formula"


def test_null_and_absent_have_no_cell(api):
    archive = zipfile.ZipFile(io.BytesIO(convert(api, table(api, '[{"a":null,"c":1},{"b":""}]', "json"), "xlsx")))
    sheet = archive.read("xl/worksheets/sheet1.xml")
    assert b'r="A2"' not in sheet and b'r="C2"' not in sheet and b'r="A3"' not in sheet
    assert b'r="B2"' in sheet and b'r="C3"' in sheet


def test_too_many_columns_for_a_spreadsheet(api):
    names = [f"c{i}" for i in range(16385)]
    result = table(api, json.dumps([dict.fromkeys(names, 1)]), "json")
    assert result["formats"] == ["json", "ndjson", "csv", "tsv"]
    assert result["unavailable"] == {"xlsx": "16385 columns, 16384 is the most"}
    body = problem(ask(api, result, "xlsx"), 406, "not_acceptable", parameter="format")
    assert "16385 columns, 16384 is the most" in body["detail"]
    assert read_xlsx(convert(api, result, "xlsx", fields="c16384,c0")) == [[["c16384", "c0"], [1, 1]]]
    assert len(read_xlsx(convert(api, result, "xlsx", omit="c7"))[0][0]) == 16384
    assert len(read_csv(convert(api, result, "csv"))[0]) == 16385


@pytest.mark.parametrize("text, fits", ids=["most", "more", "wide", "pairs", "more pairs"], argvalues=[
    ("x" * 32767, True), ("x" * 32768, False), ("é" * 32767, True), ("😀" * 16383, True), ("😀" * 16384, False),
])
def test_a_cell_that_is_too_long_for_a_spreadsheet(api, text, fits):
    result = table(api, json.dumps([{"a": "x", "b": 1}, {"a": text, "b": 2}], ensure_ascii=False), "json")
    assert ("xlsx" in result["formats"]) == fits
    if fits:
        assert read_xlsx(convert(api, result, "xlsx"))[0][2] == [text, 2]
        return
    reason = 'row 2, column "a": 32768 characters in a cell, 32767 is the most'
    assert result["unavailable"] == {"xlsx": reason}
    assert reason in problem(ask(api, result, "xlsx"), 406)["detail"]
    problem(ask(api, result, "xlsx", limit=1), 406)
    assert read_xlsx(convert(api, result, "xlsx", fields="b")) == [[["b"], [1], [2]]]
    problem(ask(api, result, "xlsx", fields="a"), 406, "not_acceptable")
    assert read_csv(convert(api, result, "csv"))[2][0] == text


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("number, fits", ids=["digits", "exponent", "zeros", "most"], argvalues=[
    ("7" * 32768, False), ("1" * 32767 + "e9", False), ("1" + "0" * 40000 + "e-40000", True), ("7" * 32767, True),
])
def test_a_number_that_is_too_long_for_a_spreadsheet(api, kind, number, fits):
    result = table(api, f"a,b\n1,2\n{number},3\n" if kind == "csv" else '[{"a":1,"b":2},{"a":%s,"b":3}]' % number, kind)
    assert ("xlsx" in result["formats"]) == fits, result
    if fits:
        cell = read_xlsx(convert(api, result, "xlsx"))[0][2][0]
        assert cell == (1 if "e" in number else number)
        return
    reason = f'row 2, column "a": {len(number)} characters in a cell, 32767 is the most'
    assert result["unavailable"] == {"xlsx": reason}
    whole = problem(ask(api, result, "xlsx"), 406, "not_acceptable", parameter="format")
    made = problem(ask(api, result, "xlsx", fields="a"), 406, "not_acceptable", parameter="format")
    assert whole["detail"] == made["detail"] == f"this result cannot be had as xlsx: {reason}"
    assert read_xlsx(convert(api, result, "xlsx", fields="b")) == [[["b"], [2], [3]]]


def test_a_name_that_is_too_long_for_a_spreadsheet(api):
    result = table(api, json.dumps([{"x" * 32768: 1, "y": 2}]), "json")
    assert "32768 characters, 32767 is the most" in result["unavailable"]["xlsx"]
    assert read_xlsx(convert(api, result, "xlsx", fields="y")) == [[["y"], [2]]]


def test_nested_json_can_lift_what_flat_columns_cannot_be(api):
    result = table(api, json.dumps([dict.fromkeys("abc", list(range(6000)))]), "json")
    assert result["unavailable"] == {"xlsx": "18000 columns, 16384 is the most"}
    assert len(read_xlsx(convert(api, result, "xlsx", nested="json"))[0][0]) == 3


# ---- compression and character sets -----------------------------------------------------------------------

PACKERS = {"gzip": gz, "zstd": zstd}


def plain_get(api, result, **headers):
    """The content as it comes over the wire, and its headers."""
    answer = api.get(f"/results/{result['id']}/content", headers=headers, stream=True)
    return answer, answer.raw.read(decode_content=False)


@pytest.mark.parametrize("encoding", sorted(PACKERS))
@pytest.mark.parametrize("kind", sorted(SAME_TABLE))
@pytest.mark.parametrize("said", [True, False])
def test_compressed_uploads_are_stored_as_sent_and_read_through(api, encoding, kind, said):
    packed = PACKERS[encoding](SAME_TABLE[kind].encode())
    result = table(api, packed, kind, headers={"Content-Encoding": encoding} if said else {})
    assert (result["size"], result["sha256"], result["rows"]) == (len(packed), sha256(packed), 2)
    assert result["formats"] == ALL
    answer, content = plain_get(api, result)
    assert content == packed
    assert answer.headers.get("Content-Encoding") == (encoding if said else None)
    assert answer.headers["Content-Length"] == str(len(packed))
    for format_ in ("csv", "ndjson"):
        answer = ask(api, result, format_)
        assert answer.content.decode() == SAME_TABLE[format_]
        assert "Content-Encoding" not in answer.headers


def test_the_content_encoding_goes_with_every_part_and_with_links(api, server):
    packed = gz(b"a\n1\n")
    result = table(api, packed, "csv", headers={"Content-Encoding": "gzip"})
    answer, content = plain_get(api, result, Range="bytes=2-9")
    assert (answer.status_code, answer.headers["Content-Encoding"], content) == (206, "gzip", packed[2:10])
    answer, content = plain_get(api, result, Range="bytes=0-1,4-5")
    assert "Content-Encoding" not in answer.headers and content.count(b"Content-Encoding: gzip\r\n") == 2
    assert api.head(f"/results/{result['id']}/content").headers["Content-Encoding"] == "gzip"
    link = api.session.get(api.link(result["id"])["url"])
    assert (link.headers["Content-Encoding"], link.content) == ("gzip", b"a\n1\n")
    missed = api.get(f"/results/{result['id']}/content", headers={"Range": "bytes=999-"})
    assert missed.status_code == 416 and "Content-Encoding" not in missed.headers


def test_other_encodings_are_kept_and_not_looked_into(api):
    result = table(api, b"\x01\x02", "csv", headers={"Content-Encoding": "br"})
    assert (result["formats"], result["unavailable"]) == ([], {"*": "Content-Encoding br is not read"})
    body = problem(ask(api, result, "csv"), 406, "not_acceptable", parameter="format")
    assert body["detail"] == "this result cannot be had as csv: Content-Encoding br is not read"
    answer, content = plain_get(api, result)
    assert (answer.headers["Content-Encoding"], content) == ("br", b"\x01\x02")


@pytest.mark.parametrize("encoding", sorted(PACKERS))
def test_several_members_are_one_text(api, encoding):
    pack = PACKERS[encoding]
    assert rows_of(api, table(api, pack(b"a\n1\n") + pack(b"2\n"))) == [{"a": N(1)}, {"a": N(2)}]


@pytest.mark.parametrize("encoding", sorted(PACKERS))
def test_compressed_data_that_are_damaged_are_no_table(api, encoding):
    packed = PACKERS[encoding](b"a,b\n" + b"1,2\n" * 100)
    flipped = bytearray(packed)
    flipped[-3] ^= 0x55
    for damaged in (packed[:-1], bytes(flipped), packed + b"x"):
        assert encoding in none_of(api, damaged, "csv", headers={"Content-Encoding": encoding})
    assert encoding in none_of(api, b"a,b\n1,2\n", "csv", headers={"Content-Encoding": encoding})


CHARSETS = [
    ("", "é,😀\n1,€\n", "utf-8"), ("", "é,😀\n1,€\n", "utf-8-sig"),
    ("; charset=utf-8", "é,😀\n1,€\n", "utf-8"),
    ("", "é,😀\n1,€\n", "utf-16"), ("; charset=utf-16", "é,😀\n1,€\n", "utf-16"),
    ("; charset=windows-1252", "é,ß\n1,€\n", "cp1252"), ('; charset="CP1252"', "é,ß\n1,€\n", "cp1252"),
    ("; charset=windows-1252", "é,😀\n1,€\n", "utf-8-sig"), ("; charset=latin1", "é,😀\n1,ï»¿\n", "utf-8-sig"),
    ("; charset=iso-8859-1", "é,ß\n1,ÿ\n", "latin-1"), ("; charset=latin1", "é,ß\n1,ÿ\n", "latin-1"),
]


@pytest.mark.parametrize("parameters, text, encoding", CHARSETS)
@pytest.mark.parametrize("pack", [as_bytes, gz])
def test_character_sets(api, parameters, text, encoding, pack):
    result = table(api, pack(text.encode(encoding)), parameters=parameters)
    assert convert(api, result, "csv", eol="lf").decode() == text


@pytest.mark.parametrize("parameters, reason", [
    ("; charset=shift_jis", "charset shift_jis is not read"), ('; charset="EUC-JP"', "charset EUC-JP is not read"),
    ("; charset=", "this charset is not read"), ('; charset="a b"', "this charset is not read"),
])
@pytest.mark.parametrize("size", [0, 3, 1 << 20])
def test_other_character_sets_are_kept_and_the_reason_says_so(api, parameters, reason, size):
    text = "a\n" + "\u8868" * (size // 2)
    assert none_of(api, text.encode("shift_jis"), "csv", parameters=parameters) == reason


def test_utf16_of_either_order(api):
    text = '[{"é":"😀"}]'
    for data in (b"\xff\xfe" + text.encode("utf-16-le"), b"\xfe\xff" + text.encode("utf-16-be")):
        assert rows_of(api, table(api, data, "json")) == [{"é": "😀"}]


@pytest.mark.parametrize("data, parameters", [
    ("a\né\n".encode("cp1252"), ""), ("a\n1\n".encode("utf-16-le"), "; charset=utf-16"),
    (b"\xff\xfea\0\n", ""), (b"\xff\xfea\0\n\0\x00\xd8", ""), (b"\xff\xfea\0\n\0\x00\xdcb\0", ""),
    (b"a\n\x81\n", "; charset=cp1252"),
])
def test_bytes_that_are_not_of_their_character_set_are_no_table(api, data, parameters):
    assert none_of(api, data, "csv", parameters=parameters)


# ---- limits, damage ---------------------------------------------------------------------------------------

CUT = {
    "json": '{"x":1,"data":[{"a":1.5,"é":"x\\u00e9\\ud83d\\ude00"},{"a":null,"b":[1,{"c":true}]}]}',
    "ndjson": '{"a":1.5,"é":"x\\u00e9"}\n\n{"a":null,"b":[1,{"c":true}]}\n',
    "csv": 'a,"b ""é"""\r\n1.5,"x\r\ny"\r\n\r\ntrue,😀\r\n',
    "tsv": "a\té\n1\t2\n\t\n",
}
CUT_INPUTS = [(kind, kind, text.encode()) for kind, text in CUT.items()]
CUT_INPUTS += [("utf-16", "csv", CUT["csv"].encode("utf-16")), ("gzip", "csv", gz(CUT["csv"].encode())),
               ("zstd", "json", zstd(CUT["json"]))]


@pytest.mark.parametrize("what, kind, whole", CUT_INPUTS, ids=[what for what, _, _ in CUT_INPUTS])
def test_a_table_truncated_at_every_byte(api, server, what, kind, whole):
    """Each is either a table by itself, which then converts, or none with a reason; never a crash."""
    job = api.job()["id"]
    headers = {"Content-Type": MEDIA_TYPES[kind]}
    tables = 0
    for end in range(len(whole) + 1):
        result = api.upload(job, f"cut-{end}", whole[:end], headers=headers)
        assert result["size"] == end
        if result["formats"]:
            tables += 1
            assert len(parse(convert(api, result, "json"))) == result["rows"]
        else:
            reason = result["unavailable"]["*"]
            assert reason and (end < len(whole)), reason
    assert tables >= 1 and server.process.poll() is None
    if what in ("json", "zstd"):
        assert tables == 1, "only the whole is one"
    if what == "gzip":
        assert tables == 1, "the whole; its first byte is no header"


@pytest.mark.parametrize("end", range(12))
@pytest.mark.parametrize("name, encoding", [("t.csv.gz", "gzip"), ("t.csv.zst", "zstd"), ("t.json.gz", "gzip"), ("t.ndjson.zst", "zstd")])
@pytest.mark.parametrize("says", ["name", "Content-Encoding"])
def test_compressed_data_cut_to_their_first_bytes_are_no_table(api, name, encoding, end, says):
    packed = PACKERS[encoding](b"")
    headers = {"Content-Type": "application/octet-stream"} | ({"Content-Encoding": encoding} if says != "name" else {})
    given = name if says == "name" else name.rpartition(".")[0]
    if end >= len(packed):
        end = len(packed) - 1
    result = api.upload(api.job()["id"], given, packed[:end], headers=headers)
    assert result["formats"] == [] and encoding in result["unavailable"]["*"], result


def test_a_text_that_could_begin_zstd_is_a_text(api):
    assert rows_of(api, table(api, b"(")) == []
    assert none_of(api, b"\x1f", "csv") == "the gzip data end in the middle"


@pytest.mark.parametrize("named, table_of", [
    ('"data":[{"a":1},2]', None), ('"items":[{"a":1},{"a":2},null]', None), ('"data":[2,{"a":1}]', "x"),
    ('"y":[{"a":1},2]', "x"), ('"y":[[],{"a":1},2]', "x"), ('"results":[]', "x"), ('"items":[{"a":1}]', "items"),
])
def test_the_order_of_members_does_not_count(api, named, table_of):
    for members in (f'{named},"x":[{{"b":1}}]', f'"x":[{{"b":1}}],{named}', f'{named},"x":[{{"b":1}}],"n":5'):
        result = table(api, "{" + members + "}", "json")
        if table_of is None:
            assert result["formats"] == [] and "not an object" in result["unavailable"]["*"]
        else:
            assert rows_of(api, result) == [{"b" if table_of == "x" else "a": N(1)}]


def test_a_nul_in_a_name_of_csv_is_a_symbol_and_in_a_cell_stays(api):
    result = table(api, "a\0b,c\n1,x\0y\n")
    assert rows_of(api, result) == [{"a\u2400b": N(1), "c": "x\0y"}]
    assert convert(api, result, "csv", eol="lf", fields="a\u2400b") == "a\u2400b\n1\n".encode()


@pytest.mark.parametrize("position", range(0, 60, 3))
def test_a_byte_that_is_spoilt_crashes_nothing(api, server, position):
    for kind, text in CUT.items():
        data = bytearray(text.encode())
        if position < len(data):
            data[position] ^= 0x80 | position
            result = table(api, bytes(data), kind)
            assert result["formats"] or result["unavailable"]["*"]
            if result["formats"]:
                assert len(rows_of(api, result)) == result["rows"]
    assert server.process.poll() is None


SMALL = {"table_row_limit": "1KiB", "table_columns_limit": "10", "json_depth_limit": "8"}


@pytest.mark.parametrize("kind, good, bad", ids=["csv row", "csv columns", "json row", "json member", "json columns",
                                                "json depth", "ndjson row"], argvalues=[
    ("csv", "a,b\n" + "x" * 1000 + ",1\n", "a,b\n" + "x" * 1100 + ",1\n"),
    ("csv", ",".join("abcdefghij") + "\n", ",".join("abcdefghijk") + "\n"),
    ("json", '[{"a":"%s"}]' % ("x" * 1000), '[{"a":"%s"}]' % ("x" * 1100)),
    ("json", '{"x":"%s","data":[{"a":1}]}' % ("x" * 900), '{"x":"%s","data":[{"a":1}]}' % ("x" * 1100)),
    ("json", json.dumps([dict.fromkeys("abcdefghij")]), json.dumps([dict.fromkeys("abcdefghijk")])),
    ("json", '[{"a":' + "[" * 7 + "]" * 7 + "}]", '[{"a":' + "[" * 8 + "]" * 8 + "}]"),
    ("ndjson", '{"a":"%s"}' % ("x" * 1000), '{"a":"%s"}' % ("x" * 1100)),
])
def test_limits_of_a_table(small_api, kind, good, bad):
    assert table(small_api, good, kind)["formats"]
    assert none_of(small_api, bad, kind)


@pytest.fixture(scope="module")
def small_api(tmp_path_factory):
    running = harness.Server(tmp_path_factory.mktemp("small"), **SMALL).start()
    yield running.api()
    running.stop()
