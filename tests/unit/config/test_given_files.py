"""The files that Snakemake was started with."""

from pathlib import Path

import pytest

from fairser.config.given_files import check_files, profiles
from fairser.core.errors import InputError
from workflow.runner import ROOT

TWICE = "train: {epochs: 3}\ntrain: {epochs: 4}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_files_of_the_workflow_pass() -> None:
    grids = sorted((ROOT / "workflow/grids").glob("*.yaml"))
    assert len(grids) > 2
    check_files([ROOT / "config.yaml", *grids], sorted(ROOT.glob("*/config.yaml")))


def test_configurations_and_profiles_are_read_strictly(folder: Path) -> None:
    good, bad = folder / "good.yaml", folder / "bad.yaml"
    good.write_text("# nothing\n")
    bad.write_text(TWICE)
    check_files([good, "config.yaml"], [good])  # a missing one is Snakemake's to tell
    for files in (([good, bad], []), ([good], [bad])):
        with pytest.raises(InputError, match=r"bad\.yaml: the key 'train' is in line 1 and"):
            check_files(*files)


@pytest.mark.parametrize("name", ["results/mine/table1.csv", "metrics.json", "report"])
def test_a_target_after_the_configuration(folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    with pytest.raises(InputError, match=r"Put targets before --configfile"):
        check_files([path], [])


def test_profiles_are_found_as_snakemake_finds_them(folder: Path) -> None:
    for name in ("slurm", "other", "profiles/default", "mine"):
        (folder / name).mkdir(parents=True)
        (folder / name / "config.yaml").touch()
    default = Path("profiles/default/config.yaml")
    slurm = [Path(folder / "slurm/config.yaml"), default]

    def found(*arguments: str, **environment: str) -> list[Path]:
        return [file.absolute() for file in profiles(arguments, environment)]

    assert found("-n", "--cores", "2") == [default.absolute()]
    absolute = [file.absolute() for file in slurm]
    assert found("--profile", "slurm", "report") == absolute
    assert found("--profile=slurm") == absolute
    assert found(SNAKEMAKE_PROFILE="slurm") == absolute
    assert found("--profile", "other", SNAKEMAKE_PROFILE="slurm")[0].parent.name == "other"
    assert len(found("--profile", "slurm", "--profile", "other")) == 3
    assert found("--profile", "nowhere", "--workflow-profile", "none") == []
    assert found("--workflow-profile", "mine")[0].parent.name == "mine"
