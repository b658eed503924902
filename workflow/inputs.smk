# Input and parameter functions of the rules.


def label_inputs(_):
    """Files that the clip table is read from."""
    own = [CORPUS["manifest"]] if CORPUS["kind"] == "manifest" else None
    speakers = [CORPUS["demographics"]] if CORPUS["demographics"] else []
    return (own or configuration.label_files(CORPUS)) + speakers


def folder_of_listing(_, output):
    return os.path.dirname(output.listing)


def audio_inputs(_):
    """What says that the audio is complete, for a corpus that the workflow fetches or makes."""
    if CORPUS["audio"] is None:
        sys.exit(
            "'corpus.audio' is null, but the kinds fbank, mfcc and pitch read audio. Name its "
            "folder, or set 'embedding.kind' and 'pseudo.kind' to precomputed."
        )
    made = configuration.made_folder(CORPUS)
    return [f"{made}/AudioWAV.tsv"] if made else []


def store_inputs(section):
    """A feature store: its array and its list of clips."""
    kind = config[section]["kind"]
    if refuse(f"{section}.kind: {kind}"):
        return {}
    folder = f"{RESULTS}/features/{store_name(config, section)}"
    own = config[section]["features"]
    array = own if kind == "precomputed" else f"{folder}/features.safetensors"
    return {"features": array, "clips": f"{folder}/clips.csv"}


def feature_inputs(_):
    return store_inputs("encoder")


def own_features(wildcards):
    """The user's files behind a store of the kind precomputed, encoder's or embedding's."""
    for section in ("encoder", "embedding"):
        if store_name(config, section) == f"precomputed-{wildcards.key}":
            return {name: config[section][name] for name in ("features", "clips")}
    return {}


def group_inputs(wildcards):
    """What the groups of a source are made from, besides the split."""
    if wildcards.source == "kmeans":
        return store_inputs("embedding")
    kind = config["pseudo"]["kind"]
    if wildcards.source != "pseudo" or refuse(f"pseudo.kind: {kind}"):
        return {}
    folder = f"{RESULTS}/features/{store_name(config, 'pseudo')}"
    own = config["pseudo"]["probabilities"]
    return {
        "probabilities": own if kind == "precomputed" else f"{folder}/probabilities.csv"
    }


def group_settings(wildcards):
    """Settings of a source; those of others must not make its groups anew."""
    return {
        "annotated": {"attributes": config["annotated"]["attributes"]},
        "pseudo": {},
        "kmeans": {"standardise": is_standardised(config, "embedding")},
    }[wildcards.source]


def train_inputs(wildcards):
    split = {"split": f"{RESULTS}/splits/fold{wildcards.fold}.parquet"}
    if wildcards.source != "none":
        split["groups"] = f"{RESULTS}/{GROUP_CELL}.parquet".format(**wildcards)
    return split | store_inputs("encoder")


def train_code(wildcards):
    """What a change of must train the method again."""
    return code_hash("fairser.training", f"fairser.methods.{wildcards.method}")


def run_files(cells):
    """Metrics and counts of runs, for the tables."""
    return {
        "metrics": [f"{RESULTS}/{cell.folder}/metrics.json" for cell in cells],
        "counts": [f"{RESULTS}/{cell.folder}/counts.parquet" for cell in cells],
    }
