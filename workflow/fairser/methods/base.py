"""The base class of training methods, and how a method is found by its name."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from torch import nn

from fairser.config.extensions import extension, extensions
from fairser.core.errors import InputError
from fairser.extraction.features import Features
from fairser.methods.group_labels import group_labels, memberships
from fairser.methods.head import Head
from fairser.methods.losses import class_balanced_weights, clip_losses

ADAPTERS = "adapters."  # prefix of an encoder's adapters among the tensors of a saved model


@dataclass(frozen=True)
class FoldData:
    """The clips of one fold in memory.

    Attributes:
        features: pooled features [N, L, D], float32, standardised if so configured; or an object
            that gives them batch by batch.
        targets: soft targets [N, C], float32.
        majority: index of the majority class [N], int64, -1 for a clip without one.
        train: rows of the train clips, int64; likewise ``development`` and ``test``.
        groups: number of each clip's group [N], int64, -1 where it is unknown; None for the
            source ``none``.
        probabilities: of each group [N, G], float32, if the source has them.
    """

    features: Features
    targets: torch.Tensor
    majority: torch.Tensor
    train: torch.Tensor
    development: torch.Tensor
    test: torch.Tensor
    groups: torch.Tensor | None = None
    probabilities: torch.Tensor | None = None


class Method(nn.Module):
    """A training method: subclass it, override what differs.

    What a method changes in itself during training is a registered buffer: its ``state_dict`` is
    saved in checkpoints, together with the state of the generator.

    Attributes:
        trains: whether there is anything to train.
        data: the clips of the fold.
        sampler: how batches are drawn, ``shuffle`` or ``balanced``
            (:func:`fairser.training.sampling.epoch_rows`).
        options: its other settings by name, such as ``options.eta``.
        rows: rows of the train clips that are used.
        weights: class-balanced weights [C] of these clips.
    """

    trains: ClassVar[bool] = True

    def __init__(self, data: FoldData, generator: torch.Generator, **settings: Any) -> None:
        super().__init__()
        self.data = data
        self.generator = generator
        declared = extensions("METHOD").get(type(self).__module__.rpartition(".")[2])
        defaults = declared.defaults() if declared else {}
        options = defaults | settings
        self.sampler: str = options.pop("sampler", "shuffle")
        self.options = SimpleNamespace(**options)
        self.rows = self.select(data.train)
        self.weights = class_balanced_weights(data.targets[self.rows]).float()
        self.prepare()

    def prepare(self) -> None:
        """Set what else the loss needs; called once, when all other attributes are set."""

    def select(self, train: torch.Tensor) -> torch.Tensor:
        """Rows of the train clips to use; all by default."""
        return train

    def group_shares(self) -> torch.Tensor:
        """Membership of each clip in the groups [N, G], float32; 0 in all where it is unknown.

        The sampler ``balanced`` makes these groups equally likely.
        """
        return memberships(group_labels(self.data))

    @staticmethod
    def new_model(layers: int, dim: int, classes: int) -> nn.Module:
        """A model whose call with features [N, L, D] and rows [B] gives the logits [B, C].

        It is initialised from torch's global generator. A saved model predicts without its method.
        """
        return Head(layers, dim, classes)

    def build(self) -> nn.Module:
        """The model for the clips of the fold."""
        _, layers, dim = self.data.features.shape
        return self.new_model(layers, dim, self.data.targets.shape[1])

    def parts(self, model: nn.Module) -> list[list[nn.Parameter]]:
        """Parameters whose gradients are clipped together; one list of all by default."""
        return [list(model.parameters())]

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        """Loss of a batch, a scalar with a gradient.

        Args:
            model: made by :meth:`build`.
            rows: rows of the batch's clips [B].
            progress: share of all optimisation steps that are done, from 0 to below 1.
        """
        raise NotImplementedError

    def end_epoch(self, model: nn.Module) -> None:
        """Called after each epoch; does nothing by default."""

    def logits(self, model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        """Logits [B, C] of the prediction."""
        return model(self.data.features, rows)

    def clip_losses(self, logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Class-balanced cross-entropy [B] of each clip."""
        return clip_losses(logits, self.data.targets[rows], self.weights)

    def get_extra_state(self) -> torch.Tensor:
        """The state of the generator, for ``state_dict``."""
        return self.generator.get_state()

    def set_extra_state(self, state: torch.Tensor) -> None:
        self.generator.set_state(state)


def find_method(name: str) -> type[Method]:
    """The class of a method, built in or of the user's own.

    Raises:
        InputError: there is no such method, or its file does not define one class of it.
    """
    one = extension("METHOD", name)
    module = one.load()
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Method)
        and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise InputError(
            f"{one.file}: it defines {len(found)} subclasses of Method; a method is exactly one."
        )
    return found[0]
