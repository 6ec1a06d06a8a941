"""What the samplers of scorefield and of its peers are run on: the same targets, starts, steps and settings.

ε is scorefield's: x ← x + (ε/2)·s(x) + √ε·z. blackjax and torchebm write x + εs + √(2ε)z, so theirs is half of it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    target: str
    sampler: str
    chains: int
    steps: int  # after the warm-up; of a chain whose draws are wanted, all are kept
    warmup: int  # left out of the statistics
    epsilon: float
    leapfrog: int = 0

    @property
    def dimensions(self) -> int:
        return {"mixture": 2, "network": 2, "correlated-normal-100": 100, "funnel": 10}[self.target]

    @property
    def parameters(self) -> int:
        """Of the network, or how many dimensions the density has."""
        if self.target != "network":
            return self.dimensions
        return sum(before * after + after for before, after in zip(LAYERS, LAYERS[1:]))


LAYERS = (2, 128, 128, 128, 2)  # network: SiLU between, and the score is what it says less x
CORRELATION = 0.9  # correlated-normal-100: N(0, Σ), Σ_ij = 0.9^|i−j|
FUNNEL_SPREAD = 3.0  # funnel: v ~ N(0, 3²), x_1 … x_9 ~ N(0, eᵛ)

CASES = {
    "langevin-mixture": Case("mixture", "langevin", 100_000, 100, 0, 0.1),
    "langevin-network": Case("network", "langevin", 1280, 1000, 0, 0.1),
    "mala-correlated": Case("correlated-normal-100", "mala", 128, 1000, 200, 0.04),
    "hmc-correlated": Case("correlated-normal-100", "hmc", 128, 500, 100, 0.22, 16),
    "mala-funnel": Case("funnel", "mala", 128, 2000, 500, 0.05),
    "hmc-funnel": Case("funnel", "hmc", 128, 1000, 200, 0.15, 16),
}

FORMS = {
    "langevin-mixture": ("jax jit", "torch eager", "torchebm eager", "jax reduced", "torch reduced"),
    "langevin-network": ("jax jit", "torch eager", "torch compile"),
    "mala-correlated": ("blackjax dense", "blackjax banded"),
    "hmc-correlated": ("blackjax dense", "blackjax banded"),
    "mala-funnel": ("blackjax jit",),
    "hmc-funnel": ("blackjax jit",),
}
