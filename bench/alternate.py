"""What the drivers share: commands run in turn, the machine, medians, aligned tables, the file of raw figures.

Every command is a process that prints one document of JSON. All have their turn in every round, so that whatever else the machine does in
an hour falls on all of them alike.
"""

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent
OURS = "scorefield"
CORES = 2

Figures = dict[str, list[dict]]  # what was run → one document a round


def pin() -> None:
    """This process and all that it starts stay on the same cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


def rounds(case: str, commands: dict[str, list[str]], count: int, parameters: int) -> Figures:
    """Runs all commands in turn, `count` times. One that fails is named and left out; another network than the case's is an error."""
    figures: Figures = {name: [] for name in commands}
    for number in range(1, count + 1):
        for name in list(figures):
            print(f"{case}: round {number} of {count}: {name}", file=sys.stderr, flush=True)
            done = subprocess.run(commands[name], capture_output=True, text=True)
            if done.returncode != 0:
                print(f"{case}: {name} failed and is left out: {done.stderr.strip()[-600:]}", file=sys.stderr)
                del figures[name]
                continue
            answer = json.loads(done.stdout)
            if answer["parameters"] != parameters:
                raise SystemExit(f"{case}: {name} has {answer['parameters']} parameters, the case {parameters}")
            figures[name].append(answer)
    return figures


def median(figures: Figures, name: str, quantity: str) -> float:
    return statistics.median(answer[quantity] for answer in figures[name])


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """A line for each row, the first column to the left and the others to the right."""
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(rows[0]))]
    return [
        "  ".join([cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:]))]).rstrip() for cells in rows
    ]


def now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def default_file(what: str) -> Path:
    return BENCH / "results" / f"{what}-{datetime.date.today()}.json"


def write(path: Path, started: str, load: tuple[float, ...], scorefield: str, count: int, measured: dict[str, Figures]) -> None:
    """The raw figures of every round, with when, where and by which versions they were made."""
    document = {
        "started": started,
        "ended": now(),
        "machine": machine(),
        "load_before": load,
        "versions": versions(measured, scorefield),
        "rounds": count,
        "cases": measured,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"raw figures: {path}")


def machine() -> dict:
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {"cpu": names[0] if names else platform.machine(), "cores": os.cpu_count(), "used": CORES, "kernel": platform.release()}


def versions(measured: dict[str, Figures], scorefield: str) -> dict[str, str]:
    found = {a["peer"]: a["version"] for figures in measured.values() for runs in figures.values() for a in runs if "peer" in a}
    if scorefield != "none":
        found[OURS] = subprocess.run([scorefield, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return found
