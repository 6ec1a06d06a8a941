"""Packs the 1,797 handwritten digits into digits.bin.gz.

    python3 make_digits.py digits.csv.gz

The input is scikit-learn's `sklearn/datasets/data/digits.csv.gz`: 1,797 rows, 64 levels 0 to 16 (8 x 8, row-major), then the label.
The output is gzip of 1,797 x 64 bytes, one pixel of every digit after another (that order compresses best), then 1,797 labels.
"""

import gzip
import pathlib
import sys

rows = [[int(float(cell)) for cell in line.split(",")] for line in gzip.open(sys.argv[1], "rt")]
assert len(rows) == 1797 and all(len(row) == 65 for row in rows)
assert all(0 <= level <= 16 for row in rows for level in row[:64]) and {row[64] for row in rows} == set(range(10))
columns = bytes(level for column in zip(*rows) for level in column)
# No time stamp: the same input always gives the same file.
pathlib.Path(__file__).with_name("digits.bin.gz").write_bytes(gzip.compress(columns, compresslevel=9, mtime=0))
