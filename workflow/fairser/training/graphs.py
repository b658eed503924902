"""Steps of training as CUDA graphs: one launch instead of some hundred small ones."""

from collections import Counter
from collections.abc import Callable, Hashable

import torch

WARM = 3  # steps before a capture, in which libraries and the optimizer set themselves up

Step = Callable[[torch.Tensor], torch.Tensor]


class StepGraphs:
    """Runs steps, and replays those that it has captured before.

    A captured step does the same operations on the same memory again. So it may not depend on
    numbers outside of that memory, and what it changes it changes in place.
    """

    def __init__(self) -> None:
        self.seen: Counter[Hashable] = Counter()
        self.graphs: dict[Hashable, tuple[torch.cuda.CUDAGraph, torch.Tensor, torch.Tensor]] = {}

    def __call__(self, key: Hashable, step: Step, rows: torch.Tensor) -> torch.Tensor:
        """The result of a step.

        Args:
            key: equal for steps that do the same operations; rows may differ.
            step: from rows to a result.
            rows: of the batch, on the GPU.
        """
        if key not in self.graphs:
            self.seen[key] += 1
            if self.seen[key] <= WARM:
                return _apart(step, rows)
            self.graphs[key] = _captured(step, rows)
        graph, given, result = self.graphs[key]
        given.copy_(rows)
        graph.replay()
        return result.clone()


def _apart(step: Step, rows: torch.Tensor) -> torch.Tensor:
    """A step on a stream of its own, as those before a capture have to be."""
    stream, current = torch.cuda.Stream(), torch.cuda.current_stream()
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        result = step(rows)
    current.wait_stream(stream)
    return result


def _captured(
    step: Step, rows: torch.Tensor
) -> tuple[torch.cuda.CUDAGraph, torch.Tensor, torch.Tensor]:
    """The graph of a step, the rows that it reads and the result that it writes; nothing runs."""
    graph, given = torch.cuda.CUDAGraph(), rows.clone()
    with torch.cuda.graph(graph):
        result = step(given)
    return graph, given, result
