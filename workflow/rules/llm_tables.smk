# Tables and figure of the study minmaxgap.
# The study has one fold, so there are no folds to pool (`statistics.over`).
RESAMPLING = {name: config["statistics"][name] for name in ("resamples", "seed")}
LLM_TABLES = [f"{RESULTS}/{n}.csv" for n in ("statistics", "unknown_speakers")]
LLM_TABLES += [f"{RESULTS}/performance.csv"]
# Published numbers are of MELD-ST.
LLM_TABLES += (
    [f"{RESULTS}/gains_vs_paper.csv"] if LLM["corpus"]["kind"] == "meldst" else []
)
LLM_TABLES += [f"{RESULTS}/ablation.csv"] if LLM_TRAINED else []
LLM_FIGURES = [f"{RESULTS}/figures/rounds.{x}" for x in ("svg", "png") if LLM_TRAINED]


localrules:
    corpus_statistics,
    performance,
    ablation,
    gains_vs_paper,
    rounds,


rule corpus_statistics:
    input:
        LLM_CLIPS,
    output:
        multiext(f"{RESULTS}/statistics", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/statistics.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_of("corpus_statistics"),
    script:
        "../../scripts/corpus_statistics.py"


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
        statistics=RESAMPLING,
        code=code_of("performance"),
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
        statistics=RESAMPLING,
        code=code_of("ablation"),
    script:
        "../../scripts/ablation.py"


rule gains_vs_paper:
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
        code=code_of("gains_vs_paper"),
    script:
        "../../scripts/gains_vs_paper.py"


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
        code=code_of("rounds"),
    script:
        "../../scripts/rounds.py"
