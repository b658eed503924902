# Feature stores that all runs share, in folders named by what changes their content.
STORE = f"{RESULTS}/features/{{kind}}-{{key}}"
SHARD = f"{STORE}/shards/{{shard}}-of-{{shards}}"
SHARD_FILES = ["features.safetensors", "clips.csv", "faults.csv", "source.json"]


localrules:
    precomputed,
    probabilities,


# Mean and standard deviation over all clips, with which waves are standardised.
rule waves:
    input:
        audio_inputs,
        table=f"{RESULTS}/clips.parquet",
    output:
        f"{RESULTS}/features/waves-{{key}}.json",
    log:
        f"{RESULTS}/logs/features/waves-{{key}}.log",
    conda:
        "../../envs/features.yaml"
    params:
        audio=CORPUS["audio"],
        seconds=config["encoder"]["seconds"],
        code=code_hash("fairser.audio.reading"),
    script:
        "../../scripts/waves.py"


rule signal_features:
    input:
        unpack(shard_inputs),
    output:
        features=temp(f"{SHARD}/features.safetensors"),
        clips=temp(f"{SHARD}/clips.csv"),
        faults=temp(f"{SHARD}/faults.csv"),
        source=temp(f"{SHARD}/source.json"),
    log:
        f"{RESULTS}/logs/features/{{kind}}-{{key}}/{{shard}}-of-{{shards}}.log",
    benchmark:
        f"{STORE}/benchmarks/{{shard}}-of-{{shards}}.tsv"
    wildcard_constraints:
        kind="|".join(SIGNALS),
    conda:
        "../../envs/features.yaml"
    params:
        settings=shard_settings,
        audio=CORPUS["audio"],
        code=extraction_code,
    message:
        "{wildcards.kind} of clips, shard {wildcards.shard} of {wildcards.shards}"
    script:
        "../../scripts/signal_features.py"


# The same with a pre-trained model, and on a GPU where there is one.
use rule signal_features as model_features with:
    wildcard_constraints:
        kind="|".join(FAMILIES),
    conda:
        "../../envs/models.yaml"
    threads: config["extraction"]["threads"]
    params:
        settings=shard_settings,
        audio=CORPUS["audio"],
        code=extraction_code,


rule gather:
    input:
        shard_files,
    output:
        features=f"{STORE}/features.safetensors",
        clips=f"{STORE}/clips.csv",
        faults=f"{STORE}/faults.csv",
        source=f"{STORE}/source.json",
    log:
        f"{RESULTS}/logs/features/{{kind}}-{{key}}/gather.log",
    wildcard_constraints:
        kind="|".join([*SIGNALS, *FAMILIES]),
    conda:
        "../../envs/features.yaml"
    params:
        code=code_hash("fairser.extraction.shards"),
    message:
        "gather {wildcards.kind}"
    script:
        "../../scripts/gather.py"


rule probabilities:
    input:
        features=f"{STORE}/features.safetensors",
        clips=f"{STORE}/clips.csv",
    output:
        f"{STORE}/probabilities.csv",
    log:
        f"{RESULTS}/logs/features/{{kind}}-{{key}}/probabilities.log",
    conda:
        "../../envs/features.yaml"
    params:
        code=code_hash("fairser.groups.grouping"),
    script:
        "../../scripts/probabilities.py"


# Features of the user's own stay where they are; what is made is their checked list of clips.
rule precomputed:
    input:
        unpack(own_features),
        table=f"{RESULTS}/clips.parquet",
    output:
        clips=f"{RESULTS}/features/precomputed-{{key}}/clips.csv",
    log:
        f"{RESULTS}/logs/features/precomputed-{{key}}.log",
    conda:
        "../../envs/features.yaml"
    params:
        code=code_hash("fairser.extraction.store"),
    script:
        "../../scripts/precomputed.py"
