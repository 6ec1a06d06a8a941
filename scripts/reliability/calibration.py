#!/usr/bin/env python3
"""`scorefield verify --only calibration` as the table of docs/reliability.md: every sampler on ten distributions, over a hundred seeds.

A cell is the p-value of means / of variances: how often a right sampler's z-scores would be as far from N(0, 1) or farther (Kolmogorov and
Smirnov's test). At most 0.001 is a failure, and printed in bold. Needs SciPy (bench/requirements.txt).

    python3 scripts/reliability/calibration.py --binary target/release/scorefield --markdown docs/reliability.md
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from scipy import stats

from table import replace_table

SEEDS = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/scorefield")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    command = [options.binary, "verify", "--only", "calibration", "--seed", str(options.seed), "--json"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if said.returncode not in (0, 1):
        return said.returncode
    verified = json.loads(said.stdout)
    cells, samplers = {}, []
    for check in verified["checks"]:
        sampler, target = re.match(r"([^,]+), (.+): z-scores of ", check["name"]).groups()
        samplers += [sampler] if sampler not in samplers else []
        p = f"{stats.kstwo.sf(check['measured'], SEEDS):.2g}"
        cells.setdefault(target, {}).setdefault(sampler, []).append(p if check["pass"] else f"**{p}**")
    lines = ["| target | " + " | ".join(samplers) + " |", "|---" * (len(samplers) + 1) + "|"]
    lines += [f"| {target} | " + " | ".join(" / ".join(row[sampler]) for sampler in samplers) + " |" for target, row in cells.items()]
    lines += ["", f"Seed {options.seed}: {verified['passed']} of {verified['passed'] + verified['failed']} p-values above 0.001."]
    print("\n".join(lines))
    if options.markdown:
        replace_table(options.markdown, "calibration", "\n".join(lines))
    return said.returncode


if __name__ == "__main__":
    sys.exit(main())
