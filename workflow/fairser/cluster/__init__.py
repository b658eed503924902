"""Slurm: checks before a run, and jobs that an earlier run left behind."""
