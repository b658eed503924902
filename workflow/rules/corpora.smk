# From the corpus' own files to the clip table and the biased splits.
include: "corpora_inputs.smk"


localrules:
    cremad_labels,
    cremad_audio,
    clip_table,
    biased_split,


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
        folder=lambda w, output: os.path.dirname(output.listing),
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
        folder=lambda w, output: os.path.dirname(output.listing),
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
        folder=lambda w, output: os.path.dirname(output.listing),
        code=code_of("demo_corpus"),
    script:
        "../../scripts/demo_corpus.py"


rule clip_table:
    input:
        label_files,
        CORPUS["demographics"] or [],
        listed=ancient(CLIP_LIST),
    output:
        f"{RESULTS}/clips.parquet",
    log:
        f"{RESULTS}/logs/clips.log",
    conda:
        "../../envs/corpora.yaml"
    params:
        corpus=configuration.reader_settings(config),
        code=code_of("clip_table", reader_code),
    script:
        "../../scripts/clip_table.py"


rule biased_split:
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
        code=code_of("biased_split"),
    script:
        "../../scripts/biased_split.py"
