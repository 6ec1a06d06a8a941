"""The cases: which objective, on which network, with how many rows; and in which forms each peer can write them.

Every network is a plain perceptron with biases and SiLU between its layers, every batch is fixed standard normal data, and a step is:
fresh random directions or noise, the loss, its gradient by the parameters, one Adam update. The losses of a score s(x) are

    sliced      ½(v·s)² + v·∇ₓ(v·s), v Rademacher, the mean over `projections` directions   (Song et al. 2019, eq. 8)
    energy      the same with s = −∇E, E the network
    implicit    ½‖s‖² + tr ∂s/∂x, the trace exact                                           (Hyvärinen 2005, eq. 4)
    denoising   ½‖σ·s(x + σn) + n‖², n normal, σ = ½                                        (Vincent 2011, eq. 11, times σ²)

Standard library only: the driver reads this file too.
"""

from dataclasses import dataclass

SIGMA = 0.5
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Case:
    objective: str
    batch: int
    layers: tuple[int, ...]
    projections: int = 1

    @property
    def parameters(self) -> int:
        return sum(before * after + after for before, after in zip(self.layers, self.layers[1:]))


PLANE = (2, 128, 128, 128, 2)

CASES = {
    "sliced-128": Case("sliced", 128, PLANE),
    "sliced-1024": Case("sliced", 1024, PLANE),
    "energy-128": Case("energy", 128, (2, 128, 128, 1), projections=5),
    "energy-1024": Case("energy", 1024, (2, 128, 128, 1), projections=5),
    "implicit-64": Case("implicit", 128, (64, 128, 128, 128, 64)),
    "denoising-128": Case("denoising", 128, PLANE),
    "denoising-1024": Case("denoising", 1024, PLANE),
}

# What each form means stands in the peer's file.
FORMS = {
    "torch": {
        "sliced": ("double_backward", "forward_mode", "compiled"),
        "energy": ("double_backward", "forward_mode", "compiled"),
        "implicit": ("double_backward", "batched_backward", "forward_mode", "compiled"),
        "denoising": ("backward", "compiled"),
    },
    "jax": {objective: ("jit", "scan") for objective in ("sliced", "energy", "implicit", "denoising")},
    "torchebm": {"energy": ("eager",)},
}
