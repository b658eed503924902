# What the job of a fold trains, where `train.together` is fold.
FOLD_CELLS = [c for c in CELLS if c.fold == FIGURE_FOLD]
FOLD_CELLS = FOLD_CELLS if config["train"]["together"] == "fold" else []
FOLD_FILES = [
    f"{RUN}/{name}".format(**(vars(cell) | {"fold": "{fold}"}))
    for cell in FOLD_CELLS
    for name in [*RUN_FILES, "metrics.json", "counts.parquet"]
]


def cells_of(wildcards):
    """The cells of a fold, each with its input files by name, and with the names of the job."""
    for cell in FOLD_CELLS:
        wild = SimpleNamespace(**(vars(cell) | {"fold": wildcards.fold}))
        own = f"_{cell.source}_k{cell.k}"
        files = train_inputs(wild)
        names = {n: n + own * (n in ("groups", "origin")) for n in files}
        yield wild, files, names


def fold_inputs(wildcards):
    """The input files of all cells; those that cells share have one name."""
    return {
        names[name]: file
        for _, files, names in cells_of(wildcards)
        for name, file in files.items()
    }


def fold_cells(wildcards):
    """Each cell as :class:`fairser.training.runs.CellJob` has it, with names of input files."""
    return [
        {
            "cell": {name: str(value) for name, value in vars(wild).items()},
            "given": names,
            "settings": train_settings(wild),
            "code": code_of("train", train_modules)(wild),
            "made_from": run_origin(wild),
        }
        for wild, _, names in cells_of(wildcards)
    ]
