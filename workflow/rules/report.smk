# The report: a page for each table, and Snakemake's own report with all of them.
include: "report_inputs.smk"


localrules:
    report_pages,
    report,


PAGES = ["overview", "rates", "runs", "configuration"]
PAGES += [
    os.path.basename(file).removesuffix(".csv")
    for file in STUDY_TABLES
    if file.removeprefix(f"{RESULTS}/").removesuffix(".csv") in captions.TITLES
]
PAGES += ["figures"] if STUDY_FIGURES else []


rule report_pages:
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
        configuration=fingerprint(config),
        files=[os.path.relpath(file) for file in CONFIG_FILES],
        caption={
            "attributes": [config["bias"]["attribute"]],
            "attribute": config["bias"]["attribute"],
            "fold": FIGURE_FOLD,
        },
        parts=parts_hash(),
        code=code_of("report_pages"),
    message:
        "pages of the report"
    script:
        "../../scripts/report_pages.py"


# Snakemake itself makes the report, from the same configuration and its records of the jobs.
rule report:
    input:
        rules.all.input,
        rules.report_pages.output,
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../envs/report.yaml"
    params:
        snakefile=workflow.main_snakefile,
        # Their names in a workflow that uses this one as a module.
        targets=[rules.all.rule.name, rules.report_pages.rule.name],
        configfiles=[str(file) for file in workflow.config_settings.configfiles],
        config=workflow.config_settings.config,
        stylesheet=os.path.join(WORKFLOW, "report/report.css"),
        code=code_of("report"),
    message:
        "report"
    script:
        "../../scripts/report.py"
