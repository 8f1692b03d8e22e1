# SPDX-License-Identifier: Apache-2.0
"""Some rows and columns of a table, in every format and as pages. docs/formats.md, from "Parameters" on."""

import json

import pytest
from harness import Wire, eventually, problem, request_head
from tables import Number, ask, convert, parse, read_csv, read_xlsx, rows, table

N = Number
PEOPLE = """[
{"name":"Ada","price":1.10,"ok":true,"note":""},
{"name":"Bob","price":10,"ok":false,"note":null},
{"name":"Çem","price":1e400,"ok":true,"note":"10"},
{"name":"ada","price":12345678901234567890,"note":"a,b"},
{"name":"😀","price":"10","ok":null,"note":"x=y"}
]"""
NAMES = ["Ada", "Bob", "Çem", "ada", "😀"]


@pytest.fixture(scope="module")
def people(api):
    return table(api, PEOPLE, "json")


def named(api, result, **parameters):
    return [row["name"] for row in parse(convert(api, result, "json", **parameters))]


# ---- where ------------------------------------------------------------------------------------------------

CONDITIONS = [
    ("price>=10", "Bob Çem ada 😀"), ("price=1.1", "Ada"), ("price=1.10", "Ada"), ("price=11e-1", "Ada"),
    ("price>1e399", "Çem"), ("price>12345678901234567889", "Çem ada"),
    ("price<12345678901234567891", "Ada Bob ada 😀"),
    ("price=10", "Bob 😀"), ("price=10.0", "Bob"), ("price!=10", "Ada Çem ada"), ("price<=1.10", "Ada"),
    ("name=Ada", "Ada"), ("name=ADA", ""), ("name!=Ada", "Bob Çem ada 😀"), ("name>ada", "Çem 😀"), ("name<Bob", "Ada"),
    ("name~d", "Ada ada"), ("name~", "Ada Bob Çem ada 😀"), ("name= Ada", ""), ("price~0", "Ada Bob Çem ada 😀"),
    ("ok=true", "Ada Çem"), ("ok!=true", "Bob ada 😀"), ("ok=false", "Bob"), ("ok~u", "Ada Çem"), ("ok<true", "Bob"),
    ("note=", "Ada"), ("note!=10", "Ada Bob ada 😀"), ("note=10", "Çem"), ("note=10.0", ""), ("note=x=y", "😀"),
    ('"note"=x=y', "😀"), ("note<z", "Ada Çem ada 😀"), ("note~,", "ada"),
]


@pytest.mark.parametrize("condition, wanted", CONDITIONS, ids=[condition for condition, _ in CONDITIONS])
def test_a_condition(api, people, condition, wanted):
    assert named(api, people, where=condition) == wanted.split()
    page = rows(api, people, where=condition, limit=1)
    assert (page["total"], len(page["rows"])) == (N(len(wanted.split())), min(1, len(wanted.split())))


@pytest.mark.parametrize("format_", ["json", "ndjson", "csv", "tsv", "xlsx"])
def test_all_choices_in_every_format(api, people, format_):
    data = convert(api, people, format_, where=["price>1", "name!=Bob"], fields="price,name", offset=1, limit=2)
    wanted = {
        "json": '[\n{"price":1e400,"name":"Çem"},\n{"price":12345678901234567890,"name":"ada"}\n]\n',
        "ndjson": '{"price":1e400,"name":"Çem"}\n{"price":12345678901234567890,"name":"ada"}\n',
        "csv": "price,name\r\n1e400,Çem\r\n12345678901234567890,ada\r\n",
        "tsv": "price\tname\r\n1e400\tÇem\r\n12345678901234567890\tada\r\n",
    }
    if format_ == "xlsx":
        assert read_xlsx(data) == [[["price", "name"], ["1e400", "Çem"], ["12345678901234567890", "ada"]]]
    else:
        assert data.decode() == wanted[format_]
    page = rows(api, people, where=["price>1", "name!=Bob"], fields="price,name", offset=1, limit=2)
    assert page["rows"] == [[N("1e400"), "Çem"], [N("12345678901234567890"), "ada"]]
    assert page["total"] == N(4)


def test_a_condition_on_a_column_that_does_not_come_out(api, people):
    assert convert(api, people, "csv", fields="name", where="price=1.1", eol="lf") == b"name\nAda\n"


