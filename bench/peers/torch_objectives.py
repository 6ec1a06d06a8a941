"""Score-matching training steps in PyTorch, each objective in every form that a user might write.

    double_backward    the score by the network, its derivative by a backward pass that is itself differentiated (`create_graph`):
                       one for each direction, so d of them for an exact trace
    batched_backward   the d passes of the exact trace as one: `vmap` of `torch.func.vjp`
    forward_mode       the derivative by `torch.func.jvp`, over all directions by `vmap`: the score itself is computed once
    backward           no derivative in x: denoising
    compiled           `torch.compile` of forward_mode; of batched_backward for the exact trace, of backward for denoising
"""

import torch
from torch import nn
from torch.func import grad, jvp, vjp, vmap

import measure
from cases import LEARNING_RATE, SIGMA, Case


def perceptron(layers: tuple[int, ...]) -> nn.Sequential:
    modules: list[nn.Module] = []
    for before, after in zip(layers, layers[1:]):
        modules += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*modules[:-1])


def rademacher(*shape: int) -> torch.Tensor:
    return torch.empty(shape).bernoulli_().mul_(2).sub_(1)


def sliced_of(score: torch.Tensor, derivative: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """½(v·s)² + v·(∂s/∂x)v; the mean over rows and directions."""
    return (0.5 * (score * v).sum(-1).square() + (derivative * v).sum(-1)).mean()


def implicit_of(score: torch.Tensor, trace: torch.Tensor) -> torch.Tensor:
    """½‖s‖² + tr ∂s/∂x; the mean over rows."""
    return (0.5 * score.square().sum(1) + trace).mean()


def sliced_by_double_backward(net: nn.Module, x: torch.Tensor, case: Case) -> torch.Tensor:
    x = x.repeat(case.projections, 1).requires_grad_()
    v = rademacher(*x.shape)
    score = net(x) if case.objective == "sliced" else torch.autograd.grad(-net(x).sum(), x, create_graph=True)[0]
    derivative = torch.autograd.grad((score * v).sum(), x, create_graph=True)[0]
    return sliced_of(score, derivative, v)


def sliced_by_forward_mode(net: nn.Module, x: torch.Tensor, case: Case) -> torch.Tensor:
    v = rademacher(case.projections, *x.shape)
    score = net if case.objective == "sliced" else grad(lambda x: -net(x).sum())
    return sliced_of(*vmap(lambda v: jvp(score, (x,), (v,)), out_dims=(None, 0))(v), v)


def implicit_by_double_backward(net: nn.Module, x: torch.Tensor, case: Case) -> torch.Tensor:
    x = x.clone().requires_grad_()
    score = net(x)
    diagonal = (torch.autograd.grad(score[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(x.shape[1]))
    return implicit_of(score, sum(diagonal))


def implicit_by_batched_backward(net: nn.Module, x: torch.Tensor, case: Case) -> torch.Tensor:
    score, pull_back = vjp(net, x)
    jacobian = vmap(lambda e: pull_back(e.expand_as(x))[0])(torch.eye(x.shape[1]))
    return implicit_of(score, jacobian.diagonal(dim1=0, dim2=2).sum(1))


def implicit_by_forward_mode(net: nn.Module, x: torch.Tensor, case: Case) -> torch.Tensor:
    score, jacobian = vmap(lambda e: jvp(net, (x,), (e.expand_as(x),)), out_dims=(None, 0))(torch.eye(x.shape[1]))
    return implicit_of(score, jacobian.diagonal(dim1=0, dim2=2).sum(1))


def denoising(net: nn.Module, x: torch.Tensor, case: Case) -> torch.Tensor:
    n = torch.randn_like(x)
    return (0.5 * (SIGMA * net(x + SIGMA * n) + n).square().sum(1)).mean()


SLICED = {"double_backward": sliced_by_double_backward, "forward_mode": sliced_by_forward_mode, "compiled": sliced_by_forward_mode}
LOSSES = {
    "sliced": SLICED,
    "energy": SLICED,
    "implicit": {
        "double_backward": implicit_by_double_backward,
        "batched_backward": implicit_by_batched_backward,
        "forward_mode": implicit_by_forward_mode,
        "compiled": implicit_by_batched_backward,
    },
    "denoising": {"backward": denoising, "compiled": denoising},
}


def prepare(case: Case, form: str):
    torch.set_num_threads(2)
    torch.manual_seed(0)
    net, x = perceptron(case.layers), torch.randn(case.batch, case.layers[0])
    loss = LOSSES[case.objective][form]
    loss = torch.compile(loss) if form == "compiled" else loss
    adam = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)

    def advance(steps: int) -> None:
        for _ in range(steps):
            adam.zero_grad()
            loss(net, x, case).backward()
            adam.step()

    return sum(p.numel() for p in net.parameters()), advance


if __name__ == "__main__":
    measure.run("torch", torch.__version__, prepare)
