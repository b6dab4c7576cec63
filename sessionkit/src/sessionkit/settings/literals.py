# SPDX-License-Identifier: Apache-2.0
"""What the text of an environment variable stands for where its type isn't known yet, and back."""

from __future__ import annotations

import re
from typing import Any, Final

VARIABLE: Final = "environment variable"
"""Begins the place that a message names where a variable said something."""

_WHOLE_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")


def literal(text: str) -> Any:  # noqa: ANN401 - a plugin's key may be of any type
    """Read a variable whose type only a plugin knows: true, false, a whole number, else text; quotes make it text."""
    if text in {"true", "false"}:
        return text == "true"
    if _WHOLE_NUMBER.fullmatch(text) and text != "-0":
        return int(text)
    return text[1:-1] if _QUOTED.fullmatch(text) else text


def as_text(value: bool | int | str) -> str:  # noqa: FBT001 - what literal() returned
    """Return the text, without quotes, that :func:`literal` reads as this value."""
    return str(value).lower() if isinstance(value, bool) else str(value)
