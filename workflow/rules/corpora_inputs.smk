# What the splits are made from.


def split_inputs(_):
    """The clip table; and the clips that were left out, where that is allowed."""
    extracted = [
        section
        for section in NEEDED
        if config[section]["kind"] != "precomputed"
        and not config[section].get("finetune")
    ]
    names = [store_name(config, section) for section in extracted]
    faults = [f"{FEATURES}/{name}/faults.csv" for name in names]
    allowed = config["extraction"]["failures"]
    return {"table": f"{RESULTS}/clips.parquet", "faults": faults if allowed else []}
