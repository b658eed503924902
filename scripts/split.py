"""Rule split: the biased split of one fold."""

from fairser.corpora.clips import ClipTable
from fairser.jobs import job, logger
from fairser.splits import bias_fold

with job(snakemake.log[0]):
    bias = snakemake.params.bias
    table = bias_fold(
        ClipTable.read(snakemake.input[0]),
        int(snakemake.wildcards.fold),
        bias["attribute"],
        bias["ratio"],
        bias["seed"],
    )
    table.write(snakemake.output[0])
    logger.info("clips by split: %s", dict(table.frame["split"].value_counts().iter_rows()))
