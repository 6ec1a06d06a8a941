"""How many principal components hold 90, 95 and 99 % of the variance: what the lecture's claim 7 is held against.

    python bench/peers/pca_ranks.py digits.csv.gz            # UCI digits: 64 values of 0 to 16 a row, then the label
    python bench/peers/pca_ranks.py CIFAR_DIR                # data_batch_1.bin.gz to data_batch_5.bin.gz

Eigenvalues of NumPy's covariance in double precision; needs numpy alone.
"""
import gzip
import pathlib
import sys

import numpy as np


def digits(path):
    return np.loadtxt(gzip.open(path, "rt"), delimiter=",")[:, :64] / 16


def cifar(folder):
    batches = [gzip.open(folder / f"data_batch_{i}.bin.gz").read() for i in range(1, 6)]
    return np.concatenate([np.frombuffer(b, np.uint8).reshape(-1, 3073)[:, 1:] for b in batches]) / 255.0


path = pathlib.Path(sys.argv[1])
points = cifar(path) if path.is_dir() else digits(path)
variances = np.linalg.eigvalsh(np.cov(points.T))[::-1]
held = np.cumsum(variances) / variances.sum()
for share in (0.90, 0.95, 0.99):
    print(f"{share:.0%}: {int(np.searchsorted(held, share)) + 1} of {points.shape[1]}")
