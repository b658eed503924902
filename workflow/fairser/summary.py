"""What a finished workflow tells its user: the first table and where everything is."""

from pathlib import Path

# The first table of each study, and what it is.
TABLES = {
    "table1": "Table 1: performance and gaps by method and group source",
    "ablation": "Performance and gender gaps by modality and objective",
}


def summary(results: str | Path) -> str:
    """The first table and the list of tables of a results folder, or nothing without any."""
    folder = Path(results)
    there = [(folder / f"{name}.md", title) for name, title in TABLES.items()]
    table, title = next(((t, text) for t, text in there if t.is_file()), (None, ""))
    if table is None:
        return ""
    lines = ["", title, ""]
    lines += [table.read_text(encoding="utf-8").rstrip(), "", "Tables (csv, md, tex):"]
    lines += [f"  {path}" for path in sorted(folder.glob("*.csv"))]
    places = {"Figures (svg, png)": "figures", "Runs (predictions, model, metrics)": "runs"}
    lines += [f"{what}: {folder / name}" for what, name in (places | {"Logs": "logs"}).items()]
    report = folder / "report.html"
    lines += [f"Report: {report}"] if report.is_file() else []
    return "\n".join(lines) + "\n"
