# What is done, out of date and left to do: `snakemake grid`. It makes nothing else.
localrules:
    grid,


rule grid:
    log:
        f"{RESULTS}/logs/grid.log",
    conda:
        "../../envs/tables.yaml"
    params:
        results=RESULTS,
        runs=lambda w: read_state(STUDY_CELLS, RESULTS, STUDY_ORIGIN),
    message:
        "state of the grid"
    script:
        "../../scripts/grid.py"
