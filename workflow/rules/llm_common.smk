# The study minmaxgap: its runs, its model, and what they are made from.
from fairser.config import llm
from fairser.config.llm_corpus import clip_settings
from fairser.llm.grid import llm_cells

LLM = config["llm"]
LLM_CELL = "{languages}/{modality}/{objective}/p{p}/{weighting}/seed{seed}"
LLM_CELLS = llm_cells(LLM["grid"])
LLM_TRAINED = [c for c in LLM_CELLS if c.objective != "zero_shot"]
TINY_RECORD = records.record_path(llm.DEMO_MODEL, LLM["revision"])
LLM_CLIPS = f"{RESULTS}/llm_clips.parquet"


def llm_clip_inputs(_):
    """Metadata and genders; what says that the audio is there, where the workflow makes it."""
    corpus = LLM["corpus"]
    if corpus["kind"] == llm.OWN:
        own = {"labels": label_files(_), "audio": audio_files(_)}
        return own | {"demographics": CORPUS["demographics"] or []}
    if corpus["metadata"] == llm.DEMO:
        made = rules.demo_meldst.output
        return {"tables": made.tables, "audio": made.listing}
    return {"genders": corpus["genders"]}


def llm_clip_code(_):
    """The file that the reader of the section `corpus` is found in, where it is used."""
    return reader_code(_) if LLM["corpus"]["kind"] == llm.OWN else []


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
    codes = [code_of(script)(cell), code_of("llm_clips", llm_clip_code)(cell)]
    return fingerprint(llm_settings(cell), clip_settings(config), codes)
