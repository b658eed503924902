# fair-ser: fair speech emotion recognition without demographic labels.
#
#   snakemake -n                                      list the grid of config.yaml
#   snakemake --configfile config.yaml mine.yaml      run it with your changes
#   snakemake results/table1.csv                      one target
#   snakemake --profile slurm                         on a cluster
from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


include: "workflow/common.smk"
include: "workflow/inputs.smk"
include: "workflow/rules/corpora.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/tables.smk"


localrules:
    all,
    tables,
    runs,
    features,
    download_cremad,


rule all:
    input:
        TABLE_FILES,
        METRICS_FILES,


rule tables:
    input:
        TABLE_FILES,


rule runs:
    input:
        METRICS_FILES,


rule features:
    input:
        unpack(feature_inputs),


rule download_cremad:
    input:
        "resources/cremad/labels.tsv",
        "resources/cremad/AudioWAV.tsv",


onstart:
    prepare_results()


onsuccess:
    print_summary()
