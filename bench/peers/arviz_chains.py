#!/usr/bin/env python3
"""Chain statistics by ArviZ on ten sets of chains, ordinary and pathological, as the fixture of crates/scorefield/tests/chains.rs.

    python3 bench/peers/arviz_chains.py > crates/scorefield/tests/fixtures/chains.json
"""

import json
import math
import warnings

import arviz
import numpy as np

PROBABILITIES = (0.05, 0.5, 0.9)


def autoregressive(rng: np.random.Generator, phi: float, chains: int, draws: int) -> np.ndarray:
    x = np.empty((chains, draws))
    x[:, 0] = rng.normal(size=chains)
    for t in range(1, draws):
        x[:, t] = phi * x[:, t - 1] + math.sqrt(1 - phi * phi) * rng.normal(size=chains)
    return x


def stuck(rng: np.random.Generator) -> np.ndarray:
    x = rng.normal(size=(4, 60))
    x[2] = 0.75
    return x


def sets(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "normal": rng.normal(size=(4, 100)),
        "positively correlated": autoregressive(rng, 0.9, 4, 100),
        "negatively correlated": autoregressive(rng, -0.7, 3, 80),
        "one chain is stuck": stuck(rng),
        "constant": np.full((3, 40), 1.25),
        "different means": rng.normal(size=(4, 60)) + np.array([[-3.0], [0.0], [0.5], [4.0]]),
        "heavy tails": rng.standard_cauchy(size=(4, 90)),
        "short and odd": rng.normal(size=(5, 7)),
        "ties": rng.integers(0, 4, size=(4, 75)).astype(float),
        "one chain": autoregressive(rng, 0.5, 1, 121),
    }


def statistics(x: np.ndarray) -> dict:
    found = {
        "rhat": arviz.rhat(x),
        "ess_bulk": arviz.ess(x, method="bulk"),
        "ess_tail": arviz.ess(x, method="tail"),
        "ess_mean": arviz.ess(x, method="mean"),
        "mcse_mean": arviz.mcse(x, method="mean"),
        "mcse_sd": arviz.mcse(x, method="sd"),
    }
    found |= {f"ess_quantile {p}": arviz.ess(x, method="quantile", prob=p) for p in PROBABILITIES}
    found |= {f"mcse_quantile {p}": arviz.mcse(x, method="quantile", prob=p) for p in PROBABILITIES}
    return {name: None if math.isnan(value) else float(value) for name, value in found.items()}


def main() -> None:
    warnings.simplefilter("ignore")
    made = sets(np.random.default_rng(20210601))
    cases = []
    for name, x in made.items():
        # Few digits keep the file small; what is written is what ArviZ sees.
        x = np.round(x, 4)
        autocorrelation = arviz.autocorr(x[0])[:6]
        cases.append({
            "name": name,
            "chains": x.shape[0],
            "draws": x.shape[1],
            "values": x.ravel().tolist(),
            "statistics": statistics(x),
            "autocorrelation": [None if math.isnan(r) else float(r) for r in autocorrelation],
        })
    print(json.dumps({"arviz": arviz.__version__, "numpy": np.__version__, "cases": cases}))


if __name__ == "__main__":
    main()
