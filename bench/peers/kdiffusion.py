"""Runs k-diffusion's samplers and spacings in float64 on denoisers known in closed form, and writes what they return as a fixture.

    pip install --no-deps k-diffusion==0.1.1.post1 && pip install torch scipy tqdm
    python bench/peers/kdiffusion.py crates/scorefield/tests/fixtures/k_diffusion.json

Only `k_diffusion.sampling` is loaded: the package itself imports much that samplers have no use for. Of the modules that
`sampling` imports, torchdiffeq and torchsde serve samplers that are not called here, and of `utils` it uses `append_dims`,
which is taken from the package's own text.
"""

import ast
import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import torch

torch.set_default_dtype(torch.float64)


def load_sampling():
    """`k_diffusion.sampling` without the rest of the package."""
    root = Path(importlib.util.find_spec("k_diffusion").submodule_search_locations[0])
    text = (root / "utils.py").read_text()
    keep = [node for node in ast.parse(text).body if getattr(node, "name", "") == "append_dims"]
    utils = types.ModuleType("k_diffusion.utils")
    exec(compile(ast.Module(keep, []), str(root / "utils.py"), "exec"), utils.__dict__)
    package = types.ModuleType("k_diffusion")
    package.__path__ = [str(root)]
    package.utils = utils
    absent = {"torchdiffeq": types.ModuleType("torchdiffeq"), "torchsde": types.ModuleType("torchsde")}
    absent["torchdiffeq"].odeint = None
    sys.modules.update({"k_diffusion": package, "k_diffusion.utils": utils, **absent})
    spec = importlib.util.spec_from_file_location("k_diffusion.sampling", root / "sampling.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DENSITIES = {
    "gaussian": [(1.0, [1.0, -2.0], [[2.0, 0.6], [0.6, 1.0]])],
    "mixture": [
        (0.8, [5.0, 5.0], [[1.0, 0.0], [0.0, 1.0]]),
        (0.2, [-5.0, -5.0], [[1.0, 0.0], [0.0, 1.0]]),
    ],
}


def denoiser(components):
    """E[x0 given x] of a Gaussian mixture: sum of r_k (m_k + C_k (C_k + sigma^2)^-1 (x - m_k))."""

    def model(x, sigma):
        noise = sigma[0] ** 2 * torch.eye(x.shape[1])
        logs, means = [], []
        for weight, mean, cov in components:
            mean, cov = torch.tensor(mean), torch.tensor(cov)
            total = cov + noise
            solved = torch.linalg.solve(total, (x - mean).T).T
            logs.append(np.log(weight) - 0.5 * ((x - mean) * solved).sum(1) - 0.5 * torch.logdet(total))
            means.append(mean + solved @ cov)
        shares = torch.softmax(torch.stack(logs), 0)
        return (shares[:, :, None] * torch.stack(means)).sum(0)

    return model


def main(path):
    k = load_sampling()
    high, low, n = 20.0, 0.05, 12
    spacings = {
        "karras": (7.0, k.get_sigmas_karras(n, low, high, 7.0)),
        "karras-3": (3.0, k.get_sigmas_karras(n, low, high, 3.0)),
        "geometric": (None, k.get_sigmas_exponential(n, low, high)),
        "polyexponential": (1.0, k.get_sigmas_polyexponential(n, low, high, 1.0)),
        "polyexponential-2": (2.0, k.get_sigmas_polyexponential(n, low, high, 2.0)),
    }
    # scorefield's vp schedule goes to t = 1e-4.
    vp = k.get_sigmas_vp(n, 19.9, 0.1, 1e-4)
    # Starts that are spread without a random generator.
    start = [[high * np.sin(1.0 + 2.0 * i), high * np.cos(2.0 + 3.0 * i)] for i in range(8)]
    samplers = {"ddim": k.sample_euler, "heun": k.sample_heun, "dpmpp-2m": k.sample_dpmpp_2m}
    ends = {
        name: {
            density: {
                spacing: sampler(denoiser(parts), torch.tensor(start), spacings[spacing][1], disable=True).tolist()
                for spacing in ("karras", "geometric")
            }
            for density, parts in DENSITIES.items()
        }
        for name, sampler in samplers.items()
    }
    fixture = {
        "source": "k-diffusion 0.1.1.post1, float64; bench/peers/kdiffusion.py",
        "high": high,
        "low": low,
        "spacings": {name: {"rho": rho, "sigmas": sigmas[:-1].tolist()} for name, (rho, sigmas) in spacings.items()},
        "vp": vp[:-1].tolist(),
        "start": start,
        "ends": ends,
    }
    Path(path).write_text(json.dumps(fixture, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
