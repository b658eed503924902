# Feature stores that all runs share, in folders named by what changes their content.
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
        code=code_hash("fairser.encoders.fbank", "fairser.encoders.files"),
    script:
        "../../scripts/fbank.py"


rule mfcc:
    input:
        audio_inputs,
        table=f"{RESULTS}/clips.parquet",
    output:
        features=f"{RESULTS}/features/mfcc-{{key}}/features.safetensors",
        clips=f"{RESULTS}/features/mfcc-{{key}}/clips.csv",
    log:
        f"{RESULTS}/logs/features/mfcc-{{key}}.log",
    benchmark:
        f"{RESULTS}/features/mfcc-{{key}}/benchmark.tsv"
    conda:
        "../../envs/features.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        audio=CORPUS["audio"],
        seconds=config["embedding"]["seconds"],
        code=code_hash("fairser.encoders.mfcc", "fairser.encoders.files"),
    script:
        "../../scripts/mfcc.py"


rule pitch:
    input:
        audio_inputs,
        table=f"{RESULTS}/clips.parquet",
    output:
        f"{RESULTS}/features/pitch-{{key}}/probabilities.csv",
    log:
        f"{RESULTS}/logs/features/pitch-{{key}}.log",
    benchmark:
        f"{RESULTS}/features/pitch-{{key}}/benchmark.tsv"
    conda:
        "../../envs/features.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        audio=CORPUS["audio"],
        seconds=config["pseudo"]["seconds"],
        code=code_hash("fairser.pitch", "fairser.encoders.files"),
    script:
        "../../scripts/pitch.py"


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
        code=code_hash("fairser.encoders.store"),
    script:
        "../../scripts/precomputed.py"
