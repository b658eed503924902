# The benchmark: each method and source beside ERM of the same folds and seeds. A grid has it if it
# has ERM and another method that learns.
HAS_BENCHMARK = {"erm"} < {cell.method for cell in CELLS} - {"random"}
BENCHMARK_TABLES = [f"{RESULTS}/benchmark.csv"] if HAS_BENCHMARK else []
BENCHMARK_FIGURES = [
    f"{RESULTS}/figures/pareto.{kind}" for kind in ("svg", "png") if HAS_BENCHMARK
]


localrules:
    benchmark,
    pareto,


rule benchmark:
    input:
        unpack(lambda w: run_files(CELLS)),
    output:
        multiext(f"{RESULTS}/benchmark", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/benchmark.log",
    conda:
        "../../envs/tables.yaml"
    params:
        attributes=[config["bias"]["attribute"]],
        variants=config["metrics"],
        statistics=config["statistics"],
        code=code_of("benchmark", metric_code),
    message:
        "benchmark"
    script:
        "../../scripts/benchmark.py"


rule pareto:
    input:
        f"{RESULTS}/benchmark.csv",
    output:
        svg=report(
            f"{RESULTS}/figures/pareto.svg",
            caption="../report/pareto.rst",
            category="Figures",
            labels={"Page": captions.TITLES["pareto"]},
        ),
        png=f"{RESULTS}/figures/pareto.png",
    log:
        f"{RESULTS}/logs/figures/pareto.log",
    conda:
        "../../envs/figures.yaml"
    params:
        attributes=[config["bias"]["attribute"]],
        variants=config["metrics"],
        code=code_of("pareto"),
    script:
        "../../scripts/pareto.py"
