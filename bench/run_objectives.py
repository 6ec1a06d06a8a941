#!/usr/bin/env python3
"""Training steps of score matching by scorefield and by its Python peers, alternately on the same two cores.

For each case, in each round: every peer in every form once, then scorefield once, each in a process of its own. What counts is the median
over the rounds. Prints a table for each case and which targets are met; the raw figures go to a file.

    python3 bench/run_objectives.py --scorefield target/release/scorefield --python VENV/bin/python
"""

import argparse
import os
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from alternate import BENCH, OURS, Figures, aligned, default_file, median, now, pin, rounds, write
from peers.cases import CASES, FORMS


@dataclass(frozen=True)
class Target:
    """The best of `rivals` takes at least `factor` times what scorefield takes of `quantity`."""

    quantity: str
    rivals: tuple[str, ...]
    factor: float


TIME, MEMORY = "seconds_per_step", "peak_rss_bytes"
BACKWARD, JAX = "torch double_backward", "jax jit"
HALF = Target(MEMORY, (BACKWARD,), 2.0)
TARGETS = {
    "sliced": (Target(TIME, (BACKWARD, JAX), 1.5), Target(TIME, (BACKWARD,), 2.5), HALF),
    "energy": (Target(TIME, ("torchebm eager",), 5.0), HALF),
    "implicit": (Target(TIME, (BACKWARD,), 3.0), HALF),
    "denoising": (),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scorefield", required=True, help="the built command, or `none` to measure peers only")
    parser.add_argument("--python", required=True, help="a Python that has what requirements.txt lists")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES, metavar="CASE", help=f"of: {', '.join(CASES)}")
    parser.add_argument("--forms", nargs="+", metavar="FORM", help="only these forms, as double_backward jit eager backward: those of the targets")
    parser.add_argument("--rounds", type=int, default=5, help="at least 5 for figures that are to be quoted")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long a peer steps in each round")
    parser.add_argument("--out", type=Path, default=default_file("objectives"))
    options = parser.parse_args()

    pin()
    started, load = now(), os.getloadavg()
    measured = {}
    for case in options.cases:
        commands = peer_commands(case, options.python, options.seconds, options.forms)
        if options.scorefield != "none":
            commands[OURS] = [options.scorefield, "bench", "--only", "objectives-peers", "--case", case, "--json"]
        measured[case] = rounds(case, commands, options.rounds, CASES[case].parameters)
        print(table(case, measured[case]), flush=True)

    write(options.out, started, load, options.scorefield, options.rounds, measured)
    return 0


def peer_commands(case: str, python: str, seconds: float, wanted: list[str] | None) -> dict[str, list[str]]:
    """The command line of each peer in each form, or in each form that is wanted."""
    return {
        f"{peer} {form}": [python, str(BENCH / "peers" / f"{peer}_objectives.py"), "--case", case, "--form", form, "--seconds", str(seconds)]
        for peer, forms in FORMS.items()
        for form in forms.get(CASES[case].objective, ())
        if not wanted or form in wanted
    }


def table(case: str, figures: Figures) -> str:
    """A line for each peer and form, then a line for each target."""
    titles = ("", "ms a step", "from", "to", "times ours", "peak MiB", "times ours", "over import")
    rows = [titles, *(row(figures, name) for name in figures)]
    spec = CASES[case]
    layers = "→".join(map(str, spec.layers))
    head = f"\n{case}: {spec.objective}, {layers}, {spec.batch} rows, {spec.parameters} parameters"
    return "\n".join([head, *aligned(rows), *fastest(figures), *kernels(figures), *verdicts(figures, TARGETS[spec.objective])])


def row(figures: Figures, name: str) -> tuple[str, ...]:
    times = [answer[TIME] * 1e3 for answer in figures[name]]

    def ratio(quantity: str) -> str:
        return f"{median(figures, name, quantity) / median(figures, OURS, quantity):.2f}" if OURS in figures else "–"

    over = [answer.get("peak_rss_over_import_bytes") for answer in figures[name]]
    return (
        name,
        f"{statistics.median(times):.3f}",
        f"{min(times):.3f}",
        f"{max(times):.3f}",
        ratio(TIME),
        f"{median(figures, name, MEMORY) / 2**20:.0f}",
        ratio(MEMORY),
        "–" if None in over else f"{statistics.median(over) / 2**20:.0f}",
    )


def fastest(figures: Figures) -> list[str]:
    """Each peer that has several forms, in its fastest."""
    lines = []
    for peer in FORMS:
        forms = [name for name in figures if name.startswith(f"{peer} ")]
        if len(forms) > 1:
            best = min(forms, key=lambda name: median(figures, name, TIME))
            lines.append(f"fastest of {peer}: {best.removeprefix(peer).strip()}, {median(figures, best, TIME) * 1e3:.3f} ms")
    return lines


def kernels(figures: Figures) -> list[str]:
    """How near scorefield's step comes to what the processor's multiply-adds could do."""
    if OURS not in figures:
        return []
    rate, peak = (median(figures, OURS, key) for key in ("gflops", "fma_peak_gflops"))
    return [f"scorefield: {rate:.1f} of {peak:.1f} Gflop/s ({rate / peak:.0%})"]


def verdicts(figures: Figures, targets: tuple[Target, ...]) -> list[str]:
    if OURS not in figures:
        return []
    return [verdict(figures, target) for target in targets]


def verdict(figures: Figures, target: Target) -> str:
    what = {TIME: "time", MEMORY: "peak memory"}[target.quantity]
    name = f"target: {what} ≥ {target.factor} times less than {' and '.join(target.rivals)}"
    if any(rival not in figures for rival in target.rivals):
        return f"{name}: not measured"
    ratio = min(median(figures, rival, target.quantity) for rival in target.rivals) / median(figures, OURS, target.quantity)
    return f"{name}: {'met' if ratio >= target.factor else 'MISSED'}, {ratio:.2f}"


if __name__ == "__main__":
    sys.exit(main())
