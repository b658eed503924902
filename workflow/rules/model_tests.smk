# Tests of any emotion model, on audio as it is and on changes of it: `snakemake model_tests`.
from fairser.model_tests.conditions.catalogue import MODULES, choose, entry

TESTED = config["model_tests"]
TESTS = f"{RESULTS}/model_tests"
PART = f"{TESTS}/predictions/parts/{{condition}}/{{shard}}.parquet"
CLEAN = "clean"

try:
    CONDITIONS = [one.name for one in choose(TESTED["conditions"], TESTED)]
except InputError as error:
    raise WorkflowError(f"'model_tests.conditions': {error}") from None


localrules:
    model_tests,


def test_settings(_):
    """All that the answers of a model depend on, besides its files."""
    audio = TESTED["audio"] or os.path.dirname(TESTED["corpus"]) or "."
    return TESTED | {"audio": audio}


def tested_files(_):
    """The csv of the clips, and what can be known of the model: its run, or its files."""
    if not (TESTED["model"] or TESTED["command"]):
        sys.exit("'model_tests.model' is null: name the model that is to be tested.")
    folder = TESTED["model"] or ""
    if folder.startswith(f"{RESULTS}/runs/"):
        return [TESTED["corpus"], f"{folder}/metrics.json"]
    names = ("config.json", "model.safetensors")
    files = [os.path.join(folder, name) for name in names]
    return [TESTED["corpus"], *filter(os.path.isfile, files)]


def condition_modules(wildcards):
    """The module with the function of a condition, which is found by name."""
    if wildcards.condition == CLEAN:
        return []
    group = entry(wildcards.condition).group
    return [f"fairser.model_tests.conditions.{MODULES[group]}"]


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