def test_a_column_with_an_operator_in_its_name_is_quoted(api):
    result = table(api, '[{"a>b":1,"5\\" pipe":2,"n":"x"},{"a>b":3,"5\\" pipe":4,"n":"y"}]', "json")
    assert convert(api, result, "csv", where='"a>b">=3', fields="n", eol="lf") == b"n\ny\n"
    assert convert(api, result, "csv", where='"5"" pipe"=2', fields="n", eol="lf") == b"n\nx\n"


def test_conditions_on_what_is_nested(api):
    result = table(api, '[{"a":{"b":1},"c":1},{"a":{"b":2},"c":2},{"c":3}]', "json")
    assert convert(api, result, "ndjson", where="a.b>1") == b'{"a":{"b":2},"c":2}\n'
    assert convert(api, result, "ndjson", where="a.b!=1") == b'{"a":{"b":2},"c":2}\n{"c":3}\n'
    assert convert(api, result, "ndjson", where='a={"b":1}', nested="json") == b'{"a":{"b":1},"c":1}\n'


def test_cells_that_stay_texts_are_compared_as_texts(api):
    result = table(api, "a\n9\n10\n")
    assert convert(api, result, "csv", where="a<9.5", eol="lf") == b"a\n9\n"
    assert convert(api, result, "csv", where="a<9.5", types="text", eol="lf") == b'a\n"9"\n"10"\n'


# ---- fields, omit, offset, limit --------------------------------------------------------------------------

CHOICES = [
    ({"fields": "ok,name"}, "ok,name"), ({"fields": ["ok", "name"]}, "ok,name"),
    ({"field": ["ok", "name"]}, "ok,name"),
    ({"omit": "price,note"}, "name,ok"), ({"omit": ["price", "note"]}, "name,ok"),
    ({"omit": "name,name"}, "price,ok,note"),
    ({"fields": "note,ok,name", "omit": "ok"}, "note,name"), ({"field": "ok", "fields": "name"}, "ok,name"),
]


@pytest.mark.parametrize("parameters, header", CHOICES)
def test_columns_that_are_chosen(api, people, parameters, header):
    assert read_csv(convert(api, people, "csv", **parameters))[0] == header.split(",")
    assert ",".join(column["name"] for column in rows(api, people, **parameters)["columns"]) == header


def test_a_column_with_a_comma_in_its_name(api):
    result = table(api, '[{"a,b":1,"c":2}]', "json")
    assert convert(api, result, "ndjson", field="a,b") == b'{"a,b":1}\n'
    problem(ask(api, result, "csv", fields="a,b"), 400, "bad_value", parameter="fields")


def test_absent_members_stay_absent_and_nulls_stay(api, people):
    assert convert(api, people, "ndjson", fields="ok,note", offset=3) == b'{"note":"a,b"}\n{"ok":null,"note":"x=y"}\n'


def test_fields_of_nested_rows_are_flat_unless_asked_otherwise(api):
    result = table(api, '[{"a":{"b":1,"c":[2]},"d":[],"e":"x"}]', "json")
    assert convert(api, result, "ndjson", fields="a.c.0,d,a.b") == b'{"a.c.0":2,"d":[],"a.b":1}\n'
    assert convert(api, result, "ndjson", omit="e") == b'{"a.b":1,"a.c.0":2,"d":[]}\n'
    assert convert(api, result, "ndjson", omit="e", nested="json") == b'{"a":{"b":1,"c":[2]},"d":[]}\n'


SLICES = [({}, 0, 5),
          ({"offset": 2}, 2, 5), ({"limit": 2}, 0, 2), ({"offset": 3, "limit": 9}, 3, 5), ({"limit": 0}, 0, 0),
          ({"offset": 5}, 5, 5), ({"offset": 10**18, "limit": 1}, 5, 5)]


@pytest.mark.parametrize("parameters, first, end", SLICES)
@pytest.mark.parametrize("format_", ["json", "csv", "xlsx"])
def test_a_slice(api, people, parameters, first, end, format_):
    data = convert(api, people, format_, **parameters)
    if format_ == "json":
        assert [row["name"] for row in parse(data)] == NAMES[first:end]
    else:
        read = read_csv(data) if format_ == "csv" else read_xlsx(data)[0]
        assert [row[0] for row in read] == ["name", *NAMES[first:end]]


# ---- what is refused --------------------------------------------------------------------------------------

