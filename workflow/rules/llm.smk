# The study minmaxgap: a speech LLM, from the corpus to the metrics of each run.
LLM_RUN = f"{RESULTS}/runs/{LLM_CELL}"
LLM_LOG = f"{RESULTS}/logs/runs/{LLM_CELL}"


localrules:
    demo_meldst,
    tiny_model,
    record_tiny_model,
    llm_clips,
    llm_evaluate,


rule demo_meldst:
    output:
        tables=[
            f"{llm.DEMO}/{pair}_{split}.csv"
            for pair in ("ENG_DEU/deu", "ENG_JPN/jpn")
            for split in ("train", "valid", "test")
        ],
        speakers=f"{llm.DEMO}/speakers.tsv",
        listing=f"{llm.DEMO}/audio.tsv",
    log:
        f"{llm.DEMO}/logs/corpus.log",
    conda:
        "../../envs/corpora.yaml"
    params:
        folder=lambda w, output: os.path.dirname(output.listing),
        code=code_of("demo_meldst"),
    script:
        "../../scripts/demo_meldst.py"


rule tiny_model:
    output:
        multiext(
            f"{llm.DEMO_MODEL}/",
            "config.json",
            "model.safetensors",
            "processor_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "chat_template.jinja",
            "generation_config.json",
        ),
    log:
        f"{llm.DEMO}/logs/model.log",
    conda:
        "../../envs/llm.yaml"
    params:
        code=code_of("tiny_model"),
    message:
        "a tiny random Qwen2-Audio"
    script:
        "../../scripts/tiny_model.py"


use rule fetch_model as record_tiny_model with:
    input:
        rules.tiny_model.output,
    output:
        TINY_RECORD,
    log:
        f"{llm.DEMO}/logs/record.log",
    params:
        model=(llm.DEMO_MODEL, LLM["revision"], "speech_llm"),
    message:
        "record of the tiny model"


# Where both can: the files of the tiny model have to be made first.
ruleorder: record_tiny_model > fetch_model


rule llm_clips:
    input:
        unpack(llm_clip_inputs),
    output:
        clips=LLM_CLIPS,
        unknown=f"{RESULTS}/unknown_speakers.csv",
    log:
        f"{RESULTS}/logs/llm_clips.log",
    conda:
        "../../envs/corpora.yaml"
    params:
        settings=clip_settings(config),
        code=code_of("llm_clips", llm_clip_code),
    script:
        "../../scripts/llm_clips.py"


rule llm_zero_shot:
    input:
        clips=LLM_CLIPS,
        model=RECORDS["llm"],
    output:
        predictions=f"{LLM_RUN}/predictions.parquet",
        run=f"{LLM_RUN}/run.json",
    log:
        f"{LLM_LOG}/predict.log",
    benchmark:
        f"{LLM_RUN}/benchmark.tsv"
    wildcard_constraints:
        objective="zero_shot",
    conda:
        "../../envs/llm.yaml"
    threads: LLM["threads"]
    params:
        settings=llm_settings,
        made_from=llm_origin,
        code=code_of("llm_zero_shot"),
    message:
        "zero-shot: {wildcards.modality}, {wildcards.languages}"
    script:
        "../../scripts/llm_zero_shot.py"


rule llm_train:
    input:
        clips=LLM_CLIPS,
        model=RECORDS["llm"],
    output:
        predictions=f"{LLM_RUN}/predictions.parquet",
        run=f"{LLM_RUN}/run.json",
        history=f"{LLM_RUN}/history.csv",
        weights=f"{LLM_RUN}/adapter_model.safetensors",
        config=f"{LLM_RUN}/adapter_config.json",
    log:
        f"{LLM_LOG}/train.log",
    benchmark:
        f"{LLM_RUN}/benchmark.tsv"
    wildcard_constraints:
        objective="erm|minmaxgap",
    conda:
        "../../envs/llm.yaml"
    threads: LLM["threads"]
    params:
        settings=llm_settings,
        made_from=llm_origin,
        code=code_of("llm_train"),
    message:
        "train {wildcards.objective}: {wildcards.modality}, {wildcards.languages}, p {wildcards.p}, {wildcards.weighting}, seed {wildcards.seed}"
    script:
        "../../scripts/llm_train.py"


rule llm_evaluate:
    input:
        predictions=f"{LLM_RUN}/predictions.parquet",
        run=f"{LLM_RUN}/run.json",
    output:
        metrics=f"{LLM_RUN}/metrics.json",
        counts=f"{LLM_RUN}/counts.parquet",
    log:
        f"{LLM_LOG}/evaluate.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_of("llm_evaluate"),
    message:
        "evaluate {wildcards.objective}: {wildcards.modality}, {wildcards.languages}, p {wildcards.p}, {wildcards.weighting}, seed {wildcards.seed}"
    script:
        "../../scripts/llm_evaluate.py"
