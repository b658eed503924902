# Pre-trained models: downloaded where there is network, recorded with their commits.
MODEL_NAMES = {records.record_name(*model[:2]): model for model in MODELS.values()}


localrules:
    fetch_model,
    pin_models,


# The weights lie in the cache of the Hugging Face hub; the record says where, and which.
rule fetch_model:
    input:
        lambda w: records.local_files(MODEL_NAMES[w.name][0], MODEL_NAMES[w.name][2]),
    output:
        "resources/models/{name}.json",
    log:
        "resources/models/logs/{name}.log",
    conda:
        "../../envs/models.yaml"
    params:
        model=lambda w: MODEL_NAMES[w.name],
    message:
        "fetch model {wildcards.name}"
    script:
        "../../scripts/fetch_model.py"


# Prints the configuration that pins the models, at every call; hence no output.
rule pin_models:
    input:
        **{section: RECORDS[section] for section in LOADED},
    log:
        "resources/models/logs/pin_models.log",
    conda:
        "../../envs/models.yaml"
    params:
        file="resources/models/pinned.yaml",
    script:
        "../../scripts/pin_models.py"
