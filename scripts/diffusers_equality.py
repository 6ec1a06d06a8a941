#!/usr/bin/env python3
"""Whether scorefield and diffusers compute the same from the same weights, both ways.

Twelve random UNet2DModels with their schedulers are saved by diffusers, imported by the command, and the scores of a few points at a few
noise levels compared with PyTorch's; then they are exported again, opened by diffusers as model, scheduler and
pipeline, and compared once more. At last a U-Net is trained on the digits for a few steps, exported, and its denoiser compared.

    pip install torch diffusers==0.36.0 safetensors && cargo build --release
    python3 scripts/diffusers_equality.py [--command target/release/scorefield]

Exit code 1 if a relative difference is above 1e-4.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import warnings

# Before diffusers, which warns while it is imported.
warnings.filterwarnings("ignore")

import diffusers
import numpy as np
import torch
from diffusers import (DDIMScheduler, DDPMScheduler, DiffusionPipeline, EDMDPMSolverMultistepScheduler, EDMEulerScheduler,
                       ScoreSdeVeScheduler, UNet2DModel)
from safetensors.torch import load_file, save_file

TOLERANCE = 1e-4
# What is drawn from a network of classes.
CLASS = 3
ROOT = pathlib.Path(__file__).parent.parent
DOWN, ATTN = ("DownBlock2D", "AttnDownBlock2D"), ("AttnUpBlock2D", "UpBlock2D")
CASES = [
    ("plain blocks, DDPM", dict(sample_size=8, in_channels=1, out_channels=1, block_out_channels=(8, 16), layers_per_block=1,
     norm_num_groups=4, down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2, attention_head_dim=None),
     DDPMScheduler()),
    ("attention, scale_shift, DDIM cosine v", dict(sample_size=8, block_out_channels=(8, 16), layers_per_block=2,
     norm_num_groups=8, attention_head_dim=4, down_block_types=DOWN, up_block_types=ATTN, resnet_time_scale_shift="scale_shift",
     norm_eps=1e-6), DDIMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")),
    ("attention first, gelu, padding 0, scaled linear", dict(sample_size=8, block_out_channels=(8, 16), layers_per_block=1,
     norm_num_groups=2, attention_head_dim=8, down_block_types=("AttnDownBlock2D", "DownBlock2D"),
     up_block_types=("UpBlock2D", "AttnUpBlock2D"), downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, act_fn="gelu",
     mid_block_scale_factor=1.5), DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")),
    ("resnet sampling, heads, sample prediction", dict(sample_size=8, block_out_channels=(8, 8, 16), layers_per_block=1,
     norm_num_groups=4, attention_head_dim=4, down_block_types=("AttnDownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
     up_block_types=("UpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D"), downsample_type="resnet", upsample_type="resnet",
     center_input_sample=True), DDPMScheduler(prediction_type="sample", num_train_timesteps=200, beta_end=0.1)),
    ("Skip and AttnSkip, fourier, VE", dict(sample_size=8, block_out_channels=(32, 32), layers_per_block=1, norm_num_groups=8,
     attention_head_dim=None, down_block_types=("SkipDownBlock2D", "AttnSkipDownBlock2D"),
     up_block_types=("AttnSkipUpBlock2D", "SkipUpBlock2D"), time_embedding_type="fourier", norm_eps=1e-6,
     mid_block_scale_factor=2**0.5), ScoreSdeVeScheduler()),
    ("oblong, two channels, fourier, VE", dict(sample_size=(4, 8), in_channels=2, out_channels=2, block_out_channels=(8, 12),
     layers_per_block=1, norm_num_groups=4, down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2,
     add_attention=False, time_embedding_type="fourier"), ScoreSdeVeScheduler(sigma_min=0.02, sigma_max=50.0)),
    ("odd embedding, EDM", dict(sample_size=8, block_out_channels=(9, 18), layers_per_block=1, norm_num_groups=3,
     attention_head_dim=9, down_block_types=DOWN, up_block_types=ATTN, attn_norm_num_groups=2, time_embedding_dim=20),
     EDMEulerScheduler(sigma_data=0.6)),
    ("no middle, EDM", dict(sample_size=16, in_channels=1, out_channels=1, block_out_channels=(16, 16, 32), layers_per_block=1,
     norm_num_groups=8, down_block_types=("DownBlock2D",) * 3, up_block_types=("UpBlock2D",) * 3, attention_head_dim=16,
     mid_block_type=None), EDMDPMSolverMultistepScheduler(sigma_max=40.0)),
    ("betas in a list, old names, half precision", dict(sample_size=8, in_channels=1, out_channels=1, block_out_channels=(8, 16),
     layers_per_block=1, norm_num_groups=4, attention_head_dim=8, down_block_types=DOWN, up_block_types=ATTN),
     DDPMScheduler(trained_betas=[0.001 * (1 + i) for i in range(100)])),
    ("NCSN++ of four sizes, its own groups, VE", dict(sample_size=16, block_out_channels=(32, 32, 32, 32), layers_per_block=1,
     norm_num_groups=None, attention_head_dim=8, down_block_types=("SkipDownBlock2D", "AttnSkipDownBlock2D") * 2,
     up_block_types=("AttnSkipUpBlock2D", "SkipUpBlock2D") * 2, time_embedding_type="fourier", norm_eps=1e-6,
     mid_block_scale_factor=2**0.5), ScoreSdeVeScheduler()),
    ("heads that leave channels over, dropout, variance", dict(sample_size=8, block_out_channels=(4, 8), layers_per_block=1,
     norm_num_groups=2, attention_head_dim=3, dropout=0.1, down_block_types=DOWN, up_block_types=ATTN),
     DDPMScheduler(variance_type="fixed_large", clip_sample=False)),
    ("classes", dict(sample_size=8, in_channels=1, out_channels=1, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
     attention_head_dim=8, down_block_types=DOWN, up_block_types=ATTN, num_class_embeds=5), DDIMScheduler()),
]


def levels(scheduler):
    """A few noise levels: on the list of steps, between two, and near the ends."""
    if hasattr(scheduler, "alphas_cumprod"):
        logs = log_levels(scheduler)
        return [float(np.exp(np.interp(t, range(len(logs)), logs))) for t in (3.0, 0.5 * len(logs), 0.9 * len(logs) + 0.4)]
    return [3 * scheduler.config.sigma_min, 0.7, 0.8 * scheduler.config.sigma_max]


def log_levels(scheduler):
    """ln sigma of every step, in double precision: diffusers keeps the products in single."""
    betas = scheduler.betas.double().numpy()
    alphas = np.cumprod(1 - betas)
    return 0.5 * np.log((1 - alphas) / alphas)


def in_double(model):
    """The model as a function of doubles; in double precision itself it cannot be, because the filters of Skip blocks are single."""
    def apply(x, c):
        labels = torch.full((len(x),), CLASS) if model.config.num_class_embeds else None
        output = model(x.to(model.dtype), c.to(model.dtype), class_labels=labels)
        output.sample = output.sample.double()
        return output
    return apply


def reference(model, scheduler, x, sigma):
    """The score by diffusers' own conventions: the network in its own precision, the rest in double."""
    x = torch.tensor(x, dtype=torch.float64)
    model = in_double(model)
    with torch.no_grad():
        if isinstance(scheduler, ScoreSdeVeScheduler):
            return model(x, torch.full((len(x),), sigma, dtype=torch.float64)).sample.numpy()
        if hasattr(scheduler, "alphas_cumprod"):
            logs = log_levels(scheduler)
            t = np.interp(np.log(sigma), logs, range(len(logs)))
            output = model(x / (1 + sigma**2) ** 0.5, torch.full((len(x),), float(t), dtype=torch.float64)).sample
            alpha = 1 / (1 + sigma**2)
            noisy = alpha**0.5 * x
            kind = scheduler.config.prediction_type
            clean = {"epsilon": lambda: (noisy - (1 - alpha) ** 0.5 * output) / alpha**0.5, "sample": lambda: output,
                     "v_prediction": lambda: alpha**0.5 * noisy - (1 - alpha) ** 0.5 * output}[kind]()
            return ((clean - x) / sigma**2).numpy()
        level = torch.tensor([sigma], dtype=torch.float64)
        output = model(scheduler.precondition_inputs(x, level), scheduler.precondition_noise(level)).sample
        return ((scheduler.precondition_outputs(x, output, level) - x) / sigma**2).numpy()


