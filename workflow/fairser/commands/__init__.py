"""Commands: one module for each, and ``scripts/NAME.py`` runs it."""
