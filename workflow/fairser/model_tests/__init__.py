"""Tests of any speech emotion model: correctness, fairness and robustness, by group of speakers."""
