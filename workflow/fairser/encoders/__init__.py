"""Encoders turn clips into pooled features (:mod:`fairser.encoders.store`)."""
