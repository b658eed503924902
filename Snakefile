# fair-ser: fair speech emotion recognition without demographic labels.
#
#   snakemake -n                                      list the jobs of config.yaml
#   snakemake grid                                    what is done, and what is left to do
#   snakemake --configfile config.yaml mine.yaml      run it with your changes
#   snakemake results/table1.csv                      one target
#   snakemake report                                  all of it, and results/report.html
#   snakemake --profile slurm                         on a cluster
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/start.smk"


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/common.smk"
include: "workflow/rules/corpora.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/groups.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/benchmark.smk"
include: "workflow/rules/llm_common.smk"
include: "workflow/rules/llm.smk"
include: "workflow/rules/llm_tables.smk"
include: "workflow/rules/model_tests.smk"


# The runs of the study, what each one depends on, and what the study makes.
STUDY_CORPUS, STUDY_CELLS, STUDY_ORIGIN, STUDY_TABLES, STUDY_FIGURES = {
    "subgroups": (
        CORPUS,
        CELLS,
        run_origin,
        TABLE_FILES + BENCHMARK_TABLES,
        FIGURE_FILES + BENCHMARK_FIGURES,
    ),
    "minmaxgap": (LLM["corpus"], LLM_CELLS, llm_origin, LLM_TABLES, LLM_FIGURES),
}[config["study"]]
STUDY_METRICS = run_files(STUDY_CELLS)["metrics"]


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
    default_target: True
    input:
        STUDY_TABLES,
        ALL_RUNS,
        STUDY_FIGURES,
        lambda w: STUDY_METRICS,
    message:
        "all tables, figures and runs"


rule tables:
    input:
        STUDY_TABLES,
        ALL_RUNS,


rule runs:
    input:
        lambda w: STUDY_METRICS,
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
        [file for section in NEEDED for file in store_files(section).values()],


rule download_cremad:
    input:
        "resources/cremad/labels.tsv",
        "resources/cremad/AudioWAV.tsv",


rule download_models:
    input:
        [RECORDS[section] for section in LOADED],


include: "workflow/rules/report.smk"
include: "workflow/rules/grid.smk"
include: "workflow/handlers.smk"


onstart:
    prepare()


onsuccess:
    finish(success_message)


onerror:
    finish(failure_message)
