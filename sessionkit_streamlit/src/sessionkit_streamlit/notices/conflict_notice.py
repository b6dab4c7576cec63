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
from sessionkit.values.equality import same_content
from sessionkit_streamlit.connection import Connection, current_connection
from sessionkit_streamlit.internals.state import MISSING, PREFIX, context
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
        changed_apart: The same where this page doesn't know which value its user typed: it was loaded
            anew since, or did not make the change; ``{field}``.
        now: ``{ago}`` in the first second.
        seconds: Below a minute; ``{n}``.
        minutes: Below an hour.
        hours: Below a day.
        days: From then on.
        ours: What is kept where it is this tab's value; ``{mine}`` and ``{theirs}``.
        theirs: Where it is the other's.
        merged: Where it is made of both.
        asked: Where it is the other's until someone chooses.
        apart: What is kept where the page doesn't know whose it is; ``{kept}`` and ``{other}``.
        removed: Stands for a value that was removed.
        keep: On the button that keeps this tab's value.
        take: On the button that takes the other's.
        keep_value: On the one that keeps what is kept, where the page doesn't know whose it is; ``{value}``.
        take_value: On the one that takes the other value then.
        dismiss: On the button that leaves things as they are.
        some: On the button that opens the notices, where they are compact; ``{n}``.
    """

    changed: str = "Changed in another tab: **{field}**, {ago}"
    changed_once: str = "Changed in another tab: **{field}**"
    changed_apart: str = "Changed in two tabs: **{field}**"
    now: str = "just now"
    seconds: str = "{n} s ago"
    minutes: str = "{n} min ago"
    hours: str = "{n} h ago"
    days: str = "{n} d ago"
    ours: str = "Yours is kept: {mine}. The other tab has {theirs}."
    theirs: str = "The other is kept: {theirs}. Yours was {mine}."
    merged: str = "Both are kept, put together. Yours was {mine}, the other {theirs}."
    asked: str = "Yours is {mine}. The other is kept until you choose: {theirs}."
    apart: str = "Kept is {kept}. The other value is {other}."
    removed: str = "nothing"
    keep: str = "Keep mine"
    take: str = "Take theirs"
    keep_value: str = "Keep {value}"
    take_value: str = "Take {value}"
    dismiss: str = "Dismiss"
    some: str = ":orange[{n} changed]"

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
        return text.format(mine=self.value(decision.ours), theirs=self.value(decision.theirs))

    def value(self, value: Any) -> str:  # noqa: ANN401 - any stored value
        """Return a value as Markdown."""
        return self.removed if value is REMOVED else quote(value)


_ENGLISH: Final = NoticeTexts()


def conflict_notice(
    *,
    compact: bool = False,
    labels: Mapping[str, str] = _NO_LABELS,
    texts: NoticeTexts = _ENGLISH,
) -> None:
    """
    Show which fields were changed in another tab as well, and let the user choose.

    Nothing is drawn while there is none. Call it once a page, after
    ``bootstrap_session()``, wherever the notice is to stand; in a fragment, too,
    but not inside ``st.form``.

    Args:
        compact: True for a button that says how many there are and opens them; it takes no line of its own beside a title in
            ``st.container(horizontal=True)``, and moves nothing when it comes and goes.
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
    found = _open(connection)
    if not found:
        return
    if compact:
        label = texts.some.format(n=len(found))
        with st.popover(label, icon=":material/sync_problem:", type="tertiary"):
            _draw(connection, found, labels, texts)
    else:
        _draw(connection, found, labels, texts)


def _draw(
    connection: Connection,
    decisions: list[FieldDecision],
    labels: Mapping[str, str],
    texts: NoticeTexts,
) -> None:
    for decision in decisions[:_AT_ONCE]:
        view = _viewed(connection, decision)
        with st.container(border=True, gap="small"):
            st.markdown(f":material/sync_problem: {view.headline(texts, labels)}")
            st.caption(view.outcome(texts))
            _buttons(connection, view, texts)


