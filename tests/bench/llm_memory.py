"""Memory and time of a training step of the full-size Qwen2-Audio: calculated, not measured.

    python tests/bench/llm_memory.py [--micro 4] [--batch 24] [--seconds 30] [--text 120]

The model is built with its published sizes on torch's meta device, which holds shapes and no
numbers. Parameters are counted. Activations are the tensors that autograd saves for the backward
pass of the language model, summed once each over a forward pass on that device; those of the audio
tower are not kept, since nothing in it is trained, nor are attention scores. Time is 2 operations
per weight and token forward, 2 backward (frozen weights have no gradient), 2 again where
activations are recomputed, divided by an assumed speed. What is left out: the memory of kernels,
fragmentation, the CUDA context (1 to 2 GB), reading audio.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers
from fairser.corpora.genders import GENDERS
from fairser.corpora.meldst import LANGUAGES
from fairser.llm.adapters import Options, add_adapters
from fairser.llm.model import trainable

from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration  # isort: skip

TEXT = {
    "model_type": "qwen2",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "intermediate_size": 11008,
    "vocab_size": 156032,
    "tie_word_embeddings": False,
}
AUDIO = {"model_type": "qwen2_audio_encoder"}  # the defaults are the published sizes
FRAMES = 1500  # of the audio tower, whatever the length of the clip
TOKENS = 25  # of a second of audio
SPEED = 400e12  # operations a second: an H100 at two fifths of its bfloat16 peak
STATE = 3 * 4  # bytes of an adapter weight: itself and AdamW's two moments, float32


def build(rank: int, checkpointing: bool) -> Any:
    with torch.device("meta"):
        config = Qwen2AudioConfig(text_config=TEXT, audio_config=AUDIO)
        model = Qwen2AudioForConditionalGeneration(config).to(torch.bfloat16)
        model.requires_grad_(False)
        add_adapters(model, Options(rank=rank), 0, checkpointing)
    return model.train()


def saved_bytes(model: Any, clips: int, tokens: int, answer: int) -> int:
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

    dim = TEXT["hidden_size"]
    embedded = torch.zeros(clips, tokens, dim, dtype=torch.bfloat16, device="meta")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        language = model.model.language_model
        # No mask: attention is causal without one.
        hidden = language(
            inputs_embeds=embedded, attention_mask={"full_attention": None}, use_cache=False
        ).last_hidden_state
        logits = model.lm_head(hidden[:, -answer:]).float().log_softmax(dim=-1)
        logits.sum()
    return sum(size for _, size in seen.values())


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, value in (("micro", 4), ("batch", 24), ("seconds", 30), ("text", 120), ("rank", 16)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    model = build(given.rank, False)
    parts = {"audio tower": model.model.audio_tower, "projector": model.model.multi_modal_projector}
    parts |= {"language model": model.model.language_model, "output": model.lm_head}
    adapters = sum(p.numel() for p in trainable(model).values())
    total = sum(p.numel() for p in model.parameters()) - adapters
    print("calculated, not measured\n")
    for name, part in parts.items():
        frozen = sum(p.numel() for p in part.parameters() if not p.requires_grad)
        print(f"{name:16} {frozen / 1e6:10,.1f} M parameters")
    print(f"{'frozen, all':16} {total / 1e6:10,.1f} M, {2 * total / 1e9:.1f} GB in bfloat16")
    strata = len(LANGUAGES) * (len(GENDERS) + 1)
    print(f"{'adapters':16} {adapters / 1e6:10,.2f} M, rank {given.rank}")
    state, buffers = STATE * adapters, 4 * adapters * (strata + 1)
    print(f"weights and moments {state / 1e9:.2f} GB, gradients of {strata} strata ", end="")
    print(f"and their sum {buffers / 1e9:.2f} GB")
    tokens = given.seconds * TOKENS + given.text
    language = sum(p.numel() for p in parts["language model"].parameters())
    tower = sum(p.numel() for p in parts["audio tower"].parameters())
    print(f"\n{given.micro} clips at once, {tokens} tokens each; batch {given.batch}")
    for checkpointing in (True, False):
        kept = saved_bytes(build(given.rank, checkpointing), given.micro, tokens, 4)
        extra = 0
        if checkpointing:  # one layer at a time is computed anew
            extra = saved_bytes(build(given.rank, False), given.micro, tokens, 4)
            extra = extra // TEXT["num_hidden_layers"]
        peak = 2 * total + state + buffers + kept + extra
        work = (4 + 2 * checkpointing) * language * tokens + 2 * tower * FRAMES
        seconds = given.batch * work / SPEED
        name = "with" if checkpointing else "without"
        print(f"{name:7} checkpointing: activations {(kept + extra) / 1e9:6.2f} GB, ", end="")
        print(f"in all {peak / 1e9:6.1f} GB, {seconds:5.2f} s a step at {SPEED / 1e12:.0f} T/s")


if __name__ == "__main__":
    main()
