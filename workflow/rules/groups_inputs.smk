# What the groups of each source are made from.


def group_inputs(wildcards):
    """Files of a source, besides the split."""
    section = extension("SOURCE", wildcards.source)["needs"]
    return store_files(section) if section else {}
