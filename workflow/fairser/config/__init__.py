"""The configuration: schema, defaults, checks, and the grid that follows from it."""
