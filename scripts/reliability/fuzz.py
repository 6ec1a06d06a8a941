#!/usr/bin/env python3
"""Mutants of every kind of file that is read, a number of minutes for each: no crash, no input over 10 s or over 1 GiB.

Runs the test `hostile` for each parser, minute by minute with other seeds until it has used so many minutes of a processor; several side by side. A parser's row in the table stays until it is tried again, so a night's work can
be done in pieces. What ended a test is in target/hostile/.

    python3 scripts/reliability/fuzz.py --minutes 10 --jobs 2 --markdown docs/reliability.md
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from table import read_table, replace_table

ROOT = Path(__file__).resolve().parents[2]
HEAD = ["| parser | processor seconds | inputs | seeds | found |", "|---|---|---|---|---|"]
# Of the clock, in one run of the test.
ROUND = 60


def built() -> str:
    """The test's program."""
    command = ["cargo", "test", "--release", "-p", "scorefield", "-p", "scorefield-cli", "--test", "hostile", "--no-run", "--message-format=json"]
    said = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    parts = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return next(p["executable"] for p in parts if p.get("executable") and p["target"]["name"] == "hostile")


def names() -> list[str]:
    return re.findall(r'name: "([a-z-]+)"', (ROOT / "fuzz/src/targets.rs").read_text())


def tried(program: str, name: str, seconds: float, first: int) -> tuple[str, bool]:
    """The parser's row, and whether all was well."""
    seed, used, inputs, found = first, 0.0, 0, []
    while used < seconds and not found:
        env = os.environ | {"FUZZ_SECONDS": str(max(1, min(ROUND, round(seconds - used)))), "FUZZ_SEED": str(seed), "FUZZ_TARGET": name}
        with tempfile.TemporaryFile("w+") as output:
            test = subprocess.Popen([program, "--nocapture"], cwd=ROOT / "crates/scorefield", env=env, stdout=output, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(test.pid, 0)
            test.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            said = output.read()
        count = re.search(rf'"{name}": (\d+)', said)
        inputs += int(count[1]) if count else 0
        used += usage.ru_utime + usage.ru_stime
        found = re.findall(rf"{name} (?:panicked|took-\S+|hangs)", said)
        if test.returncode != 0 and not found:
            found = [f"the test ended with {test.returncode}"]
        seed += 1
    return f"| {name} | {used:.0f} | {inputs:,} | {first} to {seed - 1} | {'; '.join(found) or 'nothing'} |", not found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="of a processor, for each parser")
    parser.add_argument("--jobs", type=int, default=1, help="parsers side by side")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parser", action="append", choices=names(), help="these alone")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    program, every = built(), names()
    rows = {}
    if options.markdown:
        cells = [line.split("|")[1].strip() for line in read_table(options.markdown, "fuzz")]
        rows = {name: line for name, line in zip(cells, read_table(options.markdown, "fuzz")) if name in every}
    well = True
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = {pool.submit(tried, program, name, 60 * options.minutes, options.seed): name for name in options.parser or every}
        for run in as_completed(runs):
            rows[runs[run]], fine = run.result()
            well &= fine
            print(rows[runs[run]], flush=True)
            if options.markdown:
                replace_table(options.markdown, "fuzz", "\n".join(HEAD + [rows[name] for name in every if name in rows]))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
