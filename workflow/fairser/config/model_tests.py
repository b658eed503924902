"""What the configuration must have for the tests of a model, beyond its schema."""

from typing import Any


def needed(config: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Key and value of each path that is needed, and what needs it."""
    tested = config["model_tests"]
    named = [key for key in ("model", "command") if tested[key] is not None]
    if not named:
        return []
    what = f"'model_tests.{named[0]}'"
    others = [
        (f"model_tests.{key}", tested[key], what)
        for key in ("audio", "noise", "rooms")
        if tested[key] is not None
    ]
    return [("model_tests.corpus", tested["corpus"], what), *others]


def faults(config: dict[str, Any]) -> list[str]:
    """Settings that are each allowed but do not go together."""
    tested = config["model_tests"]
    if tested["model"] is not None and tested["command"] is not None:
        return ["'model_tests.model' and 'model_tests.command' are both set; keep one."]
    return []
