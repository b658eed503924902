"""Rule choose_k: the number of clusters that the corpus supports, as a table and a figure."""

from fairser.core.files import read_json
from fairser.core.jobs import job, logger
from fairser.results.choosing_k import LEGEND, choose, figure, readable, verdict
from fairser.results.style import save
from fairser.results.writing import write_table

with job(snakemake.log[0]):
    smallest = snakemake.params.smallest
    table = choose([read_json(path) for path in snakemake.input], **smallest)
    said = verdict(table, **smallest)
    logger.info(said)
    write_table(snakemake.output.tables[0], table, readable(table), [said, LEGEND])
    save(figure(table, **smallest), snakemake.output.svg, snakemake.output.png)
