"""Rule biased_split: the biased split of one fold."""

from fairser.core.jobs import job, logger
from fairser.corpora.clips import ClipTable
from fairser.corpora.splits import bias_fold
from fairser.extraction.shards import read_faults

with job(snakemake.log[0]):
    bias = snakemake.params.bias
    table = ClipTable.read(snakemake.input.table).without(read_faults(snakemake.input.faults))
    table = bias_fold(
        table, int(snakemake.wildcards.fold), bias["attribute"], bias["ratio"], bias["seed"]
    )
    table.write(snakemake.output[0])
    logger.info("clips by split: %s", dict(table.frame["split"].value_counts().iter_rows()))
