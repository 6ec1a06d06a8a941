#!/usr/bin/env python3
"""Forty inputs at the edge of what data can be: each gives a working run or one clear error.

Makes them, runs `train --steps 20` on each, draws four points from every run that came of it, and prints a table. Exit code 1 if a command
panics, hangs (five minutes), says more than one line of error, leaves half a run folder behind, or if samples are not finite. Python alone, no NumPy.

    python3 scripts/reliability/inputs.py --binary target/release/scorefield --markdown docs/reliability.md
"""

import argparse
import math
import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from table import replace_table

MOST_SECONDS = 300


def csv(rows, header="a,b,c", end="\n"):
    return (header + end + "".join(",".join(str(x) for x in row) + end for row in rows)).encode()


def npy(kind, shape, values, order="False"):
    letter = {"<f4": "f", "<f8": "d", "|u1": "B", "<i8": "q"}[kind]
    shown = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
    text = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shown}, }}"
    text += " " * (63 - (len(text) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + struct.pack(f"<{len(values)}{letter}", *values)


def inputs():
    """(what it is, file name, bytes, further flags)."""
    rng = random.Random(1)
    g = lambda n, d, scale=1.0, shift=0.0: [[shift + scale * rng.gauss(0, 1) for _ in range(d)] for _ in range(n)]
    flat = lambda rows: [x for row in rows for x in row]
    good = g(50, 3)
    yield "one of three columns constant", "a.csv", csv([[a, 7, c] for a, _, c in good]), []
    yield "all columns constant", "a.csv", csv([[1, 2, 3]] * 50), []
    yield "all columns constant, sliced loss, no noise", "a.csv", csv([[1, 2, 3]] * 50), ["--objective", "sliced"]
    yield "a single row", "a.csv", csv([[1, 2, 3]]), []
    yield "a single row, none held out", "a.csv", csv([[1, 2, 3]]), ["--held-out", "0"]
    yield "two equal rows", "a.csv", csv([[1, 2, 3]] * 2), []
    yield "one column", "a.csv", csv(g(50, 1), "a"), []
    yield "a header and no rows", "a.csv", b"a,b,c\n", []
    yield "an empty file", "a.csv", b"", []
    yield "numbers near 1e30", "a.csv", csv(g(50, 3, 1e30)), []
    yield "numbers near 1e-30", "a.csv", csv(g(50, 3, 1e-30)), []
    yield "numbers near the largest f32", "a.csv", csv([[3.3e38 * rng.uniform(-1, 1) for _ in range(3)] for _ in range(50)]), []
    yield "1e300", "a.csv", csv(good + [[1e300, 0, 0]]), []
    yield "columns of 1e-20 and 1e20", "a.csv", csv([[a * 1e-20, b, c * 1e20] for a, b, c in good]), []
    yield "a cell that is NaN", "a.csv", csv(good + [["nan", 0, 0]]), []
    yield "a cell that is infinite", "a.csv", csv(good + [["-inf", 0, 0]]), []
    yield "an empty cell", "a.csv", csv(good + [["", 0, 0]]), []
    yield "a row that is too short", "a.csv", csv(good + [[1, 2]]), []
    yield "a word among the numbers", "a.csv", csv(good + [["tall", 0, 0]]), []
    yield "0 and 1 only", "a.csv", csv([[rng.randrange(2) for _ in range(3)] for _ in range(50)]), []
    yield "zeros and one outlier of 1e15", "a.csv", csv([[0, 0, 0]] * 49 + [[1e15, 0, 0]]), []
    yield "2^53 and its neighbours", "a.csv", csv([[2**53 + i, i, 1] for i in range(50)]), []
    yield "the same column three times", "a.csv", csv([[a, a, a] for a, _, _ in good]), []
    yield "three rows of 1,000 columns", "a.csv", csv(g(3, 1000), ",".join(f"c{i}" for i in range(1000))), []
    yield "a byte-order mark, CRLF, no last newline", "a.csv", b"\xef\xbb\xbf" + csv(good, end="\r\n")[:-2], []
    yield "d = 100,000, four rows", "a.npy", npy("<f4", (4, 100_000), flat(g(4, 100_000))), ["--batch", "32"]
    yield "d = 1", "a.npy", npy("<f4", (50, 1), flat(g(50, 1))), []
    yield "an array of one axis", "a.npy", npy("<f8", (50,), flat(g(50, 1))), []
    yield "a single number", "a.npy", npy("<f8", (1, 1), [5.0]), []
    yield "no rows", "a.npy", npy("<f4", (0, 2), []), []
    yield "an array without axes", "a.npy", npy("<f8", (), [5.0]), []
    yield "numbers near 1e30, not standardised", "a.npy", npy("<f8", (50, 2), flat(g(50, 2, 1e30))), []
    yield "half 3e38, half −3e38", "a.npy", npy("<f4", (50, 2), [3e38, 3e38, -3e38, -3e38] * 25), []
    yield "numbers near 1e-42", "a.npy", npy("<f4", (50, 2), flat(g(50, 2, 1e-42))), []
    yield "a NaN in an array", "a.npy", npy("<f4", (50, 2), flat(g(49, 2)) + [0.0, math.nan]), []
    yield "integers of 64 bits", "a.npy", npy("<i8", (50, 2), list(range(100))), []
    yield "white pictures of 8×8", "a.npy", npy("|u1", (20, 1, 8, 8), [255] * 1280), ["--net", "unet", "--width", "16", "--batch", "8"]
    yield "pictures of one pixel", "a.npy", npy("|u1", (20, 1, 1, 1), [rng.randrange(256) for _ in range(20)]), []
    yield "one picture of 5×7", "a.npy", npy("|u1", (1, 3, 5, 7), [rng.randrange(256) for _ in range(105)]), ["--net", "unet", "--width", "16", "--batch", "8"]
    yield "an array cut short", "a.npy", npy("<f4", (50, 2), flat(g(50, 2)))[:-40], []


def finite(path):
    data = path.read_bytes()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    shape = data[10:start].decode().split("'shape': (")[1].split(")")[0]
    count = math.prod(int(k) for k in shape.split(",") if k.strip())
    return all(math.isfinite(x) for x in struct.unpack(f"<{count}f", data[start : start + 4 * count]))


def what_happens(binary, data, name, flags):
    """What is said, and what is wrong with it (None if nothing is)."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("SCOREFIELD_")}
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / name).write_bytes(data)

        def run(*arguments):
            return subprocess.run([binary, *arguments], cwd=here, env=env, capture_output=True, text=True, timeout=MOST_SECONDS)

        try:
            done = run("train", name, "--out", "run", "--steps", "20", *flags)
        except subprocess.TimeoutExpired:
            return "hangs", "it hangs"
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = [line for line in lines if not line.startswith("hint:")]
        if done.returncode in (1, 2):
            wrong = "more than one line of error" if len(said) != 1 else "a run folder is left" if (here / "run").exists() else None
            return f"exit {done.returncode}: {said[0] if said else ''}", wrong
        if done.returncode != 0:
            return f"exit {done.returncode}: {done.stderr.strip()[:300]}", "it panics or is killed"
        warnings = [line.removeprefix("warning: ") for line in said if line.startswith("warning: ")]
        shown = "trains" + "".join(f"; warning: {w}" for w in warnings)
        try:
            drawn = run("sample", "run", "-n", "4", "--steps", "5", "-o", "s.npy")
        except subprocess.TimeoutExpired:
            return shown, "sampling hangs"
        if drawn.returncode != 0:
            return shown, f"sampling: exit {drawn.returncode}: {drawn.stderr.strip()[:300]}"
        return (shown, None) if finite(here / "s.npy") else (shown, "samples are not finite")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/scorefield")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    binary = str(Path(options.binary).resolve())
    lines, failed = ["| input | what happens |", "|---|---|"], 0
    for what, name, data, flags in inputs():
        said, wrong = what_happens(binary, data, name, flags)
        label = f"{what}, {name[1:]}" + (f", `{' '.join(flags)}`" if flags else "")
        lines.append(f"| {label} | {said.replace('|', chr(92) + '|')} |")
        print(f"{label}: {said}" + (f"   WRONG: {wrong}" if wrong else ""), flush=True)
        failed += wrong is not None
    total = len(lines) - 2
    print(f"acceptance: {total - failed} passed, {failed} failed")
    if options.markdown:
        replace_table(options.markdown, "inputs", "\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
