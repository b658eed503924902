# Pre-trained models: fetched where there is network, recorded with their commits.
localrules:
    model,
    pin_models,


# The weights lie in the cache of the Hugging Face hub; the record says where, and which.
rule model:
    input:
        model_files,
    output:
        "resources/models/{name}.json",
    log:
        "resources/models/logs/{name}.log",
    conda:
        "../../envs/models.yaml"
    params:
        model=lambda w: MODELS[w.name],
    message:
        "model {wildcards.name}"
    script:
        "../../scripts/model.py"


# Prints the configuration that pins the models, at every call; hence no output.
rule pin_models:
    input:
        **{section: RECORDS[section] for section in RECORDS},
    log:
        "resources/models/logs/pin_models.log",
    conda:
        "../../envs/models.yaml"
    params:
        file="resources/models/pinned.yaml",
    script:
        "../../scripts/pin_models.py"
