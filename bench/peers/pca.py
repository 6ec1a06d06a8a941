"""Explained variances of the 1,797 digits by scikit-learn: the values of crates/scorefield/src/diagnostic/manifold/digits-pca.txt.

    python bench/peers/pca.py > crates/scorefield/src/diagnostic/manifold/digits-pca.txt
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

pixels = load_digits().data / 16.0
# scorefield holds points in single precision.
pixels = pixels.astype(np.float32).astype(np.float64)
for variance in PCA(svd_solver="full").fit(pixels).explained_variance_:
    print(repr(float(variance)))
