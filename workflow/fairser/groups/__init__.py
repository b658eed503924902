"""Group sources: where the group of a clip comes from."""
