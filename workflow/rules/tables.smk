# The paper's tables from the metrics of all runs, and beside them the published numbers.
localrules:
    table1,
    table2,
    tableA3,
    tableA4,
    vs_paper,
    grid_table,


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
        code=code_hash("fairser.results.tables", "fairser.results.writing"),
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
        variants=config["metrics"],
        statistics=config["statistics"],
        k=TABLES["table2_k"],
        code=code_hash("fairser.results.tables", "fairser.results.writing"),
    message:
        "table 2"
    script:
        "../../scripts/table2.py"


rule tableA3:
    input:
        f"{RESULTS}/splits/fold1.parquet",
    output:
        multiext(f"{RESULTS}/tableA3", ".csv", ".md", ".tex"),
    log:
        f"{RESULTS}/logs/tableA3.log",
    conda:
        "../../envs/tables.yaml"
    params:
        attribute=config["bias"]["attribute"],
        code=code_hash("fairser.results.split_tables", "fairser.results.writing"),
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
        code=code_hash("fairser.results.split_tables", "fairser.results.writing"),
    script:
        "../../scripts/tableA4.py"


rule vs_paper:
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
        code=code_hash("fairser.results.writing"),
    script:
        "../../scripts/vs_paper.py"


# Every handler of the Snakefile writes this table; the rule is for the one who asks for it.
rule grid_table:
    output:
        f"{RESULTS}/grid.csv",
    log:
        f"{RESULTS}/logs/grid_table.log",
    conda:
        "../../envs/tables.yaml"
    params:
        cells=lambda w: grid.state(STUDY_CELLS, RESULTS),
    script:
        "../../scripts/grid_table.py"
