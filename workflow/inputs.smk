# Input and parameter functions of the rules.


def label_inputs(_):
    """Files that the clip table is read from."""
    listed = configuration.list_key(CORPUS) == "manifest"
    own = [CORPUS["manifest"]] if listed else None
    speakers = [CORPUS["demographics"]] if CORPUS["demographics"] else []
    return (own or configuration.label_files(CORPUS)) + speakers


def folder_of_listing(_, output):
    return os.path.dirname(output.listing)


def audio_inputs(_):
    """What says that the audio is complete, for a corpus that the workflow fetches or makes."""
    try:
        configuration.check_audio(CORPUS)
    except InputError as error:
        sys.exit(str(error))
    made = configuration.made_folder(CORPUS)
    return [f"{made}/AudioWAV.tsv"] if made else []


def store_inputs(section):
    """A feature store: its array, its list of clips and, if it is made, the record of how."""
    kind = config[section]["kind"]
    folder = f"{RESULTS}/features/{store_name(config, section)}"
    if kind == "precomputed":
        return {
            "features": config[section]["features"],
            "clips": f"{folder}/clips.csv",
        }
    names = {"features": "features.safetensors", "clips": "clips.csv"}
    names |= {"source": "source.json"}
    return {name: f"{folder}/{file}" for name, file in names.items()}


def feature_inputs(_):
    """All stores that the grid needs."""
    made = [store_inputs(section) for section in NEEDED if section != "pseudo"]
    made += [probability_inputs()] if "pseudo" in NEEDED else []
    return [file for store in made for file in store.values()]


def probability_inputs():
    """Gender probabilities, and, if they are made, the record of how."""
    if config["pseudo"]["kind"] == "precomputed":
        return {"probabilities": config["pseudo"]["probabilities"]}
    folder = f"{RESULTS}/features/{store_name(config, 'pseudo')}"
    return {
        "probabilities": f"{folder}/probabilities.csv",
        "source": f"{folder}/source.json",
    }


def own_features(wildcards):
    """The user's files behind a store of the kind precomputed, encoder's or embedding's."""
    section = section_of(config, f"precomputed-{wildcards.key}")
    return {name: config[section][name] for name in ("features", "clips")}


def shard_settings(wildcards):
    """Everything that the content of a store depends on."""
    section = section_of(config, f"{wildcards.kind}-{wildcards.key}")
    return store_settings(config, section)


def shard_inputs(wildcards):
    """What a shard is made from: audio and clip table, the model, the waves' statistics."""
    section = section_of(config, f"{wildcards.kind}-{wildcards.key}")
    files = {"audio": audio_inputs(wildcards), "table": f"{RESULTS}/clips.parquet"}
    return files | model_inputs(section)


def model_inputs(section):
    files = {"model": RECORDS[section]} if section in RECORDS else {}
    if store_settings(config, section).get("waves") == "corpus":
        files["waves"] = f"{RESULTS}/features/{waves_name(config)}.json"
    return files


def extraction_code(wildcards):
    return code_hash("fairser.extraction.extract", f"fairser.encoders.{wildcards.kind}")


def shard_files(wildcards):
    """Files of all shards, those of a shard together."""
    number = config["extraction"]["shards"]
    return [
        f"{SHARD}/{name}".format(**wildcards, shard=shard + 1, shards=number)
        for shard in range(number)
        for name in SHARD_FILES
    ]


def split_inputs(_):
    """The clip table; and the clips that were left out, where that is allowed."""
    faults = []
    if config["extraction"]["failures"]:
        names = [store_name(config, section) for section in EXTRACTED]
        faults = [f"{RESULTS}/features/{name}/faults.csv" for name in names]
    return {"table": f"{RESULTS}/clips.parquet", "faults": faults}


def group_inputs(wildcards):
    """What the groups of a source are made from, besides the split."""
    if wildcards.source == "kmeans":
        return store_inputs("embedding")
    return probability_inputs() if wildcards.source == "pseudo" else {}


