"""Metrics of a run, and their uncertainty over speakers."""
