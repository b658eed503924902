"""Inputs of the next clips, prepared in a thread while the device computes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from fairser.llm.clips import Clips

AHEAD = 2  # parts that are prepared in advance
Inputs = dict[str, torch.Tensor]


class Ahead:
    """Prepares parts of clips in the order in which they are taken.

    Reading, resampling and the log-mel spectrogram mostly release the interpreter's lock, so one
    thread is enough. Without ``threaded`` each part is prepared when it is taken.
    """

    def __init__(
        self, prepare: Callable[[Clips, Sequence[int]], Inputs], threaded: bool = True
    ) -> None:
        self.prepare = prepare
        # Numbers must not depend on which thread computes them.
        threads = torch.get_num_threads()
        start = (lambda: torch.set_num_threads(threads)) if threaded else None
        self.pool = ThreadPoolExecutor(1, initializer=start) if threaded else None
        self.waiting: deque[tuple[Clips, list[int], Future[Inputs]]] = deque()
        self.coming: Iterator[tuple[Clips, list[int]]] = iter(())

    def expect(self, clips: Clips, parts: Iterable[Sequence[int]]) -> None:
        """Say which parts will be taken; what was expected before and not taken is dropped."""
        self.coming = ((clips, list(rows)) for rows in parts)
        while self.waiting:
            self.waiting.popleft()[2].cancel()
        self._submit()

    def take(self, clips: Clips, rows: Sequence[int]) -> Inputs:
        """The inputs of a part, expected or not."""
        if self.pool is None:
            return self.prepare(clips, rows)
        while self.waiting:
            known, part, future = self.waiting.popleft()
            self._submit()
            if known is clips and part == list(rows):
                return future.result()
        # In the same thread, because tokenizers are used by one at a time.
        return self.pool.submit(self.prepare, clips, rows).result()

    def _submit(self) -> None:
        while self.pool and len(self.waiting) < AHEAD:
            part = next(self.coming, None)
            if part is None:
                return
            self.waiting.append((*part, self.pool.submit(self.prepare, *part)))
