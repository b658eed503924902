"""What the card of a data set of the Hugging Face hub, and its files, say about it.

The card is ``README.md``, whose front matter has the licence and the features. Parquet files that
the package datasets has written have the features in their metadata, too.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fairser.core.errors import InputError
from fairser.core.table_files import read_metadata
from fairser.core.words import joined
from fairser.core.yaml_files import read_front_matter

Classes = Mapping[str, list[str]]  # names by column
Card = Mapping[str, Any]


def read_card(folder: Path) -> Card:
    """The front matter of the card in a folder or, of a configuration's folder, in the one above.

    It is empty if there is none.
    """
    places = (folder / "README.md", folder.absolute().parent / "README.md")
    return next((read_front_matter(file) for file in places if file.is_file()), {})


def licence_of(card: Card) -> str | None:
    """The licence that a card names."""
    given = card.get("license_name") or card.get("license")
    return joined([str(one) for one in given]) if isinstance(given, list) else given and str(given)


def class_names(file: Path, card: Card, configuration: str) -> Classes:
    """Names of classes by column.

    Args:
        file: a parquet file, whose metadata come first.
        card: of its data set.
        configuration: whose features a card with several means.

    Raises:
        InputError: they are in another form than that of the package datasets.
    """
    try:
        stored = json.loads(read_metadata(file).get("huggingface") or "{}")
        features = stored.get("info", {}).get("features", {})
        found = {n: one["names"] for n, one in features.items() if one.get("_type") == "ClassLabel"}
        if features:
            return found
        info = card.get("dataset_info") or {}
        several = info if isinstance(info, list) else [info]
        chosen = [one for one in several if one.get("config_name") == configuration]
        for feature in (chosen or several)[0].get("features", ()):
            kind = feature.get("dtype")
            if isinstance(kind, dict) and "class_label" in kind:
                names = kind["class_label"]["names"]
                ordered = names if isinstance(names, list) else [names[n] for n in _in_order(names)]
                found[feature["name"]] = [str(name) for name in ordered]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file}: the names of its classes are in another form than that of the package "
            f"datasets ({error!r}). Fetch the data set again."
        ) from error
    return found


def _in_order(numbers: Iterable[Any]) -> list[Any]:
    return sorted(numbers, key=int)
