# Group labels of each fold from each source (Implicit Demography Inference), and their quality.
include: "groups_inputs.smk"


GROUPS = f"{RESULTS}/{GROUP_CELL}"


CHOOSE_K = config["choose_k"]


localrules:
    groups_table,
    choose_k,


if config["train"]["together"] == "cell":

    rule infer_groups:
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
            code=code_of("infer_groups", source_code),
        message:
            "groups from {wildcards.source}, K {wildcards.k}, fold {wildcards.fold}"
        script:
            "../../scripts/infer_groups.py"

elif GROUP_CELLS:

    # The groups of a fold from all sources.
    rule infer_fold:
        input:
            unpack(fold_group_inputs),
        output:
            [f"{RESULTS}/{cell}{end}" for cell in FOLD_GROUPS for end in GROUP_ENDS],
        log:
            f"{RESULTS}/logs/groups/fold{{fold}}.log",
        conda:
            "../../envs/groups.yaml"
        params:
            groups=fold_groups,
            code=code_of("infer_fold"),
        message:
            "groups of fold {wildcards.fold} from all sources"
        script:
            "../../scripts/infer_fold.py"


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
        code=code_of("groups_table"),
    script:
        "../../scripts/groups_table.py"


# How many clusters the corpus supports, without demographic labels; asked for by name.
rule cluster_stability:
    input:
        unpack(lambda w: store_files("embedding")),
        split=f"{RESULTS}/splits/fold{{fold}}.parquet",
    output:
        f"{RESULTS}/choose_k/fold{{fold}}.json",
    log:
        f"{RESULTS}/logs/choose_k/fold{{fold}}.log",
    conda:
        "../../envs/groups.yaml"
    params:
        ks=sorted(CHOOSE_K["k"] or config["grid"]["k"]),
        standardise=is_standardised(config, "embedding"),
        draws={name: CHOOSE_K[name] for name in ("resamples", "references", "seed")},
        code=code_of("cluster_stability"),
    message:
        "silhouette and stability by K, fold {wildcards.fold}"
    script:
        "../../scripts/cluster_stability.py"


rule choose_k:
    input:
        expand(
            f"{RESULTS}/choose_k/fold{{fold}}.json",
            fold=sorted(config["grid"]["folds"]),
        ),
    output:
        tables=multiext(f"{RESULTS}/choose_k", ".csv", ".md", ".tex"),
        svg=report(
            f"{RESULTS}/figures/choose_k.svg",
            caption="../report/choose_k.rst",
            category="Figures",
        ),
        png=f"{RESULTS}/figures/choose_k.png",
    log:
        f"{RESULTS}/logs/choose_k.log",
    conda:
        "../../envs/figures.yaml"
    params:
        smallest={name: CHOOSE_K[name] for name in ("clips", "speakers")},
        code=code_of("choose_k"),
    script:
        "../../scripts/choose_k.py"
