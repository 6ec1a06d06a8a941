"""Sliced score matching of an energy by torchebm's own loss, as its documentation uses it."""

from importlib.metadata import version

import torch
from torch import nn
from torchebm.core import BaseModel
from torchebm.losses import SlicedScoreMatching

import measure
from cases import LEARNING_RATE, Case


class Energy(BaseModel):
    def __init__(self, layers: tuple[int, ...]):
        super().__init__()
        modules: list[nn.Module] = []
        for before, after in zip(layers, layers[1:]):
            modules += [nn.Linear(before, after), nn.SiLU()]
        self.net = nn.Sequential(*modules[:-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x).squeeze(-1)


def prepare(case: Case, form: str):
    torch.set_num_threads(2)
    torch.manual_seed(0)
    energy, x = Energy(case.layers), torch.randn(case.batch, case.layers[0])
    loss = SlicedScoreMatching(model=energy, n_projections=case.projections, projection_type="rademacher")
    adam = torch.optim.Adam(energy.parameters(), lr=LEARNING_RATE)

    def advance(steps: int) -> None:
        for _ in range(steps):
            adam.zero_grad()
            loss(x).backward()
            adam.step()

    return sum(p.numel() for p in energy.parameters()), advance


if __name__ == "__main__":
    measure.run("torchebm", version("torchebm"), prepare)
