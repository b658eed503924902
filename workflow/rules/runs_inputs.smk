# What a run of the grid is made from.
import functools
from types import SimpleNamespace

RUN = f"{RESULTS}/runs/{CELL}"
RUN_FILES = ["predictions.parquet", "model.safetensors", "history.csv", "run.json"]
RUN_LOG = f"{RESULTS}/logs/runs/{CELL}"


def train_inputs(wildcards):
    files = {"split": f"{RESULTS}/splits/fold{wildcards.fold}.parquet"}
    if wildcards.source != "none":
        place = {name: getattr(wildcards, name) for name in ("source", "k", "fold")}
        groups = f"{RESULTS}/{GROUP_CELL}".format(**place)
        files |= {"groups": f"{groups}.parquet", "origin": f"{groups}.json"}
    if config["encoder"]["finetune"]:
        read = {"audio": audio_files(wildcards), "listed": CLIP_LIST}
        return files | read | encoder_files("encoder")
    return files | store_files("encoder")


def train_modules(wildcards):
    """Modules that the training finds by name."""
    modules = [extension("METHOD", wildcards.method).code]
    if config["encoder"]["finetune"]:
        modules.append(extension("ENCODER", config["encoder"]["kind"]).code)
    return modules


def train_settings(wildcards):
    """Settings of the training; those of adapters only where there are any."""
    settings = {
        "train": optimisation(),
        "standardise": is_standardised(config, "encoder"),
        "hyper": grid.hyper(config, wildcards.method),
        "finetune": config["lora"] if config["encoder"]["finetune"] else None,
    }
    if config["encoder"]["finetune"]:
        settings |= {"encoder": store_settings(config, "encoder")}
        settings |= {"audio": CORPUS["audio"]}
    return settings


def run_origin(cell):
    """A hash of all settings and code that a run depends on, from the corpus on."""
    return row_origin(cell.method, cell.source)


@functools.cache
def row_origin(method, source):
    row = SimpleNamespace(method=method, source=source)
    sections = [] if config["encoder"]["finetune"] else ["encoder"]
    needed = extension("SOURCE", source)["needs"]
    sections += [needed] if needed and needed not in sections else []
    settings = [
        train_settings(row),
        configuration.reader_settings(config),
        config["bias"],
    ]
    code = [
        code_of("train", train_modules)(row),
        code_of("clip_table", reader_code)(row),
    ]
    scripts = ["biased_split"]
    if source != "none":
        settings.append(group_settings(row))
        code.append(code_of("infer_groups", source_code)(row))
    for section in sections:
        kind = config[section]["kind"]
        settings.append(store_settings(config, section))
        if kind == "precomputed":
            scripts += ["precomputed_features"] if section != "pseudo" else []
            continue
        named = [extension("ENCODER", kind).code]
        code.append(code_of("signal_features", lambda _, named=named: named)(row))
        scripts.append("gather_shards")
        scripts += ["gender_probabilities"] if section == "pseudo" else []
    return fingerprint(settings, code, [code_of(name)(row) for name in scripts])
