#!/usr/bin/env python3
"""What diffusers' UNet2DModel gives for ten configurations, as crates/scorefield/tests/fixtures/unet.json.

Weights, inputs and the loss's directions follow a formula that the Rust test repeats, so the file holds configurations and results only:
outputs, and for each parameter two numbers of its gradient, its norm and its scalar product with a direction.

    pip install torch diffusers==0.36.0 && python3 scripts/unet_fixtures.py
"""
import json
import pathlib

import numpy as np
import torch
from diffusers import UNet2DModel

CONFIGS = [
    dict(sample_size=8, in_channels=1, out_channels=1, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
         down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"), attention_head_dim=None),
    dict(sample_size=8, block_out_channels=(8, 16), layers_per_block=2, norm_num_groups=8, attention_head_dim=4,
         down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
         resnet_time_scale_shift="scale_shift", norm_eps=1e-6),
    dict(sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=2, attention_head_dim=8,
         down_block_types=("AttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "AttnUpBlock2D"),
         downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, act_fn="gelu", mid_block_scale_factor=1.5),
    dict(sample_size=8, block_out_channels=(8, 8, 16), layers_per_block=1, norm_num_groups=4, attention_head_dim=4,
         down_block_types=("AttnDownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
         up_block_types=("UpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D"), downsample_type="resnet", upsample_type="resnet",
         center_input_sample=True),
    dict(sample_size=8, block_out_channels=(32, 32), layers_per_block=1, norm_num_groups=8, attention_head_dim=None,
         down_block_types=("SkipDownBlock2D", "AttnSkipDownBlock2D"), up_block_types=("AttnSkipUpBlock2D", "SkipUpBlock2D"),
         time_embedding_type="fourier", norm_eps=1e-6, mid_block_scale_factor=2**0.5),
    dict(sample_size=(4, 8), in_channels=2, out_channels=2, block_out_channels=(8, 12), layers_per_block=1, norm_num_groups=4,
         down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"), add_attention=False,
         time_embedding_type="fourier", num_class_embeds=3),
    dict(sample_size=8, block_out_channels=(9, 18), layers_per_block=1, norm_num_groups=3, attention_head_dim=9,
         down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
         attn_norm_num_groups=2, class_embed_type="timestep", time_embedding_dim=20),
    dict(sample_size=16, in_channels=1, out_channels=1, block_out_channels=(16, 16, 32), layers_per_block=1, norm_num_groups=8,
         down_block_types=("DownBlock2D",) * 3, up_block_types=("UpBlock2D",) * 3, attention_head_dim=16, mid_block_type=None),
    dict(sample_size=16, block_out_channels=(32, 32, 32, 32), layers_per_block=1, norm_num_groups=None, attention_head_dim=8,
         down_block_types=("SkipDownBlock2D", "AttnSkipDownBlock2D", "SkipDownBlock2D", "AttnSkipDownBlock2D"),
         up_block_types=("AttnSkipUpBlock2D", "SkipUpBlock2D", "AttnSkipUpBlock2D", "SkipUpBlock2D"),
         time_embedding_type="fourier", norm_eps=1e-6, mid_block_scale_factor=2**0.5),
    dict(sample_size=8, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, attention_head_dim=3, dropout=0.1,
         down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D")),
]
PLACE = pathlib.Path(__file__).parent.parent / "crates/scorefield/tests/fixtures/unet.json"


def wave(name, count, scale=1.0):
    """scale·√2·sin(phase(name) + 1.7 i + 0.01 i²): numbers of variance about scale², the same in any language."""
    i = np.arange(count, dtype=np.float64)
    phase = float(sum(name.encode()))
    return torch.tensor(scale * 2**0.5 * np.sin(phase + 1.7 * i + 0.01 * i * i), dtype=torch.float32)


def weight(name, shape):
    count = int(np.prod(shape))
    if name == "time_proj.weight":
        return wave(name, count, 0.5).reshape(shape)
    if len(shape) == 1:
        return (wave(name, count, 0.1) + (1.0 if "norm" in name and name.endswith("weight") else 0.0)).reshape(shape)
    fan_in = count // shape[0]
    return wave(name, count, 0.7 * fan_in**-0.5).reshape(shape)


def main():
    cases = []
    for config in CONFIGS:
        # Nothing is dropped, as in use.
        model = UNet2DModel(**config).eval()
        with torch.no_grad():
            for name, p in model.named_parameters():
                p.copy_(weight(name, tuple(p.shape)))
        c = config.get("in_channels", 3)
        size = config["sample_size"]
        h, w = size if isinstance(size, tuple) else (size, size)
        x = wave("x", 2 * c * h * w).reshape(2, c, h, w)
        t = torch.tensor([0.8, 3.5])
        labels = torch.tensor([1.0, 1.0]) if config.get("class_embed_type") else torch.tensor([1, 1])
        has_classes = "num_class_embeds" in config or "class_embed_type" in config
        y = model(x, t, class_labels=labels if has_classes else None).sample
        (y.flatten() * wave("loss", y.numel())).sum().backward()
        gradients = {
            name: [p.grad.double().norm().item(), (p.grad.double().flatten() * wave("along", p.numel()).double()).sum().item()]
            for name, p in model.named_parameters()
            if p.requires_grad
        }
        cases.append({"config": json.loads(model.to_json_string()), "output": y.flatten().tolist(), "gradients": gradients})
    PLACE.write_text(json.dumps(cases) + "\n")
    print(f"{len(cases)} cases in {PLACE}")


if __name__ == "__main__":
    main()
