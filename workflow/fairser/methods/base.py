"""The base class of training methods, and how a method is found by its name."""

import copy
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields, replace
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
        features: pooled features [N, L, D], standardised if so configured; or an object that gives
            them batch by batch. They are float32, as is all that is computed from them; a test may
            have float64.
        targets: soft targets [N, C].
        majority: index of the majority class [N], int64, -1 for a clip without one.
        train: rows of the train clips, int64; likewise ``development`` and ``test``.
        groups: number of each clip's group [N], int64, -1 where it is unknown; None for the
            source ``none``.
        probabilities: of each group [N, G], if the source has them.
        train_erm: trains the model of ERM with the run's seed and settings, for so many epochs or,
            with None, until the best of all; for methods that start from it.
    """

    features: Features
    targets: torch.Tensor
    majority: torch.Tensor
    train: torch.Tensor
    development: torch.Tensor
    test: torch.Tensor
    groups: torch.Tensor | None = None
    probabilities: torch.Tensor | None = None
    train_erm: Callable[[int | None], nn.Module] | None = None

    def to(self, device: torch.device) -> "FoldData":
        """The same clips on a device; features that are read batch by batch are not moved."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {
            n: v.to(device) for n, v in values.items() if isinstance(v, torch.Tensor)
        }
        return replace(self, **moved)


