# The paper's tables from the metrics of all runs, and beside them the published numbers.
TABLES = config["tables"]
TABLE1_CELLS = [
    c
    for c in CELLS
    if not grid.has_k_axis(c.source) or TABLES["table1_k"] in (None, c.k)
]
TABLE2_KS = TABLES["table2_k"] or config["grid"]["k"]
TABLE2_CELLS = [
    c for c in CELLS if c.method == "erm" or (c.source == "kmeans" and c.k in TABLE2_KS)
]
# Tables with published numbers, and the columns that tell their rows apart.
KEYS = {"tableA3": ["emotion", "gender"], "tableA4": ["fold", "split"]}
if TABLE1_CELLS:
    KEYS["table1"] = ["method", "source", "k"]
if (
    any(c.source == "kmeans" for c in TABLE2_CELLS)
    and TABLES["table2_attributes"] != []
):
    KEYS["table2"] = ["method", "k"]
# The published numbers are of CREMA-D biased by gender.
COMPARABLE = CORPUS["kind"] == "cremad" and config["bias"]["attribute"] == "gender"
PUBLISHED = [f"{name}_vs_paper" for name in KEYS] if COMPARABLE else []
TABLE_FILES = [f"{RESULTS}/{name}.csv" for name in [*KEYS, *PUBLISHED]]
SWEEP_CELLS = [
    c
    for c in CELLS
    if c.method == "erm"
    or extension("METHOD", c.method).base in config["grid"]["sweep"]
]
TABLE_FILES += [f"{RESULTS}/sweeps.csv"] if config["grid"]["sweep"] else []
TABLE_FILES += [f"{RESULTS}/fairness.csv"]
TABLE_FILES += [f"{RESULTS}/groups.csv"] if GROUP_CELLS else []
# For programs, so that no page of the report shows it.
ALL_RUNS = [f"{RESULTS}/all_runs.parquet"] if config["study"] == "subgroups" else []


localrules:
    table1,
    table2,
    sweeps,
    fairness,
    all_runs,
    tableA3,
    tableA4,
    compare_with_paper,


rule table1:
    input:
        unpack(lambda w: run_files(TABLE1_CELLS)),
    output:
        multiext(f"{RESULTS}/table1", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/table1.log",
    conda:
        "../../envs/tables.yaml"
    params:
        attributes=[config["bias"]["attribute"]],
        variants=config["metrics"],
        statistics=config["statistics"],
        k=TABLES["table1_k"],
        code=code_of("table1", metric_code),
    message:
        "table 1"
    script:
        "../../scripts/table1.py"


rule table2:
    input:
        unpack(lambda w: run_files(TABLE2_CELLS)),
    output:
        multiext(f"{RESULTS}/table2", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/table2.log",
    conda:
        "../../envs/tables.yaml"
    params:
        attributes=TABLES["table2_attributes"],
        biased=config["bias"]["attribute"],
        variants=config["metrics"],
        statistics=config["statistics"],
        k=TABLES["table2_k"],
        code=code_of("table2", metric_code),
    message:
        "table 2"
    script:
        "../../scripts/table2.py"


rule sweeps:
    input:
        unpack(lambda w: run_files(SWEEP_CELLS)),
    output:
        multiext(f"{RESULTS}/sweeps", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/sweeps.log",
    conda:
        "../../envs/tables.yaml"
    params:
        attributes=[config["bias"]["attribute"]],
        variants=config["metrics"],
        statistics=config["statistics"],
        code=code_of("sweeps", metric_code),
    message:
        "sweeps"
    script:
        "../../scripts/sweeps.py"


# All numbers of all runs, also those that need the probabilities.
rule fairness:
    input:
        unpack(lambda w: run_files(CELLS)),
        predictions=[f"{RESULTS}/{cell.folder}/predictions.parquet" for cell in CELLS],
        splits=expand(
            f"{RESULTS}/splits/fold{{fold}}.parquet",
            fold=sorted(config["grid"]["folds"]),
        ),
    output:
        multiext(f"{RESULTS}/fairness", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/fairness.log",
    conda:
        "../../envs/tables.yaml"
    params:
        attribute=config["bias"]["attribute"],
        variants=config["metrics"],
        statistics=config["statistics"],
        code=code_of("fairness", metric_code),
    message:
        "table of all numbers"
    script:
        "../../scripts/fairness.py"


rule all_runs:
    input:
        unpack(lambda w: run_files(CELLS)),
    output:
        f"{RESULTS}/all_runs.parquet",
    log:
        f"{RESULTS}/logs/all_runs.log",
    conda:
        "../../envs/tables.yaml"
    params:
        code=code_of("all_runs", metric_code),
    message:
        "parquet of all runs"
    script:
        "../../scripts/all_runs.py"


rule tableA3:
    input:
        f"{RESULTS}/splits/fold{FIGURE_FOLD}.parquet",
    output:
        multiext(f"{RESULTS}/tableA3", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/tableA3.log",
    conda:
        "../../envs/tables.yaml"
    params:
        attribute=config["bias"]["attribute"],
        code=code_of("tableA3"),
    script:
        "../../scripts/tableA3.py"


rule tableA4:
    input:
        expand(
            f"{RESULTS}/splits/fold{{fold}}.parquet",
            fold=sorted(config["grid"]["folds"]),
        ),
    output:
        multiext(f"{RESULTS}/tableA4", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/tableA4.log",
    conda:
        "../../envs/tables.yaml"
    params:
        attributes=list(
            dict.fromkeys([config["bias"]["attribute"], "gender", "race", "age"])
        ),
        code=code_of("tableA4"),
    script:
        "../../scripts/tableA4.py"


rule compare_with_paper:
    input:
        ours=f"{RESULTS}/{{table}}.csv",
        published=f"{WORKFLOW}/reference/{{table}}.csv",
    output:
        multiext(f"{RESULTS}/{{table}}_vs_paper", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/{{table}}_vs_paper.log",
    wildcard_constraints:
        table="|".join(KEYS),
    conda:
        "../../envs/tables.yaml"
    params:
        index=lambda w: KEYS[w.table],
        code=code_of("compare_with_paper"),
    script:
        "../../scripts/compare_with_paper.py"
