#!/usr/bin/env python3
"""Runs a peer's sampler on one case and prints what it cost, as one line of JSON. The first run, which compiles, is not timed.

    python3 bench/peers/samplers.py --case hmc-correlated --form "blackjax dense"
"""

import argparse
import json
import math
import time
from collections.abc import Callable

import numpy as np

from measure import memory
from sampler_cases import CASES, CORRELATION, FORMS, FUNNEL_SPREAD, LAYERS, Case

Run = Callable[[int], np.ndarray]  # seed → [chains, d], or [steps, chains, d] where draws are wanted


def jax_langevin(case: Case, form: str) -> tuple[str, Run]:
    import jax
    import jax.numpy as jnp

    means = jnp.array([[5.0, 5.0], [-5.0, -5.0]])
    weights = jnp.log(jnp.array([0.8, 0.2]))

    def log_density(x):
        return jax.nn.logsumexp(weights - 0.5 * jnp.sum((x - means) ** 2, -1))

    general = jax.vmap(jax.grad(log_density))

    def reduced(x):
        # 4/5 N((5, 5), I) + 1/5 N((−5, −5), I): the shares by one sigmoid.
        share = jax.nn.sigmoid(10.0 * (x[:, 0] + x[:, 1]) + math.log(4.0))[:, None]
        return 10.0 * share - 5.0 - x

    weights_of = [(0.1 * np.random.default_rng(0).normal(size=(a, b)).astype(np.float32), np.zeros(b, np.float32)) for a, b in zip(LAYERS, LAYERS[1:])]

    def network(x):
        h = x
        for i, (w, b) in enumerate(weights_of):
            h = h @ w + b
            h = h if i == len(weights_of) - 1 else jax.nn.silu(h)
        return h - x

    score = network if case.target == "network" else reduced if form == "reduced" else general

    def step(_, state):
        x, key = state
        key, now = jax.random.split(key)
        z = jax.random.normal(now, x.shape)
        return x + 0.5 * case.epsilon * score(x) + math.sqrt(case.epsilon) * z, key

    @jax.jit
    def run(key):
        key, start = jax.random.split(key)
        x = jax.random.uniform(start, (case.chains, 2), minval=-8.0, maxval=8.0)
        return jax.lax.fori_loop(0, case.steps, step, (x, key))[0]

    return jax.__version__, lambda seed: np.asarray(run(jax.random.key(seed)))


