"""Rule tsne: train clips of a fold in the plane, by the biased attribute and by cluster."""

from fairser.core.jobs import job
from fairser.core.table_files import read_made
from fairser.corpora.clips import ClipTable
from fairser.results.figures import tsne_figure
from fairser.results.style import save

with job(snakemake.log[0]):
    given = snakemake.input
    points, groups = read_made(given.points), read_made(given.groups)
    attribute = snakemake.params.attribute
    figure = tsne_figure(points, ClipTable.read(given.split), groups, attribute)
    save(figure, snakemake.output.svg, snakemake.output.png)
