#!/usr/bin/env python3
"""Kills training at random instants and checks that nothing is lost.

Trains once without interruption, then once with `--kills` SIGKILLs at random instants (among them instants inside a checkpoint write,
which is made frequent), resuming each time, and compares the weights, averages, optimiser and metrics of the two runs byte for byte.

    python3 scripts/kill_resume.py --binary target/release/scorefield -- mnist --net mlp --data-dir DIR --steps 300 --batch 128
"""

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/scorefield")
    parser.add_argument("--out", default="target/kill-resume")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("train", nargs=argparse.REMAINDER, help="-- DATA and flags of `train`")
    options = parser.parse_args()
    arguments = [a for a in options.train if a != "--"]
    out = Path(options.out)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    whole, killed = out / "whole", out / "killed"

    def command(run: Path, resume: bool) -> list[str]:
        return [options.binary, "train", *arguments, "--out", str(run), "--quiet", *(["--resume"] if resume else [])]

    begun = time.monotonic()
    subprocess.run(command(whole, False), check=True)
    seconds = time.monotonic() - begun
    rng = random.Random(options.seed)
    kills, instants = 0, []
    # Twice the time of an undisturbed run, shared among the kills: the run gets on, and no instant is favoured.
    slice_seconds = 2.0 * seconds / options.kills
    while True:
        process = subprocess.Popen(command(killed, killed.exists()), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if kills < options.kills:
            # Every other kill waits, from its random instant on, for a checkpoint that is half written.
            unfinished = lambda: kills % 2 == 0 or any((killed / "checkpoints").glob(".*"))
            deadline = time.monotonic() + rng.uniform(0.0, slice_seconds)
            while process.poll() is None and (time.monotonic() < deadline or not unfinished()):
                time.sleep(0.0005)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                latest = killed / "latest"
                half = "half-written checkpoint" if any((killed / "checkpoints").glob(".*")) else "between checkpoints"
                instants.append(f"{half}, latest: {latest.read_text().strip() if latest.exists() else 'none'}")
                continue
        process.wait()
        if process.returncode != 0:
            print(f"after {kills} kills: exit {process.returncode}: {process.stderr.read().decode()}", file=sys.stderr)
            return 1
        if kills >= options.kills:
            break
        # It finished before all kills were spent: begin anew, keeping count.
        if digests(whole) != digests(killed):
            return differ(whole, killed)
        shutil.rmtree(killed)
    if digests(whole) != digests(killed):
        return differ(whole, killed)
    print(json.dumps({"kills": kills, "identical": True, "uninterrupted_seconds": round(seconds, 1), "instants": instants}))
    return 0


def digests(run: Path) -> dict[str, str]:
    """SHA-256 of what must be equal: the last checkpoint's tensors, and the logged losses (times differ)."""
    last = run / "checkpoints" / (run / "latest").read_text().strip().split("/")[-1]
    found = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(last.glob("*.safetensors"))}
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = json.dumps([(r["step"], r["loss"], r["lr"], r["grad_norm"]) for r in rows])
    found["losses"] = hashlib.sha256(losses.encode()).hexdigest()
    found["checkpoint"] = last.name
    return found


def differ(whole: Path, killed: Path) -> int:
    print(f"the runs differ: {digests(whole)} and {digests(killed)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
