"""Rule rounds: the course of lambda and of the gap on development."""

from fairser.core.jobs import job
from fairser.core.table_files import read_made
from fairser.llm.figures import rounds_figure
from fairser.llm.grid import LLMCell
from fairser.results.style import save

with job(snakemake.log[0]):
    cells = [LLMCell(**cell) for cell in snakemake.params.cells]
    histories = dict(zip(cells, map(read_made, snakemake.input), strict=True))
    save(rounds_figure(histories), snakemake.output.svg, snakemake.output.png)
