# fair-ser: fair speech emotion recognition without demographic labels.
#
#   snakemake -n                                      list the grid of config.yaml
#   snakemake --configfile config.yaml mine.yaml      run it with your changes
#   snakemake results/table1.csv                      one target
#   snakemake report                                  all of it, and results/report.html
#   snakemake --profile slurm                         on a cluster
from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/common.smk"
include: "workflow/inputs.smk"
include: "workflow/last_words.smk"
include: "workflow/rules/corpora.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/groups.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/llm.smk"
include: "workflow/rules/llm_tables.smk"


# What the study makes.
STUDY_TABLES, STUDY_FIGURES = {
    "subgroups": (TABLE_FILES, FIGURE_FILES),
    "minmaxgap": (LLM_TABLES, LLM_FIGURES),
}[config["study"]]


localrules:
    all,
    tables,
    runs,
    groups,
    figures,
    features,
    download_cremad,
    download_models,


rule all:
    input:
        STUDY_TABLES,
        STUDY_FIGURES,
        lambda w: METRICS_FILES,
    message:
        "all tables, figures and runs"


include: "workflow/rules/report.smk"


rule tables:
    input:
        STUDY_TABLES,


rule runs:
    input:
        lambda w: METRICS_FILES,
    message:
        "all runs"


rule groups:
    input:
        [f"{RESULTS}/{cell}.parquet" for cell in GROUP_CELLS],


rule figures:
    input:
        STUDY_FIGURES,


rule features:
    input:
        feature_inputs,


rule download_cremad:
    input:
        "resources/cremad/labels.tsv",
        "resources/cremad/AudioWAV.tsv",


rule download_models:
    input:
        RECORDS.values(),


onstart:
    configuration.make_results(RESULTS)
    prepare_cluster()


onsuccess:
    grid.write_state(STUDY_CELLS, RESULTS)
    print(told_success(), file=sys.stderr, end="")


onerror:
    grid.write_state(STUDY_CELLS, RESULTS)
    print(told_failure(), file=sys.stderr, end="")
