"""Rule tpr_by_class: true positive rates by class and group, ERM beside another method."""

from fairser.core.jobs import job
from fairser.evaluation.bootstrap import Bootstrap, read_counts
from fairser.results.figures import tpr_by_class
from fairser.results.style import save
from fairser.results.summaries import chosen, class_rates, runs_of, summaries
from fairser.results.tables import table_gaps

with job(snakemake.log[0]):
    given = snakemake.params
    gaps = table_gaps([given.attribute], given.variants)
    runs = read_counts(snakemake.input.metrics, snakemake.input.counts)
    table = summaries(runs, Bootstrap(**given.statistics, gaps=gaps))
    shown = runs_of(runs, chosen(table, **given.compared, k=given.k))
    figure = tpr_by_class(class_rates(shown, given.attribute), given.attribute)
    save(figure, snakemake.output.svg, snakemake.output.png)
