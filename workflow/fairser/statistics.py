"""From runs to the numbers of a table: means and standard deviations over folds and seeds."""

import polars as pl


def over_folds(runs: pl.DataFrame, keys: list[str], values: list[str]) -> pl.DataFrame:
    """Mean and spread of the runs of each row of a table.

    Args:
        runs: one row per run: the keys, ``fold``, ``seed``, the values (null where a metric does
            not exist; such runs are left out of that value).
        keys: columns that make a row of the table.
        values: columns to summarise.

    Returns:
        The keys; each value's mean over folds of its mean over seeds; ``{value}_std``, the sample
        standard deviation (ddof 1) over folds of these means, null with one fold;
        ``{value}_seed_std``, the root mean square over folds of the sample standard deviation
        over seeds, only where there are several seeds; ``folds`` and ``seeds``, their numbers.
    """
    several = runs["seed"].n_unique() > 1
    by_fold = runs.group_by(*keys, "fold", maintain_order=True).agg(
        *(pl.col(name).mean() for name in values),
        *(pl.col(name).std(ddof=1).alias(f"{name}_seed_std") for name in values),
        seeds=pl.col("seed").n_unique(),
    )
    spread = [pl.col(name).std(ddof=1).alias(f"{name}_std") for name in values]
    if several:
        spread += [(pl.col(f"{name}_seed_std") ** 2).mean().sqrt() for name in values]
    return by_fold.group_by(keys, maintain_order=True).agg(
        *(pl.col(name).mean() for name in values),
        *spread,
        folds=pl.col("fold").n_unique(),
        seeds=pl.col("seeds").max(),
    )
