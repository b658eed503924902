# Group labels of a fold from each source (Implicit Demography Inference), and how good they are.
GROUPS = f"{RESULTS}/{GROUP_CELL}"


localrules:
    groups_table,


rule grouping:
    input:
        unpack(group_inputs),
        split=f"{RESULTS}/splits/fold{{fold}}.parquet",
    output:
        groups=f"{GROUPS}.parquet",
        quality=f"{GROUPS}.json",
    log:
        f"{RESULTS}/logs/groups/{{source}}/k{{k}}/fold{{fold}}.log",
    conda:
        "../../envs/groups.yaml"
    params:
        settings=group_settings,
        code=code_hash("fairser.groups"),
    message:
        "groups from {wildcards.source}, K {wildcards.k}, fold {wildcards.fold}"
    script:
        "../../scripts/grouping.py"


rule groups_table:
    input:
        [f"{RESULTS}/{cell}.json" for cell in GROUP_CELLS],
    output:
        multiext(f"{RESULTS}/groups", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/groups_table.log",
    conda:
        "../../envs/groups.yaml"
    params:
        code=code_hash("fairser.groups", "fairser.writing"),
    script:
        "../../scripts/groups_table.py"
