# The runs of the grid: train and predict, then evaluate the predictions.
include: "runs_inputs.smk"
include: "folds_inputs.smk"


if config["train"]["together"] == "cell":

    localrules:
        evaluate,

    rule train:
        input:
            unpack(train_inputs),
        output:
            predictions=f"{RUN}/predictions.parquet",
            model=f"{RUN}/model.safetensors",
            history=f"{RUN}/history.csv",
            run=f"{RUN}/run.json",
        log:
            f"{RUN_LOG}/train.log",
        benchmark:
            f"{RUN}/benchmark.tsv"
        conda:
            "../../envs/train.yaml"
        threads: config["extraction"]["threads"] if config["encoder"]["finetune"] else 1
        params:
            settings=train_settings,
            code=code_of("train", train_modules),
            made_from=run_origin,
        message:
            "train {wildcards.method}: groups {wildcards.source}, K {wildcards.k}, fold {wildcards.fold}, seed {wildcards.seed}"
        script:
            "../../scripts/train.py"

    rule evaluate:
        input:
            predictions=f"{RUN}/predictions.parquet",
            split=f"{RESULTS}/splits/fold{{fold}}.parquet",
            run=f"{RUN}/run.json",
        output:
            metrics=f"{RUN}/metrics.json",
            counts=f"{RUN}/counts.parquet",
        log:
            f"{RUN_LOG}/evaluate.log",
        conda:
            "../../envs/tables.yaml"
        params:
            code=code_of("evaluate", metric_code),
        message:
            "evaluate {wildcards.method}: groups {wildcards.source}, K {wildcards.k}, fold {wildcards.fold}, seed {wildcards.seed}"
        script:
            "../../scripts/evaluate.py"

else:

    for block in range(PARTS):

        # All runs of a fold or half of them, and their evaluation.
        rule:
            name:
                f"train_fold{RULE_ENDS[block]}"
            input:
                unpack(fold_inputs(block)),
            output:
                block_files(block),
            log:
                f"{RESULTS}/logs/runs/fold{{fold}}_{block + 1}.log",
            benchmark:
                f"{RESULTS}/kept/fold{{fold}}_{block + 1}.tsv"
            conda:
                "../../envs/train.yaml"
            params:
                cells=fold_cells(block),
                code=code_of("train_fold", metric_code),
            message:
                "train all runs of fold {wildcards.fold}"
            script:
                "../../scripts/train_fold.py"
