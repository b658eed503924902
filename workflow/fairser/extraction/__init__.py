"""Feature extraction, and the stores that hold its results."""
