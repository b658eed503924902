# What the groups of each source are made from.
from types import SimpleNamespace

# The groups of a fold, with the fold as a wildcard, and the ends of their files.
FOLD_SOURCES = dict.fromkeys((c.source, c.k) for c in CELLS if c.source != "none")
FOLD_GROUPS = [
    GROUP_CELL.format(source=source, k=k, fold="{fold}") for source, k in FOLD_SOURCES
]
GROUP_ENDS = [".parquet", ".json"]


def group_inputs(wildcards):
    """Files of a source, besides the split."""
    section = extension("SOURCE", wildcards.source)["needs"]
    settings = config["sources"].get(wildcards.source, {})
    files = {
        "own": list(extension("SOURCE", wildcards.source).files(settings).values())
    }
    return files | (store_files(section) if section else {})


def groups_of(wildcards):
    """Each source of a fold, with its input files by name, and their names in the job."""
    for source, k in FOLD_SOURCES:
        cell = SimpleNamespace(source=source, k=str(k), fold=wildcards.fold)
        files = group_inputs(cell)
        split = {"split": f"{RESULTS}/splits/fold{cell.fold}.parquet"}
        yield cell, files | split, {n: f"{n}_{source}" for n in files} | {
            "split": "split"
        }


def fold_group_inputs(wildcards):
    """The input files of all sources."""
    return {
        names[name]: file
        for _, files, names in groups_of(wildcards)
        for name, file in files.items()
    }


def fold_groups(wildcards):
    """Each source as :class:`fairser.groups.together.GroupJob` has it, with names of input files."""
    return [
        {
            "cell": vars(cell),
            "given": names,
            "settings": group_settings(cell),
            "code": code_of("infer_groups", source_code)(cell),
        }
        for cell, _, names in groups_of(wildcards)
    ]
