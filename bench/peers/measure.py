"""Runs a peer's training steps for a while and prints what they cost, as one line of JSON.

Memory is the process's, read from Linux's /proc: its peak, and that peak above what the process held right after its imports. Compiling,
where a form compiles, is inside the memory and outside the time. (`ru_maxrss` would be wrong for a small program: Linux starts a
child's at the size of the parent that started it.)
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from cases import CASES, FORMS

CHUNK = 10  # steps between two looks at the clock
WARM_UP = 3  # chunks before the first look


def memory(field: str) -> int:
    """Bytes: `VmRSS` is held now, `VmHWM` is the peak so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))


def run(peer: str, version: str, prepare: Callable) -> None:
    """Measures what `prepare(case, form)` returns: the number of parameters, and `advance(n)`, which does n steps and waits for them."""
    imported = memory("VmRSS")
    parser = argparse.ArgumentParser(description=f"Measures training steps of {peer}.")
    parser.add_argument("--case", required=True, choices=[name for name, case in CASES.items() if case.objective in FORMS[peer]])
    parser.add_argument("--form", help="how the step is written; the first of the case's forms unless given")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to measure")
    options = parser.parse_args()
    case = CASES[options.case]
    forms = FORMS[peer][case.objective]
    form = options.form or forms[0]
    if form not in forms:
        parser.error(f"--form {form}: {peer} has {', '.join(forms)} for {options.case}")

    parameters, advance = prepare(case, form)
    for _ in range(WARM_UP):
        advance(CHUNK)
    begun, steps, elapsed = time.perf_counter(), 0, 0.0
    while elapsed < options.seconds:
        advance(CHUNK)
        steps += CHUNK
        elapsed = time.perf_counter() - begun
    peak = memory("VmHWM")
    print(json.dumps({
        "peer": peer,
        "form": form,
        "case": options.case,
        "seconds_per_step": elapsed / steps,
        "steps": steps,
        "peak_rss_bytes": peak,
        "peak_rss_over_import_bytes": peak - imported,
        "parameters": parameters,
        "version": version,
    }))
