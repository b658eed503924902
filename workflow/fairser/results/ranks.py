"""Mean ranks of methods over independent blocks, and which of them differ.

Friedman's test asks whether any two differ, Nemenyi's critical difference which ones do (Demšar
2006, *Statistical comparisons of classifiers over multiple data sets*, section 3.2.2). Both use the
order within a block alone, so blocks may be of different difficulty.

Blocks must be independent. The folds of a corpus test different speakers; the seeds of a fold share
its clips, so they repeat what is peculiar to it. Therefore a block is a fold, with the means over
its seeds: with each fold and seed as a block, the seeds would be counted as further evidence.
"""

from dataclasses import dataclass

import numpy as np

from fairser.evaluation.metrics import Floats

LEVEL = 0.05  # of both tests, each over all pairs at once
# Blocks and rows that the tests need. Simulated without a difference, 3 to 60 rows: with five
# blocks both are wrong in 1 to 4 % of the cases, with four up to 7 %, with 50 in 5 %.
BLOCKS, ROWS = 5, 3
NAN = float("nan")


@dataclass(frozen=True)
class Ranking:
    """Ranks of some rows by one number.

    Attributes:
        ranks: mean rank of each row, 1 for the best; NaN for one without the number.
        blocks: in which all other rows have the number.
        p: Friedman's p-value; NaN where there is no test.
        difference: the critical difference; NaN where there is no test.
    """

    ranks: list[float]
    blocks: int
    p: float = NAN
    difference: float = NAN

    @property
    def rows(self) -> int:
        """Rows that have a rank."""
        return sum(rank == rank for rank in self.ranks)

    def reason(self) -> str | None:
        """Why there is no test; None where there is one."""
        if self.rows < ROWS:
            return f"{self.rows} rows have ranks, {ROWS} are needed"
        if self.blocks < BLOCKS:
            return f"there are {self.blocks} folds in which all rows have it, {BLOCKS} are needed"
        return None


def ranking(values: Floats, higher: bool) -> Ranking:
    """The ranks of rows [M] by their values in blocks [B, M].

    Equal values share the mean of their ranks. A row without any value has no rank; then a block
    that lacks a value of another row is left out.

    Args:
        values: NaN where a number does not exist.
        higher: whether the largest value is the best one.
    """
    from scipy.stats import friedmanchisquare, rankdata

    known = ~np.isnan(values).all(axis=0)
    found = values[:, known]
    found = found[~np.isnan(found).any(axis=1)]
    ranks = np.full(values.shape[1], NAN)
    if not len(found) or not known.any():
        return Ranking(ranks.tolist(), 0)
    ranks[known] = rankdata(-found if higher else found, axis=1).mean(axis=0)
    result = Ranking(ranks.tolist(), len(found))
    if result.reason():
        return result
    equal = (found == found[:, :1]).all()  # the statistic of only ties does not exist
    p = 1.0 if equal else float(friedmanchisquare(*found.T).pvalue)
    return Ranking(result.ranks, len(found), p, critical_difference(result.rows, len(found)))


def critical_difference(rows: int, blocks: int) -> float:
    """Smallest difference of two mean ranks that is significant (Demšar 2006, section 3.2.2).

    It is q sqrt(k (k + 1) / (6 N)) for k rows and N blocks.
    """
    return critical_value(rows) * float(np.sqrt(rows * (rows + 1) / (6 * blocks)))


def critical_value(rows: int) -> float:
    """q of Nemenyi's test of so many rows: that of the studentised range, divided by sqrt(2)."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - LEVEL, rows, np.inf) / np.sqrt(2))
