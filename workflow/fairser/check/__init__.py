"""The check of a corpus before a run: what it holds and what is wrong with it."""
