# SPDX-License-Identifier: Apache-2.0
"""What was changed in a form, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from itertools import takewhile
from typing import Any, Final

import attrs

from sessionkit.session.forms import EMPTY, FieldChange
from sessionkit_streamlit.forms.texts import FormTexts
from sessionkit_streamlit.notices.markdown import field_name, quote

# Values of fields may be anything.
# ruff: noqa: ANN401

_LONGEST: Final = 30
"""So many characters of a value are shown."""

_AHEAD: Final = 8
"""So many of them stand before what differs, where not all of it is shown."""


@attrs.frozen(kw_only=True)
class Step:
    """
    A step in a form's history.

    Attributes:
        text: What was changed, in words, as Markdown.
        timestamp: When it began, in UTC.
        changes: What was changed, field by field; the values are the app's own.
        is_undone: Whether it was taken back, and can be redone.
    """

    text: str
    timestamp: datetime
    changes: tuple[FieldChange, ...] = attrs.field(repr=False)
    is_undone: bool = False


def in_words(
    changes: Sequence[FieldChange],
    texts: FormTexts,
    labels: Mapping[str, str],
    defaults: Mapping[str, Any],
) -> str:
    """
    Return changes in words, as Markdown: the first of them, and how many there are besides.

    Args:
        changes: They; at least one.
        texts: The form's words.
        labels: What people call its fields, as Markdown, by name.
        defaults: What they begin with, by name.
    """
    first, *others = changes
    before, after = (
        _shown(defaults.get(first.name) if value is EMPTY else value, texts)
        for value in (first.before, first.after)
    )
    skipped = _skipped(before, after)
    text = texts.change.format(
        field=field_name(str(first.name), None, labels),
        before=_quoted(before, skipped, texts),
        after=_quoted(after, skipped, texts),
    )
    return f"{text}; {texts.more.format(n=len(others))}" if others else text


def _shown(value: Any, texts: FormTexts) -> Any:
    """Return a value as people read it, where that is known."""
    if isinstance(value, bool):
        return texts.yes if value else texts.no
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, list | tuple):
        return ", ".join(str(_shown(one, texts)) for one in value[:_LONGEST])
    return str(value) if isinstance(value, date | time | Decimal) else value


def _quoted(value: Any, skipped: int, texts: FormTexts) -> str:
    if value is None or (isinstance(value, str) and not value):
        return texts.nothing
    return quote(f"…{value[skipped:]}" if skipped else value, _LONGEST)


def _skipped(before: Any, after: Any) -> int:
    """Return how much of their common beginning two texts are shown without."""
    if not (isinstance(before, str) and isinstance(after, str)):
        return 0
    if max(len(before), len(after)) <= _LONGEST:
        return 0
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after)))  # noqa: B905 - one is longer
    return max(0, alike - _AHEAD)
