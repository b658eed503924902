# fair-ser: fair speech emotion recognition without demographic labels.
#
#   snakemake -n                                      list the jobs of config.yaml
#   snakemake grid                                    what is done, and what is left to do
#   snakemake --configfile config.yaml mine.yaml      run it with your changes
#   snakemake results/table1.csv                      one target
#   snakemake report                                  all of it, and results/report.html
#   snakemake --profile slurm                         on a cluster


include: "workflow/Snakefile"


# That of an included file does not count.
workflow.default_target = "all"
