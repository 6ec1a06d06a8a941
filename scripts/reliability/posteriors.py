#!/usr/bin/env python3
"""Ten posteriors of posteriordb, written as formulas, sampled, and held against Stan's reference draws.

Each sampler that needs no noise levels draws a hundred sets of 256 independent rows. A row's number is its normal score among the reference draws
(Vehtari et al. 2021), so that its mean is 0 and its variance 1 whatever the posterior; the z-scores of the sets' means and variances then follow one law,
that of sets and reference draws from N(0, 1), which is simulated, the error of the reference draws included. A cell: Kolmogorov and Smirnov's p for
means / for variances, of the parameter with the smallest, times the number of parameters. At most 0.001 is a failure. Needs NumPy and SciPy.

    python3 scripts/reliability/posteriors.py --binary target/release/scorefield --data-dir DIR --markdown docs/reliability.md
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import special, stats

from posteriordb import POSTERIORS, read
from table import read_table, replace_table

SETS, ROWS = 100, 256
FAILS = 0.001
# Chains begin at N(0, I) in coordinates of mean 0 and covariance I: what is left to forget is the shape.
# `Posterior.times` multiplies the steps.
SAMPLERS = {
    "langevin": {"--steps": 300, "--epsilon": 0.2, "--last-epsilon": 0.004},
    "mala": {"--steps": 200},
    "underdamped": {"--steps": 200, "--epsilon": 0.1},
    "hmc": {"--steps": 40, "--path": 2},
    "tempering": {"--steps": 60},
}


def distances(reference, drawn):
    """sup |F − Φ| of the z-scores of means and of variances: `drawn` [sets, rows] against sorted `reference`."""
    n = len(reference)
    y = special.ndtri((np.arange(n + 1) + 0.5) / (n + 1))[np.searchsorted(reference, drawn)]
    rows = drawn.shape[1]
    z = [y.mean(axis=1) * rows**0.5, (y.var(axis=1, ddof=1) - 1) * (rows / 2) ** 0.5]
    return [float(stats.kstest(scores, "norm").statistic) for scores in z]


def simulated(n, times):
    """Sorted distances of means and of variances for right samplers."""
    rng = np.random.default_rng(0)
    found = [distances(np.sort(rng.standard_normal(n)), rng.standard_normal((SETS, ROWS))) for _ in range(times)]
    return np.sort(np.array(found), axis=0).T


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/scorefield")
    parser.add_argument("--data-dir", type=Path, required=True, help="the folder with posteriordb/ in it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=[p.name for p in POSTERIORS], help="these; the rows of others stay as they are")
    parser.add_argument("--simulations", type=int, default=20_000)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    begun = time.monotonic()
    null = None
    head = ["| posterior | d | " + " | ".join(SAMPLERS) + " |", "|---" * (len(SAMPLERS) + 2) + "|"]
    rows = {line.split("|")[1].strip(): line for line in read_table(options.markdown, "posteriors")[2:]} if options.markdown else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for posterior in POSTERIORS:
            if options.only and posterior.name not in options.only:
                continue
            reference, text = read(options.data_dir / "posteriordb", posterior)
            if null is None or null[0] != len(reference):
                null = len(reference), simulated(len(reference), options.simulations)
            (folder / "p.toml").write_text(text)
            cells = []
            for sampler in SAMPLERS:
                settings = dict(SAMPLERS[sampler])
                settings["--steps"] = round(settings["--steps"] * posterior.times.get(sampler, posterior.times.get("every", 1)))
                command = [options.binary, "sample", f"density:{folder}/p.toml", "-n", str(SETS * ROWS), "--sampler", sampler]
                command += [str(word) for setting in settings.items() for word in setting]
                subprocess.run([*command, "--seed", str(options.seed), "-q", "--json", "-o", f"{folder}/x.npy"], check=True, stdout=subprocess.DEVNULL)
                drawn = np.load(folder / "x.npy").astype(float)
                least = [1.0, 1.0]
                for i in range(drawn.shape[1]):
                    for what, distance in enumerate(distances(np.sort(reference[:, i]), drawn[:, i].reshape(SETS, ROWS))):
                        law = null[1][what]
                        p = (1 + len(law) - np.searchsorted(law, distance)) / (1 + len(law))
                        least[what] = min(least[what], p * drawn.shape[1])
                cells.append(" / ".join(f"**{p:.2g}**" if p <= FAILS else f"{p:.2g}" for p in least))
                print(f"{posterior.name}, {sampler}: {cells[-1]} after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
            rows[posterior.name] = f"| {posterior.name} | {drawn.shape[1]} | " + " | ".join(cells) + " |"
    every = [rows[posterior.name] for posterior in POSTERIORS if posterior.name in rows]
    tried, failed = 2 * len(SAMPLERS) * len(every), "\n".join(every).count("**") // 2
    lines = [*head, *every, "", f"Seed {options.seed}: {tried - failed} of {tried} p-values above {FAILS}."]
    print("\n".join(lines))
    if options.markdown:
        replace_table(options.markdown, "posteriors", "\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
