# What the pages of the report are made from.
from fairser.report.shell import parts_hash


def page_inputs(_):
    files = {"metrics": STUDY_METRICS, "tables": STUDY_TABLES}
    files |= {"figures": [file for file in STUDY_FIGURES if file.endswith(".svg")]}
    if config["study"] == "minmaxgap":
        return files | {"clips": LLM_CLIPS, "model": RECORDS["llm"]}
    folds = config["grid"]["folds"]
    splits = [f"{RESULTS}/splits/fold{fold}.parquet" for fold in folds]
    groups = [f"{RESULTS}/{cell}.json" for cell in GROUP_CELLS]
    clips = f"{RESULTS}/clips.parquet"
    return files | {"clips": clips, "splits": splits, "groups": groups}
