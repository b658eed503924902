"""What a finished workflow tells its user: the first table and where everything is."""

from pathlib import Path


def summary(results: str | Path) -> str:
    """Table 1 and the list of tables of a results folder, or nothing where there is none yet."""
    folder = Path(results)
    table = folder / "table1.md"
    if not table.is_file():
        return ""
    lines = ["", "Table 1: performance and gaps by method and group source", ""]
    lines += [table.read_text(encoding="utf-8").rstrip(), "", "Tables (csv, md, tex):"]
    lines += [f"  {path}" for path in sorted(folder.glob("*.csv"))]
    places = {"Figures (svg, png)": "figures", "Runs (predictions, model, metrics)": "runs"}
    lines += [f"{what}: {folder / name}" for what, name in (places | {"Logs": "logs"}).items()]
    return "\n".join(lines) + "\n"
