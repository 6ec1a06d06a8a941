#!/usr/bin/env python3
"""What `train --dry-run` says of memory and time, against what training then takes.

The peak is the operating system's (the largest resident set of the process), the prediction is `peak_bytes`. Exit code 1 if any is off by more than a quarter.
Then runs that cannot fit: each must be refused before it starts, in one line.

    python3 scripts/reliability/memory.py --binary target/release/scorefield --data-dir DIR --markdown docs/reliability.md
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import replace_table

MOST_OFF = 0.25


def run(arguments, folder):
    """Exit code, stdout, stderr, peak in bytes, seconds."""
    with open(folder / "out", "w+b") as out, open(folder / "err", "w+b") as err:
        begun = time.monotonic()
        process = subprocess.Popen(arguments, cwd=folder, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        return process.returncode, out.read().decode(), err.read().decode(), usage.ru_maxrss * 1024, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/scorefield")
    parser.add_argument("--data-dir", help="the folder with mnist/ in it")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    binary = str(Path(options.binary).resolve())
    mib = lambda n: f"{n / 2**20:.0f} MiB"
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = random.Random(1)
        with open(folder / "table.csv", "w") as table:
            table.write(",".join(f"c{i}" for i in range(10)) + "\n")
            for _ in range(100_000):
                table.write(",".join(f"{rng.gauss(0, 1):.6f}" for _ in range(10)) + "\n")
        cases = [
            ("digits, mlp", ["digits", "--steps", "400"]),
            ("toy:two-moons, mlp", ["toy:two-moons", "--steps", "400"]),
            ("toy:rings, energy-mlp, sliced", ["toy:rings", "--net", "energy-mlp", "--objective", "sliced", "--steps", "300"]),
            ("table of 100,000 × 10, mlp", ["table.csv", "--steps", "400"]),
        ]
        if options.data_dir:
            cases.append(("mnist, unet", ["mnist", "--data-dir", str(Path(options.data_dir).resolve()), "--steps", "40"]))
        lines = ["| run | parameters | predicted | measured | off | seconds predicted | taken |", "|---|---|---|---|---|---|---|"]
        for i, (what, arguments) in enumerate(cases):
            code, out, err, _, _ = run([binary, "train", *arguments, "--dry-run", "--json", "--quiet"], folder)
            assert code == 0, err
            plan = json.loads(out)
            code, out, err, peak, seconds = run([binary, "train", *arguments, "--out", f"run-{i}", "--json", "--quiet"], folder)
            assert code == 0, err
            off = plan["peak_bytes"] / peak - 1
            failed += abs(off) > MOST_OFF
            lines.append(
                f"| {what} | {plan['parameters']:,} | {mib(plan['peak_bytes'])} | {mib(peak)} | {100 * off:+.0f}% "
                f"| {plan['expected_seconds']:.1f} | {seconds:.1f} |"
            )
            print(lines[-1], flush=True)
        lines.append("")
        hopeless = [
            ["digits", "--width", "65536", "--depth", "64"],
            ["toy:rings", "--batch", "16000000", "--width", "4096"],
            ["digits", "--net", "unet", "--width", "8192"],
        ]
        for arguments in hopeless:
            for more in (["--out", "never"], ["--dry-run"]):
                code, _, err, peak, seconds = run([binary, "train", *arguments, *more, "--quiet"], folder)
                said = [line for line in err.splitlines() if line and not line.startswith("hint:")]
                good = code == 2 and len(said) == 1 and "memory" in said[0] and not (folder / "never").exists()
                failed += not good
                if more[0] == "--out" or not good:
                    lines.append(f"- `train {' '.join(arguments)}`: exit {code} after {seconds:.1f} s, with {mib(peak)}: {said[0] if said else err}")
                    print(lines[-1], flush=True)
    if options.markdown:
        replace_table(options.markdown, "memory", "\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
