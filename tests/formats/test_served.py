# SPDX-License-Identifier: Apache-2.0
"""What a running server makes of a table, as pandas, LibreOffice and gnumeric read it, cell by cell."""

import io
import json
import pathlib
import sys

import pandas
import pytest
from test_xlsx import NULL, Number, compare, gnumeric, libreoffice, unescaped, within_libreoffice

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))
from harness import Server  # noqa: E402

COLUMNS = ["id", "Price (EUR|USD)", "a;b", "text, quoted", "é😀", "flag", "_x0041_"]
CELLS = ["x", "a,b", "a;b|c\td", 'say "x"', "two\nlines", "cr\r\nlf", "=1+1", "007", "1.10", "TRUE", " both ", "é😀",
         "2024-01-01", "<&>", "_x0041_", "x" * 20_000]
NUMBERS = ["1", "1.10", "-0.5", "1e5", "12345678901234567890", "1e400", "0"]


def some_rows():
    """Lists of cells as test_xlsx.py has them."""
    return [
        [Number(str(i)), Number(NUMBERS[i % len(NUMBERS)]), text, CELLS[-i], NULL if i % 3 else "é", i % 2 == 0, text[::-1]]
        for i, text in enumerate(CELLS)
    ]


def written(cell):
    if cell is NULL:
        return "null"
    return str(cell) if isinstance(cell, Number) else json.dumps(cell)


def as_json(rows):
    keys = [json.dumps(name) for name in COLUMNS]
    return "[" + ",".join("{" + ",".join(map(":".join, zip(keys, map(written, row)))) + "}" for row in rows) + "]"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("served")).start()
    yield server.api()
    server.stop()


def served(api, rows, format_, **options):
    """Twice: as it is made, and as it was kept."""
    result = api.publish("table.json", as_json(rows).encode(), headers={"Content-Type": "application/json"})
    answers = [api.get(f"/results/{result['id']}/content", params={"format": format_, **options}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    return answers[0].content


def as_text(cell):
    if cell is NULL:
        return ""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


@pytest.mark.parametrize("options", [{}, {"delimiter": ";"}, {"delimiter": "tab", "eol": "lf"}, {"bom": "1"}], ids=str)
def test_pandas_reads_every_cell_of_csv_as_it_was(api, options):
    rows = some_rows()
    delimiter = options.get("delimiter", ",").replace("tab", "\t")
    frame = pandas.read_csv(io.BytesIO(served(api, rows, "csv", **options)), sep=delimiter, dtype=str,
                            keep_default_na=False, encoding="utf-8-sig" if "bom" in options else "utf-8")
    assert list(frame.columns) == COLUMNS
    assert frame.values.tolist() == [[as_text(cell) for cell in row] for row in rows]


def test_pandas_finds_the_types_of_csv(api):
    frame = pandas.read_csv(io.BytesIO(served(api, some_rows(), "csv")))
    assert frame["id"].tolist() == list(range(len(CELLS)))
    assert frame["flag"].tolist() == [i % 2 == 0 for i in range(len(CELLS))]
    assert frame["é😀"].isna().tolist() == [i % 3 != 0 for i in range(len(CELLS))]


def test_libreoffice_reads_a_served_spreadsheet(api, tmp_path):
    rows = [[within_libreoffice(cell) if type(cell) is str else cell for cell in row] for row in some_rows()]
    (sheet,) = libreoffice(served(api, rows, "xlsx"), tmp_path)
    compare(sheet, COLUMNS, rows)


def test_gnumeric_reads_a_served_spreadsheet(api, tmp_path):
    (sheet,) = gnumeric(served(api, some_rows(), "xlsx"), tmp_path)
    compare(sheet, COLUMNS, some_rows(), unescaped)
