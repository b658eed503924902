"""What the configuration must have for the second study, beyond its schema."""

from typing import Any

DEMO = "resources/demo_llm"  # made by the workflow
DEMO_MODEL = f"{DEMO}/model"
DEMO_PATHS = {"metadata": DEMO, "audio": f"{DEMO}/audio", "genders": f"{DEMO}/speakers.tsv"}


def fill_paths(config: dict[str, Any]) -> None:
    """Paths of the demo corpus, where the kind of corpus says where the files are."""
    corpus = config["llm"]["corpus"]
    if corpus["kind"] == "demo":
        corpus |= {key: corpus[key] or path for key, path in DEMO_PATHS.items()}


def faults(config: dict[str, Any]) -> list[str]:
    """Settings that are each allowed but do not go together; nothing for the other study."""
    if config["study"] != "minmaxgap":
        return []
    llm = config["llm"]
    lines = []
    shown = llm["tables"]
    if "minmaxgap" in llm["grid"]["objectives"]:
        lines += [
            f"'llm.tables.{name}' is {shown[name]!r}, which 'llm.grid.{name}' does not have."
            for name in ("p", "weighting")
            if shown[name] not in llm["grid"][name]
        ]
    if llm["train"]["micro_batch"] > llm["train"]["batch_size"]:
        lines.append("'llm.train.micro_batch' is larger than 'llm.train.batch_size'.")
    if llm["quantise"] and config["device"] in ("cpu", "mps"):
        lines.append(f"'llm.quantise' needs a GPU, but 'device' is {config['device']}.")
    return lines


def needed(config: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Key and value of each path that is needed, and what needs it."""
    if config["study"] != "minmaxgap":
        return []
    corpus = config["llm"]["corpus"]
    what = "the study minmaxgap"
    return [(f"llm.corpus.{name}", corpus[name], what) for name in DEMO_PATHS]
