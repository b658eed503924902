"""Rule tradeoff: performance against each gap."""

from fairser.core.jobs import job
from fairser.evaluation.bootstrap import Bootstrap, read_counts
from fairser.results.figures import tradeoff
from fairser.results.style import save
from fairser.results.summaries import summaries
from fairser.results.tables import table_gaps

with job(snakemake.log[0]):
    given = snakemake.params
    gaps = table_gaps(given.attributes, given.variants)
    runs = read_counts(snakemake.input.metrics, snakemake.input.counts)
    table = summaries(runs, Bootstrap(**given.statistics, gaps=gaps))
    save(tradeoff(table, gaps), snakemake.output.svg, snakemake.output.png)
