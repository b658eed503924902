# What the groups of each source are made from.


def group_inputs(wildcards):
    """Files of a source, besides the split."""
    section = grid.SECTIONS.get(wildcards.source)
    return store_files(section) if section else {}


def group_settings(wildcards):
    """Settings of a source; those of others must not make its groups anew."""
    return {
        "annotated": {"attributes": config["annotated"]["attributes"]},
        "pseudo": {},
        "kmeans": {"standardise": is_standardised(config, "embedding")},
    }[wildcards.source]
