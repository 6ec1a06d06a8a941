#!/usr/bin/env python3
"""Trains and samples for a long time and watches what must not grow: memory, open files, threads; and what must not fall: the rate.

One long `train` (a batch of the loop, not of starts), watched from /proc once a second; then, until the time is up, `train` of a few hundred steps and
`sample` again and again, whose peaks and rates are compared. Flat is: within 2% for memory (the first tenth aside, in which pools fill), within
5% for the rate, medians of the first and the last third compared. A machine's own speed changes by more than that where others work on it, so a
rate is told as a share of what a short training from scratch reaches in the same minute, for which the long one is stopped; beside it stands how
much it drifted as it came.

    python3 scripts/reliability/soak.py --binary target/release/scorefield --minutes 120 --markdown docs/reliability.md
"""

import argparse
import json
import os
import shutil
import signal
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
    lines, failed = [f"Soak of {options.minutes:g} minutes:", "", "| what | readings | drift | allowed | as it came |", "|---|---|---|---|---|"], 0

    def row(what, values, allowed, came=None):
        nonlocal failed
        off = drift(values)
        failed += abs(off) > allowed
        lines.append(f"| {what} | {len(values)} | {off:+.1f}% | ±{allowed}% | {'' if came is None else f'{drift(came):+.1f}%'} |")
        print(lines[-1], flush=True)

    def rate(arguments, where):
        """Samples a second, and the peak of the memory, of one run."""
        with open(Path(where) / "out", "w+b") as out:
            process = subprocess.Popen([binary, *arguments, "--json", "--quiet"], cwd=where, stdout=out)
            _, code, usage = os.wait4(process.pid, 0)
            assert code == 0, arguments
            out.seek(0)
            return json.loads(out.read())["samples_per_second"], usage.ru_maxrss

    def fresh(where):
        """What a training from scratch reaches now."""
        reached, _ = rate(["train", "digits", "--steps", "300", "--decay", "constant", "--out", "fresh"], where)
        shutil.rmtree(Path(where) / "fresh")
        return reached

    with tempfile.TemporaryDirectory() as name:
        half = 30 * options.minutes
        begun = time.monotonic()
        long = [binary, "train", "digits", "--steps", "4000000", "--decay", "constant", "--checkpoint-every", "500", "--out", "long", "--quiet"]
        process = subprocess.Popen(long, cwd=name, stdout=subprocess.DEVNULL)
        metrics, seen, rates, shares = Path(name) / "long/metrics.jsonl", [], [], []
        before = rows = 0
        while time.monotonic() - begun < half:
            for _ in range(60):
                time.sleep(1)
                seen.append(status(process.pid))
            process.send_signal(signal.SIGSTOP)
            now = fresh(name)
            written = [json.loads(line) for line in metrics.read_text().splitlines(keepends=True) if line.endswith("\n")]
            process.send_signal(signal.SIGCONT)
            # The row in which it was stopped counts the pause.
            steps = [(b["step"] - a["step"]) / (b["seconds"] - a["seconds"]) for a, b in zip(written[rows + 1 :], written[rows + 2 :])]
            if before and steps:
                rates.append(statistics.median(steps))
                shares.append(2 * rates[-1] / (before + now))
            before, rows = now, len(written)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130, "an interrupted run exits with 130"
        row("resident memory of one long training", [s[0] for s in seen], 2)
        row("its threads", [s[1] for s in seen], 0)
        row("its open files, at most", [max(s[2] for s in seen[i : i + 10]) for i in range(0, len(seen) - 10, 10)], 0)
        row("its steps a second, against a fresh start", shares, 5, rates)
        peaks, rates, shares = ({"train": [], "sample": []} for _ in range(3))
        before = fresh(name)
        i = 0
        while time.monotonic() - begun < 2 * half:
            i += 1
            rounds = [
                ("train", ["train", "toy:two-moons", "--steps", "1500", "--out", f"run-{i}"]),
                ("sample", ["sample", f"run-{i}", "-n", "20000", "--steps", "18", "-o", "x.npy"]),
            ]
            for verb, arguments in rounds:
                reached, peak = rate(arguments, name)
                now = fresh(name)
                rates[verb].append(reached)
                shares[verb].append(2 * reached / (before + now))
                peaks[verb].append(peak)
                before = now
            shutil.rmtree(Path(name) / f"run-{i}")
        for verb in ("train", "sample"):
            row(f"peak memory of {verb}, again and again", peaks[verb], 2)
            row(f"samples a second of {verb}, against a fresh start", shares[verb], 5, rates[verb])
    if options.markdown:
        replace_table(options.markdown, "soak", "\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
