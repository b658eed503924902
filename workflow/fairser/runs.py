"""The files of a training run."""

from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from fairser.files import complete, write_json
from fairser.provenance import commit, versions
from fairser.training import Run


def write_run(
    paths: dict[str, str], run: Run, cell: dict[str, str], config: dict[str, Any]
) -> None:
    """Write a run's predictions, model and history, and last the record of how it came about.

    Args:
        paths: of ``predictions`` (parquet), ``model`` (safetensors), ``history`` (csv) and
            ``run`` (JSON).
        run: what the training left.
        cell: method, source, k, fold and seed.
        config: the resolved configuration.
    """
    with complete(paths["predictions"]) as path:
        run.predictions.write_parquet(path)
    with complete(paths["model"]) as path:
        save_file(run.tensors, path)
    with complete(paths["history"]) as path:
        run.history.write_csv(path)
    record = {
        "method": cell["method"],
        "source": cell["source"],
        **{name: int(cell[name]) for name in ("k", "fold", "seed")},
        "best_epoch": run.best_epoch,
        "seconds": run.seconds,
        "device": "cpu",
        "versions": versions(),
        "commit": commit(),
        "config": config,
    }
    write_json(Path(paths["run"]), record)
