"""Command lines for one's own work: one module a command, ``scripts/NAME.py`` runs it."""