BROKEN = [
    ({"fields": "nobody"}, "fields"), ({"fields": "name,"}, "fields"), ({"fields": "name,name"}, "fields"),
    ({"field": "nobody"}, "fields"), ({"omit": "nobody"}, "omit"), ({"omit": "name,price,ok,note"}, "omit"),
    ({"fields": "name", "omit": "name"}, "omit"), ({"where": "nobody=1"}, "where"), ({"where": "name"}, "where"),
    ({"where": ""}, "where"), ({"where": "=1"}, "where"), ({"where": '"name=1'}, "where"),
    ({"where": '"name"1'}, "where"),
    ({"where": "name!1"}, "where"), ({"offset": "-1"}, "offset"), ({"offset": "x"}, "offset"),
    ({"offset": ""}, "offset"),
    ({"offset": "1" * 30}, "offset"), ({"limit": "-1"}, "limit"), ({"limit": "1.5"}, "limit"),
    ({"nested": "x"}, "nested"),
    ({"types": "x"}, "types"), ({"offset": ["1", "2"]}, "offset"), ({"nested": ["flat", "json"]}, "nested"),
]
BROKEN_CONTENT = [
    ({"format": "pdf"}, "format"), ({"format": ""}, "format"), ({"format": "CSV"}, "format"),
    ({"format": ["csv", "csv"]}, "format"), ({"delimiter": ","}, "delimiter"), ({"eol": "lf"}, "eol"),
    ({"bom": "1"}, "bom"),
    ({"safe": "1"}, "safe"), ({"format": "csv", "delimiter": "x"}, "delimiter"),
    ({"format": "csv", "delimiter": ""}, "delimiter"),
    ({"format": "csv", "delimiter": ",,"}, "delimiter"), ({"format": "tsv", "delimiter": "tab"}, "delimiter"),
    ({"format": "csv", "eol": "cr"}, "eol"), ({"format": "csv", "bom": "yes"}, "bom"),
    ({"format": "csv", "safe": "2"}, "safe"),
    ({"format": "xlsx", "eol": "lf"}, "eol"),
]


@pytest.mark.parametrize("parameters, named_", BROKEN + BROKEN_CONTENT, ids=str)
def test_what_is_broken_is_400_and_named(api, people, parameters, named_):
    problem(ask(api, people, **{"format": "json", **parameters}), 400, "bad_value", parameter=named_)


BROKEN_PAGE = [({"limit": "0"}, "limit"), ({"limit": "1001"}, "limit")]


@pytest.mark.parametrize("parameters, named_", BROKEN + BROKEN_PAGE, ids=str)
def test_the_same_of_a_page(api, people, parameters, named_):
    problem(api.get(f"/results/{people['id']}/rows", params=parameters), 400, "bad_value", parameter=named_)


@pytest.mark.parametrize("name", ["format", "delimiter", "eol", "bom", "safe", "nobody"])
def test_a_page_knows_no_formats(api, people, name):
    problem(api.get(f"/results/{people['id']}/rows", params={name: "1"}), 400, "unknown_parameter", parameter=name)


def test_unknown_parameters_and_a_missing_format(api, people):
    problem(ask(api, people, "json", nobody="1"), 400, "unknown_parameter", parameter="nobody")
    problem(ask(api, people, limit="1"), 400, "missing", parameter="format")
    assert "the columns are: name, price, ok, note" in problem(ask(api, people, "csv", fields="x"), 400)["detail"]


# ---- pages ------------------------------------------------------------------------------------------------

TYPES = [
    ("1 2 -3", "integer"), ("1 2.0", "number"), ("1 1e2", "number"), ("true false", "boolean"), ('"a" "1"', "text"),
    ("1 true", "mixed"), ('1 "1"', "mixed"), ("null null", "null"), ("null 1", "integer"), ("null true", "boolean"),
    ("[] {}", "text"), ('[] "x"', "text"), ("{} 1", "mixed"),
]


@pytest.mark.parametrize("values, type_", TYPES, ids=[values for values, _ in TYPES])
def test_the_type_of_a_column_is_of_the_whole_table(api, values, type_):
    result = table(api, "[" + ",".join('{"a":%s}' % value for value in values.split()) + "]", "json")
    assert rows(api, result, limit=1)["columns"] == [{"name": "a", "type": type_}]


def test_types_of_csv(api):
    result = table(api, 'i,n,b,t,m,z\n1,1.0,true,"1",1,\n2,2,false,x,true,\n')
    types = [column["type"] for column in rows(api, result)["columns"]]
    assert types == ["integer", "number", "boolean", "text", "mixed", "null"]


