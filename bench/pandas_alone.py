#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Converts a JSON table by pandas, to CSV or XLSX by the output's name; prints how long reading and writing took
(neither the start of Python nor importing) and the version.

    bench/pandas_alone.py INPUT.json OUTPUT.csv|OUTPUT.xlsx
"""

import sys
import time

import pandas


def main():
    source, target = sys.argv[1:]
    began = time.monotonic()
    table = pandas.read_json(source)
    if target.endswith(".xlsx"):
        table.to_excel(target, engine="xlsxwriter", index=False)
    else:
        table.to_csv(target, index=False)
    print(f"{time.monotonic() - began:.6f} {pandas.__version__}")


if __name__ == "__main__":
    main()
