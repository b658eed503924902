# What the jobs of a fold train, where `train.together` is fold. With many runs there are two jobs, so
# that five folds leave no core of two idle; with fewer the start of a second job costs what it saves.
FOLD_CELLS = [cell for cell in CELLS if cell.fold == FIGURE_FOLD]
PARTS = 2 if len(FOLD_CELLS) >= 24 else 1
RULE_ENDS = ["", "_2"]  # of the names of their rules


def block_cells(block, fold):
    """Every other cell of a fold, or every one: cells of one kind stand side by side."""
    return [
        SimpleNamespace(**(vars(cell) | {"fold": fold}))
        for cell in FOLD_CELLS[block::PARTS]
    ]


def block_files(block):
    """The files of these cells, with the fold as a wildcard."""
    return [
        f"{RUN}/{name}".format(**vars(cell))
        for cell in block_cells(block, "{fold}")
        for name in [*RUN_FILES, "metrics.json", "counts.parquet"]
    ]


def cells_of(block, wildcards):
    """These cells, each with its input files by name, and with the names of the job."""
    for cell in block_cells(block, wildcards.fold):
        own = f"_{cell.source}_k{cell.k}"
        files = train_inputs(cell)
        names = {n: n + own * (n in ("groups", "origin")) for n in files}
        yield cell, files, names


def fold_inputs(block):
    """The input files of all cells; those that cells share have one name."""
    return lambda wildcards: {
        names[name]: file
        for _, files, names in cells_of(block, wildcards)
        for name, file in files.items()
    }


def fold_cells(block):
    """Each cell as :class:`fairser.training.runs.CellJob` has it, with names of input files."""
    return lambda wildcards: [
        {
            "cell": {name: str(value) for name, value in vars(cell).items()},
            "given": names,
            "settings": train_settings(cell),
            "code": code_of("train", train_modules)(cell),
            "made_from": run_origin(cell),
        }
        for cell, _, names in cells_of(block, wildcards)
    ]
