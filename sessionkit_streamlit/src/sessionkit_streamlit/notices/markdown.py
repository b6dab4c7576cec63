# SPDX-License-Identifier: Apache-2.0
"""Names of fields and stored values as Markdown that nobody can do harm with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from reprlib import Repr
from typing import Final

_LONGEST: Final = 60
_PLAIN: Final = re.compile(r"[^\W_][\w ]*")
_WORD: Final = re.compile(r"[^\W_][\w .-]*")
_MARKUP: Final = re.compile(r"[!-/:-@\[-`{-~]")
_SHORT: Final = Repr()
_SHORT.maxother = _SHORT.maxstring = _SHORT.maxlong = _LONGEST + 1


def field_name(path: str, key: str | None, labels: Mapping[str, str]) -> str:
    """
    Return what people call what lies at a path, as Markdown.

    Args:
        path: Where it lies, as users write it.
        key: The app's own key of it, if it has one.
        labels: The app's own names, by path, or by the key alone.
    """
    key = path if key is None else key
    label = labels.get(path, labels.get(key))
    if label is not None:
        return label
    return key.replace("_", " ") if _PLAIN.fullmatch(key) else quote(key)


def escaped(text: str) -> str:
    """Return a text as Markdown that shows it as it is, on one line."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))


def as_word(value: object) -> str:
    """Return a value as a part of a sentence: as it is if it holds no markup, else quoted."""
    text = str(value)
    return text if len(text) <= _LONGEST and _WORD.fullmatch(text) else quote(value)


def quote(value: object, longest: int = _LONGEST) -> str:
    """
    Return a value as a short piece of code in Markdown: nothing in it is markup, link or picture.

    What is stored came from a browser once, and Streamlit turns more than
    Markdown into something else: ``:red[..]``, ``$..$``, addresses, icons.

    Args:
        value: The value.
        longest: How many characters are shown; what is no text is cut sooner.
    """
    text = value if isinstance(value, str) else _SHORT.repr(value)
    text = "".join(one if one.isprintable() else " " for one in text[: longest + 1])
    text = " ".join(text.split())
    if len(text) > longest:
        text = f"{text[: longest - 1]}…"
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    # Spaces inside the fence: a value may begin with a backtick, or be empty.
    return f"{fence} {text or ' '} {fence}"
