# The report: a page for each table, and Snakemake's own report with all of them.
localrules:
    pages,
    report,


PAGES = ["overview", "rates", "runs", "configuration"]
PAGES += [
    os.path.basename(file).removesuffix(".csv")
    for file in STUDY_TABLES
    if file.removeprefix(f"{RESULTS}/").removesuffix(".csv") in captions.TITLES
]
PAGES += ["figures"] if STUDY_FIGURES else []


rule pages:
    input:
        unpack(page_inputs),
    output:
        **{
            name: report(
                f"{RESULTS}/report/{name}.html",
                caption=f"../report/{name}.rst",
                category=captions.category(name),
                labels={"Page": captions.TITLES[name]},
            )
            for name in PAGES
        },
    log:
        f"{RESULTS}/logs/pages.log",
    conda:
        "../../envs/report.yaml"
    params:
        configuration=sha256_text(json.dumps(config, sort_keys=True))[:12],
        files=[os.path.relpath(file) for file in CONFIG_FILES],
        caption={
            "attributes": [config["bias"]["attribute"]],
            "attribute": config["bias"]["attribute"],
            "fold": FIGURE_FOLD,
        },
        code=[code_hash("fairser.report.build"), shell.parts_hash()],
    message:
        "pages of the report"
    script:
        "../../scripts/pages.py"


# Snakemake itself makes the report, from the same configuration and its records of the jobs.
rule report:
    input:
        rules.all.input,
        rules.pages.output,
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../envs/report.yaml"
    params:
        snakefile=workflow.main_snakefile,
        configfiles=[str(file) for file in workflow.config_settings.configfiles],
        config=workflow.config_settings.config,
        stylesheet=os.path.join(WORKFLOW, "report/report.css"),
        code=[code_hash("fairser.report.shell"), shell.parts_hash()],
    message:
        "report"
    script:
        "../../scripts/report.py"
