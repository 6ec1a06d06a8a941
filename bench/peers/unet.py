"""A U-Net in PyTorch, diffusers' `UNet2DModel`: what a training step or a forward pass costs, as one line of JSON.

    foreach                  eager, Adam over lists of tensors
    eager                    eager, Adam fused
    channels_last            the same, weights and images in that memory format
    compiled                 `torch.compile` of the network
    compiled_channels_last   both

bf16 is `torch.autocast` around network and loss. A process measures one thing, so that its peak of memory is that thing's.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable

import torch

warnings.filterwarnings("ignore")  # diffusers' decorators ask for CUDA
from diffusers import UNet2DModel  # noqa: E402

from measure import memory  # noqa: E402
from unet_cases import CASES, FORMS, LEARNING_RATE, LOG_SIGMA, PRECISIONS, SIGMA_DATA, WHATS, Form, UNet  # noqa: E402

WARM_UP = 3  # calls before the first that counts; the first compiles


def loss(net: Callable, clean: torch.Tensor) -> torch.Tensor:
    mean, deviation = LOG_SIGMA
    sigma = (mean + deviation * torch.randn(clean.shape[0], 1, 1, 1)).exp()
    noisy = clean + sigma * torch.randn_like(clean)
    total = sigma**2 + SIGMA_DATA**2
    out = net(noisy / total.sqrt(), 0.25 * sigma.flatten().log(), return_dict=False)[0]
    denoised = SIGMA_DATA**2 / total * noisy + sigma * SIGMA_DATA / total.sqrt() * out
    weight = total / (sigma * SIGMA_DATA) ** 2
    return (weight * (denoised - clean) ** 2).mean()


def prepare(case: UNet, form: Form, precision: str, what: str) -> tuple[int, Callable[[], None]]:
    """The number of parameters, and one step or pass."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    module = UNet2DModel(**case.settings)
    x = torch.randn(case.batch, case.channels, case.size, case.size)
    if form.channels_last:
        module, x = module.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    net = torch.compile(module) if form.compiled else module
    parameters = sum(p.numel() for p in module.parameters())

    def cast():
        return torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()

    if what == "forward":
        module.eval()
        level = torch.zeros(case.batch)

        def forward() -> None:
            with torch.no_grad(), cast():
                net(x, level, return_dict=False)

        return parameters, forward

    module.train()
    adam = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, fused=form.fused, foreach=not form.fused)

    def step() -> None:
        adam.zero_grad()
        with cast():
            value = loss(net, x)
        value.backward()
        adam.step()

    return parameters, step


def main() -> None:
    imported = memory("VmRSS")
    parser = argparse.ArgumentParser(description="Measures a U-Net of diffusers.")
    parser.add_argument("--case", required=True, choices=CASES)
    parser.add_argument("--form", required=True, choices=FORMS)
    parser.add_argument("--precision", default="fp32", choices=PRECISIONS)
    parser.add_argument("--what", default="train", choices=WHATS)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to measure")
    parser.add_argument("--repeats", type=int, default=5, help="steps that are timed at least")
    options = parser.parse_args()

    parameters, call = prepare(CASES[options.case], FORMS[options.form], options.precision, options.what)
    begun = time.perf_counter()
    for _ in range(WARM_UP):
        call()
    warm, times = time.perf_counter() - begun, []
    while len(times) < options.repeats or sum(times) < options.seconds:
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    peak = memory("VmHWM")
    print(json.dumps({
        "peer": "torch",
        "form": options.form,
        "case": options.case,
        "precision": options.precision,
        "what": options.what,
        "seconds": statistics.median(times),
        "seconds_least": min(times),
        "repeats": len(times),
        "seconds_warm_up": warm,
        "peak_rss_bytes": peak,
        "peak_rss_over_import_bytes": peak - imported,
        "parameters": parameters,
        "version": f"{torch.__version__}, diffusers {importlib.metadata.version('diffusers')}",
    }))


if __name__ == "__main__":
    main()
