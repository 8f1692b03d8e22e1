# SPDX-License-Identifier: Apache-2.0
"""Uploading tables, converting them, and reading what comes out with Python's own csv, json and openpyxl."""

import csv
import datetime
import io
import json

import openpyxl
from harness import expect

MEDIA_TYPES = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
FORMATS = list(MEDIA_TYPES)
csv.field_size_limit(1 << 30)


class Number(str):
    """A number as it is written. 1.0 and 1 differ, and so do a number and a text."""

    def __eq__(self, other):
        return type(other) is Number and str.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    __hash__ = str.__hash__


def as_bytes(data):
    return data if isinstance(data, bytes) else data.encode()


def table(api, data, kind="csv", name="", headers=None, parameters=""):
    """Publishes data of this kind, for which `parameters` may be added to the media type."""
    named = {"Content-Type": MEDIA_TYPES[kind] + parameters, **(headers or {})}
    return api.publish(name or f"table.{kind}", as_bytes(data), headers=named)


def ask(api, result, format_=None, headers=None, **parameters):
    """The plain answer; a parameter may be a list."""
    if format_:
        parameters["format"] = format_
    return api.get(f"/results/{result['id']}/content", params=parameters, headers=headers)


def convert(api, result, format_, **parameters):
    answer = ask(api, result, format_, **parameters)
    assert answer.status_code == 200, answer.text[:500]
    return answer.content


def rows(api, result, **parameters):
    return parse(expect_text(api.get(f"/results/{result['id']}/rows", params=parameters)))


def expect_text(answer):
    expect(answer, 200)
    return answer.content


def parse(text):
    """JSON with its numbers as Numbers, and objects as lists of pairs: their order and repetitions count."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=refuse)


def refuse(word):
    raise AssertionError(f"{word} is not JSON")


def parse_pairs(text):
    """The same, but an object is the list of its pairs: order and repetitions count."""
    return json.loads(text, parse_int=Number, parse_float=Number, object_pairs_hook=list)


def read_csv(data, delimiter=","):
    """All cells as text."""
    text = as_bytes(data).decode("utf-8")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def read_xlsx(data):
    """[sheet's rows]; each row a list of values, as long as the header."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    return [[[unescaped(cell.value) for cell in row] for row in sheet.iter_rows()] for sheet in book.worksheets]


def unescaped(value):
    """openpyxl leaves _x0001_ as it is written, and makes dates of texts that are none of ours."""
    assert not isinstance(value, (datetime.date, datetime.time)), value
    return openpyxl.utils.escape.unescape(value) if isinstance(value, str) else value


def none_of(api, data, kind, **arguments):
    """Publishes what is no table: the upload succeeds. The reason."""
    result = table(api, data, kind, **arguments)
    assert result["formats"] == [] and result["rows"] is None and result["columns"] is None, result
    assert list(result["unavailable"]) == ["*"], result
    content = api.get(f"/results/{result['id']}/content", stream=True).raw.read(decode_content=False)
    assert content == as_bytes(data), "the bytes are those that were sent"
    return result["unavailable"]["*"]
