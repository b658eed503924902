# Figures from the metrics of all runs and from the speaker embeddings.
localrules:
    tsne,
    metrics_by_k,
    tradeoff,
    tpr_by_class,


# Only what the grid has numbers for: without kmeans two of the four, without embeddings no t-SNE.
KMEANS_CELLS = [c for c in CELLS if c.source == "kmeans"]
K_CELLS = [
    c for c in CELLS if c.method == "erm" or c.source == "annotated"
] + KMEANS_CELLS
FIGURES = ["tradeoff", "tpr_by_class"]
FIGURES += ["metrics_by_k"] if KMEANS_CELLS else []
FIGURES += ["tsne"] if KMEANS_CELLS else []
FIGURE_FILES = [
    f"{RESULTS}/figures/{name}.{kind}" for name in FIGURES for kind in ("svg", "png")
]
FIGURE_K = config["tables"]["table1_k"] or max(config["grid"]["k"])


rule tsne_embedding:
    input:
        unpack(lambda w: store_files("embedding")),
        split=f"{RESULTS}/splits/fold{FIGURE_FOLD}.parquet",
    output:
        f"{RESULTS}/figures/tsne.parquet",
    log:
        f"{RESULTS}/logs/figures/tsne_embedding.log",
    conda:
        "../../envs/figures.yaml"
    params:
        standardise=is_standardised(config, "embedding"),
        code=code_of("tsne_embedding"),
    script:
        "../../scripts/tsne_embedding.py"


rule tsne:
    input:
        points=f"{RESULTS}/figures/tsne.parquet",
        split=f"{RESULTS}/splits/fold{FIGURE_FOLD}.parquet",
        groups=f"{RESULTS}/groups/kmeans/k{FIGURE_K}/fold{FIGURE_FOLD}.parquet",
    output:
        svg=report(
            f"{RESULTS}/figures/tsne.svg",
            caption="../report/tsne.rst",
            category="Figures",
            labels={"Page": captions.TITLES["tsne"]},
        ),
        png=f"{RESULTS}/figures/tsne.png",
    log:
        f"{RESULTS}/logs/figures/tsne.log",
    conda:
        "../../envs/figures.yaml"
    params:
        attribute=config["bias"]["attribute"],
        fold=FIGURE_FOLD,
        code=code_of("tsne"),
    script:
        "../../scripts/tsne.py"


rule metrics_by_k:
    input:
        unpack(lambda w: run_files(K_CELLS)),
    output:
        svg=report(
            f"{RESULTS}/figures/metrics_by_k.svg",
            caption="../report/metrics_by_k.rst",
            category="Figures",
            labels={"Page": captions.TITLES["metrics_by_k"]},
        ),
        png=f"{RESULTS}/figures/metrics_by_k.png",
    log:
        f"{RESULTS}/logs/figures/metrics_by_k.log",
    conda:
        "../../envs/figures.yaml"
    params:
        attributes=[config["bias"]["attribute"]],
        variants=config["metrics"],
        statistics=config["statistics"],
        code=code_of("metrics_by_k", metric_code),
    script:
        "../../scripts/metrics_by_k.py"


rule tradeoff:
    input:
        unpack(lambda w: run_files(CELLS)),
    output:
        svg=report(
            f"{RESULTS}/figures/tradeoff.svg",
            caption="../report/tradeoff.rst",
            category="Figures",
            labels={"Page": captions.TITLES["tradeoff"]},
        ),
        png=f"{RESULTS}/figures/tradeoff.png",
    log:
        f"{RESULTS}/logs/figures/tradeoff.log",
    conda:
        "../../envs/figures.yaml"
    params:
        attributes=[config["bias"]["attribute"]],
        variants=config["metrics"],
        statistics=config["statistics"],
        code=code_of("tradeoff", metric_code),
    script:
        "../../scripts/tradeoff.py"


rule tpr_by_class:
    input:
        unpack(lambda w: run_files(CELLS)),
    output:
        svg=report(
            f"{RESULTS}/figures/tpr_by_class.svg",
            caption="../report/tpr_by_class.rst",
            category="Figures",
            labels={"Page": captions.TITLES["tpr_by_class"]},
        ),
        png=f"{RESULTS}/figures/tpr_by_class.png",
    log:
        f"{RESULTS}/logs/figures/tpr_by_class.log",
    conda:
        "../../envs/figures.yaml"
    params:
        attribute=config["bias"]["attribute"],
        variants=config["metrics"],
        statistics=config["statistics"],
        compared=config["figures"],
        k=FIGURE_K,
        code=code_of("tpr_by_class", metric_code),
    script:
        "../../scripts/tpr_by_class.py"
