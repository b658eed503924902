# From the corpus' own files to the clip table and the biased splits.
localrules:
    cremad_labels,
    cremad_audio,
    clips,
    split,


rule cremad_labels:
    output:
        "resources/cremad/VideoDemographics.csv",
        expand(
            "resources/cremad/labels/labels_consensus_{fold}.csv",
            fold=configuration.MADE_FOLDS,
        ),
        listing="resources/cremad/labels.tsv",
    log:
        "resources/cremad/logs/labels.log",
    conda:
        "../../envs/corpora.yaml"
    params:
        folder=folder_of_listing,
        addresses=config["download"],
    script:
        "../../scripts/cremad_labels.py"


# The wavs are no declared output: Snakemake would delete them before the next try.
rule cremad_audio:
    input:
        "resources/cremad/labels.tsv",
    output:
        listing="resources/cremad/AudioWAV.tsv",
    log:
        "resources/cremad/logs/audio.log",
    retries: 2
    conda:
        "../../envs/corpora.yaml"
    params:
        folder=folder_of_listing,
        address=config["download"]["cremad"],
    script:
        "../../scripts/cremad_audio.py"


rule demo_corpus:
    output:
        "resources/demo/VideoDemographics.csv",
        expand(
            "resources/demo/labels/labels_consensus_{fold}.csv",
            fold=configuration.MADE_FOLDS,
        ),
        listing="resources/demo/AudioWAV.tsv",
    log:
        "resources/demo/logs/corpus.log",
    conda:
        "../../envs/corpora.yaml"
    params:
        folder=folder_of_listing,
        code=code_hash("fairser.corpora.demo"),
    script:
        "../../scripts/demo_corpus.py"


rule clips:
    input:
        label_inputs,
    output:
        f"{RESULTS}/clips.parquet",
    log:
        f"{RESULTS}/logs/clips.log",
    conda:
        "../../envs/corpora.yaml"
    params:
        corpus=CORPUS,
        stratify=config["bias"]["attribute"],
        code=code_hash("fairser.corpora.readers"),
    script:
        "../../scripts/clips.py"


rule split:
    input:
        unpack(split_inputs),
    output:
        f"{RESULTS}/splits/fold{{fold}}.parquet",
    log:
        f"{RESULTS}/logs/splits/fold{{fold}}.log",
    conda:
        "../../envs/corpora.yaml"
    params:
        bias=config["bias"],
        code=code_hash("fairser.corpora.splits"),
    script:
        "../../scripts/split.py"