class Method(nn.Module):
    """A training method: subclass it, override what differs.

    What a method changes in itself during training is a registered buffer: its ``state_dict`` is
    saved in checkpoints, together with the state of the generator.

    One object trains one cell of the grid. If the class sets ``stacks``, several cells can be
    trained as one, which takes much less time: :func:`stack` makes an object whose buffers have a
    leading axis S, the cells. Its ``loss`` gets rows [S, B], or [B] where the cells have the same
    batches, logits are [S, B, C], and it gives the losses [S]. So such a class computes over the
    last dimensions, keeps what differs between cells in buffers and reads those of clips by
    :meth:`of_rows`. Without it the loss is written for rows [B] alone and cells are trained one
    after another.

    Attributes:
        trains: whether there is anything to train.
        stacks: whether several cells can be trained as one.
        ragged: whether they may have different numbers of train clips. Shorter batches are then
            filled up with rows of -1, which the loss has to leave out.
        static: whether ``loss`` does the same operations in each step, whatever its progress, draws
            nothing, and changes its buffers in place. On a GPU such steps are captured and
            replayed, which takes much less time.
        padding: of buffers whose size differs between cells, by name; 0 where it is not given.
        data: the clips of the fold.
        sampler: how batches are drawn, ``shuffle`` or ``balanced``
            (:func:`fairser.training.sampling.Sampler`).
        selection: rule by which an epoch is kept (:mod:`fairser.training.selection`).
        options: its other settings by name, such as ``options.eta``.
        rows: rows of the train clips that are used.
        weights: class-balanced weights [C] of these clips.
    """

    trains: ClassVar[bool] = True
    stacks: ClassVar[bool] = False
    ragged: ClassVar[bool] = False
    static: ClassVar[bool] = False
    padding: ClassVar[dict[str, float]] = {}

    weights: torch.Tensor

    def __init_subclass__(cls, **others: Any) -> None:
        """A class that overrides what is stacked is not stacked itself, unless it says so."""
        super().__init_subclass__(**others)
        own = vars(cls)
        if "stacks" not in own and {"prepare", "loss", "logits", "clip_losses"} & own.keys():
            cls.stacks = cls.ragged = cls.static = False

    def __init__(self, data: FoldData, generator: torch.Generator, **settings: Any) -> None:
        super().__init__()
        self.data = data
        self.generators = [generator]
        self.cells = 0  # not stacked
        declared = extensions("METHOD").get(type(self).__module__.rpartition(".")[2])
        defaults = declared.defaults() if declared else {}
        options = defaults | settings
        self.sampler: str = options.pop("sampler", "shuffle")
        self.selection: str = options.pop("selection", "loss")
        self.options = SimpleNamespace(**options)
        self.rows = self.select(data.train)
        weights = class_balanced_weights(data.targets[self.rows]).to(data.targets.dtype)
        self.keep("weights", weights)
        self.prepare()

    @property
    def generator(self) -> torch.Generator:
        """Of random draws, seeded by the run; on the CPU, so that every device draws the same."""
        return self.generators[0]

    def keep(self, name: str, values: torch.Tensor) -> None:
        """Register a buffer that does not change during training: checkpoints leave it out."""
        self.register_buffer(name, values, persistent=False)

    def prepare(self) -> None:
        """Set what else the loss needs; called once, when all other attributes are set."""

    def select(self, train: torch.Tensor) -> torch.Tensor:
        """Rows of the train clips to use; all by default."""
        return train

    def stack_key(self) -> Hashable:
        """What cells have in common that are trained as one."""
        return type(self), repr(sorted(vars(self.options).items()))

    def of_rows(self, values: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """A buffer's values [N, ...] of each clip at the rows [B]: [B, ...].

        Of stacked cells: [S, N, ...] at [B] or [S, B] gives [S, B, ...].
        """
        if not self.cells:
            return values[rows]
        if rows.ndim == 1:
            return values[:, rows]
        return values[torch.arange(self.cells, device=rows.device)[:, None], rows]

    def permutations(self, count: int) -> torch.Tensor:
        """A random order of so many numbers, drawn for each cell: [count] or [S, count]."""
        drawn = [torch.randperm(count, generator=one) for one in self.generators]
        return (torch.stack(drawn) if self.cells else drawn[0]).to(self.rows.device)

    def group_shares(self) -> torch.Tensor:
        """Membership of each clip in the groups [N, G]; 0 in all where it is unknown.

        The sampler ``balanced`` makes these groups equally likely.
        """
        return memberships(group_labels(self.data)).to(self.data.targets)

    @staticmethod
    def new_model(layers: int, dim: int, classes: int) -> nn.Module:
        """A model whose call with features [N, L, D] and rows [B] gives the logits [B, C].

        It is initialised from torch's global generator. A saved model predicts without its method.
        """
        return Head(layers, dim, classes)

    def build(self) -> nn.Module:
        """The model for the clips of the fold."""
        _, layers, dim = self.data.features.shape
        return self.new_model(layers, dim, self.data.targets.shape[1]).to(self.data.targets)

    def parts(self, model: nn.Module) -> list[list[nn.Parameter]]:
        """Parameters whose gradients are clipped together; one list of all by default."""
        return [list(model.parameters())]

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        """Loss of a batch, a scalar with a gradient; of stacked cells [S].

        Args:
            model: made by :meth:`build`.
            rows: rows of the batch's clips [B]; of stacked cells [B] or [S, B].
            progress: share of all optimisation steps that are done, from 0 to below 1.
        """
        raise NotImplementedError

    def end_epoch(self, model: nn.Module) -> None:
        """Called after each epoch; does nothing by default."""

    def finish(self, model: nn.Module) -> None:
        """Called once after training, with the model of the best epoch; does nothing by default."""

    def logits(self, model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        """Logits [..., B, C] of the prediction."""
        return model(self.data.features, rows)

    def probabilities(self, model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        """Values [..., B, C] that the prediction saves: a class is predicted above 1 / C."""
        return self.logits(model, rows).softmax(dim=-1)

    def clip_losses(self, logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Class-balanced cross-entropy [..., B] of each clip."""
        return clip_losses(logits, self.data.targets[rows], self.weights)

    def get_extra_state(self) -> torch.Tensor:
        """The states of the generators [cells, n], for ``state_dict``."""
        return torch.stack([one.get_state() for one in self.generators])

    def set_extra_state(self, state: torch.Tensor) -> None:
        for one, own in zip(self.generators, state.cpu(), strict=True):
            one.set_state(own.clone())  # a view crashes


def stack(methods: Sequence[Method]) -> Method:
    """One method for S cells of one kind (:meth:`Method.stack_key`), with new buffers.

    Buffers of different sizes are filled up with the method's ``padding``.
    """
    first = methods[0]
    stacked = copy.copy(first)
    stacked.cells = len(methods)
    stacked.generators = [one for method in methods for one in method.generators]
    stacked._modules = {name: copy.deepcopy(part) for name, part in first.named_children()}
    for owner, twins in zip(
        [stacked, *stacked.children()],
        zip(*([method, *method.children()] for method in methods), strict=True),
        strict=True,
    ):
        names = dict(owner.named_buffers(recurse=False))
        owner._buffers = {
            name: stack_values(
                [getattr(twin, name) for twin in twins], first.padding.get(name, 0.0)
            )
            for name in names
        }
    return stacked


def stack_values(values: Sequence[torch.Tensor], fill: float = 0.0) -> torch.Tensor:
    """The values [S, ...], each filled up to the largest size of all."""
    shape = [max(sizes) for sizes in zip(*(value.shape for value in values), strict=True)]
    whole = values[0].new_full((len(values), *shape), fill)
    for place, value in zip(whole, values, strict=True):
        place[tuple(slice(size) for size in value.shape)] = value
    return whole


def find_method(name: str) -> type[Method]:
    """The class of a method, built in or of the user's own.

    Raises:
        InputError: there is no such method, or its file does not define one class of it, or one
            that trains although its declaration says that it does not, or the other way round.
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
    (kind,) = found
    if kind.trains != one["trains"]:
        raise InputError(
            f"{one.file}: METHOD says 'trains' {one['trains']}, the class {kind.trains}; make them "
            "the same."
        )
    return kind
