"""The clips that an early model gets wrong: each class in two (JTT, Liu et al. 2021).

ERM is trained for a few epochs. A group is a majority class and whether the most probable class is
that class.
"""

import numpy as np
import polars as pl

from fairser.core.errors import InputError
from fairser.groups.base import Fold
from fairser.groups.early import class_groups, fold_data, labelled, train_erm
from fairser.methods.early import all_logits

SOURCE = {
    "title": "errors",
    "description": "Each class by whether an early model is right (Liu et al. 2021).",
    "order": 5,
    "marker": "v",
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
RIGHT, WRONG = "right", "wrong"


def infer_groups(fold: Fold) -> pl.DataFrame:
    """The groups; notes ``errors``, the share of the train clips that the model gets wrong.

    Raises:
        InputError: it gets none or all of them wrong.
    """
    data, epochs = fold_data(fold), fold.settings["epochs"]
    rows = labelled(data)
    logits = all_logits(train_erm(fold, data, epochs), data, rows)
    wrong = (logits.argmax(dim=1) != data.majority[rows]).numpy()
    return error_groups(fold, rows.numpy(), wrong, "sources.errors.epochs", epochs)


def error_groups(
    fold: Fold, rows: np.ndarray, wrong: np.ndarray, key: str, epochs: int
) -> pl.DataFrame:
    """Groups ``CLASS right`` and ``CLASS wrong``; notes the share ``errors`` of train.

    Args:
        fold: its N clips.
        rows: of the clips that have a group [n].
        wrong: whether the model is wrong on each of them [n].
        key: of the configuration that says for how long the model is trained.
        epochs: its value.

    Raises:
        InputError: all train clips are right, or all are wrong.
    """
    parts = np.full(fold.table.frame.height, None, dtype=object)
    parts[rows] = np.where(wrong, WRONG, RIGHT)
    train = parts[(fold.table.frame["split"] == "train").to_numpy()]
    errors, clips = int((train == WRONG).sum()), int((train != None).sum())  # noqa: E711
    if errors in (0, clips):
        found, less = ("no", "Lower") if errors == 0 else ("only", "Raise")
        raise InputError(
            f"Fold {fold.number}: the model makes {found} errors on the {clips} train clips after "
            f"{epochs} epochs, so there are no two groups. {less} '{key}' (now {epochs})."
        )
    fold.notes["errors"] = errors / clips
    return class_groups(fold, parts.tolist(), f"Change '{key}' (now {epochs}).")
