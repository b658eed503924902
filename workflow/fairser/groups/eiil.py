"""EIIL, environment inference for invariant learning (Creager, Jacobsen and Zemel 2021).

An early model with the logits z is given. Soft assignments q_i of the clips to two environments are
to maximise how far the model is from invariant: with l_i(w) the class-balanced loss of the logits
w z_i, and both gradients at w = 1,

    ||grad_w mean(q_i l_i(w))||^2 + ||grad_w mean((1 - q_i) l_i(w))||^2.

The derivative of l_i at w = 1 is a number d_i that no q changes. With A = mean(q_i d_i) and
D = mean(d_i) this is A^2 + (D - A)^2. It is convex in A, so that it is largest where A is largest
or smallest: q_i = [d_i > 0] or the reverse, which is one partition. The original nears it by
gradient ascent on q; here it is computed.
"""

import numpy as np
import polars as pl
import torch

from fairser.groups.base import Fold
from fairser.groups.early import class_groups, fold_data, labelled, train_erm
from fairser.methods.early import all_logits
from fairser.methods.losses import class_balanced_weights

SOURCE = {
    "title": "eiil",
    "description": "Each class by the environment that EIIL infers (Creager et al. 2021).",
    "order": 6,
    "marker": "P",
    "needs": "encoder",
    "test": False,
    "settings": {
        "epochs": {
            "type": "integer",
            "minimum": 1,
            "default": 5,
            "description": "Epochs of the early model (choice).",
        },
    },
}

FIRST, SECOND = "environment 1", "environment 2"


def infer_groups(fold: Fold) -> pl.DataFrame:
    """Groups ``CLASS environment 1``, of clips whose loss rises with the scale of the logits, and
    ``CLASS environment 2``.

    Notes ``environment 1``, its share of the train clips.

    Raises:
        InputError: all train clips of each class are in one environment.
    """
    data, epochs = fold_data(fold), fold.settings["epochs"]
    rows = labelled(data)
    logits = all_logits(train_erm(fold, data, epochs), data, rows)
    weights = class_balanced_weights(data.targets[data.train]).to(logits)
    above = scale_derivatives(logits, data.targets[rows], weights) > 0
    parts = np.full(fold.table.frame.height, None, dtype=object)
    parts[rows.numpy()] = np.where(above.numpy(), FIRST, SECOND)
    fold.notes[FIRST] = float((parts[data.train.numpy()] == FIRST).mean())
    return class_groups(fold, parts.tolist(), f"Change 'sources.eiil.epochs' (now {epochs}).")


def scale_derivatives(
    logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Derivative [n] of the class-balanced loss of w z by w, at w = 1.

    It is (sum_c w_c t_c) (z . softmax(z) - z . t), for targets that sum to 1.

    Args:
        logits: z [n, C].
        targets: t [n, C].
        weights: of the classes [C].
    """
    apart = logits.softmax(dim=1) * targets.sum(dim=1, keepdim=True) - targets
    return (targets @ weights) * (logits * apart).sum(dim=1)
