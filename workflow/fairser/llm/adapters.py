"""Adapters (LoRA, Hu et al. 2022) of a speech LLM, by default of its language model alone."""

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

# Names alone would also be found in the audio tower.
WHERE = {"language": r".*language_model.*\.({})", "all": r".*\.({})"}
NAME = "default"


@dataclass(frozen=True)
class Options:
    """Settings of the adapters, named as in the configuration's ``llm.lora``; all are choices."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    modules: list[str] = field(default_factory=lambda: ["q_proj", "v_proj"])
    where: Literal["language", "all"] = "language"

    @property
    def pattern(self) -> str:
        """Regular expression of the full names of the adapted layers."""
        return WHERE[self.where].format("|".join(self.modules))

    def config(self) -> LoraConfig:
        return LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=self.pattern,
        )


def add_adapters(model: Any, options: Options, seed: int, checkpointing: bool) -> None:
    """Put adapters into a frozen model, in place; they alone have gradients.

    Args:
        model: of :func:`fairser.llm.model.load_model`.
        options: settings of the adapters.
        seed: of their initial weights.
        checkpointing: compute activations twice rather than keep them.

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
    for parameter in model.parameters():
        if parameter.requires_grad:  # small steps would be lost in 16 bits
            parameter.data = parameter.data.float()
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})


def write_adapters(
    weights: str | Path, config: str | Path, tensors: Mapping[str, torch.Tensor], options: Options
) -> None:
    """Write adapters as peft does, so that ``PeftModel.from_pretrained`` reads their folder.

    Args:
        weights: path of ``adapter_model.safetensors``.
        config: path of ``adapter_config.json``.
        tensors: the parameters by name in the model.
        options: settings of the adapters.
    """
    named = {
        f"base_model.model.{name.replace(f'.{NAME}.', '.')}": value.detach().cpu().contiguous()
        for name, value in tensors.items()
    }
    with complete(weights) as path:
        save_file(named, path, {"format": "pt"})
    described = options.config().to_dict()
    plain = {k: sorted(v) if isinstance(v, set) else v for k, v in described.items()}
    write_text(config, json.dumps(plain, indent=2, default=str) + "\n")
