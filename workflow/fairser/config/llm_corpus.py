"""What the clips of the second study depend on; light to import, because the Snakefile does."""

from typing import Any

from fairser.config.configuration import reader_settings
from fairser.config.llm import OWN, in_order

TEXT = "speech_text"  # the modality with transcripts


def clip_settings(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of a resolved configuration that its clips depend on.

    ``corpus`` (``llm.corpus``) and ``languages`` (of the whole grid). Where the corpus is that of
    the section ``corpus``, also ``reader`` (its settings), ``fold`` (the one that is used, the
    first of ``grid.folds``) and ``transcripts`` (whether a modality needs them).
    """
    corpus, grid = config["llm"]["corpus"], config["llm"]["grid"]
    languages = in_order(name for names in grid["languages"] for name in names)
    found = {"corpus": corpus, "languages": languages}
    if corpus["kind"] == OWN:
        found |= {"reader": reader_settings(config), "fold": min(config["grid"]["folds"])}
        found["transcripts"] = TEXT in grid["modalities"]
    return found
