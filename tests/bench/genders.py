"""Gender probabilities of clips from stored features, where there is no audio for a gender model.

    python tests/bench/genders.py LABELS FEATURES CLIPS PROBABILITIES.csv

LABELS is a folder with the label files of CREMA-D and VideoDemographics.csv; FEATURES and CLIPS are
a store of its clips. A logistic regression is fitted to four fifths of the speakers and applied to
the others. The csv is what `pseudo.kind: precomputed` reads.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from shared.genders import genders_of_features
from shared.made_up import write_corpus
from shared.measuring import Parser, Row, Table

from fairser.config.configuration import reader_settings, resolve
from fairser.corpora.readers import read_corpus
from fairser.extraction.store import open_store


def parser() -> Parser:
    made = Parser(__file__, __doc__, {})
    for name in ("labels", "features", "clips", "probabilities"):
        made.add_argument(name, type=Path, nargs="?")
    return made


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    made = parser()
    options = made.start(arguments)
    if options.probabilities is None and not options.smallest:
        made.error("name LABELS, FEATURES, CLIPS and PROBABILITIES.csv")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        features, clips, output = options.features, options.clips, options.probabilities
        if options.smallest:
            corpus = write_corpus(folder, folds=3)["corpus"]
            corpus |= {"manifest": str(folder / "clips.csv"), "audio": temporary}
            features, clips = folder / "features.safetensors", folder / "names.csv"
            output = folder / "probabilities.csv"
        else:
            demographics = options.labels / "VideoDemographics.csv"
            corpus = {"labels": str(options.labels), "demographics": str(demographics)}
        encoder = {"kind": "precomputed", "features": str(features), "clips": str(clips)}
        config = resolve({"corpus": corpus, "encoder": encoder})
        table = read_corpus(reader_settings(config))
        female = genders_of_features(table, open_store(features, clips))
        female.with_columns(p_male=1 - pl.col("p_female")).write_csv(output)
    known = female.join(table.clips().select("clip", "gender"), on="clip")
    right = (known["p_female"] > 0.5) == (known["gender"] == "female")
    rows = Table({"clips": "", "gender right": ".1%"})
    rows.add(known.height, float(right.mean()))
    return rows.rows


if __name__ == "__main__":
    main()