def _open(connection: Connection) -> list[FieldDecision]:
    session, keeper = connection.live_session, connection.keeper
    if session is None or keeper is None:
        return []
    decided = {one.path: one for one in keeper.decisions(session)}
    return list((connection.widgets.overtaken | decided).values())


@attrs.frozen
class _View:
    """
    A decision as one page sees it: who saved it may have been another tab, or this one before it was loaded anew.

    Attributes:
        decision: The decision; its sides are those of whoever saved.
        mine: The side that this page's user typed; None where it doesn't know.
    """

    decision: FieldDecision
    mine: Side | None

    @property
    def kept(self) -> Side:
        """The side that is kept now."""
        return "ours" if self.decision.taken == "ours" else "theirs"

    def headline(self, texts: NoticeTexts, labels: Mapping[str, str]) -> str:
        """Return the line on top."""
        if self.mine is None:
            return texts.changed_apart.format(field=_field_name(self.decision, labels))
        return texts.headline(self._own(), labels)

    def outcome(self, texts: NoticeTexts) -> str:
        """Return what is kept now."""
        if self.mine is not None:
            return texts.outcome(self._own())
        kept, other = self.kept, _opposite(self.kept)
        return texts.apart.format(kept=self._value(texts, kept), other=self._value(texts, other))

    def choices(self, texts: NoticeTexts) -> tuple[tuple[str, Side], tuple[str, Side]]:
        """Return what stands on the buttons that choose a side, and the side."""
        if self.mine is not None:
            return (texts.keep, self.mine), (texts.take, _opposite(self.mine))
        kept, other = self.kept, _opposite(self.kept)
        return (
            (texts.keep_value.format(value=self._value(texts, kept)), kept),
            (texts.take_value.format(value=self._value(texts, other)), other),
        )

    def _value(self, texts: NoticeTexts, side: Side) -> str:
        return texts.value(self.decision.ours if side == "ours" else self.decision.theirs)

    def _own(self) -> FieldDecision:
        """Return the decision with the user's own side as ours."""
        one = self.decision
        if self.mine == "ours":
            return one
        return attrs.evolve(
            one,
            taken="theirs" if one.taken == "ours" else "ours",  # what is asked stands at theirs
            ours=one.theirs,
            theirs=one.ours,
            ours_at=one.theirs_at,
            theirs_at=one.ours_at,
        )


def _opposite(side: Side) -> Side:
    return "theirs" if side == "ours" else "ours"


def _viewed(connection: Connection, decision: FieldDecision) -> _View:
    widgets = connection.widgets
    if widgets.overtaken.get(decision.path) is decision:
        return _View(decision, "ours")
    typed = next(
        (value for key, value in widgets.typed.items() if _is_at(connection, key, decision)),
        MISSING,
    )
    if typed is not MISSING and same_content(typed, decision.ours):
        return _View(decision, "ours")
    if typed is not MISSING and same_content(typed, decision.theirs):
        return _View(decision, "theirs")
    return _View(decision, None)


def _is_at(connection: Connection, key: str, decision: FieldDecision) -> bool:
    """Return whether a decision is about what a widget shows."""
    return connection.place_of(key).path == decision.path


def _buttons(connection: Connection, view: _View, texts: NoticeTexts) -> None:
    key, decision = _key_of(view), view.decision
    (keep, kept), (take, taken) = view.choices(texts)
    with st.container(horizontal=True):
        if st.button(keep, key=f"{key}_keep"):
            _settle(connection, decision, kept)
        if st.button(take, key=f"{key}_take"):
            _settle(connection, decision, taken)
        if st.button(texts.dismiss, key=f"{key}_dismiss", type="tertiary"):
            _settle(connection, decision, None)


def _key_of(view: _View) -> str:
    """Return a key for the buttons: a click must not choose what the user did not see."""
    one = view.decision
    known = (one.path, one.ours_at, one.theirs_at, one.question, view.mine)
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
