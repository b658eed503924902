# The study minmaxgap: its runs, its model, and what they are made from.
from fairser.config import llm
from fairser.llm.grid import LANGUAGES, llm_cells

LLM = config["llm"]
LLM_CELL = "{languages}/{modality}/{objective}/p{p}/{weighting}/seed{seed}"
LLM_CELLS = llm_cells(LLM["grid"])
LLM_TRAINED = [c for c in LLM_CELLS if c.objective != "zero_shot"]
TINY_RECORD = records.record_path(llm.DEMO_MODEL, LLM["revision"])
LLM_LANGUAGES = [x for x in LANGUAGES if any(x in s for s in LLM["grid"]["languages"])]


def meldst_inputs(_):
    """Metadata and genders; what says that the audio is there, where the workflow makes it."""
    corpus = LLM["corpus"]
    if corpus["metadata"] == llm.DEMO:
        made = rules.demo_meldst.output
        return {"tables": made.tables, "audio": made.listing}
    return {"genders": corpus["genders"]}


def llm_settings(wildcards):
    """All that a run depends on, besides its files."""
    names = ("model", "revision", "precision", "quantise", "seconds", "scores")
    settings = {name: LLM[name] for name in (*names, "zero_shot", "labels")}
    gap = {"p": int(wildcards.p), "weighting": wildcards.weighting, **LLM["gap"]}
    neutral = "checkpoint_steps"
    return settings | {
        "audio": LLM["corpus"]["audio"],
        "languages": wildcards.languages.split("-"),
        "modality": wildcards.modality,
        "prompts": LLM["prompts"],
        "lora": LLM["lora"],
        "train": {k: v for k, v in LLM["train"].items() if k != neutral},
        "gap": gap if wildcards.objective == "minmaxgap" else None,
    }


def llm_origin(cell):
    """A hash of all settings and code that a run depends on, from the corpus on."""
    script = "llm_zero_shot" if cell.objective == "zero_shot" else "llm_train"
    codes = [code_of(name)(cell) for name in (script, "meldst_table")]
    return fingerprint(llm_settings(cell), LLM["corpus"], LLM_LANGUAGES, codes)
