"""DFR, deep feature reweighting (Kirichenko, Izmailov and Wilson 2023).

The last layer of ERM is trained again on development, subsampled so that all cells of majority
class and group that have clips have equally many: as many as the smallest. The layers of several
such draws, which are drawn without replacement, are averaged. Each minimises

    mean_i CE_i + lambda ||W||^2

over weights W and biases, CE_i the cross-entropy with soft targets without class weights, which the
subsample does not need, on hidden vectors with mean 0 and standard deviation 1 over development.
The squared norm takes the place of the original's L1 norm.

Of several lambda, that is taken with the lowest worst cell: half of the clips of each cell train,
and the largest mean CE_i of the cells of the other half counts. Then all clips train.
"""

from typing import Any

import torch

from fairser.core.errors import InputError
from fairser.methods.erm import ERM
from fairser.methods.group_labels import group_labels
from fairser.methods.last_layer import hidden_vectors, soft_cross_entropies
from fairser.methods.optimizers import LBFGS

METHOD = {
    "title": "DFR",
    "description": "Deep feature reweighting of the last layer (Kirichenko et al. 2023).",
    "order": 37,
    "groups": "any",
    "colour": "#555555",
    "fill": "right",
    "settings": {
        "strengths": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"type": "number", "exclusiveMinimum": 0},
            "default": [0.001, 0.01, 0.1, 1.0],
            "description": "Weights lambda of the squared norm that are tried (choice).",
        },
        "draws": {
            "type": "integer",
            "minimum": 1,
            "default": 20,
            "description": "Subsamples of development whose layers are averaged (choice).",
        },
    },
}
ITERATIONS = 2000
SLOPE = 1e-4  # largest derivative that counts as a minimum


class DFR(ERM):
    def finish(self, model: Any) -> None:
        rows, cells = self.development_cells()
        hidden = hidden_vectors(model, self.data, rows).double()
        mean, std = hidden.mean(dim=0), hidden.std(dim=0, correction=0)
        std = torch.where(std > 0, std, 1.0)
        hidden, targets = (hidden - mean) / std, self.data.targets[rows].double()
        strength = self.best_strength(hidden, targets, cells)
        weight, bias = self.averaged_layer(hidden, targets, cells, strength)
        layer = model.classifier
        with torch.no_grad():
            layer.weight.copy_(weight / std)
            layer.bias.copy_(bias - (weight / std) @ mean)

    def development_cells(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of the development clips with a majority class and a group, and the number of each
        clip's cell, from 0.

        Raises:
            InputError: a class of train has no such clip.
        """
        data, groups = self.data, group_labels(self.data)
        rows = data.development
        rows = rows[(data.majority[rows] >= 0) & (groups[rows] >= 0)]
        majority = data.majority[rows]
        known = {*data.majority[data.train].tolist()} - {-1}
        if lost := sorted(known - set(majority.tolist())):
            raise InputError(
                f"'dfr' needs development clips of known group of each class; class {lost[0] + 1} "
                f"of {data.targets.shape[1]} has none. Take another group source, or leave dfr "
                "out of 'grid.methods'."
            )
        cells = majority * (int(groups.max()) + 1) + groups[rows]
        return rows, cells.unique(return_inverse=True)[1]

    def best_strength(
        self, hidden: torch.Tensor, targets: torch.Tensor, cells: torch.Tensor
    ) -> float:
        """The strength with the lowest worst cell on the half of the clips that does not train.

        A cell of one clip trains and is not judged.
        """
        strengths = self.options.strengths
        if len(strengths) == 1:
            return float(strengths[0])
        order = self.cell_orders(cells, 1)[0]
        sizes = cells.bincount()
        train = torch.cat([one[: -(-int(n) // 2)] for one, n in zip(order, sizes, strict=True)])
        other = torch.ones_like(cells, dtype=torch.bool)
        other[train] = False
        if not other.any():
            raise InputError(
                "'methods.dfr.strengths' has several values, but no class and group has two "
                "development clips to choose one by; name one value."
            )
        worst = {}
        for strength in strengths:
            weight, bias = self.averaged_layer(
                hidden[train], targets[train], cells[train], strength
            )
            losses = soft_cross_entropies(hidden[other] @ weight.T + bias, targets[other])
            means = [losses[cells[other] == cell].mean() for cell in cells[other].unique()]
            worst[strength] = float(torch.stack(means).max())
        return float(min(worst, key=lambda strength: worst[strength]))

    def averaged_layer(
        self, hidden: torch.Tensor, targets: torch.Tensor, cells: torch.Tensor, strength: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights [C, D] and biases [C], means over the draws of balanced clips."""
        least = int(cells.bincount().min())
        drawn = torch.stack(
            [
                torch.cat([one[:least] for one in order])
                for order in self.cell_orders(cells, self.options.draws)
            ]
        )
        weight, bias = fit_layers(hidden[drawn], targets[drawn], strength)
        return weight.mean(dim=0), bias.mean(dim=0)

    def cell_orders(self, cells: torch.Tensor, count: int) -> list[list[torch.Tensor]]:
        """For each draw the places of the clips of each cell, in random order."""
        places = [(cells == cell).nonzero()[:, 0] for cell in range(int(cells.max()) + 1)]
        return [
            [
                one[torch.randperm(len(one), generator=self.generator).to(one.device)]
                for one in places
            ]
            for _ in range(count)
        ]


def fit_layers(
    hidden: torch.Tensor, targets: torch.Tensor, strength: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [S, C, D] and biases [S, C] that minimise mean CE + strength ||W||^2, by L-BFGS.

    Args:
        hidden: vectors of the clips of each of S problems [S, n, D], float64.
        targets: soft targets [S, n, C].
        strength: more than 0, so that there is one minimum but for a constant in the biases.

    Raises:
        InputError: no minimum is found.
    """
    # The rows of W are combinations of the n vectors, because anything else only adds to the norm:
    # in an orthonormal basis of these there are fewer numbers to find.
    basis = torch.linalg.qr(hidden.mT).Q  # [S, D, min(n, D)]
    hidden = hidden @ basis
    problems, _, dim = hidden.shape
    weight = hidden.new_zeros(problems, targets.shape[-1], dim, requires_grad=True)
    bias = hidden.new_zeros(problems, 1, targets.shape[-1], requires_grad=True)
    optimizer = LBFGS(
        [weight, bias],
        max_iter=ITERATIONS,
        tolerance_grad=SLOPE / 10,
        tolerance_change=0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = torch.baddbmm(bias, hidden, weight.mT)
        fit = soft_cross_entropies(logits, targets).mean(dim=1)
        value = (fit + strength * weight.square().sum(dim=(1, 2))).sum()
        value.backward()
        return value

    optimizer.step(loss)
    loss()
    slope = max(float(one.grad.abs().max()) for one in (weight, bias) if one.grad is not None)
    if not slope < SLOPE:
        raise InputError(
            f"'methods.dfr.strengths': with {strength:g} the last layer reaches no minimum (its "
            f"largest derivative is {slope:.1g}). Leave this value out, or look for features of "
            "extreme size."
        )
    return weight.detach() @ basis.mT, bias.detach()[:, 0]
