"""The device and the precision that encoders run in."""

import platform

import torch

from fairser.core.errors import InputError, nearest

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,  # on a CPU it works, but many times slower than float32
}


def choose(name: str) -> torch.device:
    """The device of that name; ``auto`` is the first there is of cuda, mps and cpu.

    From then on float32 is computed as such on a GPU, so that devices differ by rounding alone:
    TF32, the default of convolutions, and of all products once speechbrain is imported, has 10
    bits. Import speechbrain before.

    Raises:
        InputError: no such device here; says which there are.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    there = _available()
    if name == "auto":
        return torch.device(there[0])
    if name not in there:
        raise InputError(
            f"Device '{name}' is not available; here there is {' and '.join(there)}. Choose one of "
            "these, or 'auto'."
        )
    return torch.device(name)


def precision(name: str) -> torch.dtype:
    """The type of that name: float32, bfloat16 or float16.

    Raises:
        InputError: another name.
    """
    if name not in PRECISIONS:
        known = list(PRECISIONS)
        raise InputError(f"Precision '{name}' is none of {', '.join(known)}.{nearest(name, known)}")
    return PRECISIONS[name]


def describe(device: torch.device) -> str:
    """What to record with results, such as ``NVIDIA H100 (cuda)`` or ``x86_64 (cpu)``."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} (cuda)"
    return f"{platform.machine()} ({device.type})"


def _available() -> list[str]:
    """Devices of this machine, the fastest first."""
    there = []
    if torch.cuda.is_available():
        there.append("cuda")
    if torch.backends.mps.is_available():
        there.append("mps")
    return [*there, "cpu"]
