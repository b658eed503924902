"""Qwen2-Audio: losses of the right answers and scores of all label words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers and peft
from fairser.audio.waveforms import SAMPLE_RATE
from fairser.core.errors import InputError
from fairser.core.words import shortened
from fairser.corpora.meldst import EMOTIONS
from fairser.llm.clips import Clips
from fairser.llm.prompts import Prompts, answers
from fairser.pretrained import devices

from transformers import AutoConfig, AutoProcessor, BitsAndBytesConfig  # isort: skip
from transformers import Qwen2AudioForConditionalGeneration  # isort: skip
from transformers.utils import logging  # isort: skip

NEW_TOKENS = 12  # of a generated answer
REASON = 300  # characters of an error of transformers


def load_processor(folder: Path) -> Any:
    """Tokenizer, feature extractor and chat template of a model, with left padding.

    Raises:
        InputError: the folder holds no Qwen2-Audio.
    """
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        kind = AutoConfig.from_pretrained(folder, **local).model_type
        known = kind == "qwen2_audio"
        processor = AutoProcessor.from_pretrained(folder, **local) if known else None
    except Exception as error:  # transformers raises many kinds for a faulty file
        raise InputError(
            f"{folder}: not readable as a model of transformers ({_reason(error)}); fetch it again."
        ) from error
    if processor is None:
        raise InputError(f"{folder}: a model of type '{kind}'; 'llm.model' must be a Qwen2-Audio.")
    processor.tokenizer.padding_side = "left"
    return processor


def load_model(
    folder: Path, precision: str = "bfloat16", quantise: str | None = None, device: str = "auto"
) -> Any:
    """The frozen model on its device, or spread by accelerate over several GPUs.

    ``4bit`` holds the linear layers in NF4 (bitsandbytes). The other settings are those of
    :mod:`fairser.pretrained.devices`.

    Raises:
        InputError: weights are missing or of other shapes; 4 bits without a GPU or bitsandbytes.
    """
    chosen, dtype = devices.choose(device), devices.PRECISIONS[precision]
    several = chosen.type == "cuda" and torch.cuda.device_count() > 1
    extra: dict[str, Any] = {"device_map": "auto"} if several else {"device_map": {"": chosen}}
    if quantise:
        extra["quantization_config"] = _four_bits(dtype, chosen)
    try:
        loaded: Any = Qwen2AudioForConditionalGeneration.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=any(folder.glob("model*.safetensors")),
            weights_only=True,  # else the pickle of a .bin file could run code
            local_files_only=True,
            output_loading_info=True,
            **extra,
        )
    except Exception as error:
        raise InputError(
            f"{folder}: the weights can't be loaded ({_reason(error)}); fetch the model again, or, "
            "if memory ran out, set 'llm.quantise' to 4bit."
        ) from error
    model, info = loaded
    lost = sorted([*info["missing_keys"], *(entry[0] for entry in info["mismatched_keys"])])
    if lost:
        raise InputError(
            f"{folder}: lacks weights or has them in other shapes ({', '.join(shortened(lost, 3))})"
            "; config.json and weights don't belong together. Fetch the model again."
        )
    return model.eval().requires_grad_(False)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:REASON]


def _four_bits(dtype: torch.dtype, device: torch.device) -> BitsAndBytesConfig:
    if device.type != "cuda":
        raise InputError("'llm.quantise' is 4bit, which needs a GPU (cuda); set it to null here.")
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise InputError(
            "'llm.quantise' is 4bit, but the package bitsandbytes is missing: "
            "`pip install bitsandbytes`."
        ) from error
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype,
    )


class SpeechLLM:
    """A model, with adapters or without, that is asked for the emotion of clips.

    Attributes:
        answers: tokens of the label words by language (:func:`fairser.llm.prompts.answers`).
    """

    def __init__(
        self, model: Any, processor: Any, prompts: Prompts, languages: Sequence[str]
    ) -> None:
        self.model, self.processor, self.prompts = model, processor, prompts
        self.answers = answers(processor.tokenizer, prompts.words, languages)

    @property
    def device(self) -> torch.device:
        """Where inputs go."""
        return self.model.get_input_embeddings().weight.device

    def losses(self, clips: Clips, rows: Sequence[int]) -> torch.Tensor:
        """Mean negative log-likelihood of the tokens of each clip's answer [B], with gradients.

        The end of the answer is one of its tokens; prompt and audio have no loss.
        """
        inputs = self.inputs(clips, rows)
        start = inputs["input_ids"].shape[1] - 1
        wanted = [self._tokens(clips, row)[int(clips.labels[row])] for row in rows]
        tokens, mask = self._padded(wanted)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], tokens], dim=1)
        inputs["attention_mask"] = torch.cat([inputs["attention_mask"], mask], dim=1)
        hidden = self.model.model(**inputs, use_cache=False).last_hidden_state
        found = self._log_likelihood(hidden[:, start:-1], tokens, mask)
        return -found / mask.sum(dim=1).to(found)

    @torch.no_grad()
    def scores(self, clips: Clips, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-likelihood of every label word for each clip [B, C], and number of tokens [B, C].

        The prompt with its audio is computed once; the words are computed from its cached keys.
        """
        inputs = self.inputs(clips, rows)
        output = self.model.model(**inputs, use_cache=True)
        last, cache = output.last_hidden_state[:, -1:], output.past_key_values
        found, lengths = [], []
        for label in range(len(EMOTIONS)):
            tokens, mask = self._padded([self._tokens(clips, row)[label] for row in rows])
            hidden = self.model.model(
                input_ids=tokens[:, :-1],
                attention_mask=torch.cat([inputs["attention_mask"], mask[:, :-1]], dim=1),
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state
            cache.crop(1 - tokens.shape[1])  # removes the tokens of this word
            states = torch.cat([last.to(hidden.device), hidden], dim=1)
            found.append(self._log_likelihood(states, tokens, mask))
            lengths.append(mask.sum(dim=1))
        return torch.stack(found, dim=1).cpu(), torch.stack(lengths, dim=1).cpu()

    @torch.no_grad()
    def generate(self, clips: Clips, rows: Sequence[int]) -> list[str]:
        """Greedy free answers of the model."""
        inputs = self.inputs(clips, rows)
        made = self.model.generate(
            **inputs,
            max_new_tokens=NEW_TOKENS,
            do_sample=False,
            pad_token_id=self.processor.tokenizer.pad_token_id,
            eos_token_id=next(iter(self.answers.values()))[0][-1],
        )
        new = made[:, inputs["input_ids"].shape[1] :]
        return self.processor.tokenizer.batch_decode(new, skip_special_tokens=True)

    def inputs(self, clips: Clips, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Prompt and audio of the clips, padded on the left."""
        template = self.processor.apply_chat_template
        texts = []
        for row in rows:
            language, said = clips.frame["language"][row], clips.frame["transcript"][row]
            turn = self.prompts.conversation(language, said)
            texts.append(template(turn, add_generation_prompt=True, tokenize=False))
        made = self.processor(
            text=texts,
            audio=[clips.waveform(row).numpy() for row in rows],
            sampling_rate=SAMPLE_RATE,
            return_tensors="pt",
            padding=True,
        )
        inputs = {name: value.to(self.device) for name, value in made.items()}
        inputs["input_features"] = inputs["input_features"].to(self.model.dtype)
        return inputs

    def _tokens(self, clips: Clips, row: int) -> list[list[int]]:
        return self.answers[clips.frame["language"][row]]

    def _padded(self, tokens: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Answers [B, A], filled on the right, and their mask [B, A]."""
        width = max(map(len, tokens))
        fill = self.processor.tokenizer.pad_token_id or 0
        ids = [[*row, *[fill] * (width - len(row))] for row in tokens]
        mask = [[1] * len(row) + [0] * (width - len(row)) for row in tokens]
        return torch.tensor(ids, device=self.device), torch.tensor(mask, device=self.device)

    def _log_likelihood(
        self, hidden: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Sum over each answer's tokens [B], float32, of states that come before them [B, A, D]."""
        logits = self.model.lm_head(hidden).float()
        chosen = logits.log_softmax(dim=-1).gather(2, tokens.to(logits.device)[:, :, None])
        return (chosen[:, :, 0] * mask.to(logits.device)).sum(dim=1)
