# The paper's tables from the metrics of all runs, and beside them the published numbers.
localrules:
    table1,
    tableA3,
    tableA4,
    vs_paper,


KEYS = {
    "table1": ["method", "source"],
    "tableA3": ["emotion", "gender"],
    "tableA4": ["fold", "split"],
}
# Published numbers exist for CREMA-D alone.
PUBLISHED = [f"{name}_vs_paper" for name in KEYS] if CORPUS["kind"] == "cremad" else []
TABLE_FILES = expand(f"{RESULTS}/{{table}}.csv", table=[*KEYS, *PUBLISHED])


rule table1:
    input:
        [
            f"{RESULTS}/{cell.folder}/metrics.json"
            for cell in CELLS
            if cell.source != "kmeans"
        ],
    output:
        f"{RESULTS}/table1.csv",
        f"{RESULTS}/table1.md",
    log:
        f"{RESULTS}/logs/table1.log",
    conda:
        "../../envs/tables.yaml"
    params:
        attribute=config["bias"]["attribute"],
        variants=config["metrics"],
        code=code_hash("fairser.tables"),
    script:
        "../../scripts/table1.py"


rule tableA3:
    input:
        f"{RESULTS}/splits/fold1.parquet",
    output:
        f"{RESULTS}/tableA3.csv",
        f"{RESULTS}/tableA3.md",
    log:
        f"{RESULTS}/logs/tableA3.log",
    conda:
        "../../envs/tables.yaml"
    params:
        attribute=config["bias"]["attribute"],
        code=code_hash("fairser.tables"),
    script:
        "../../scripts/tableA3.py"


rule tableA4:
    input:
        expand(
            f"{RESULTS}/splits/fold{{fold}}.parquet",
            fold=sorted(config["grid"]["folds"]),
        ),
    output:
        f"{RESULTS}/tableA4.csv",
        f"{RESULTS}/tableA4.md",
    log:
        f"{RESULTS}/logs/tableA4.log",
    conda:
        "../../envs/tables.yaml"
    params:
        attributes=list(
            dict.fromkeys([config["bias"]["attribute"], "gender", "race", "age"])
        ),
        code=code_hash("fairser.tables"),
    script:
        "../../scripts/tableA4.py"


rule vs_paper:
    input:
        ours=f"{RESULTS}/{{table}}.csv",
        published=f"{WORKFLOW}/reference/{{table}}.csv",
    output:
        f"{RESULTS}/{{table}}_vs_paper.csv",
        f"{RESULTS}/{{table}}_vs_paper.md",
    log:
        f"{RESULTS}/logs/{{table}}_vs_paper.log",
    wildcard_constraints:
        table="|".join(KEYS),
    conda:
        "../../envs/tables.yaml"
    params:
        index=lambda w: KEYS[w.table],
        code=code_hash("fairser.tables"),
    script:
        "../../scripts/vs_paper.py"
