"""Rule infer_groups: groups of a fold's clips from one source, and how they meet the annotation."""

from fairser.core.files import complete, read_json, write_json
from fairser.core.jobs import job
from fairser.groups.agreement import quality
from fairser.groups.base import infer_groups, read_fold

with job(snakemake.log[0]):
    given, cell = dict(snakemake.input.items()), snakemake.wildcards
    fold = read_fold(given, int(cell.k), snakemake.params.settings)
    groups = infer_groups(cell.source, fold)
    with complete(snakemake.output.groups) as path:
        groups.write_parquet(path)
    origin = read_json(given["source"]) if "source" in given else None
    record = {"source": cell.source, "k": fold.k, "fold": int(cell.fold), "origin": origin}
    write_json(snakemake.output.quality, {**record, "quality": quality(groups, fold.table)})
