#!/usr/bin/env python3
"""Digits judged by a classifier that never saw them, and the PyTorch twin of `train mnist`.

    python3 bench/mnist.py classifier --data-dir DIR --out classifier.pt     a small convolutional network, > 99% on the test images
    python3 bench/mnist.py judge SAMPLES.npy --classifier classifier.pt      how many are certain, and of which classes
    python3 bench/mnist.py twin --data-dir DIR --minutes 15 -o twin.npy      diffusers' UNet2DModel of the same size, the same loss, AdamW,
                                                                             the same average of weights and sampler
    python3 bench/mnist.py twin --load twin.pt --levels 40 --churn 40 -o again.npy    draws from it again, with noise on the way

The twin trains with the fastest form that PyTorch has in `run_unet.py` (eager, the fused optimiser) for the given wall-clock minutes, with the
recipe's settings (but for Muon, which PyTorch has for matrices of two dimensions only: AdamW), draws 1,000 samples by Heun's method and writes them as `[n, 1, 28, 28]` in [0, 1].
"""
import argparse
import gzip
import json
import math
import pathlib
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def images(folder, part):
    """Images `[n, 1, 28, 28]` in [0, 1] and labels."""
    def read(kind, header):
        path = next(p for p in sorted(pathlib.Path(folder).rglob(f"{part}-{kind}*")))
        raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
        return np.frombuffer(raw, np.uint8, offset=header)

    x = read("images", 16).reshape(-1, 1, 28, 28)
    return torch.tensor(x / np.float32(255)), torch.tensor(read("labels", 8).astype(np.int64))


def network():
    def block(a, b):
        return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU())

    return nn.Sequential(
        block(1, 24), block(24, 24), nn.MaxPool2d(2), block(24, 48), block(48, 48), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(48 * 49, 96), nn.ReLU(), nn.Dropout(0.3), nn.Linear(96, 10),
    )


def train_classifier(args):
    torch.manual_seed(0)
    (x, y), (tx, ty) = images(args.data_dir, "train"), images(args.data_dir, "t10k")
    model = network().to(memory_format=torch.channels_last)
    epochs, batch = args.epochs, 256
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.02, fused=True)
    steps = epochs * (len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for epoch in range(epochs):
        model.train()
        for rows in torch.randperm(len(x))[: len(x) // batch * batch].split(batch):
            loss = F.cross_entropy(model(x[rows]), y[rows], label_smoothing=0.0)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(a).argmax(1) == b).sum().item() for a, b in zip(tx.split(1000), ty.split(1000)))
        print(json.dumps({"epoch": epoch + 1, "test_accuracy": right / len(tx)}), flush=True)
    torch.save({"state": model.state_dict(), "test_accuracy": right / len(tx)}, args.out)


def judge(args):
    saved = torch.load(args.classifier, weights_only=True)
    model = network()
    model.load_state_dict(saved["state"])
    model.eval()
    x = torch.tensor(np.load(args.samples).astype(np.float32)).reshape(-1, 1, 28, 28).clamp(0, 1)
    with torch.no_grad():
        certainty, classes = model(x).softmax(1).max(1)
    shares = torch.bincount(classes, minlength=10).double() / len(x)
    print(json.dumps({
        "samples": len(x),
        "classifier_test_accuracy": saved["test_accuracy"],
        "certain": (certainty >= 0.9).double().mean().item(),
        "classes": [round(s, 4) for s in shares.tolist()],
        "lowest_class": shares.min().item(),
        "highest_class": shares.max().item(),
    }))


