"""Saved models: prediction, export, model card."""
