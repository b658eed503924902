# Feature stores that all results folders share, in folders named by what changes their content.
include: "features_inputs.smk"


localrules:
    clip_list,
    precomputed_features,
    gender_probabilities,


# The clips of the corpus and their audio files. Not those of a clip table: that is of one results
# folder, whose table would be newer than features that another one made.
rule clip_list:
    input:
        label_files,
        ancient(CORPUS["demographics"] or []),
    output:
        CLIP_LIST,
    log:
        f"{FEATURES}/logs/{clip_list_name(config)}.log",
    conda:
        "../../envs/corpora.yaml"
    params:
        corpus=corpus_settings(config),
        code=code_of("clip_list", reader_code),
    script:
        "../../scripts/clip_list.py"


# Mean and standard deviation over all clips, with which waveforms are standardised.
rule waveform_statistics:
    input:
        audio_files,
        listed=CLIP_LIST,
    output:
        f"{FEATURES}/waveforms-{{key}}.json",
    log:
        f"{FEATURES}/logs/waveforms-{{key}}.log",
    conda:
        "../../envs/features.yaml"
    params:
        audio=CORPUS["audio"],
        seconds=config["encoder"]["seconds"],
        code=code_of("waveform_statistics"),
    script:
        "../../scripts/waveform_statistics.py"


rule signal_features:
    input:
        unpack(shard_inputs),
    output:
        features=temp(f"{SHARD}/features.safetensors"),
        clips=temp(f"{SHARD}/clips.csv"),
        faults=temp(f"{SHARD}/faults.csv"),
        source=temp(f"{SHARD}/source.json"),
    log:
        f"{STORE}/logs/{{shard}}-of-{{shards}}.log",
    benchmark:
        f"{STORE}/benchmarks/{{shard}}-of-{{shards}}.tsv"
    wildcard_constraints:
        kind="|".join(SIGNALS),
    conda:
        "../../envs/features.yaml"
    params:
        settings=shard_settings,
        audio=CORPUS["audio"],
        code=code_of("signal_features", encoder_modules),
    message:
        "{wildcards.kind} of clips, shard {wildcards.shard} of {wildcards.shards}"
    script:
        "../../scripts/signal_features.py"


# The same with a pre-trained model, and on a GPU where there is one.
use rule signal_features as model_features with:
    wildcard_constraints:
        kind="|".join(kind for kind in KINDS if loads_model(kind)),
    conda:
        "../../envs/models.yaml"
    threads: config["extraction"]["threads"]
    params:
        settings=shard_settings,
        audio=CORPUS["audio"],
        code=code_of("signal_features", encoder_modules),


rule gather_shards:
    input:
        shard_files,
    output:
        features=f"{STORE}/features.safetensors",
        clips=f"{STORE}/clips.csv",
        faults=f"{STORE}/faults.csv",
        source=f"{STORE}/source.json",
    log:
        f"{STORE}/logs/gather.log",
    wildcard_constraints:
        kind="|".join(KINDS),
    conda:
        "../../envs/features.yaml"
    params:
        code=code_of("gather_shards"),
    message:
        "join the shards of {wildcards.kind}"
    script:
        "../../scripts/gather_shards.py"


rule gender_probabilities:
    input:
        features=f"{STORE}/features.safetensors",
        clips=f"{STORE}/clips.csv",
    output:
        f"{STORE}/probabilities.csv",
    log:
        f"{STORE}/logs/probabilities.log",
    conda:
        "../../envs/features.yaml"
    params:
        code=code_of("gender_probabilities"),
    script:
        "../../scripts/gender_probabilities.py"


# The user's own features stay where they are; their list of clips is checked and written.
rule precomputed_features:
    input:
        unpack(own_features),
        listed=CLIP_LIST,
    output:
        clips=f"{FEATURES}/precomputed-{{key}}/clips.csv",
    log:
        f"{FEATURES}/precomputed-{{key}}/logs/clips.log",
    conda:
        "../../envs/features.yaml"
    params:
        code=code_of("precomputed_features"),
    script:
        "../../scripts/precomputed_features.py"
