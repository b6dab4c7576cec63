# SPDX-License-Identifier: Apache-2.0
"""What the conflict notice says, and stored values as text that nobody can do harm with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from reprlib import Repr
from typing import Any, Final

import attrs

from sessionkit.conflict import REMOVED, FieldDecision
from sessionkit.session.fields import utc_now

_LONGEST: Final = 60
_PLAIN: Final = re.compile(r"[^\W_][\w ]*")
_STEPS: Final = (
    (timedelta(days=1), "days"),
    (timedelta(hours=1), "hours"),
    (timedelta(minutes=1), "minutes"),
    (timedelta(seconds=1), "seconds"),
)


@attrs.frozen(kw_only=True)
class NoticeTexts:
    """
    What :func:`~sessionkit_streamlit.conflict_notice` says: English, unless you say otherwise.

    The texts are Markdown. What stands in braces is filled in; leave out what
    your language puts elsewhere.

    Attributes:
        changed: The line on top; ``{field}`` and ``{ago}``.
        changed_once: The same where nobody knows when it was; ``{field}``.
        now: ``{ago}`` in the first second.
        seconds: Below a minute; ``{n}``.
        minutes: Below an hour.
        hours: Below a day.
        days: From then on.
        ours: What is kept where it is this tab's value; ``{mine}`` and ``{theirs}``.
        theirs: Where it is the other's.
        merged: Where it is made of both.
        asked: Where it is the other's until someone chooses.
        removed: Stands for a value that was removed.
        keep: On the button that keeps this tab's value.
        take: On the button that takes the other's.
        dismiss: On the button that leaves things as they are.
    """

    changed: str = "Changed in another tab: **{field}**, {ago}"
    changed_once: str = "Changed in another tab: **{field}**"
    now: str = "just now"
    seconds: str = "{n} s ago"
    minutes: str = "{n} min ago"
    hours: str = "{n} h ago"
    days: str = "{n} d ago"
    ours: str = "Yours is kept: {mine}. The other tab has {theirs}."
    theirs: str = "The other is kept: {theirs}. Yours was {mine}."
    merged: str = "Both are kept, put together. Yours was {mine}, the other {theirs}."
    asked: str = "Yours is {mine}. The other is kept until you choose: {theirs}."
    removed: str = "nothing"
    keep: str = "Keep mine"
    take: str = "Take theirs"
    dismiss: str = "Dismiss"

    def headline(self, decision: FieldDecision, labels: Mapping[str, str]) -> str:
        """Return the line on top, as Markdown."""
        field = field_name(decision, labels)
        if decision.theirs_at is None:
            return self.changed_once.format(field=field)
        return self.changed.format(field=field, ago=self.ago(decision.theirs_at))

    def ago(self, moment: datetime) -> str:
        """Return how long ago a moment is; one to come, by another clock, is now."""
        passed = utc_now() - moment
        for step, name in _STEPS:
            if passed >= step:
                text: str = getattr(self, name)
                return text.format(n=passed // step)
        return self.now

    def outcome(self, decision: FieldDecision) -> str:
        """Return what is kept now, as Markdown."""
        text: str = getattr(self, decision.taken)
        return text.format(mine=self._value(decision.ours), theirs=self._value(decision.theirs))

    def _value(self, value: Any) -> str:  # noqa: ANN401 - any stored value
        return self.removed if value is REMOVED else quoted(value)


def field_name(decision: FieldDecision, labels: Mapping[str, str]) -> str:
    """
    Return what people call a field, as Markdown.

    Args:
        decision: Names the field by its path.
        labels: The app's own names, by path, or by the key alone.
    """
    return named(decision.path, str(decision.keys[-1]) if decision.keys else None, labels)


def named(path: str, key: str | None, labels: Mapping[str, str]) -> str:
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
    return key.replace("_", " ") if _PLAIN.fullmatch(key) else quoted(key)


def quoted(value: object, longest: int = _LONGEST) -> str:
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


_SHORT: Final = Repr()
_SHORT.maxother = _SHORT.maxstring = _SHORT.maxlong = _LONGEST + 1
