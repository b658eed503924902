# What the groups of each source are made from.


def group_inputs(wildcards):
    """Files of a source, besides the split."""
    section = extension("SOURCE", wildcards.source)["needs"]
    settings = config["sources"].get(wildcards.source, {})
    files = {
        "own": list(extension("SOURCE", wildcards.source).files(settings).values())
    }
    return files | (store_files(section) if section else {})
