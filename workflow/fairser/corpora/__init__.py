"""Readers of corpora; each ends in a clip table (:mod:`fairser.corpora.clips`)."""
