"""Rule infer_fold: groups of a fold's clips from all sources of the grid."""

from pathlib import Path

from fairser.core.jobs import job
from fairser.groups.together import GroupJob, write_all_groups

with job(snakemake.log[0]):
    given, results = snakemake.input, Path(snakemake.config["results"])
    jobs = [
        GroupJob(**{**one, "given": {n: given[f] for n, f in one["given"].items()}})
        for one in snakemake.params.groups
    ]
    write_all_groups(jobs, results / "kept", results)