def torch_langevin(case: Case, form: str) -> tuple[str, Run]:
    import torch

    means = torch.tensor([[5.0, 5.0], [-5.0, -5.0]])
    weights = torch.tensor([0.8, 0.2]).log()

    def general(x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            log_density = torch.logsumexp(weights - 0.5 * ((x[:, None] - means) ** 2).sum(-1), -1)
            return torch.autograd.grad(log_density.sum(), x)[0]

    def reduced(x):
        return 10.0 * torch.sigmoid(10.0 * (x[:, :1] + x[:, 1:]) + math.log(4.0)) - 5.0 - x

    torch.manual_seed(0)
    layers = [layer for a, b in zip(LAYERS, LAYERS[1:]) for layer in (torch.nn.Linear(a, b), torch.nn.SiLU())][:-1]
    net = torch.nn.Sequential(*layers)
    if form == "compile":
        net = torch.compile(net)

    def network(x):
        with torch.no_grad():
            return net(x) - x

    score = network if case.target == "network" else reduced if form == "reduced" else general

    def step(x):
        return x + 0.5 * case.epsilon * score(x) + math.sqrt(case.epsilon) * torch.randn_like(x)

    @torch.no_grad()
    def run(seed):
        torch.manual_seed(seed)
        x = 16.0 * torch.rand(case.chains, 2) - 8.0
        for _ in range(case.steps):
            x = step(x)
        return x.numpy()

    return torch.__version__, run


def torchebm_langevin(case: Case, _: str) -> tuple[str, Run]:
    import importlib.metadata

    import torch
    from torchebm.core import BaseModel
    from torchebm.samplers import LangevinDynamics

    class Mixture(BaseModel):
        def forward(self, x):
            logs = [math.log(w) - 0.5 * ((x - m) ** 2).sum(-1) for w, m in ((0.8, 5.0), (0.2, -5.0))]
            return -torch.logsumexp(torch.stack(logs), 0)

    sampler = LangevinDynamics(Mixture(), step_size=case.epsilon / 2)

    def run(seed):
        torch.manual_seed(seed)
        x = 16.0 * torch.rand(case.chains, 2) - 8.0
        return sampler.sample(x=x, n_steps=case.steps).numpy()

    return importlib.metadata.version("torchebm"), run


def blackjax_chains(case: Case, form: str) -> tuple[str, Run]:
    import blackjax
    import jax
    import jax.numpy as jnp

    d = case.dimensions

    def funnel(x):
        v = x[0]
        return -0.5 * (v / FUNNEL_SPREAD) ** 2 - 0.5 * (d - 1) * v - 0.5 * jnp.exp(-v) * jnp.sum(x[1:] ** 2)

    where = np.arange(d)
    dense = jnp.asarray(np.linalg.inv(CORRELATION ** np.abs(where[:, None] - where)).astype(np.float32))

    def correlated(x):
        return -0.5 * x @ (dense @ x)

    def banded(x):
        # The same by the process of first order that it is: x_0 ~ N(0, 1), x_i ~ N(ρ x_{i−1}, 1 − ρ²).
        return -0.5 * (x[0] ** 2 + jnp.sum((x[1:] - CORRELATION * x[:-1]) ** 2) / (1.0 - CORRELATION**2))

    log_density = {"jit": funnel, "dense": correlated, "banded": banded}[form]
    if case.sampler == "mala":
        algorithm = blackjax.mala(log_density, case.epsilon / 2)
    else:
        algorithm = blackjax.hmc(log_density, case.epsilon, jnp.ones(d), case.leapfrog)

    @jax.jit
    def run(key):
        key, start = jax.random.split(key)
        states = jax.vmap(algorithm.init)(jax.random.normal(start, (case.chains, d)))

        def step(states, key):
            states, _ = jax.vmap(algorithm.step)(jax.random.split(key, case.chains), states)
            return states, states.position

        return jax.lax.scan(step, states, jax.random.split(key, case.warmup + case.steps))[1]

    return f"{blackjax.__version__} (jax {jax.__version__})", lambda seed: np.asarray(run(jax.random.key(seed)))


def effective(draws: np.ndarray) -> float:
    """The least effective sample size of the mean over coordinates of `[steps, chains, d]`, by split chains and Geyer's monotone sequence."""
    steps, _, d = draws.shape
    half = steps // 2
    x = np.concatenate([draws[:half], draws[-half:]], 1).astype(np.float64)
    chains = x.shape[1]
    least = math.inf
    for j in range(d):
        y = x[:, :, j]
        centred = y - y.mean(0)
        size = 1 << (2 * half - 1).bit_length()
        power = np.abs(np.fft.rfft(centred, size, 0)) ** 2
        covariance = np.fft.irfft(power, size, 0)[:half].mean(1) / half
        within = covariance[0] * half / (half - 1)
        total = covariance[0] + y.mean(0).var(ddof=1)
        rho = 1.0 - (within - covariance) / total
        rho[0] = 1.0
        pairs = rho[: half // 2 * 2].reshape(-1, 2).sum(1)
        end = np.argmax(pairs <= 0) if (pairs <= 0).any() else len(pairs)
        tau = -1.0 + 2.0 * np.minimum.accumulate(pairs[:end]).sum()
        least = min(least, chains * half / tau)
    return least


PREPARE = {"jax": jax_langevin, "torch": torch_langevin, "torchebm": torchebm_langevin, "blackjax": blackjax_chains}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", required=True, choices=CASES)
    parser.add_argument("--form", help="how the peer does it; the first of the case's unless given")
    parser.add_argument("--runs", type=int, default=2, help="timed runs; the fastest counts")
    options = parser.parse_args()
    case = CASES[options.case]
    form = options.form or FORMS[options.case][0]
    if form not in FORMS[options.case]:
        parser.error(f"--form {form}: {options.case} has {', '.join(FORMS[options.case])}")
    peer, how = form.split()
    version, run = PREPARE[peer](case, how)
    run(0)
    seconds, found = math.inf, None
    for seed in range(1, options.runs + 1):
        begun = time.perf_counter()
        found = run(seed)
        seconds = min(seconds, time.perf_counter() - begun)
    peak = memory("VmHWM")
    answer = {"peer": peer, "form": how, "case": options.case, "version": version, "seconds": seconds, "peak_rss_bytes": peak, "parameters": case.parameters}
    if case.sampler != "langevin":
        answer["effective"] = effective(found[case.warmup :])
        answer["effective_per_second"] = answer["effective"] / seconds
        moved = np.any(found[case.warmup + 1 :] != found[case.warmup : -1], axis=-1)
        answer["acceptance"] = float(moved.mean())
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
