#!/usr/bin/env python3
"""What scikit-learn, SciPy, POT and prdc say of small sets of points: the values that `crates/scorefield/tests/metrics.rs` compares with.

    pip install numpy scipy scikit-learn pot prdc
    python3 bench/peers/metrics.py > crates/scorefield/tests/fixtures/metrics.json
"""
import contextlib
import json
import sys

import numpy as np
import ot
from prdc import compute_prdc
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import rbf_kernel


def frechet(x, y):
    a, b = (np.atleast_2d(np.cov(p, rowvar=False)) for p in (x, y))
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real))


def mmd(x, y, length):
    kxx, kyy, kxy = (rbf_kernel(a, b, gamma=0.5 / length**2) for a, b in [(x, x), (y, y), (x, y)])
    n, m = len(x), len(y)
    return (kxx.sum() - n) / (n * (n - 1)) + (kyy.sum() - m) / (m * (m - 1)) - 2 * kxy.mean()


def case(seed, n, m, d, shift, scale):
    random = np.random.default_rng(seed)
    # Numbers that f32 holds exactly, so that both sides see the same points.
    x, y = (np.float32(a).astype(float) for a in (random.normal(size=(n, d)), shift + scale * random.normal(size=(m, d))))
    directions = random.normal(size=(20, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    pooled = cdist(np.concatenate([x, y]), np.concatenate([x, y]))
    length = float(np.median(pooled[np.triu_indices(n + m, 1)]))
    least = min(n, m)
    first = cdist(x[:least], y[:least], "sqeuclidean")
    uniform = np.full(least, 1 / least)
    return {
        "x": x.tolist(), "y": y.tolist(), "d": d, "directions": directions.tolist(),
        "median_length": length,
        "mmd": float(mmd(x, y, length)),
        "energy_distance": float(2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()),
        "sliced_wasserstein": float(ot.sliced_wasserstein_distance(x, y, projections=directions.T)),
        "wasserstein": float(np.sqrt(ot.emd2(uniform, uniform, first))),
        "frechet": frechet(x, y),
        "prdc": {k: float(v) for k, v in compute_prdc(x, y, nearest_k=5).items()},
    }


# prdc prints as it goes.
with contextlib.redirect_stdout(sys.stderr):
    cases = [case(1, 60, 60, 3, 0.0, 1.0), case(2, 50, 41, 2, 0.7, 1.5), case(3, 41, 64, 5, 0.2, 0.5), case(4, 48, 48, 1, 2.0, 1.0)]
print(json.dumps(cases))
