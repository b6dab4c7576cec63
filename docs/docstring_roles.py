# SPDX-License-Identifier: Apache-2.0
"""
Let the reference show docstrings as they are meant: their roles, such as ``:func:`save_session```, become code.

``nox -s docs`` loads it for mkdocstrings, whose docstrings are Markdown.
"""

from __future__ import annotations

import re
from textwrap import dedent, indent
from typing import Any, Final

from griffe import Extension, Object

_ROLE: Final = re.compile(r":\w+:`(~)?\.?([\w.]+)`")
_BLOCK: Final = re.compile(
    r"(?P<depth>^ *)?::\n\n(?P<code>(?: {4,}\S.*(?:\n|$)|\n)+)", re.MULTILINE
)


def as_markdown(text: str) -> str:
    """Return a docstring's text with its roles as code and its literal blocks as fenced ones."""

    def shown(role: re.Match[str]) -> str:
        name = role[2].rpartition(".")[2] if role[1] else role[2]
        return f"`{name}`"

    def fenced(block: re.Match[str]) -> str:
        code = f"```python\n{dedent(block['code']).strip()}\n```\n\n"
        return f":\n\n{code}" if block["depth"] is None else indent(code, block["depth"])

    return _ROLE.sub(shown, _BLOCK.sub(fenced, text))


class Roles(Extension):
    """Rewrites each docstring that is loaded."""

    def on_object(self, *, obj: Object, **_: Any) -> None:  # noqa: ANN401 - what griffe hands on
        """Take the roles out of an object's docstring."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
