# SPDX-License-Identifier: Apache-2.0
"""XLSX as openpyxl, LibreOffice and gnumeric read it, and its archive as four readers of ZIP do.

A row is a list of cells: a str is text, Number("1.10") a number as it was written, True and False booleans, NULL and
ABSENT no cell, Nested("[1]") JSON that stays text. `expected` says what a reader must show for each.
"""

import csv
import hashlib
import io
import math
import os
import random
import re
import subprocess
import zipfile
from xml.etree import ElementTree

import openpyxl
import pytest
from conftest import PATIENCE, run

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class Number(str):
    """A number as it is written in JSON."""


class Nested(str):
    """An object or array, as JSON."""


class Nothing:
    def __init__(self, letter):
        self.letter = letter


NULL, ABSENT = Nothing(b"0"), Nothing(b"-")


def encoded(cell):
    if isinstance(cell, Nothing):
        return cell.letter
    if isinstance(cell, bool):
        return b"T" if cell else b"F"
    letter = b"n" if isinstance(cell, Number) else b"j" if isinstance(cell, Nested) else b"t"
    content = cell.encode()
    return b"%s%d:%s" % (letter, len(content), content)


def xlsx(tools, names, rows, *limits):
    text = b"".join(b"".join(map(encoded, row)) + b"\n" for row in [names, *rows])
    return run(tools / "rows2xlsx", *limits, stdin=text)


def is_held(number):
    """Whether a double holds a number as it is written: the rule of the writer, said once more."""
    mantissa = re.split("[eE]", number)[0]
    digits = re.sub("[-.]", "", mantissa).strip("0")
    value = float(number)
    return len(digits) <= 15 and not math.isinf(value) and (not digits or abs(value) >= 2.2250738585072014e-308)


def expected(cell):
    """(kind, value) that a reader must find."""
    if isinstance(cell, Nothing):
        return "nothing", None
    if isinstance(cell, bool):
        return "boolean", cell
    if isinstance(cell, Number) and is_held(cell):
        return "number", float(cell)
    return "text", str(cell)


def unescaped(text):
    """Undoes _x0041_: Excel and LibreOffice do so by themselves, openpyxl and gnumeric show what stands there."""
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda match: chr(int(match.group(1), 16)), text)


NAMES = ["plain", "", "a b", " led", "two\nlines", "_x0041_", "<&>\"'", "naïve €😀"]

TEXTS = [
    "", " ", "a", " both ", "tab\tinside", "\tled", "two\nlines", "\nled", "cr\r\nlf", "\r",
    "=1+1", '=HYPERLINK("x")', "+1", "-1", "@x", "'quoted", "1.10", "007", "TRUE", "2024-02-30",
    "2024-01-01T10:00:00Z", "12:30", "10%", "$5", "1/2", "<t>&amp;]]>", "\"double\" 'single'", "semi;colon,comma",
    "_x0041_", "__x0041__", "_x005F_x0041_", "_x0041\x01", "_x00zz_ _X0041_",
    "\x00", "\x01\x02\x1f", "\x0b\x0c", "\x7f\x85\u2028", "\ufffe", "\uffff", "\ufffd\ufeff",
    "é", "日本語", "😀👩‍👩‍👧", "e\u0301", "\u202eright",
    "x" * 32767, "€" * 32767, "😀" * 16383, "_" * 1000, "&" * 5000,
]

NUMBERS = [
    "0", "-0", "0.0", "0e999", "1", "-1", "1.10", "1e5", "1E5", "-2.50e-3", "0.1", "1e15",
    "123456789012345", "-123456789012345", "1234567890123456", "12345678901234567890", "999999999999999",
    "1000000000000001", "100000000000000000000", "0.30000000000000004", "3.14159265358979",
    "1e300", "-1E-300", "1e308", "1.79769313486231e308", "1.8e308", "1e400", "1e-307", "5e-324", "1e-400",
    "0.000000000000000000001", "1" + "0" * 300, "0." + "0" * 290 + "125", "1." + "0" * 500,
]


