# SPDX-License-Identifier: Apache-2.0
"""The notice that a field was changed in another tab as well, which lets its user choose."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import attrs
import streamlit as st

from sessionkit.conflict import REMOVED, FieldDecision, Side
from sessionkit.session.fields import utc_now
from sessionkit_streamlit.connection import Connection, current_connection
from sessionkit_streamlit.internals.state import PREFIX, context
from sessionkit_streamlit.notices.markdown import field_name, quote

_AT_ONCE: Final = 3
"""How many fields are shown; the others follow as these are settled."""

_STEPS: Final = (
    (timedelta(days=1), "days"),
    (timedelta(hours=1), "hours"),
    (timedelta(minutes=1), "minutes"),
    (timedelta(seconds=1), "seconds"),
)
_NO_LABELS: Final[Mapping[str, str]] = {}


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
        field = _field_name(decision, labels)
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
        return self.removed if value is REMOVED else quote(value)


_ENGLISH: Final = NoticeTexts()


def conflict_notice(
    *, labels: Mapping[str, str] = _NO_LABELS, texts: NoticeTexts = _ENGLISH
) -> None:
    """
    Show which fields were changed in another tab as well, and let the user choose.

    Nothing is drawn while there is none. Call it once a page, after
    ``bootstrap_session()``, wherever the notice is to stand; in a fragment, too,
    but not inside ``st.form``.

    Args:
        labels: What people call the fields, as Markdown, by key
            (``{"email": "E-mail"}``) or by path (``"form_states['order'].data['city']"``).
        texts: What the notice says, for other languages.

    Example:
        ::

            bootstrap_session()
            conflict_notice(labels={"email": "E-mail"})
    """
    if context() is None:
        return
    connection = current_connection()
    for decision in _open(connection)[:_AT_ONCE]:
        with st.container(border=True, gap="small"):
            st.markdown(f":material/sync_problem: {texts.headline(decision, labels)}")
            st.caption(texts.outcome(decision))
            _buttons(connection, decision, texts)


def _open(connection: Connection) -> list[FieldDecision]:
    session, keeper = connection.live_session, connection.keeper
    if session is None or keeper is None:
        return []
    decided = {one.path: one for one in keeper.decisions(session)}
    return list((connection.widgets.overtaken | decided).values())


def _buttons(connection: Connection, decision: FieldDecision, texts: NoticeTexts) -> None:
    key = _key_of(decision)
    with st.container(horizontal=True):
        if st.button(texts.keep, key=f"{key}_keep"):
            _settle(connection, decision, "ours")
        if st.button(texts.take, key=f"{key}_take"):
            _settle(connection, decision, "theirs")
        if st.button(texts.dismiss, key=f"{key}_dismiss", type="tertiary"):
            _settle(connection, decision, None)


def _key_of(decision: FieldDecision) -> str:
    """Return a key for the buttons: a click must not choose what the user did not see."""
    known = (decision.path, decision.ours_at, decision.theirs_at, decision.question)
    return f"{PREFIX}_notice_{blake2b(repr(known).encode(), digest_size=8).hexdigest()}"


def _settle(connection: Connection, decision: FieldDecision, take: Side | None) -> None:
    session, keeper = connection.live_session, connection.keeper
    if session is None or keeper is None:
        return
    connection.widgets.overtaken.pop(decision.path, None)
    keeper.settle(session, decision, take)
    # The widget may be placed already: the next run puts the value there before it is.
    st.rerun()


def _field_name(decision: FieldDecision, labels: Mapping[str, str]) -> str:
    """
    Return what people call a field, as Markdown.

    Args:
        decision: Names the field by its path.
        labels: The app's own names, by path, or by the key alone.
    """
    return field_name(decision.path, str(decision.keys[-1]) if decision.keys else None, labels)
