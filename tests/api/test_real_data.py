# SPDX-License-Identifier: Apache-2.0
"""The data files of the npm package vega-datasets: all of them, each to each format and back.

What Python's own json and csv read is the reference. `npm pack` fetches the package once, into build/test-data.
"""

import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import xml.etree.ElementTree
import zipfile

import pytest
from harness import CHECKOUT
from tables import FORMATS, Number, ask, convert, parse, read_csv, read_xlsx, rows, table

VERSION = "3.2.1"
FOLDER = CHECKOUT / "build" / "test-data"
NAMED = ("data", "records", "results", "items")
SHARES = 4  # the files are dealt out to that many tests, so that several processes have something to do
OPENPYXL = 300_000  # bytes; it takes its time, so that larger files are read by read_large_xlsx


def fetch():
    """The folder of the package's data, fetched if it is not there."""
    package = FOLDER / f"vega-datasets-{VERSION}"
    if package.exists():
        return package
    assert shutil.which("npm"), "npm is not installed: tools/setup test installs it"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        done = subprocess.run(["npm", "pack", "--silent", f"vega-datasets@{VERSION}"], cwd=scratch,
                              capture_output=True, text=True, timeout=150)
        assert done.returncode == 0, f"npm could not get vega-datasets from its registry: {done.stderr[-500:]}"
        with tarfile.open(next(pathlib.Path(scratch).glob("*.tgz"))) as archive:
            archive.extractall(scratch)  # into the folder `package`
        try:
            os.rename(pathlib.Path(scratch) / "package", package)
        except OSError:
            assert package.exists()  # another process was faster
    return package


@pytest.fixture(scope="module")
def files():
    """All data files, the largest first."""
    found = [path for path in fetch().rglob("*") if path.suffix in (".json", ".csv", ".tsv")]
    assert len(found) > 60
    return sorted(found, key=lambda path: (-path.stat().st_size, path.name))


# ---- the reference ----------------------------------------------------------------------------------------


def rows_of_json(document):
    """The rows by the rules of docs/formats.md, None if it is no table."""
    def is_table(value):
        return isinstance(value, list) and all(isinstance(row, dict) for row in value)

    if not isinstance(document, dict):
        return document if is_table(document) else None
    arrays = {name: value for name, value in document.items() if value and is_table(value)}
    for name in NAMED:
        if name in arrays:
            return arrays[name]
    return next(iter(arrays.values())) if len(arrays) == 1 else None


def leaves(value, path=()):
    """(path, value) of all that is in no way nested further."""
    if value and isinstance(value, (dict, list)):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(child, (*path, str(key)))
    else:
        yield path, value


def flatten(table_rows):
    """(names, rows of cells): absent is None, `{}` and `[]` are texts."""
    flat = [dict(leaves(row)) if row else {} for row in table_rows]
    paths = list({path: None for row in flat for path in row})
    names = [".".join(path) for path in paths]
    assert len(set(names)) == len(names), "no names collide in this data"
    cells = [[row.get(path) for path in paths] for row in flat]
    return names, [[json.dumps(cell) if cell in ({}, []) else cell for cell in row] for row in cells]


def rows_of_csv(path):
    """(names, rows of texts), None if it is no table."""
    read = read_csv(path.read_bytes().removeprefix(b"\xef\xbb\xbf"), "\t" if path.suffix == ".tsv" else ",")
    read = [row for row in read if row]
    if any(len(row) > len(read[0]) for row in read):
        return None
    names = []
    for name in read[0]:
        number = names.count(name)
        names.append(f"{name}_{number + 1}" if number else name)
    return names, [row + [""] * (len(names) - len(row)) for row in read[1:]]


def as_text(cell):
    return {None: "", True: "true", False: "false"}.get(cell, cell) if not isinstance(cell, str) else str(cell)


def as_texts(table_rows):
    return [[as_text(cell) for cell in row] for row in table_rows]


def as_excel(cell):
    """Numbers by their value: those of more than 15 digits are texts."""
    if isinstance(cell, Number):
        mantissa = cell.lstrip("-").replace(".", "").lower().split("e")[0].strip("0")
        return float(cell) if len(mantissa) <= 15 else str(cell)
    return None if cell == "" else cell


