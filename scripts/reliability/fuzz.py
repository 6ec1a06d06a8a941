#!/usr/bin/env python3
"""Files from anybody, a number of minutes for each kind that is read: no crash, no input over 10 s or over 1 GiB.

Two engines. `mutants` (stable Rust alone) runs the test `hostile` for each parser, round by round with other seeds. `libfuzzer` is led by coverage; it
wants nightly Rust and cargo-fuzz (`cargo install cargo-fuzz`), and what it has learned stays in target/fuzz-corpus/, so a later run goes on from there.
Either goes on until a parser has used so many minutes of a processor; several parsers side by side. A parser's row in the engine's table stays until it is
tried again, so a night's work can be done in pieces. What ended a try is in target/hostile/.

    python3 scripts/reliability/fuzz.py --minutes 10 --jobs 2 --markdown docs/reliability.md
    python3 scripts/reliability/fuzz.py --engine libfuzzer --minutes 10 --jobs 2 --markdown docs/reliability.md
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from table import read_table, replace_table

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "target/hostile"
# Of the clock, in one run of an engine.
ROUND = 60


@dataclass
class Tried:
    """What a parser was given."""

    name: str
    first: int
    seconds: float = 0.0
    rounds: int = 0
    inputs: int = 0
    edges: int = 0
    found: list[str] = field(default_factory=list)

    def cells(self, engine: str) -> list[str]:
        reached = f"{self.first} to {self.first + self.rounds - 1}" if engine == "mutants" else f"{self.edges:,}"
        return [self.name, f"{self.seconds:.0f}", f"{self.inputs:,}", reached, "; ".join(self.found) or "nothing"]


def timed(command: list[str], env: dict[str, str], folder: Path) -> tuple[int, float, str]:
    """The exit status of a command, the processor time of all its threads, and what it said."""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        child = subprocess.Popen(command, cwd=folder, env=os.environ | env, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return child.returncode, usage.ru_utime + usage.ru_stime, output.read()


class Mutants:
    """The test `hostile`."""

    head = ["parser", "processor seconds", "inputs", "seeds", "found"]
    table = "fuzz"

    def __init__(self) -> None:
        command = ["cargo", "test", "--release", "-p", "scorefield", "-p", "scorefield-cli", "--test", "hostile", "--no-run", "--message-format=json"]
        said = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        parts = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        self.program = next(p["executable"] for p in parts if p.get("executable") and p["target"]["name"] == "hostile")

    def round(self, tried: Tried, seconds: int) -> None:
        name = tried.name
        env = {"FUZZ_SECONDS": str(seconds), "FUZZ_SEED": str(tried.first + tried.rounds), "FUZZ_TARGET": name}
        code, used, said = timed([self.program, "--nocapture"], env, ROOT / "crates/scorefield")
        count = re.search(rf'"{name}": (\d+)', said)
        tried.inputs += int(count[1]) if count else 0
        tried.seconds += used
        tried.found = re.findall(rf"{name} (?:panicked|took-\S+|hangs)", said)
        if code != 0 and not tried.found:
            tried.found = [f"the test ended with {code}"]


class LibFuzzer:
    """The target `any` of cargo-fuzz, without a sanitiser: our readers are safe Rust."""

    head = ["parser", "processor seconds", "inputs", "edges reached", "found"]
    table = "fuzz-coverage"

    def __init__(self) -> None:
        folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target/fuzz"))
        subprocess.run(["cargo", "+nightly", "fuzz", "build", "any", "--sanitizer", "none", "--target-dir", str(folder)], cwd=ROOT, check=True)
        triple = re.search(r"host: (\S+)", subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE, text=True).stdout)[1]
        self.program = str(folder / triple / "release/any")

    def round(self, tried: Tried, seconds: int) -> None:
        learned, seeds = ROOT / "target/fuzz-corpus" / tried.name, ROOT / "fuzz/corpus" / tried.name
        learned.mkdir(parents=True, exist_ok=True)
        KEPT.mkdir(parents=True, exist_ok=True)
        limits = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=65536", f"-max_total_time={seconds}", f"-seed={tried.first + tried.rounds}"]
        kept = [f"-artifact_prefix={KEPT}/{tried.name}-", "-print_final_stats=1"]
        env = {"FUZZ_TARGET": tried.name, "RAYON_NUM_THREADS": "1"}
        code, used, said = timed([self.program, *limits, *kept, str(learned), str(seeds)], env, ROOT)
        count = re.search(r"stat::number_of_executed_units:\s+(\d+)", said)
        tried.inputs += int(count[1]) if count else 0
        tried.edges = max([tried.edges, *map(int, re.findall(r"cov: (\d+)", said))])
        tried.seconds += used
        if code != 0:
            tried.found = re.findall(r"SUMMARY: .*|Test unit written to \S+", said) or [f"it ended with {code}"]


ENGINES = {"mutants": Mutants, "libfuzzer": LibFuzzer}


def names() -> list[str]:
    return re.findall(r'name: "([a-z-]+)"', (ROOT / "fuzz/src/targets.rs").read_text())


def tried(engine: Mutants | LibFuzzer, name: str, seconds: float, first: int) -> Tried:
    what = Tried(name, first)
    while what.seconds < seconds and not what.found:
        engine.round(what, max(1, min(ROUND, round(seconds - what.seconds))))
        what.rounds += 1
    return what


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, default="mutants")
    parser.add_argument("--minutes", type=float, default=10, help="of a processor, for each parser")
    parser.add_argument("--jobs", type=int, default=1, help="parsers side by side")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parser", action="append", choices=names(), help="these alone")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    engine, every = ENGINES[options.engine](), names()
    head = ["| " + " | ".join(engine.head) + " |", "|" + "---|" * len(engine.head)]
    rows = {}
    if options.markdown:
        lines = {line.split("|")[1].strip(): line for line in read_table(options.markdown, engine.table)}
        rows = {name: lines[name] for name in every if name in lines}
    well = True
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = [pool.submit(tried, engine, name, 60 * options.minutes, options.seed) for name in options.parser or every]
        for run in as_completed(runs):
            what = run.result()
            well &= not what.found
            rows[what.name] = "| " + " | ".join(what.cells(options.engine)) + " |"
            print(rows[what.name], flush=True)
            if options.markdown:
                replace_table(options.markdown, engine.table, "\n".join(head + [rows[name] for name in every if name in rows]))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
