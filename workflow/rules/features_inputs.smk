# What feature stores are made from. Their folders are named by what changes their content.
STORE = f"{FEATURES}/{{kind}}-{{key}}"
SHARD = f"{STORE}/shards/{{shard}}-of-{{shards}}"
KINDS = list(extensions("ENCODER"))
SIGNALS = [kind for kind in KINDS if not loads_model(kind)]
SHARD_FILES = ["features.safetensors", "clips.csv", "faults.csv", "source.json"]


def own_features(wildcards):
    """The user's files behind a store of the kind precomputed, encoder's or embedding's."""
    section = section_of(config, f"precomputed-{wildcards.key}")
    return {name: config[section][name] for name in ("features", "clips")}


def shard_settings(wildcards):
    """Everything that the content of a store depends on."""
    section = section_of(config, f"{wildcards.kind}-{wildcards.key}")
    return store_settings(config, section)


def encoder_modules(wildcards):
    """Modules that the extraction finds by name."""
    return [extension("ENCODER", wildcards.kind).code]


def shard_inputs(wildcards):
    """Audio and clips; the model and the waveform statistics, if the kind needs them."""
    section = section_of(config, f"{wildcards.kind}-{wildcards.key}")
    files = {"audio": audio_files(wildcards), "listed": CLIP_LIST}
    return files | encoder_files(section)


def shard_files(wildcards):
    """Files of all shards, those of a shard together."""
    number = config["extraction"]["shards"]
    return [
        f"{SHARD}/{name}".format(**wildcards, shard=shard + 1, shards=number)
        for shard in range(number)
        for name in SHARD_FILES
    ]