def read_large_xlsx(data):
    """The first sheet, by a reader that knows no more than what is expected to be there."""
    main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    sheet = zipfile.ZipFile(io.BytesIO(data)).open("xl/worksheets/sheet1.xml")
    found, row, width = [], {}, None
    for _, element in xml.etree.ElementTree.iterparse(sheet):
        if element.tag == main + "c":
            column = 0
            for letter in element.get("r").rstrip("0123456789"):
                column = 26 * column + ord(letter) - 64
            value = element.findtext(main + "v") or element.findtext(f"{main}is/{main}t") or ""
            kind = element.get("t")
            row[column] = value == "1" if kind == "b" else value if kind == "inlineStr" else float(value)
        elif element.tag == main + "row":
            width = width or len(row)
            found.append([row.get(column) for column in range(1, width + 1)])
            row = {}
            element.clear()
    return found


def plain(cell):
    return None if cell == "" else float(cell) if type(cell) is int else cell


def assert_spreadsheet(data, names, cells):
    header, *read = read_xlsx(data)[0] if len(data) < OPENPYXL else read_large_xlsx(data)
    assert header == names
    assert len(read) == len(cells)
    for number, (row, wanted) in enumerate(zip(read, cells)):
        assert [plain(cell) for cell in row] == [as_excel(cell) for cell in wanted], number


# ---- the tests --------------------------------------------------------------------------------------------


def everywhere(api, result, names, cells):
    """A flat table, cell by cell, in all formats and back."""
    texts = [names, *as_texts(cells)]
    csv_ = convert(api, result, "csv")
    assert read_csv(csv_) == texts
    assert read_csv(convert(api, result, "tsv"), "\t") == texts
    assert_spreadsheet(convert(api, result, "xlsx"), names, cells)
    page = rows(api, result, limit=1000)
    assert [column["name"] for column in page["columns"]] == names
    assert page["rows"] == cells[:1000] and page["total"] == Number(len(cells))
    back = table(api, csv_)
    flat = [dict(zip(names, row)) for row in cells]
    json_ = convert(api, back, "json")
    assert parse(json_) == flat
    assert convert(api, table(api, json_, "json"), "csv") == csv_
    assert convert(api, table(api, convert(api, result, "tsv"), "tsv"), "csv") == csv_


def check_json(api, path):
    text = path.read_bytes()
    result = table(api, text, "json")
    wanted = rows_of_json(parse(text))
    if wanted is None:
        assert result["formats"] == [] and result["unavailable"]["*"]
        assert all(ask(api, result, format_).status_code == 406 for format_ in FORMATS)
        return 0
    names, cells = flatten(wanted)
    assert (result["rows"], result["columns"], result["unavailable"]) == (len(wanted), len(names), None)
    assert parse(convert(api, result, "json")) == wanted
    lines = convert(api, result, "ndjson")
    assert [parse(line) for line in lines.splitlines()] == wanted
    assert convert(api, table(api, lines, "ndjson"), "json") == convert(api, result, "json")
    everywhere(api, result, names, cells)
    return 1


def check_csv(api, path):
    result = table(api, path.read_bytes(), path.suffix[1:])
    wanted = rows_of_csv(path)
    if wanted is None:
        assert result["formats"] == [] and "cells, the header has" in result["unavailable"]["*"]
        return 0
    names, texts = wanted
    assert (result["rows"], result["columns"], result["unavailable"]) == (len(texts), len(names), None)
    read = parse(convert(api, result, "json"))
    assert all(list(row) == names for row in read)
    cells = [list(row.values()) for row in read]
    assert as_texts(cells) == texts
    assert [parse(line) for line in convert(api, result, "ndjson").splitlines()] == read
    everywhere(api, result, names, cells)
    return 1


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_each_file_in_each_format_and_back(api, files, share):
    failed, tables = [], 0
    mine = files[share::SHARES]
    for path in mine:
        try:
            tables += (check_json if path.suffix == ".json" else check_csv)(api, path)
        except AssertionError as failure:
            failed.append(f"{path.name}: {str(failure)[:1000]}")
    assert not failed, "\n".join(failed)
    assert tables > len(mine) // 2
