"""Rule infer_groups: groups of a fold's clips, and how they agree with the annotation."""

from fairser.core.files import complete, read_json, write_json
from fairser.core.jobs import job
from fairser.corpora.clips import ClipTable
from fairser.groups.agreement import quality
from fairser.groups.base import Fold, find_groups, infer_groups

with job(snakemake.log[0]):
    files, cell = dict(snakemake.input.items()), snakemake.wildcards
    table = ClipTable.read(files["split"])
    fold = Fold(table, int(cell.k), files=files, **snakemake.params.settings)
    # One job for all runs of a fold names the fault, and trains those that do not need the groups.
    one_job = snakemake.config["train"]["together"] == "fold"
    groups = (find_groups if one_job else infer_groups)(cell.source, fold)
    with complete(snakemake.output.groups) as path:
        groups.write_parquet(path)
    origin = read_json(files["source"]) if "source" in files else None
    record = {"source": cell.source, "k": fold.k, "fold": int(cell.fold), "origin": origin}
    record |= {"notes": fold.notes, "faults": fold.faults}
    write_json(snakemake.output.quality, {**record, "quality": quality(groups, table)})