def group_settings(wildcards):
    """Settings of a source; those of others must not make its groups anew."""
    return {
        "annotated": {"attributes": config["annotated"]["attributes"]},
        "pseudo": {},
        "kmeans": {"standardise": is_standardised(config, "embedding")},
    }[wildcards.source]


def train_inputs(wildcards):
    files = {"split": f"{RESULTS}/splits/fold{wildcards.fold}.parquet"}
    if wildcards.source != "none":
        groups = f"{RESULTS}/{GROUP_CELL}".format(**wildcards)
        files |= {"groups": f"{groups}.parquet", "origin": f"{groups}.json"}
    if config["encoder"]["finetune"]:
        return files | {"audio": audio_inputs(wildcards)} | model_inputs("encoder")
    return files | store_inputs("encoder")


def train_code(wildcards):
    """What a change of must train the method again."""
    modules = ["fairser.training.train", f"fairser.methods.{wildcards.method}"]
    if config["encoder"]["finetune"]:
        modules += ["fairser.training.finetuning", "fairser.encoders.transformers"]
    return code_hash(*modules)


def train_settings(wildcards):
    """Settings of the training; those of adapters only where there are any."""
    names = ("epochs", "batch_size", "learning_rate", "clip_norm")
    settings = {
        "train": {name: config["train"][name] for name in names},
        "standardise": is_standardised(config, "encoder"),
        "hyper": config["methods"].get(wildcards.method, {}),
        "finetune": config["lora"] if config["encoder"]["finetune"] else None,
    }
    if config["encoder"]["finetune"]:
        settings |= {"encoder": store_settings(config, "encoder")}
        settings |= {"audio": CORPUS["audio"]}
    return settings


def run_files(cells):
    """Metrics and counts of runs, for the tables."""
    return {
        "metrics": [f"{RESULTS}/{cell.folder}/metrics.json" for cell in cells],
        "counts": [f"{RESULTS}/{cell.folder}/counts.parquet" for cell in cells],
    }


DEMO_TABLES = [
    f"{llm.DEMO}/{pair}_{split}.csv"
    for pair in ("ENG_DEU/deu", "ENG_JPN/jpn")
    for split in ("train", "valid", "test")
]
TINY_FILES = multiext(
    f"{llm.DEMO_MODEL}/",
    "config.json",
    "model.safetensors",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "generation_config.json",
)


def model_files(wildcards):
    """Files of a model in a folder: those that are there, or that a rule makes."""
    model, _, family = MODELS[wildcards.name]
    return TINY_FILES if model == llm.DEMO_MODEL else models.local_files(model, family)


def meldst_inputs(_):
    """Metadata and genders; what says that the audio is there, where the workflow makes it."""
    corpus = LLM["corpus"]
    if corpus["metadata"] == llm.DEMO:
        return {"tables": DEMO_TABLES, "audio": f"{llm.DEMO}/audio.tsv"}
    return {"genders": corpus["genders"]}


def llm_inputs(_):
    return {"clips": f"{RESULTS}/meldst.parquet", "model": LLM_RECORD}


def llm_settings(wildcards):
    """All that a run of the second study depends on, besides its files."""
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


def page_inputs(_):
    """What the pages of the report are made from."""
    files = {"metrics": METRICS_FILES, "tables": STUDY_TABLES}
    files |= {"figures": [file for file in STUDY_FIGURES if file.endswith(".svg")]}
    if config["study"] == "minmaxgap":
        return files | llm_inputs(_)
    folds = sorted({1, *config["grid"]["folds"]})  # Table A3 is about the first
    splits = [f"{RESULTS}/splits/fold{fold}.parquet" for fold in folds]
    groups = [f"{RESULTS}/{cell}.json" for cell in GROUP_CELLS]
    clips = f"{RESULTS}/clips.parquet"
    return files | {"clips": clips, "splits": splits, "groups": groups}
