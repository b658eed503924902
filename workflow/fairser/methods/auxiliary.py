"""A small network that only training needs: an adversary, or a detector of errors."""

from collections.abc import Callable

import torch
from torch import nn

BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam, as everywhere


class Auxiliary(nn.Module):
    """Two linear layers with a ReLU between them, and Adam (Kingma and Ba 2015) that trains them.

    The network is no part of the model: a saved model predicts without it. Its values are buffers
    of the method that has it, so that checkpoints hold them, and cells can be stacked; outputs that
    a stacked cell lacks have the weight 0.

    Buffers ``first`` [3, I + 1, H] and ``second`` [3, H + 1, O]: weights, with the bias as the last
    row, and Adam's means of their gradients and of the squares; ``steps`` that were taken.

    Args:
        sizes: numbers of inputs I, hidden values H and outputs O.
        like: a tensor of the type and on the device of the inputs.
        generator: of the initial weights, which are those of :class:`torch.nn.Linear`.
    """

    first: torch.Tensor
    second: torch.Tensor
    steps: torch.Tensor

    def __init__(
        self,
        sizes: tuple[int, int, int],
        like: torch.Tensor,
        generator: torch.Generator,
        learning_rate: float,
    ) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        for name, inputs, outputs in zip(("first", "second"), sizes, sizes[1:], strict=False):
            uniform = torch.rand(inputs + 1, outputs, generator=generator, dtype=torch.float64)
            values = like.new_zeros(3, inputs + 1, outputs)
            values[0] = (2 * uniform - 1) * inputs**-0.5
            self.register_buffer(name, values)
        self.register_buffer("steps", like.new_zeros(()))

    def step(
        self, inputs: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Outputs [..., B, O] and their loss, then one step that makes the loss smaller.

        What is returned is of the network before the step, and has a gradient for the inputs.

        Args:
            inputs: [..., B, I]; of stacked cells [S, B, I].
            loss: of the outputs, a scalar or one for each stacked cell [S].
        """
        layers = (self.first, self.second)
        first, second = (one[..., 0, :, :].detach().requires_grad_() for one in layers)
        outputs = _linear(_linear(inputs, first).relu(), second)
        found = loss(outputs)
        gradients = torch.autograd.grad(found.sum(), (first, second), retain_graph=True)
        self.steps = self.steps + 1
        self.first, self.second = map(self._updated, layers, gradients)
        return outputs, found

    def _updated(self, layer: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        values, mean, square = layer.unbind(dim=-3)
        mean = BETAS[0] * mean + (1 - BETAS[0]) * gradient
        square = BETAS[1] * square + (1 - BETAS[1]) * gradient.square()
        of_mean, of_square = (1 - beta ** self.steps[..., None, None] for beta in BETAS)
        change = mean / of_mean / ((square / of_square).sqrt() + EPSILON)
        return torch.stack([values - self.learning_rate * change, mean, square], dim=-3)


def _linear(inputs: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    return inputs @ values[..., :-1, :] + values[..., -1:, :]
