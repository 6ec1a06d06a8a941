#!/usr/bin/env python3
"""Langevin dynamics and Markov chains by scorefield and by its Python peers, alternately on the same two cores.

For each case, in each round: every peer in every form once, then scorefield once, each in a process of its own, which times its fastest of
two or three runs after one that does not count. What counts is the median over the rounds: seconds for Langevin dynamics, effective draws a
second for chains. Prints a table for each case and which targets are met; the raw figures go to a file.

    python3 bench/run_samplers.py --scorefield target/release/scorefield --python VENV/bin/python
"""

import argparse
import os
from pathlib import Path

from alternate import BENCH, OURS, Figures, aligned, default_file, median, now, pin, rounds, write
from peers.sampler_cases import CASES, FORMS

MEMORY = "peak_rss_bytes"
FASTER = {"langevin-mixture": 10.0, "langevin-network": 1.5}  # times the fastest peer
FASTER_CHAINS = 5.0
REWRITTEN = ("reduced", "banded")  # forms in which somebody derived the score, or the factors of the density, by hand
LIGHTER = 0.25  # of the lightest peer's peak memory


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scorefield", required=True, help="the built command, or `none` to measure peers only")
    parser.add_argument("--python", required=True, help="a Python that has what requirements.txt lists")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES, metavar="CASE", help=f"of: {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=5, help="at least 5 for figures that are to be quoted")
    parser.add_argument("--out", type=Path, default=default_file("samplers"))
    options = parser.parse_args()

    pin()
    started, load = now(), os.getloadavg()
    measured = {}
    for case in options.cases:
        script = [options.python, str(BENCH / "peers" / "samplers.py"), "--case", case]
        commands = {form: [*script, "--form", form] for form in FORMS[case]}
        if options.scorefield != "none":
            only = "langevin" if CASES[case].sampler == "langevin" else "mcmc"
            commands[OURS] = [options.scorefield, "bench", "--only", only, "--case", case, "--json"]
        measured[case] = rounds(case, commands, options.rounds, CASES[case].parameters)
        print(table(case, measured[case]), flush=True)
        # What is measured is not lost with a case that comes later.
        write(options.out, started, load, options.scorefield, options.rounds, measured)
    return 0


def is_chain(case: str) -> bool:
    return CASES[case].sampler != "langevin"


def pace(case: str, figures: Figures, name: str) -> float:
    """More is better: effective draws a second, or runs a second."""
    return median(figures, name, "effective_per_second") if is_chain(case) else 1.0 / median(figures, name, "seconds")


def table(case: str, figures: Figures) -> str:
    titles = ("", "ms a run", "from", "to", "effective/s", "acceptance", "ours is times", "peak MiB", "ours is of it")
    rows = [titles, *(row(case, figures, name) for name in figures)]
    spec = CASES[case]
    head = f"\n{case}: {spec.chains} chains of {spec.warmup + spec.steps} steps in {spec.dimensions} dimensions, ε = {spec.epsilon}"
    if spec.leapfrog:
        head += f", {spec.leapfrog} leapfrog steps"
    return "\n".join([head, *aligned(rows), *verdicts(case, figures)])


def row(case: str, figures: Figures, name: str) -> tuple[str, ...]:
    times = [1e3 * answer["seconds"] for answer in figures[name]]
    effective = f"{median(figures, name, 'effective_per_second'):.0f}" if is_chain(case) else ""
    acceptance = f"{median(figures, name, 'acceptance'):.2f}" if is_chain(case) else ""
    ratio = share = ""
    if OURS in figures and name != OURS:
        ratio = f"{pace(case, figures, OURS) / pace(case, figures, name):.1f}"
        share = f"{median(figures, OURS, MEMORY) / median(figures, name, MEMORY):.2f}"
    middle = 1e3 * median(figures, name, "seconds")
    peak = median(figures, name, MEMORY) / 2**20
    return name, f"{middle:.1f}", f"{min(times):.1f}", f"{max(times):.1f}", effective, acceptance, ratio, f"{peak:.0f}", share


def verdicts(case: str, figures: Figures) -> list[str]:
    peers = [name for name in figures if name != OURS]
    if OURS not in figures or not peers:
        return []
    factor = FASTER.get(case, FASTER_CHAINS)
    lightest = min(peers, key=lambda name: median(figures, name, MEMORY))
    share = median(figures, OURS, MEMORY) / median(figures, lightest, MEMORY)
    met = {True: "met", False: "NOT met"}
    lines = []
    general = [name for name in peers if not name.endswith(REWRITTEN)]
    for said, among in (("the fastest peer given the log density", general), ("the fastest of all forms", peers)):
        fastest = max(among, key=lambda name: pace(case, figures, name))
        ratio = pace(case, figures, OURS) / pace(case, figures, fastest)
        lines.append(f"{ratio:.1f} times {said}, {fastest} (target {factor:g}): {met[ratio >= factor]}")
    return [*lines, f"{share:.2f} of the peak memory of the lightest, {lightest} (target {LIGHTER:g}): {met[share <= LIGHTER]}"]


if __name__ == "__main__":
    raise SystemExit(main())
