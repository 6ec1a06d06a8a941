#!/usr/bin/env python3
"""A U-Net by scorefield and by PyTorch (diffusers' `UNet2DModel`), alternately on the same two cores: training steps and forward passes.

In each round every form of PyTorch in each precision has its turn, with the training step and the forward pass in processes of their own, then
scorefield. What counts is the median over the rounds, against PyTorch's fastest form. Prints a table for each case; the raw figures go
to a file.

    python3 bench/run_unet.py --scorefield target/release/scorefield --python VENV/bin/python
"""

import argparse
import os
import sys
from pathlib import Path

from alternate import BENCH, OURS, Figures, aligned, default_file, median, now, pin, rounds, write
from peers.unet_cases import CASES, FORMS, PRECISIONS, WHATS

MEMORY = "peak_rss_bytes"
# Of scorefield's document, which measures both in one process, the forward pass first: its peak is read before the first training step.
OUR_TIME = {"train": "train_seconds", "forward": "forward_seconds"}
OUR_MEMORY = {"train": "train_peak_rss_bytes", "forward": "forward_peak_rss_bytes"}
SAID = {"train": "a training step", "forward": "a forward pass"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scorefield", required=True, help="the built command, or `none` to measure PyTorch only")
    parser.add_argument("--python", required=True, help="a Python that has what requirements.txt lists")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES, metavar="CASE", help=f"of: {', '.join(CASES)}")
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=FORMS, metavar="FORM", help=f"of: {', '.join(FORMS)}")
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=PRECISIONS, metavar="P", help=f"of: {', '.join(PRECISIONS)}")
    parser.add_argument("--ours", default="f32", choices=("f32", "bf16"), help="what scorefield's convolutions multiply")
    parser.add_argument("--rounds", type=int, default=5, help="at least 5 for figures that are to be quoted")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a form is timed in each round; five steps at least")
    parser.add_argument("--out", type=Path, default=default_file("unet"))
    options = parser.parse_args()

    pin()
    started, load = now(), os.getloadavg()
    measured = {}
    for case in options.cases:
        commands = peer_commands(case, options)
        if options.scorefield != "none":
            commands[OURS] = [options.scorefield, "bench", "--only", "unet", "--case", case, "--seconds", str(options.seconds), "--json"]
            commands[OURS] += [] if options.ours == "f32" else ["--precision", options.ours]
        measured[case] = rounds(case, commands, options.rounds, CASES[case].parameters)
        print(table(case, measured[case]), flush=True)
        # What is measured is not lost with a case that comes later.
        write(options.out, started, load, options.scorefield, options.rounds, measured)
    return 0


def peer_commands(case: str, options: argparse.Namespace) -> dict[str, list[str]]:
    """The command line of each form, precision and measurement. Adam is no part of a forward pass: one of the eager forms is enough there."""
    script = [options.python, str(BENCH / "peers" / "unet.py"), "--case", case, "--seconds", str(options.seconds)]
    return {
        name(form, precision, what): [*script, "--form", form, "--precision", precision, "--what", what]
        for precision in options.precisions
        for form in options.forms
        for what in WHATS
        if what == "train" or FORMS[form].fused
    }


def name(form: str, precision: str, what: str) -> str:
    return f"{form} {precision} {what}"


def table(case: str, figures: Figures) -> str:
    spec = CASES[case]
    shape = f"[{spec.batch}, {spec.channels}, {spec.size}, {spec.size}]"
    lines = [f"\n{case}: {shape}, channels {spec.block_out_channels}, {spec.parameters} parameters"]
    for what in WHATS:
        lines += ["", *aligned([(SAID[what], "ms", "from", "to", "times ours", "peak MiB", "times ours", "over import"), *rows(figures, what)])]
    return "\n".join([*lines, *arithmetic(figures), *verdicts(figures)])


def rows(figures: Figures, what: str) -> list[tuple[str, ...]]:
    """A line for each form and precision, and one for scorefield."""
    found = []
    for key in forms(figures, what):
        found.append(row(figures, key, what, "seconds", MEMORY))
    if OURS in figures:
        found.append(row(figures, OURS, what, OUR_TIME[what], OUR_MEMORY[what]))
    return found


def row(figures: Figures, key: str, what: str, time: str, memory: str) -> tuple[str, ...]:
    times = [answer[time] * 1e3 for answer in figures[key]]
    over = [answer.get("peak_rss_over_import_bytes") for answer in figures[key]]

    def ratio(quantity: str, ours: str) -> str:
        return f"{median(figures, key, quantity) / median(figures, OURS, ours):.2f}" if OURS in figures else "–"

    return (
        key.removesuffix(f" {what}"),
        f"{median(figures, key, time) * 1e3:.1f}",
        f"{min(times):.1f}",
        f"{max(times):.1f}",
        ratio(time, OUR_TIME[what]),
        f"{median(figures, key, memory) / 2**20:.0f}",
        ratio(memory, OUR_MEMORY[what]),
        "–" if None in over else f"{median(figures, key, 'peak_rss_over_import_bytes') / 2**20:.0f}",
    )


def forms(figures: Figures, what: str, precision: str = "") -> list[str]:
    return [key for key in figures if key != OURS and key.endswith(f"{precision} {what}")]


def arithmetic(figures: Figures) -> list[str]:
    """How near scorefield comes to what the processor's multiply-adds could do."""
    if OURS not in figures:
        return []
    peak = median(figures, OURS, "fma_peak_gflops")
    rates = [(what, median(figures, OURS, f"{what}_gflops")) for what in WHATS]
    return ["", *(f"scorefield, {SAID[what]}: {rate:.1f} of {peak:.1f} Gflop/s ({rate / peak:.0%})" for what, rate in rates)]


def verdicts(figures: Figures) -> list[str]:
    """PyTorch's fastest form and its leanest, in each precision; their ratios to scorefield where that was measured."""
    lines = [""]
    for what in WHATS:
        for precision in PRECISIONS:
            rivals = forms(figures, what, precision)
            if rivals:
                fastest = min(rivals, key=lambda key: median(figures, key, "seconds"))
                leanest = min(rivals, key=lambda key: median(figures, key, MEMORY))
                lines.append(best(figures, "fastest", fastest, "seconds", OUR_TIME[what]))
                lines.append(best(figures, "leanest", leanest, MEMORY, OUR_MEMORY[what]))
    return lines


def best(figures: Figures, word: str, key: str, quantity: str, ours: str) -> str:
    value = median(figures, key, quantity)
    said = f"{value * 1e3:.1f} ms" if quantity == "seconds" else f"{value / 2**20:.0f} MiB"
    against = f", {value / median(figures, OURS, ours):.2f} times scorefield's" if OURS in figures else ""
    return f"{word} of torch: {key}, {said}{against}"


if __name__ == "__main__":
    sys.exit(main())