def samples():
    """Rows of eight cells with one of every sort that the rules tell apart."""
    cells = [*TEXTS, *map(Number, NUMBERS), True, False, NULL, ABSENT, Nested('{"a":[1,"<"]}'), Nested("[]")]
    cells += [NULL] * (-len(cells) % 8)
    rows = [cells[i:i + 8] for i in range(0, len(cells), 8)]
    return [*rows, [NULL] * 8, [ABSENT] * 7 + ["last"]]


def random_rows(seed, count=200):
    """Rows of what is likely to go wrong, put together by chance that is the same each time."""
    chance = random.Random(seed)
    pieces = ["_", "x", "0041", "_x00", "41_", " ", "\n", "\r", "\t", "&", "<", "\x00", "\x1b", "\ufffe", "é", "😀", "a",
              "=", '"', ","]

    def cell():
        kind = chance.randrange(8)
        if kind < 4:
            return "".join(chance.choices(pieces, k=chance.randrange(8)))
        if kind < 6:
            digits = "".join(chance.choices("0123456789", k=chance.randrange(1, 18)))
            whole = digits.lstrip("0") or "0"
            fraction = chance.choice(["", ".5", ".000", "." + digits])
            exponent = chance.choice(["", "", "e3", "E-7", "e+290", "e-310"])
            return Number(chance.choice(["", "-"]) + whole + fraction + exponent)
        return chance.choice([True, False, NULL, ABSENT])

    return [[cell() for _ in NAMES] for _ in range(count)]


ALL = [pytest.param(samples(), id="samples"), pytest.param(random_rows(1), id="random-1"),
       pytest.param(random_rows(2), id="random-2")]


# ---- openpyxl -----------------------------------------------------------------------------------------------


def loaded(content):
    return openpyxl.load_workbook(io.BytesIO(content))


def found(cell):
    """(kind, value) of a cell of openpyxl."""
    if cell is None or cell.value is None:
        return "nothing", None
    kind = {"s": "text", "inlineStr": "text", "n": "number", "b": "boolean"}[cell.data_type]
    return kind, unescaped(cell.value) if kind == "text" else cell.value


@pytest.mark.parametrize("rows", ALL)
def test_openpyxl_reads_every_cell_as_it_was(tools, rows):
    sheet = loaded(xlsx(tools, NAMES, rows)).active
    for column, name in enumerate(NAMES, 1):
        assert found(sheet.cell(1, column)) == ("text", name)
    for number, row in enumerate(rows, 2):
        for column, cell in enumerate(row, 1):
            assert found(sheet.cell(number, column)) == expected(cell), f"row {number}, column {column}: {cell!r}"
    assert sheet.max_row == len(rows) + 1


def test_the_header_is_bold_and_frozen(tools):
    sheet = loaded(xlsx(tools, ["a", "b"], [["c", Number("1")]])).active
    assert sheet.title == "Sheet1"
    assert sheet.freeze_panes == "A2"
    assert [cell.font.b for cell in sheet[1]] == [True, True]
    assert [cell.font.b for cell in sheet[2]] == [False, False]


def test_rows_continue_on_further_sheets_with_the_header_again(tools):
    rows = [[Number(str(i)), f"text {i}"] for i in range(25)]
    book = loaded(xlsx(tools, ["number", "text"], rows, 11))
    assert book.sheetnames == ["Sheet1", "Sheet2", "Sheet3"]
    seen = []
    for sheet in book:
        lines = list(sheet.iter_rows(values_only=True))
        assert lines[0] == ("number", "text")
        assert sheet["A1"].font.b
        assert sheet.freeze_panes == "A2"
        assert len(lines) <= 11
        seen += lines[1:]
    assert seen == [(i, f"text {i}") for i in range(25)]


def test_a_sheet_that_is_full_of_bytes_is_continued_too(tools):
    rows = [["&" * 5000] for _ in range(10)]
    content = xlsx(tools, ["a"], rows, 0, 100000)
    book = loaded(content)
    assert len(book.sheetnames) > 1
    assert sum(sheet.max_row - 1 for sheet in book) == 10
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert all(entry.file_size <= 100000 for entry in archive.infolist())


