# What the tests of a model are made from, and the changes of the audio that they ask about.
from fairser.model_tests.conditions.catalogue import MODULES, choose, entry

TESTED = config["model_tests"]
TESTS = f"{RESULTS}/model_tests"
PART = f"{TESTS}/predictions/parts/{{condition}}/{{shard}}.parquet"
CLEAN = "clean"

try:
    CONDITIONS = [one.name for one in choose(TESTED["conditions"], TESTED)]
except InputError as error:
    raise WorkflowError(f"'model_tests.conditions': {error}") from None


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
