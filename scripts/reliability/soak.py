#!/usr/bin/env python3
"""Trains and samples for a long time and watches what must not grow: memory, open files, threads; and what must not fall: the rate.

One long `train` (a batch of the loop, not of starts), watched from /proc once a second; then, until the time is up, `train` of a few hundred steps and
`sample` again and again, whose peaks and rates are compared. Flat is: within 2% for memory (the first tenth aside, in which pools fill), within
5% for the rate, medians of the first and the last third compared.

    python3 scripts/reliability/soak.py --binary target/release/scorefield --minutes 120 --markdown docs/reliability.md
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import replace_table


def status(pid):
    """Resident bytes, threads and open files of a process; None once it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
        number = lambda name: int(next(line for line in text.splitlines() if line.startswith(name)).split()[1])
        return number("VmRSS") * 1024, number("Threads"), len(os.listdir(f"/proc/{pid}/fd"))
    except (OSError, StopIteration):
        return None


def drift(values):
    """The last third's median against the first third's, in per cent; the first tenth is left out."""
    values = values[len(values) // 10 :]
    third = max(1, len(values) // 3)
    return 100 * (statistics.median(values[-third:]) / statistics.median(values[:third]) - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/scorefield")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    binary = str(Path(options.binary).resolve())
    lines, failed = [f"Soak of {options.minutes:g} minutes:", "", "| what | readings | drift | allowed |", "|---|---|---|---|"], 0

    def row(what, values, allowed):
        nonlocal failed
        off = drift(values)
        failed += abs(off) > allowed
        lines.append(f"| {what} | {len(values)} | {off:+.1f}% | ±{allowed}% |")
        print(lines[-1], flush=True)

    with tempfile.TemporaryDirectory() as name:
        half = 30 * options.minutes
        begun = time.monotonic()
        long = [binary, "train", "digits", "--steps", "4000000", "--decay", "constant", "--checkpoint-every", "500", "--out", "long", "--quiet"]
        process = subprocess.Popen(long, cwd=name, stdout=subprocess.DEVNULL)
        seen = []
        while time.monotonic() - begun < half:
            time.sleep(1)
            seen.append(status(process.pid))
        process.send_signal(2)
        assert process.wait() == 130, "an interrupted run exits with 130"
        row("resident memory of one long training", [s[0] for s in seen], 2)
        row("its threads", [s[1] for s in seen], 0)
        row("its open files, at most", [max(s[2] for s in seen[i : i + 10]) for i in range(0, len(seen) - 10, 10)], 0)
        metrics = [json.loads(line) for line in (Path(name) / "long/metrics.jsonl").read_text().splitlines()]
        row("its steps a second", [(b["step"] - a["step"]) / (b["seconds"] - a["seconds"]) for a, b in zip(metrics, metrics[1:])], 5)
        peaks, rates = {"train": [], "sample": []}, {"train": [], "sample": []}
        i = 0
        while time.monotonic() - begun < 2 * half:
            i += 1
            rounds = [
                ("train", ["train", "toy:two-moons", "--steps", "1500", "--out", f"run-{i}"]),
                ("sample", ["sample", f"run-{i}", "-n", "20000", "--steps", "18", "-o", "x.npy"]),
            ]
            for verb, arguments in rounds:
                with open(Path(name) / "out", "w+b") as out:
                    process = subprocess.Popen([binary, *arguments, "--json", "--quiet"], cwd=name, stdout=out)
                    _, code, usage = os.wait4(process.pid, 0)
                    assert code == 0, arguments
                    out.seek(0)
                    rates[verb].append(json.loads(out.read())["samples_per_second"])
                peaks[verb].append(usage.ru_maxrss)
        for verb in ("train", "sample"):
            row(f"peak memory of {verb}, again and again", peaks[verb], 2)
            row(f"samples a second of {verb}", rates[verb], 5)
    if options.markdown:
        replace_table(options.markdown, "soak", "\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
