"""Predictions as a database in audformat: a header ``db.yaml`` and a filewise table.

The format is that of https://audeering.github.io/audformat, written without its package.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HEADER = "db.yaml"
TABLE = "db.predictions.csv"
RATER = "model"


def header(classes: Sequence[str], single: bool, description: str) -> str:
    """The text of :data:`HEADER`.

    The column ``prediction`` has the scheme ``emotion`` if one class is predicted, else it holds
    the classes with semicolons between them. A column per class holds its probability.
    """
    predicted = {"emotion": {"dtype": "str", "labels": list(classes)}}
    if not single:
        predicted = {"emotions": {"dtype": "str"}}
    probability = {"dtype": "float", "minimum": 0, "maximum": 1}
    columns = {name: {"scheme_id": "probability", "rater_id": RATER} for name in classes}
    columns["prediction"] = {"scheme_id": next(iter(predicted)), "rater_id": RATER}
    content: dict[str, Any] = {
        "name": "predictions",
        "source": "fair-ser",
        "usage": "other",
        "description": description,
        "raters": {RATER: {"type": "machine"}},
        "schemes": {**predicted, "probability": probability},
        "tables": {"predictions": {"type": "filewise", "columns": columns}},
    }
    # JSON is YAML, and exported packages have no library that writes the latter.
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def place(file: str, folder: Path) -> str:
    """A file as a table in ``folder`` names it: relative if it is in the folder, else absolute."""
    # Without following links.
    path, root = (Path(os.path.normpath(Path(one).absolute())) for one in (file, folder))
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
