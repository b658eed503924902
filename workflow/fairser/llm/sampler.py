"""Batches in which every language and gender has its share.

Each stratum is shuffled and spread evenly over the round; the strata are then merged by position.
So each clip comes once a round, as in a plain shuffle, and a batch of B clips holds, of a stratum
with the share s of all clips, B s of them up to rounding at both ends of the batch: a stratum with
B s >= 2 is in every full batch. Where a stratum is absent its language has no gap in that batch.
"""

from collections.abc import Hashable, Sequence

import numpy as np


def batches(strata: Sequence[Hashable], size: int, seed: int, number: int) -> list[list[int]]:
    """The batches of a round; the same arguments give the same batches.

    Args:
        strata: stratum of each clip.
        size: clips in a batch; the last one may be smaller.
        seed: of the run.
        number: of the round.

    Returns:
        Rows of the clips of each batch.
    """
    rng = np.random.default_rng([seed, number])
    members: dict[Hashable, list[int]] = {}
    for row, stratum in enumerate(strata):
        members.setdefault(stratum, []).append(row)
    places = np.empty(len(strata))
    for rows in members.values():
        # A random start lets small strata fall into other batches each round.
        spread = (np.arange(len(rows)) + rng.random()) / len(rows)
        places[rng.permutation(rows)] = spread
    order = np.argsort(places, kind="stable").tolist()
    return [order[start : start + size] for start in range(0, len(order), size)]
