# SPDX-License-Identifier: Apache-2.0
"""
Marks at the fields of a form that were changed: a line at the left of each.

It is a rule of CSS for the classes that Streamlit makes of the widgets' keys, so that no widget becomes another one and
nothing on the page moves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from sessionkit_streamlit.internals.page import aside

_NOT_IN_CLASSES: Final = re.compile(r"[^a-zA-Z0-9_-]")

# What lies outside of a text area is cut off else.
_PLACE: Final = "{position:relative;overflow:visible!important}"
_LINE: Final = (
    "{{content:'';content:''/'{words}';position:absolute;top:0;bottom:0;inset-inline-start:-.6rem;"
    "width:3px;border-radius:2px;background:currentColor;opacity:.45;pointer-events:none}}"
)


def mark(keys: Mapping[str, str], changed: Iterable[str], words: str) -> None:
    """
    Mark fields on the page; it is the same one element however many there are.

    Args:
        keys: The keys of a form's widgets by field.
        changed: The fields that were changed.
        words: What is said of each to those who hear the page.
    """
    names = frozenset(changed)
    # Other letters than those of a class are all the same there: a field that can't be told from one that is as it was has no mark.
    others = {_class_of(key) for name, key in keys.items() if name not in names}
    classes = [
        one for name, key in keys.items() if name in names and (one := _class_of(key)) not in others
    ]
    style = ""
    if classes:
        line = _LINE.format(words="".join(map(_escaped, words)))
        style = ",".join(classes) + _PLACE + ",".join(f"{one}::before" for one in classes) + line
    # Always one: what else stands there keeps its place.
    aside().html(f"<style>{style}</style>")


def _class_of(key: str) -> str:
    return ".st-key-" + _NOT_IN_CLASSES.sub("-", key.strip())


def _escaped(letter: str) -> str:
    """Return a letter as it may stand in a text of CSS within HTML."""
    return letter if letter == " " or letter.isalnum() else f"\\{ord(letter):x} "
