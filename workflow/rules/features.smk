# One feature store that all runs share, in a folder named by what changes its content.
localrules:
    precomputed,


rule fbank:
    input:
        audio_inputs,
        table=f"{RESULTS}/clips.parquet",
    output:
        features=f"{RESULTS}/features/fbank-{{key}}/features.safetensors",
        clips=f"{RESULTS}/features/fbank-{{key}}/clips.csv",
    log:
        f"{RESULTS}/logs/features/fbank-{{key}}.log",
    benchmark:
        f"{RESULTS}/features/fbank-{{key}}/benchmark.tsv"
    conda:
        "../../envs/features.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        audio=CORPUS["audio"],
        seconds=config["encoder"]["seconds"],
        code=code_hash("fairser.encoders.fbank"),
    script:
        "../../scripts/fbank.py"


# Features of the user's own stay where they are; what is made is their checked list of clips.
rule precomputed:
    input:
        table=f"{RESULTS}/clips.parquet",
        features=config["encoder"]["features"] or [],
        clips=config["encoder"]["clips"] or [],
    output:
        clips=f"{RESULTS}/features/precomputed-{{key}}/clips.csv",
    log:
        f"{RESULTS}/logs/features/precomputed-{{key}}.log",
    conda:
        "../../envs/features.yaml"
    params:
        code=code_hash("fairser.encoders.store"),
    script:
        "../../scripts/precomputed.py"
