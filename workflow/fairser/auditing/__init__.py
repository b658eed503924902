"""Audit of any classifier's decisions: how they differ between groups of speakers, how surely."""
