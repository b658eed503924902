# Tables and figure of the study minmaxgap.
localrules:
    statistics,
    performance,
    ablation,
    gains,
    rounds,


rule statistics:
    input:
        f"{RESULTS}/meldst.parquet",
    output:
        multiext(f"{RESULTS}/statistics", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/statistics.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_hash("fairser.corpora.meldst", "fairser.results.writing"),
    script:
        "../../scripts/statistics.py"


rule performance:
    input:
        unpack(lambda w: run_files(LLM_CELLS)),
    output:
        multiext(f"{RESULTS}/performance", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/performance.log",
    conda:
        "../../envs/tables.yaml"
    params:
        shown=LLM["tables"],
        statistics=config["statistics"],
        code=code_hash("fairser.llm.tables", "fairser.results.writing"),
    script:
        "../../scripts/performance.py"


rule ablation:
    input:
        unpack(lambda w: run_files(LLM_TRAINED)),
    output:
        multiext(f"{RESULTS}/ablation", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/ablation.log",
    conda:
        "../../envs/tables.yaml"
    params:
        statistics=config["statistics"],
        code=code_hash("fairser.llm.tables", "fairser.results.writing"),
    script:
        "../../scripts/ablation.py"


rule gains:
    input:
        ours=f"{RESULTS}/performance.csv",
        published=f"{WORKFLOW}/reference/minmaxgap_gains.csv",
    output:
        multiext(f"{RESULTS}/gains_vs_paper", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/gains.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_hash("fairser.llm.tables", "fairser.results.writing"),
    script:
        "../../scripts/gains.py"


rule rounds:
    input:
        lambda w: [f"{RESULTS}/{cell.folder}/history.csv" for cell in LLM_TRAINED],
    output:
        svg=report(
            f"{RESULTS}/figures/rounds.svg",
            caption="../report/rounds.rst",
            category="Figures",
            labels={"Page": captions.TITLES["rounds"]},
        ),
        png=f"{RESULTS}/figures/rounds.png",
    log:
        f"{RESULTS}/logs/figures/rounds.log",
    conda:
        "../../envs/figures.yaml"
    params:
        cells=[vars(cell) for cell in LLM_TRAINED],
        code=code_hash("fairser.llm.figures"),
    script:
        "../../scripts/rounds.py"
