"""The U-Nets that are compared, as settings of diffusers' `UNet2DModel`, and the forms in which PyTorch can run each.

Every batch is fixed standard normal data. A forward pass keeps nothing for a backward one. A training step is: fresh noise levels and noise, the
loss of Karras et al. 2022 (their F, c_skip, c_out, c_in and weight, σ_data = ½, ln σ normal of mean −1.2 and deviation 1.2), its gradient by the
parameters, one Adam update.

Standard library only: the driver reads this file too.
"""

from dataclasses import dataclass

LEARNING_RATE = 1e-4
SIGMA_DATA = 0.5
LOG_SIGMA = (-1.2, 1.2)


@dataclass(frozen=True)
class UNet:
    batch: int
    channels: int
    block_out_channels: tuple[int, ...]
    parameters: int
    size: int = 32

    @property
    def settings(self) -> dict:
        """What `UNet2DModel` is made with; the rest is its default."""
        levels = len(self.block_out_channels)
        return {
            "sample_size": self.size,
            "in_channels": self.channels,
            "out_channels": self.channels,
            "block_out_channels": self.block_out_channels,
            "layers_per_block": 1,
            "down_block_types": ("DownBlock2D",) * levels,
            "up_block_types": ("UpBlock2D",) * levels,
            "add_attention": True,
            "attention_head_dim": None,
            "norm_num_groups": 8,
        }


CASES = {
    "small": UNet(batch=64, channels=1, block_out_channels=(32, 64, 64), parameters=1_062_497),
    "large": UNet(batch=32, channels=3, block_out_channels=(64, 128, 128), parameters=4_238_787),
}


@dataclass(frozen=True)
class Form:
    """How a PyTorch user may run it; `fused` is the kind of Adam, and of training only."""

    compiled: bool = False
    channels_last: bool = False
    fused: bool = True


FORMS = {
    "foreach": Form(fused=False),
    "eager": Form(),
    "channels_last": Form(channels_last=True),
    "compiled": Form(compiled=True),
    "compiled_channels_last": Form(compiled=True, channels_last=True),
}
PRECISIONS = ("fp32", "bf16")
WHATS = ("train", "forward")
