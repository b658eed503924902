"""LoRA adapters (Hu et al. 2022) of a speech LLM, by default of its language model alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from torch import nn

from fairser.audio import torchaudio_cpu  # noqa: F401  before peft
from fairser.core.errors import InputError
from fairser.core.files import complete, write_text

from peft import LoraConfig, inject_adapter_in_model  # isort: skip

# The audio tower has layers of the same names.
PATTERNS = {"language": r".*language_model.*\.({})", "all": r".*\.({})"}


@dataclass(frozen=True)
class LoraOptions:
    """Settings of the adapters, as in ``llm.lora``; the defaults are choices of this project."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    modules: list[str] = field(default_factory=lambda: ["q_proj", "v_proj"])
    where: Literal["language", "all"] = "language"

    def config(self) -> LoraConfig:
        return LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=PATTERNS[self.where].format("|".join(self.modules)),
        )


def add_adapters(model: Any, options: LoraOptions, seed: int, checkpointing: bool) -> None:
    """Add adapters to a frozen model, in place; only they have gradients.

    With ``checkpointing``, activations are recomputed instead of kept.

    Raises:
        InputError: the model has no such layers.
    """
    linears = {n.split(".")[-1] for n, m in model.named_modules() if isinstance(m, nn.Linear)}
    for wanted in options.modules:
        if wanted not in linears:
            raise InputError(
                f"'llm.lora.modules' names '{wanted}', which the model does not have; its linear "
                f"layers are: {', '.join(sorted(linears))}."
            )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        inject_adapter_in_model(options.config(), model)
    for parameter in trainable(model).values():
        parameter.data = parameter.data.float()  # 16 bits would lose small steps
    if checkpointing:
        whole = model.supports_gradient_checkpointing  # Granite Speech only has it in its parts
        part = model if whole else model.model.language_model
        part.activation_checkpointing_enable({"use_reentrant": False})


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters with gradients by name: those of the adapters."""
    return {name: value for name, value in model.named_parameters() if value.requires_grad}


def write_adapters(
    weights: str | Path,
    config: str | Path,
    tensors: Mapping[str, torch.Tensor],
    options: LoraOptions,
) -> None:
    """Write ``adapter_model.safetensors`` and ``adapter_config.json`` as peft does.

    ``PeftModel.from_pretrained`` reads their folder. Tensors are by their name in the model.
    """
    named = {
        f"base_model.model.{name.replace('.default.', '.')}": value.detach().cpu().contiguous()
        for name, value in tensors.items()
    }
    with complete(weights) as path:
        save_file(named, path, {"format": "pt"})
    described = options.config().to_dict()
    plain = {k: sorted(v) if isinstance(v, set) else v for k, v in described.items()}
    write_text(config, json.dumps(plain, indent=2, default=str) + "\n")