@pytest.mark.slow
def test_a_sheet_has_1048576_rows(tools):
    rows = 1048576
    text = b"t1:a\n" + b"n1:7\n" * rows
    content = run(tools / "rows2xlsx", stdin=text)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        first, second = (archive.read(f"xl/worksheets/sheet{number}.xml") for number in (1, 2))
    assert b'<row r="1048576"><c r="A1048576"><v>7</v></c></row></sheetData>' in first
    assert first.count(b"<row ") == 1048576
    assert second.count(b"<row ") == 2


def test_references_are_right_in_every_row(tools):
    names = [f"c{i}" for i in range(800)]
    content = xlsx(tools, names, [[NULL, *["x"] * 799], ["y"] * 799 + [ABSENT]])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        rows = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml")).iter(MAIN + "row")
    letters = [openpyxl.utils.get_column_letter(i) for i in range(1, 801)]
    for number, (row, columns) in enumerate(zip(rows, [letters, letters[1:], letters[:-1]]), 1):
        assert row.get("r") == str(number)
        assert [cell.get("r") for cell in row] == [f"{column}{number}" for column in columns]


# ---- LibreOffice and gnumeric: by the CSV that they make of it ----------------------------------------------


def as_shown(cell):
    """What a CSV shows of a cell: a float for a number, so that ways to write it do not matter."""
    kind, value = expected(cell)
    if kind == "nothing":
        return ""
    return str(value).upper() if kind == "boolean" else value


def same(shown, cell):
    want = as_shown(cell)
    if not isinstance(want, float):
        return shown == want
    try:
        return float(shown) == want
    except ValueError:
        return False


def compare(path, names, rows, read=str):
    """A CSV against rows; `read` undoes what the program did to a text."""
    csv.field_size_limit(10**7)
    with path.open(encoding="utf-8", newline="") as file:
        lines = [[read(shown) for shown in line] for line in csv.reader(file)]
    assert lines[0] == names
    assert len(lines) == len(rows) + 1
    differ = [f"row {number}, column {column}: {cell!r} is shown as {shown!r}"[:200]
              for number, (line, row) in enumerate(zip(lines[1:], rows), 2)
              for column, (shown, cell) in enumerate(zip(line, row), 1) if not same(shown, cell)]
    assert not differ, "\n".join(differ)


