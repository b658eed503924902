"""The fix of the Slurm plugin is for the pinned version, and does what that version lacks."""

from importlib.metadata import version

from snakemake.jobs import GroupJob

from fairser.cluster.plugin_fix import VERSION, fix_group_errors


def test_the_fix_is_for_the_installed_plugin() -> None:
    assert version("snakemake-executor-plugin-slurm") == VERSION


def test_a_group_has_a_rule() -> None:
    fix_group_errors()
    fix_group_errors()
    assert isinstance(GroupJob.rule, property)
