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
    made = configuration.made_folder(CORPUS)
    return [f"{made}/AudioWAV.tsv"] if made else []


def feature_inputs(_=None):
    """The feature store of the configuration: its array and its list of clips."""
    kind = config["encoder"]["kind"]
    if refuse(f"encoder.kind: {kind}"):
        return {}
    own = config["encoder"]["features"]
    array = own if kind == "precomputed" else f"{STORE}/features.safetensors"
    return {"features": array, "clips": f"{STORE}/clips.csv"}


def train_inputs(wildcards):
    refuse(f"grid.methods: {wildcards.method}")
    return {
        "split": f"{RESULTS}/splits/fold{wildcards.fold}.parquet",
        **feature_inputs(),
    }


def train_code(wildcards):
    """Modules that a change of must train the method again."""
    known = not configuration.refusal(f"grid.methods: {wildcards.method}")
    own = [f"fairser.methods.{wildcards.method}"] if known else []
    return code_hash("fairser.training", *own)
