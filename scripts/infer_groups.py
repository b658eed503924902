"""Rule infer_groups: groups of a fold's clips from one source, and how they meet the annotation."""

from fairser.core.files import complete, read_json, write_json
from fairser.core.jobs import job
from fairser.corpora.clips import ClipTable
from fairser.extraction.store import open_store
from fairser.groups import grouping as groups

with job(snakemake.log[0]):
    given, cell = snakemake.input, snakemake.wildcards
    table = ClipTable.read(given.split)
    if cell.source == "annotated":
        grouping = groups.annotated(table, **snakemake.params.settings)
    elif cell.source == "pseudo":
        grouping = groups.pseudo(table, groups.read_probabilities(given.probabilities, table))
    else:
        store = open_store(given.features, given.clips)
        grouping = groups.kmeans(table, store, int(cell.k), **snakemake.params.settings)
    with complete(snakemake.output.groups) as path:
        grouping.write_parquet(path)
    made = given.get("source")
    origin = read_json(made) if made else None
    cell = {"source": cell.source, "k": int(cell.k), "fold": int(cell.fold), "origin": origin}
    write_json(snakemake.output.quality, {**cell, "quality": groups.quality(grouping, table)})