def command(words):
    done = subprocess.run([COMMAND, "--quiet", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"scorefield {' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def scores(run, x, sigma, folder, more=()):
    np.save(folder / "x.npy", x)
    command(["score", run, folder / "x.npy", "--sigma", repr(sigma), "-o", folder / "s.npy", *more])
    return np.load(folder / "s.npy").reshape(x.shape)


def difference(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def weaken(path, old):
    """Weights as an old program kept them: half precision, and attention's former names."""
    names = [(".to_q.", ".query."), (".to_k.", ".key."), (".to_v.", ".value."), (".to_out.0.", ".proj_attn.")]
    weights = load_file(path)
    for new, former in names if old else []:
        weights = {k.replace(new, former) if "attentions." in k else k: v for k, v in weights.items()}
    save_file({k: v.half() for k, v in weights.items()}, path)


def both_ways(i, name, config, scheduler, folder):
    torch.manual_seed(i)
    model = UNet2DModel(**config).eval()
    there, run, back = folder / "there", folder / "run", folder / "back"
    if i % 2:
        model.save_pretrained(there)
        scheduler.save_pretrained(there)
    else:
        model.save_pretrained(there / "unet")
        scheduler.save_pretrained(there / "scheduler")
    if "half" in name:
        weaken(there / "unet" / "diffusion_pytorch_model.safetensors", True)
        model = model.half().float()
    command(["import", there, "--out", run])
    x = np.random.default_rng(i).normal(size=(3, model.config.in_channels, *np.broadcast_to(config["sample_size"], 2)))
    cases = [((1 + sigma**2) ** 0.5 * x, sigma) for sigma in levels(scheduler)]
    cases = [(np.float32(x), sigma) for x, sigma in cases]
    wanted = [reference(model, scheduler, x, sigma) for x, sigma in cases]
    more = ["--class", CLASS] if config.get("num_class_embeds") else []
    imported = max(difference(scores(run, x, sigma, folder, more), want) for (x, sigma), want in zip(cases, wanted))
    command(["export", run, "--format", "diffusers", back])
    again = UNet2DModel.from_pretrained(back).eval()
    pipeline = DiffusionPipeline.from_pretrained(back)
    exported = max(difference(reference(again, pipeline.scheduler, x, sigma), want) for (x, sigma), want in zip(cases, wanted))
    same = all(torch.equal(v, again.state_dict()[k]) for k, v in model.state_dict().items())
    settings = [{k: v for k, v in s.config.items() if not k.startswith("_")} for s in (scheduler, pipeline.scheduler)]
    same = same and type(pipeline.scheduler) is type(scheduler) and settings[0] == settings[1]
    command(["sample", run, "-n", "1", "--steps", "3", "-o", folder / "s.npy"])
    return imported, exported, same, type(pipeline).__name__


def trained(folder):
    run, out = folder / "run", folder / "out"
    command(["train", "digits", "--net", "unet", "--width", "16", "--depth", "1", "--steps", "30", "--batch", "32", "--lr", "0.01", "--ema", "5",
             "--out", run])
    command(["export", run, "--format", "diffusers", out])
    model = UNet2DModel.from_pretrained(out).eval()
    pipeline = DiffusionPipeline.from_pretrained(out)
    x = np.float32(np.random.default_rng(0).normal(size=(4, 1, 8, 8)))
    worst = 0.0
    for sigma in (0.01, 0.3, 5.0):
        noisy = np.float32(0.5 + (sigma**2 + 0.1) ** 0.5 * x)
        # x_d = 2x - 1 and sigma_d = 2 sigma, so the score of x is twice that of x_d.
        want = 2 * reference(model, pipeline.scheduler, 2 * noisy.astype(np.float64) - 1, 2 * sigma)
        worst = max(worst, difference(scores(run, noisy, sigma, folder), want))
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline(num_inference_steps=5, output_type="np").images
    return worst, np.isfinite(images).all() and images.shape == (1, 8, 8, 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--command", default=str(ROOT / "target/release/scorefield"))
    COMMAND = parser.parse_args().command
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    print(f"diffusers {diffusers.__version__}, torch {torch.__version__}; largest relative difference of scores")
    bad = 0
    for i, (name, config, scheduler) in enumerate(CASES):
        with tempfile.TemporaryDirectory() as folder:
            imported, exported, same, pipeline = both_ways(i, name, config, scheduler, pathlib.Path(folder))
        good = max(imported, exported) < TOLERANCE and same
        bad += not good
        print(f"{'ok ' if good else 'BAD'} imported {imported:.1e}, exported {exported:.1e}, weights and scheduler {'equal' if same else 'differ'}: {name} ({pipeline})")
    with tempfile.TemporaryDirectory() as folder:
        worst, drawn = trained(pathlib.Path(folder))
    good = worst < TOLERANCE and drawn
    bad += not good
    print(f"{'ok ' if good else 'BAD'} exported {worst:.1e}: trained on digits; its pipeline {'draws' if drawn else 'does not draw'}")
    sys.exit(1 if bad else 0)