def test_a_page_has_a_cell_for_each_column(api, people):
    assert rows(api, people) == {
        "columns": [{"name": "name", "type": "text"}, {"name": "price", "type": "mixed"},
                    {"name": "ok", "type": "boolean"},
                    {"name": "note", "type": "text"}],
        "rows": [["Ada", N("1.10"), True, ""], ["Bob", N("10"), False, None], ["Çem", N("1e400"), True, "10"],
                 ["ada", N("12345678901234567890"), None, "a,b"], ["😀", "10", None, "x=y"]],
        "total": N(5),
    }


def test_a_page_is_json(api, people):
    answer = api.get(f"/results/{people['id']}/rows")
    assert answer.headers["Content-Type"] == "application/json"
    assert api.head(f"/results/{people['id']}/rows").status_code == 200


def test_pages_have_100_rows_unless_asked_otherwise(api):
    result = table(api, "a\n" + "".join(f"{i}\n" for i in range(1500)))
    assert [len(rows(api, result, **p)["rows"]) for p in ({}, {"limit": 1000}, {"offset": 1450})] == [100, 1000, 50]
    columns = [{"name": "a", "type": "integer"}]
    assert rows(api, result, offset=1500) == {"columns": columns, "rows": [], "total": N(1500)}


def test_a_page_of_large_rows_is_shorter(api):
    result = table(api, json.dumps([{"a": "x" * 1_000_000, "i": i} for i in range(12)]), "json")
    page = rows(api, result)
    assert 8 <= len(page["rows"]) < 12
    assert [row[1] for row in page["rows"]] == [N(i) for i in range(len(page["rows"]))]
    assert page["total"] == N(12)


# ---- deep inside ------------------------------------------------------------------------------------------

MANY = 200_000
RECORDS = [(i, f'row {i} "é"\nx') for i in range(MANY)]


def many(kind):
    if kind == "csv":
        return "id,t\n" + "".join('%d,"%s"\n' % (i, t.replace('"', '""')) for i, t in RECORDS)
    lines = ['{"id":%d,"t":%s}' % (i, json.dumps(t)) for i, t in RECORDS]
    if kind == "ndjson":
        return "\n".join(lines)
    return '{"n":1,"records":[' + ",\n".join(lines) + '],"after":[1,2]}'


@pytest.fixture(scope="module", params=["csv", "json", "ndjson"])
def deep(api, request):
    return table(api, many(request.param), request.param)


OFFSETS = [0, 1, 99, 1000, 65_535, 65_536, 123_456, MANY - 101, MANY - 100, MANY - 1, MANY, MANY + 7]


def test_pages_deep_inside_are_the_plain_slices(api, deep):
    assert deep["rows"] == MANY
    for offset in OFFSETS:
        page = rows(api, deep, offset=offset)
        assert page["rows"] == [[N(i), t] for i, t in RECORDS[offset:offset + 100]], offset
        assert page["total"] == N(MANY)


def test_slices_and_conditions_deep_inside(api, deep):
    slice_ = parse(convert(api, deep, "json", offset=150_000, limit=3))
    assert [row["id"] for row in slice_] == [N(150_000 + i) for i in range(3)]
    page = rows(api, deep, where=["id>=199990", "t~5"], fields="id", offset=0)
    assert (page["rows"], page["total"]) == ([[N(199995)]], N(1))
    assert rows(api, deep, where="id>=100000", fields="id", offset=99_999, limit=5)["rows"] == [[N(199_999)]]


def test_the_whole_of_many_rows(api, deep):
    read = read_csv(convert(api, deep, "csv"))
    assert read[0] == ["id", "t"] and len(read) == MANY + 1
    assert all(row == [str(i), t] for row, (i, t) in zip(read[1:], RECORDS))


def test_pages_that_nobody_reads_are_bounded(fresh_server):
    """A page is held until it is sent: one more than conversion_limit is refused, and taken once there is room."""
    api = fresh_server(conversion_limit="1").api()
    result = table(api, "a\n" + ("x" * 8000 + "\n") * 1000)
    path = f"/results/{result['id']}/rows"
    with Wire(api.server) as slow:
        slow.send(request_head("GET", f"/api/v1{path}?limit=1000", api.key))
        assert slow.socket.recv(100).startswith(b"HTTP/1.1 200")
        problem(api.get(path, params={"limit": 1}), 503, "busy")
    eventually(lambda: api.get(path, params={"limit": 1}).status_code == 200, "there is room again")
