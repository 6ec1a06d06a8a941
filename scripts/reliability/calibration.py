#!/usr/bin/env python3
"""Whether every sampler draws from what it says: z-scores of means and variances over many seeds, against N(0, 1).

Ten distributions whose moments are known in closed form (mixtures of Gaussians, chains' targets among them without far modes); for each sampler
and seed a set of n rows, which are independent. Along one fixed direction the mean m and the variance s² of a set have

  z₁ = (m − μ)·√n / σ,      z₂ = (s² − σ²) / √((μ₄ − σ⁴)/n),

standard normal for large n if the sampler has no bias that n rows can see; μ, σ² and μ₄ are the target's own, in closed form. Kolmogorov and Smirnov's test over the seeds; a cell of the table is
the two p-values, and p ≤ 0.001 is a failure. Needs NumPy and SciPy (bench/requirements.txt).

    python3 scripts/reliability/calibration.py --binary target/release/scorefield --seeds 100 --markdown docs/reliability.md
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy import stats

from table import replace_table

LEAST_P = 0.001
# Enough steps that what is left of the bias is far below the error of n rows.
SAMPLERS = {
    "heun": ["--steps", "40"],
    "ddim": ["--steps", "400"],
    "dpmpp-2m": ["--steps", "80"],
    "pf-ode": [],
    "euler-maruyama": ["--steps", "600"],
    "predictor-corrector": ["--steps", "300"],
    "langevin": ["--steps", "3000"],
    "mala": ["--steps", "500"],
    "hmc": ["--steps", "150"],
    "underdamped": ["--steps", "1000"],
    "annealed": ["--steps", "100", "--no-denoise"],
    "tempering": ["--steps", "400"],
}


def targets():
    """(name, components as (weight, mean, covariance))."""
    eye = np.eye
    one = lambda mean, cov: [(1.0, np.array(mean, float), np.array(cov, float))]
    ar = lambda r, d: np.array([[r ** abs(i - j) for j in range(d)] for i in range(d)])
    yield "N(1, 2²)", one([1], [[4]])
    yield "N(0, I₂)", one([0, 0], eye(2))
    yield "correlation 0.6", one([1, -2], [[2, 0.6], [0.6, 1]])
    yield "correlation 0.9", one([0, 0], [[1, 0.9], [0.9, 1]])
    yield "far from 0", one([30, -50], eye(2))
    yield "scales 0.5 to 2", one(np.zeros(5), np.diag(np.geomspace(0.25, 4, 5)))
    yield "ten dimensions", one(np.zeros(10), ar(0.57, 10))
    yield "skewed", [(0.7, np.array([0.0]), eye(1)), (0.3, np.array([2.0]), 0.25 * eye(1))]
    yield "heavy tails", [(0.8, np.zeros(2), eye(2)), (0.2, np.zeros(2), 9 * eye(2))]
    yield "three hills", [(0.5, np.array([0.0, 0]), eye(2)), (0.3, np.array([2.0, 1]), 0.5 * eye(2)), (0.2, np.array([-1.0, 2]), ar(0.5, 2))]


def as_toml(components):
    text = 'kind = "mixture"\n'
    for weight, mean, cov in components:
        text += f"[[component]]\nweight = {weight}\nmean = {mean.tolist()}\ncov = {cov.tolist()}\n"
    return text


def along(components, v):
    """Mean, variance and fourth central moment of vᵀx."""
    mean = sum(w * (v @ m) for w, m, _ in components)
    parts = [(w, v @ m - mean, v @ c @ v) for w, m, c in components]
    return mean, sum(w * (s + d**2) for w, d, s in parts), sum(w * (3 * s**2 + 6 * s * d**2 + d**4) for w, d, s in parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/scorefield")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--sampler", action="append", choices=SAMPLERS, help="these alone")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    binary = str(Path(options.binary).resolve())
    names = options.sampler or list(SAMPLERS)
    failed, total = 0, 0
    lines = [f"p of means / p of variances, {options.seeds} seeds of {options.rows} rows:", "", "| target | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for target, components in targets():
            (here / "target.toml").write_text(as_toml(components))
            v = np.random.default_rng(1).normal(size=len(components[0][1]))
            v /= np.linalg.norm(v)
            mean, variance, fourth = along(components, v)
            cells = []
            for name in names:
                z = []
                for seed in range(options.seeds):
                    arguments = ["sample", "density:target.toml", "--sampler", name, "-n", str(options.rows), "--seed", str(seed), "-o", "x.npy", "--quiet"]
                    subprocess.run([binary, *arguments, *SAMPLERS[name]], cwd=here, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                    y = np.load(here / "x.npy").astype(float).reshape(options.rows, -1) @ v
                    z.append([(y.mean() - mean) / np.sqrt(variance / len(y)), (y.var(ddof=1) - variance) / np.sqrt((fourth - variance**2) / len(y))])
                p = [stats.kstest(column, "norm").pvalue for column in np.array(z).T]
                total += 2
                failed += sum(x <= LEAST_P for x in p)
                cells.append(" / ".join(f"**{x:.1g}**" if x <= LEAST_P else f"{x:.2g}" for x in p))
            lines.append(f"| {target} | " + " | ".join(cells) + " |")
            print(lines[-1], flush=True)
    lines += ["", f"{total - failed} of {total} p-values above {LEAST_P}"]
    print(lines[-1])
    if options.markdown:
        replace_table(options.markdown, "calibration", "\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
