"""A speech LLM: losses of the right answers and scores of all label words."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from fairser.audio.waveforms import SAMPLE_RATE
from fairser.llm.ahead import Ahead
from fairser.llm.clips import Clips
from fairser.llm.families import family_of
from fairser.llm.prompts import Prompts, answers

NEW_TOKENS = 12  # of a generated answer


class SpeechLLM:
    """A model, with adapters or without, that is asked for the emotion of clips.

    Attributes:
        answers: tokens of the label words by language (:func:`fairser.llm.prompts.answers`).
    """

    def __init__(
        self, model: Any, processor: Any, prompts: Prompts, languages: Sequence[str]
    ) -> None:
        self.model, self.processor, self.prompts = model, processor, prompts
        self.family = family_of(model)
        # On a CPU a second thread takes from the computation what it gives.
        self.ahead = Ahead(self.prepare, self.device.type != "cpu")
        self.answers = answers(processor.tokenizer, prompts.words, languages)

    @property
    def device(self) -> torch.device:
        """Where inputs go."""
        return self.model.get_input_embeddings().weight.device

    def expect(self, clips: Clips, parts: Iterable[Sequence[int]]) -> None:
        """Say which rows :meth:`losses` or :meth:`scores` will be called with, in order.

        Their inputs are then prepared while the device computes; results are the same.
        """
        alone = ([row] for part in parts for row in part)
        self.ahead.expect(clips, alone if self.family.alone else parts)

    def losses(self, clips: Clips, rows: Sequence[int]) -> torch.Tensor:
        """Mean negative log-likelihood of the tokens of each clip's answer [B], with gradients.

        The end of the answer is one of its tokens; prompt and audio have no loss.
        """
        if self.family.alone and len(rows) > 1:
            return torch.cat([self.losses(clips, [row]) for row in rows])
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
        if self.family.alone and len(rows) > 1:
            found = [self.scores(clips, [row]) for row in rows]
            return torch.cat([one for one, _ in found]), torch.cat([n for _, n in found])
        inputs = self.inputs(clips, rows)
        output = self.model.model(**inputs, use_cache=True)
        last, cache = output.last_hidden_state[:, -1:], output.past_key_values
        totals, lengths = [], []
        for label in range(len(clips.classes)):
            tokens, mask = self._padded([self._tokens(clips, row)[label] for row in rows])
            seen = torch.cat([inputs["attention_mask"], mask[:, :-1]], dim=1)
            hidden = self.model.model(
                input_ids=tokens[:, :-1],
                attention_mask=seen,
                past_key_values=cache,
                use_cache=True,
                **self._positions(seen, tokens.shape[1] - 1),
            ).last_hidden_state
            cache.crop(1 - tokens.shape[1])  # removes the tokens of this word
            states = torch.cat([last.to(hidden.device), hidden], dim=1)
            totals.append(self._log_likelihood(states, tokens, mask))
            lengths.append(mask.sum(dim=1))
        return torch.stack(totals, dim=1).cpu(), torch.stack(lengths, dim=1).cpu()

    @torch.no_grad()
    def generate(self, clips: Clips, rows: Sequence[int]) -> list[str]:
        """Greedy free answers of the model."""
        if self.family.alone and len(rows) > 1:
            return [text for row in rows for text in self.generate(clips, [row])]
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
        """Prompt and audio of the clips, padded on the left, where the model is."""
        made = self.ahead.take(clips, rows)
        inputs = {name: value.to(self.device) for name, value in made.items()}
        kind = self.model.dtype
        return {n: v.to(kind) if v.is_floating_point() else v for n, v in inputs.items()}

    def prepare(self, clips: Clips, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """The same on the CPU, with audio in float32."""
        texts = []
        for row in rows:
            language, said = clips.frame["language"][row], clips.frame["transcript"][row]
            turn = self.family.turn(self.prompts.text(language, said), self.processor.audio_token)
            texts.append(
                self.processor.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
            )
        return dict(
            self.processor(
                text=texts,
                audio=[clips.waveform(row).numpy() for row in rows],
                sampling_rate=SAMPLE_RATE,
                return_tensors="pt",
                text_kwargs={"padding": True},  # audio as the model needs it
            )
        )

    def _positions(self, seen: torch.Tensor, count: int) -> dict[str, torch.Tensor]:
        """Positions [3, B, count] of the last tokens, where a model counts in three dimensions.

        Qwen2.5-Omni of transformers 5.23 computes wrong ones for several tokens after cached ones.
        """
        deltas = getattr(self.model.model, "rope_deltas", None)
        if deltas is None:
            return {}
        positions = seen.cumsum(dim=1) - 1 + deltas.to(seen.device)
        return {"position_ids": positions[:, -count:].expand(3, -1, -1)}

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
        # Granite divides its logits; Granite Speech of transformers 5.23 has left this out.
        scale = getattr(self.model.config.get_text_config(), "logits_scaling", 1.0)
        logits = self.model.lm_head(hidden).float() / scale
        chosen = logits.log_softmax(dim=-1).gather(2, tokens.to(logits.device)[:, :, None])
        return (chosen[:, :, 0] * mask.to(logits.device)).sum(dim=1)
