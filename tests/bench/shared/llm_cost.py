"""Memory and time of a training step of Qwen2-Audio, calculated from its sizes."""

from dataclasses import dataclass
from typing import Any

import torch
from shared.qwen2_audio import build

from fairser.corpora.genders import GENDERS
from fairser.corpora.meldst import LANGUAGES
from fairser.llm.adapters import trainable

FRAMES = 1500  # of the audio tower, whatever the length of the clip
TOKENS = 25  # of a second of audio
ANSWER = 4  # tokens
SPEED = 400e12  # operations a second: an H100 at two fifths of its bfloat16 peak
STATE = 3 * 4  # bytes of an adapter weight: itself and AdamW's two moments, float32


@dataclass(frozen=True)
class Cost:
    """Of a step: bytes of the activations, bytes in all, seconds."""

    kept: int
    peak: int
    seconds: float


class Calculation:
    """What a step costs, from a model without values.

    Attributes:
        parts: frozen parameters by the part of the model.
        total: frozen parameters of all of it.
        adapters: trained parameters.
        strata: sums of gradients that a step keeps.
        state: bytes of the adapters with their moments.
        buffers: bytes of the sums of gradients.
    """

    def __init__(self, layers: int, rank: int, narrow: bool = False) -> None:
        self.layers = layers
        self.plain = build(layers, rank, False, narrow=narrow)
        self.checkpointed = build(layers, rank, True, narrow=narrow)
        model = self.plain
        self.parts = {
            "audio tower": frozen(model.model.audio_tower),
            "projector": frozen(model.model.multi_modal_projector),
            "language model": frozen(model.model.language_model),
            "output": frozen(model.lm_head),
        }
        self.total = frozen(model)
        self.adapters = sum(p.numel() for p in trainable(model).values())
        self.strata = len(LANGUAGES) * (len(GENDERS) + 1)
        self.state, self.buffers = STATE * self.adapters, 4 * self.adapters * (self.strata + 1)

    def cost(self, tokens: int, checkpointing: bool, micro: int, batch: int) -> Cost:
        """Of a batch of clips, ``micro`` at once, with so many tokens of prompt and audio each."""
        kept = whole = saved_bytes(self.plain, micro, tokens)
        if checkpointing:  # one layer at a time is computed again
            kept = saved_bytes(self.checkpointed, micro, tokens) + whole // self.layers
        # Adapters work as well, in the layers of the language model.
        language = self.parts["language model"] + self.adapters
        work = (4 + 2 * checkpointing) * language * tokens + 2 * self.parts["audio tower"] * FRAMES
        peak = 2 * self.total + self.state + self.buffers + kept
        return Cost(kept, peak, batch * work / SPEED)


def saved_bytes(model: Any, clips: int, tokens: int) -> int:
    """Bytes that autograd keeps of a forward pass, parameters aside."""
    known = {id(p) for p in model.parameters()}
    seen: dict[int, tuple[torch.Tensor, int]] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        base = tensor if tensor._base is None else tensor._base
        # Attention scores are kept on the meta device, but not by the fused kernels of a GPU.
        scores = base.ndim > 2 and base.shape[-2:] == (tokens, tokens)
        if id(base) not in known and not scores:
            seen[id(base)] = (base, base.numel() * base.element_size())
        return tensor

    dim = model.config.text_config.hidden_size
    embedded = torch.zeros(clips, tokens, dim, dtype=torch.bfloat16, device="meta")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        language = model.model.language_model
        # No mask: attention is causal without one.
        hidden = language(
            inputs_embeds=embedded, attention_mask={"full_attention": None}, use_cache=False
        ).last_hidden_state
        logits = model.lm_head(hidden[:, -ANSWER:]).float().log_softmax(dim=-1)
        logits.sum()
    return sum(size for _, size in seen.values())


def frozen(part: torch.nn.Module) -> int:
    return sum(p.numel() for p in part.parameters() if not p.requires_grad)