def twin(args):
    from diffusers import UNet2DModel

    torch.manual_seed(args.seed)
    x, _ = images(args.data_dir, "train")
    x = x - 0.5
    data = x.square().mean().sqrt().item()
    width, depth = args.width, args.depth
    net = UNet2DModel(
        sample_size=28, in_channels=1, out_channels=1, block_out_channels=(width, 2 * width, 2 * width), layers_per_block=depth,
        down_block_types=("DownBlock2D",) * 3, up_block_types=("UpBlock2D",) * 3, attention_head_dim=None, norm_num_groups=8,
    )
    ema = [p.detach().clone() for p in net.parameters()]
    optimiser = torch.optim.AdamW(net.parameters(), args.lr, betas=(0.9, 0.999), weight_decay=args.weight_decay, fused=True)

    def denoise(z, sigma):
        sigma = sigma.reshape(-1, 1, 1, 1)
        total = (sigma**2 + data**2).sqrt()
        f = net(z / total, (sigma.flatten() / data).log() / 4).sample
        return data**2 / total**2 * z + sigma * data / total * f

    begun, step, loss = time.perf_counter(), 0, None
    seconds = 0 if args.load else 60 * args.minutes
    while (elapsed := time.perf_counter() - begun) < seconds:
        rate = args.lr * min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * elapsed / seconds))
        for group in optimiser.param_groups:
            group["lr"] = rate
        rows = torch.randint(len(x), (args.batch,))
        sigma = (args.p_mean + args.p_std * torch.randn(args.batch)).exp()
        clean = x[rows]
        noisy = clean + sigma.reshape(-1, 1, 1, 1) * torch.randn_like(clean)
        weight = ((sigma**2 + data**2) / (sigma * data) ** 2).reshape(-1, 1, 1, 1)
        loss = (weight * (denoise(noisy, sigma) - clean) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        step += 1
        decay = 0.5 ** (1 / min(args.ema, max(step / 10, 1)))
        with torch.no_grad():
            torch._foreach_lerp_(ema, list(net.parameters()), 1 - decay)
    with torch.no_grad():
        for p, average in zip(net.parameters(), ema):
            p.copy_(average)
    if args.load:
        net.load_state_dict(torch.load(args.load, weights_only=True))
    else:
        torch.save(net.state_dict(), pathlib.Path(args.output).with_suffix(".pt"))
    net.eval()
    n, levels, low, high = 1000, args.levels, 0.002 * data / 0.5, 80 * data / 0.5
    ladder = [(high ** (1 / 7) + i / (levels - 1) * (low ** (1 / 7) - high ** (1 / 7))) ** 7 for i in range(levels)] + [0.0]
    drawn = []
    with torch.no_grad():
        for rows in torch.arange(n).split(100):
            z = high * torch.randn(len(rows), 1, 28, 28)
            for sigma, below in zip(ladder, ladder[1:]):
                # Karras et al. 2022, algorithm 2.
                up = sigma * (1 + min(args.churn / levels, math.sqrt(2) - 1))
                z, sigma = z + math.sqrt(up**2 - sigma**2) * torch.randn_like(z), up
                slope = (z - denoise(z, torch.full((len(rows),), sigma))) / sigma
                euler = z + (below - sigma) * slope
                if below > 0:
                    again = (euler - denoise(euler, torch.full((len(rows),), below))) / below
                    euler = z + (below - sigma) / 2 * (slope + again)
                z = euler
            drawn.append(z + 0.5)
    np.save(args.output, torch.cat(drawn).numpy())
    parameters = sum(p.numel() for p in net.parameters())
    print(json.dumps({"steps": step, "minutes": args.minutes, "parameters": parameters, "batch": args.batch, "loss": loss and loss.item()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("classifier")
    verb.set_defaults(run=train_classifier)
    verb.add_argument("--data-dir", required=True)
    verb.add_argument("--epochs", type=int, default=6)
    verb.add_argument("--out", required=True)
    verb = verbs.add_parser("judge")
    verb.set_defaults(run=judge)
    verb.add_argument("samples")
    verb.add_argument("--classifier", required=True)
    verb = verbs.add_parser("twin")
    verb.set_defaults(run=twin)
    verb.add_argument("--data-dir", required=True)
    verb.add_argument("-o", "--output", required=True)
    verb.add_argument("--load", help="weights that it saved, instead of training")
    for name, value in [("minutes", 15.0), ("lr", 2e-3), ("weight-decay", 0.01), ("ema", 300.0), ("p-mean", -0.6), ("p-std", 1.2), ("churn", 0.0)]:
        verb.add_argument(f"--{name}", type=float, default=value)
    for name, value in [("width", 32), ("depth", 1), ("batch", 32), ("levels", 18), ("seed", 0)]:
        verb.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