def libreoffice(content, folder):
    """The CSV of each sheet."""
    path = folder / "book.xlsx"
    path.write_bytes(content)
    # 44,34,76: comma, quotes, UTF-8; then not "as shown" but the values themselves; -1: every sheet.
    options = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"
    for attempt in range(3):  # it sometimes does not survive its own start, whatever it is given
        profile = f"-env:UserInstallation=file://{folder}/profile{attempt}"
        try:
            run("soffice", profile, "--headless", "--convert-to", options, "--outdir", folder / "csv", path,
                env={**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8"})
            break
        except AssertionError as failure:
            if attempt == 2 or "terminate called after throwing" not in str(failure):
                raise
    return sorted((folder / "csv").iterdir())


def within_libreoffice(text):
    """A text without what LibreOffice itself changes, however it is written: a NUL vanishes, CR beside LF is one kind
    of line end, and _x1_ is taken for an escape although it has fewer than four digits."""
    text = text.replace("\0", "\1")
    if "\n" in text:
        text = text.replace("\r", "\1")
    return re.sub("_x(?=[0-9A-Fa-f]{1,3}(?![0-9A-Fa-f]))", "_y", text)


@pytest.mark.parametrize("rows", ALL)
def test_libreoffice_reads_every_cell_as_it_was(tools, tmp_path, rows):
    rows = [[within_libreoffice(cell) if type(cell) is str else cell for cell in row] for row in rows]
    (sheet,) = libreoffice(xlsx(tools, NAMES, rows), tmp_path)
    compare(sheet, NAMES, rows)


def test_libreoffice_reads_every_sheet(tools, tmp_path):
    rows = [[Number(str(i)), f"=text {i}"] for i in range(25)]
    sheets = libreoffice(xlsx(tools, ["number", "text"], rows, 11), tmp_path)
    assert len(sheets) == 3
    for i, sheet in enumerate(sheets):
        compare(sheet, ["number", "text"], rows[10 * i:10 * i + 10])


def gnumeric(content, folder):
    path = folder / "book.xlsx"
    path.write_bytes(content)
    run("ssconvert", "-S", "-T", "Gnumeric_stf:stf_assistant", "-O", "format=raw charset=UTF-8 separator=, locale=C",
        path, folder / "sheet%n.csv", env={**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8"})
    return sorted(folder.glob("sheet*.csv"))


@pytest.mark.parametrize("rows", ALL)
def test_gnumeric_reads_every_cell_as_it_was(tools, tmp_path, rows):
    (sheet,) = gnumeric(xlsx(tools, NAMES, rows), tmp_path)
    compare(sheet, NAMES, rows, unescaped)


def test_gnumeric_reads_every_sheet(tools, tmp_path):
    rows = [[Number(str(i)), f"=text {i}"] for i in range(25)]
    sheets = gnumeric(xlsx(tools, ["number", "text"], rows, 11), tmp_path)
    assert len(sheets) == 3
    for i, sheet in enumerate(sheets):
        compare(sheet, ["number", "text"], rows[10 * i:10 * i + 10])


# ---- the archive --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [[], samples(), [[str(i) * 8] * 8 for i in range(20000)]],
                         ids=["empty", "samples", "large"])
def test_every_reader_of_zip_accepts_the_archive(tools, tmp_path, rows):
    path = tmp_path / "book.xlsx"
    path.write_bytes(xlsx(tools, NAMES, rows))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert b"No errors detected" in run("unzip", "-t", path)
    assert run("bsdtar", "-tf", path).decode().split() == names
    assert run("bsdtar", "-tf", "-", stdin=path.read_bytes()).decode().split() == names  # which sees no directory
    assert b"Everything is Ok" in run("7z", "t", path)


def test_the_first_bytes_tell_the_type(tools, tmp_path):
    content = xlsx(tools, ["a"], [["b"]])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        first = archive.infolist()[0]
        assert first.filename == "[Content_Types].xml"
        assert not first.flag_bits & 8  # its sizes stand before it, so that the next entry can be found
        for name in archive.namelist():
            ElementTree.fromstring(archive.read(name))


def test_an_archive_behind_4_gib_is_found(tools, tmp_path):
    offset = 5 << 30
    path = tmp_path / "book.xlsx"
    with path.open("wb") as file:  # a hole, which takes no room
        file.truncate(offset)
        file.seek(offset)
        file.write(xlsx(tools, NAMES, samples(), 0, 0, offset))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.infolist()[0].header_offset == offset
    assert b"No errors detected" in run("unzip", "-t", path)
    assert len(run("bsdtar", "-tf", path).split()) == 6


def test_the_same_rows_give_the_same_bytes(tools):
    rows = random_rows(3)
    assert len({hashlib.sha256(xlsx(tools, NAMES, rows)).digest() for _ in range(3)}) == 1


@pytest.mark.parametrize("names, rows, sentence", [
    (["a", "note"], [["", ""], ["", "x" * 32768]], 'row 2, column "note": 32768 characters in a cell, 32767 is the most'),
    (["a"], [["😀" * 16384]], 'row 1, column "a": 32768 characters in a cell, 32767 is the most'),
    (["c"] * 16385, [], "16385 columns, 16384 is the most"),
    ([], [], "no columns"),
], ids=["cell", "utf-16", "columns", "none"])
def test_what_does_not_fit_is_refused(tools, names, rows, sentence):
    text = b"".join(b"".join(map(encoded, row)) + b"\n" for row in [names, *rows])
    done = subprocess.run([tools / "rows2xlsx"], input=text, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert done.stderr.decode() == sentence + "\n"
