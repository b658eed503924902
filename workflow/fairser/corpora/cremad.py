"""CREMA-D with the labels of EMO-SUPERB; the workflow downloads both."""

from typing import Any

from fairser.corpora import emosuperb
from fairser.corpora.clips import ClipTable

# Means over folds are the paper's, although some folds lack a group of race.
CORPUS = {
    "title": "CREMA-D",
    "lists": "labels",
    "made": True,
    "over": "folds",
    "licence": "Open Database License (ODbL) 1.0",
    "order": 1,
}

# Recordings with faulty audio or without a full set of ratings.
FAULTY = ("1064_IEO_DIS_MD", "1064_TIE_SAD_XX", "1076_MTI_NEU_XX", "1076_MTI_SAD_XX")


def read(corpus: dict[str, Any]) -> ClipTable:
    """The clip table, without the faulty recordings."""
    return emosuperb.read(corpus, FAULTY)
