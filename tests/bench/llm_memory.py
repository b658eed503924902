"""Memory and time of a training step of the full-size Qwen2-Audio: calculated, not measured.

    python tests/bench/llm_memory.py [--micro 4] [--batch 24] [--seconds 4 30] [--text 120] [--rank 16]

The model is built with its published sizes on torch's meta device, which holds shapes and no
numbers. Parameters are counted. Activations are the tensors that autograd saves for the backward
pass of the language model, each counted once. Those of the audio tower are not kept, since nothing
in it is trained, nor are attention scores. Time is 2 operations per weight and token forward, 2
backward (frozen weights have no gradient), 2 again where activations are recomputed, divided by an
assumed speed. Left out are the memory of kernels, fragmentation, the CUDA context (1 to 2 GB) and
reading audio.
"""  # noqa: E501  the command stands on one line

from collections.abc import Sequence
from typing import Any

import torch
from shared.measuring import Parser, Row, Table

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers
from fairser.corpora.genders import GENDERS
from fairser.corpora.meldst import LANGUAGES
from fairser.llm.adapters import LoraOptions, add_adapters, trainable

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
FRAMES = 1500  # of the audio tower, whatever the length of the clip
TOKENS = 25  # of a second of audio
ANSWER = 4  # tokens
SPEED = 400e12  # operations a second: an H100 at two fifths of its bfloat16 peak
STATE = 3 * 4  # bytes of an adapter weight: itself and AdamW's two moments, float32
SMALLEST = {"layers": 1, "seconds": [1], "micro": 2, "batch": 2, "text": 20}


def parser() -> Parser:
    made = Parser(__file__, __doc__, SMALLEST, micro=4, batch=24, text=120, rank=16, layers=32)
    made.add_argument("--seconds", type=int, nargs="+", default=[4, 30], help="lengths of clips")
    return made


def build(layers: int, rank: int, checkpointing: bool) -> Any:
    # The defaults of the audio tower are the published sizes.
    audio = {"model_type": "qwen2_audio_encoder", "encoder_layers": layers}
    text = TEXT | {"num_hidden_layers": layers}
    with torch.device("meta"):
        config = Qwen2AudioConfig(text_config=text, audio_config=audio)
        model = Qwen2AudioForConditionalGeneration(config).to(torch.bfloat16)
        model.requires_grad_(False)
        add_adapters(model, LoraOptions(rank=rank), 0, checkpointing)
    return model.train()


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

    dim = TEXT["hidden_size"]
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


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    options = parser().start(arguments)
    model = build(options.layers, options.rank, False)
    checkpointed = build(options.layers, options.rank, True)
    parts = {
        "audio tower": frozen(model.model.audio_tower),
        "projector": frozen(model.model.multi_modal_projector),
        "language model": frozen(model.model.language_model),
        "output": frozen(model.lm_head),
    }
    total, adapters = frozen(model), sum(p.numel() for p in trainable(model).values())
    strata = len(LANGUAGES) * (len(GENDERS) + 1)
    state, buffers = STATE * adapters, 4 * adapters * (strata + 1)
    print("Calculated, not measured.")
    sizes = Table({"part": "", "M parameters": ",.2f", "GB": ",.2f"})
    for name, count in {**parts, "frozen, all": total}.items():
        sizes.add(name, count / 1e6, 2 * count / 1e9)
    sizes.add(f"adapters of rank {options.rank} with their moments", adapters / 1e6, state / 1e9)
    sizes.add(f"gradients of {strata} strata and their sum", adapters / 1e6, buffers / 1e9)
    columns = {"clip": "", "tokens": "", "checkpointing": "", "activations, GB": ".2f"}
    table = Table(columns | {"in all, GB": ".1f", "a step, s": ".2f"})
    # Adapters work as well, in the layers of the language model.
    language = parts["language model"] + adapters
    for seconds in options.seconds:
        tokens = seconds * TOKENS + options.text
        plain = saved_bytes(model, options.micro, tokens)
        for name, again in (("with", 1), ("without", 0)):
            kept = plain
            if again:  # one layer at a time is computed again
                kept = saved_bytes(checkpointed, options.micro, tokens) + plain // options.layers
            work = (4 + 2 * again) * language * tokens + 2 * parts["audio tower"] * FRAMES
            peak = (2 * total + state + buffers + kept) / 1e9
            table.add(f"{seconds} s", tokens, name, kept / 1e9, peak, options.batch * work / SPEED)
    return sizes.rows + table.rows


if __name__ == "__main__":
    main()
