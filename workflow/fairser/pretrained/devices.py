"""The device and the precision that encoders run in."""

import platform

import torch

from fairser.core.errors import InputError

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,  # on a CPU it works, but many times slower than float32
}


def choose(name: str) -> torch.device:
    """The device of that name; ``auto`` is the fastest one of this machine.

    TF32 is switched off, so that float32 gives the same results on all devices up to rounding. It
    has 10 bits, and is the default of convolutions and, after an import of speechbrain, of all
    matrix products: import speechbrain first.

    Raises:
        InputError: this machine has no such device.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    available = [device for device, found in there.items() if found]
    if name == "auto":
        return torch.device(available[0])
    if name not in available:
        raise InputError(
            f"Device '{name}' is not available on this machine. Choose "
            f"{', '.join(available)} or auto."
        )
    return torch.device(name)


def describe(device: torch.device) -> str:
    """Name of a device for the record of results, such as ``NVIDIA H100 (cuda)``."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} (cuda)"
    return f"{platform.machine()} ({device.type})"
