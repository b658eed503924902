# What the groups of each source are made from.


def group_inputs(wildcards):
    """Files of a source, besides the split."""
    section = grid.SECTIONS.get(wildcards.source)
    return store_files(section) if section else {}
