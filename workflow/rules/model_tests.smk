# Tests of any emotion model, on audio as it is and on changes of it: `snakemake model_tests`.
include: "model_tests_inputs.smk"


localrules:
    model_tests,


rule model_tests:
    input:
        f"{TESTS}/tests.json",
    message:
        "the tests of a model"


rule ask_model:
    input:
        tested_files,
    output:
        PART,
    log:
        f"{RESULTS}/logs/model_tests/{{condition}}/{{shard}}.log",
    wildcard_constraints:
        condition="|".join([CLEAN, *CONDITIONS]),
    conda:
        "../../envs/model_tests.yaml"
    params:
        settings=test_settings,
        code=code_of("ask_model", condition_modules),
    message:
        "ask the model: {wildcards.condition}, part {wildcards.shard}"
    script:
        "../../scripts/ask_model.py"


rule judge_model:
    input:
        tested_files,
        expand(
            PART,
            condition=[CLEAN, *CONDITIONS],
            shard=[f"{number:05d}" for number in range(TESTED["shards"])],
        ),
    output:
        tests=f"{TESTS}/tests.json",
        table=f"{TESTS}/tests.csv",
        junit=f"{TESTS}/junit.xml",
        page=f"{TESTS}/model_tests.html",
        failures=f"{TESTS}/predictions/failures.csv",
        answers=expand(
            f"{TESTS}/predictions/{{condition}}.parquet",
            condition=[CLEAN, *CONDITIONS],
        ),
    log:
        f"{RESULTS}/logs/model_tests/judge.log",
    conda:
        "../../envs/model_tests.yaml"
    params:
        settings=test_settings,
        code=code_of("judge_model"),
    message:
        "judge the model"
    script:
        "../../scripts/judge_model.py"
