# The study minmaxgap: a speech LLM on MELD-ST, from the corpus to the metrics of each run.
LLM_RUN = f"{RESULTS}/runs/{LLM_CELL}"
LLM_LOG = f"{RESULTS}/logs/runs/{LLM_CELL}"


localrules:
    demo_meldst,
    tiny_model,
    meldst,
    llm_evaluate,


rule demo_meldst:
    output:
        DEMO_TABLES,
        f"{llm.DEMO}/speakers.tsv",
        listing=f"{llm.DEMO}/audio.tsv",
    log:
        f"{llm.DEMO}/logs/corpus.log",
    conda:
        "../../envs/corpora.yaml"
    params:
        folder=folder_of_listing,
        code=code_hash("fairser.corpora.demo_meldst"),
    script:
        "../../scripts/demo_meldst.py"


rule tiny_model:
    output:
        TINY_FILES,
    log:
        f"{llm.DEMO}/logs/model.log",
    conda:
        "../../envs/llm.yaml"
    params:
        code=code_hash("fairser.llm.tiny"),
    message:
        "a tiny random Qwen2-Audio"
    script:
        "../../scripts/tiny_model.py"


rule meldst:
    input:
        unpack(meldst_inputs),
    output:
        clips=f"{RESULTS}/meldst.parquet",
        unknown=f"{RESULTS}/unknown_speakers.csv",
    log:
        f"{RESULTS}/logs/meldst.log",
    conda:
        "../../envs/corpora.yaml"
    params:
        corpus=LLM["corpus"],
        languages=[
            x for x in LANGUAGES if any(x in s for s in LLM["grid"]["languages"])
        ],
        code=code_hash("fairser.corpora.meldst"),
    script:
        "../../scripts/meldst.py"


rule llm_zero_shot:
    input:
        unpack(llm_inputs),
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
        code=code_hash("fairser.llm.run"),
    message:
        "zero-shot: {wildcards.modality}, {wildcards.languages}"
    script:
        "../../scripts/llm_zero_shot.py"


rule llm_train:
    input:
        unpack(llm_inputs),
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
        code=code_hash("fairser.llm.run"),
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
        code=code_hash("fairser.llm.measures"),
    message:
        "evaluate {wildcards.objective}: {wildcards.modality}, {wildcards.languages}, p {wildcards.p}, {wildcards.weighting}, seed {wildcards.seed}"
    script:
        "../../scripts/llm_evaluate.py"
