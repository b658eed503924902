"""A fix for snakemake-executor-plugin-slurm 2.8.0.

Where a submission fails before it reaches Slurm, such as with an account that does not exist, the
plugin names ``job.rule`` in its message (``run_job`` in ``__init__.py``). A group of jobs
(``snakemake.jobs.GroupJob``) has no such attribute, so the plugin fails within its own error
handling, and the run waits for ever. With a later version: remove this module if
``test_a_wrong_account_ends_the_run`` (tests/slurm) passes without it.
"""

VERSION = "2.8.0"  # of the plugin that has the fault


def fix_group_errors() -> None:
    """Give groups the attribute ``rule``: that of one of their jobs."""
    from snakemake.jobs import GroupJob

    if not hasattr(GroupJob, "rule"):
        GroupJob.rule = property(lambda group: next(iter(group.jobs)).rule)
