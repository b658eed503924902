"""The files of a model as a hub or a folder has them: those that are needed, and others."""

import hashlib
import random
from pathlib import Path

MODEL = "lab/wavlm"
WEIGHTS = "model.safetensors"


def content(seed: int, size: int = 5000) -> bytes:
    """Bytes that no other seed gives."""
    return random.Random(seed).randbytes(size)


NEEDED = {
    "config.json": b'{"model_type": "wavlm"}',
    "preprocessor_config.json": b"{}",
    WEIGHTS: content(1),
}
USELESS = {
    "README.md": b"# A model",
    "pytorch_model.bin": content(2),
    "flax_model.msgpack": content(3),
    "tf_model.h5": content(4),
    "model.fp16.safetensors": content(5),
    "adapter_config.json": b"{}",
    "adapter_model.safetensors": content(6),
    "trainer_state.json": b"{}",
    "optimizer.pt": content(7),
    "training_args.bin": content(8),
    "modeling_wavlm.py": b"raise SystemExit",
    "onnx/model.onnx": content(9),
    "onnx/preprocessor_config.json": b"{}",
    "logs/run.txt": b"epoch 1",
    "checkpoint-5/model.safetensors": content(10),
}


def digests(files: dict[str, bytes]) -> dict[str, str]:
    """SHA-256 of each file, as records have it."""
    return {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}


def folder_with(folder: Path, files: dict[str, bytes]) -> Path:
    """Write the files, by their paths below the folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
