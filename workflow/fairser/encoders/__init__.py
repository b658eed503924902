"""Encoders turn clips into pooled features (:mod:`fairser.extraction.store`)."""
