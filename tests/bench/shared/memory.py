"""Memory of a GPU."""

import gc

import torch


def release(device: torch.device) -> None:
    """Give back what nothing uses any more, and count the peak from here."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_gb(device: torch.device) -> float | None:
    """Largest memory of tensors since :func:`release`, in GB; None on a CPU."""
    return torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None
