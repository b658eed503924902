"""Docstrings for the site: roles such as ``:func:`name` `` become code."""

import re
from typing import Any

from griffe import Extension, Object

ROLE = re.compile(r":(?:\w+):`~?([^`]+)`")


class Roles(Extension):
    """Replace the roles of Sphinx, which Markdown does not know."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = ROLE.sub(r"`\1`", obj.docstring.value)
