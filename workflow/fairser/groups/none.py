"""No groups: the source of methods that use none."""

SOURCE = {"title": "none", "order": 1, "marker": "o"}
