# SPDX-License-Identifier: Apache-2.0
"""What is known about one connection: one browser tab and one Streamlit session."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakSet, ref

import attrs
import streamlit as st
from streamlit.errors import StreamlitAPIException

from sessionkit_streamlit.internals.rerun import (
    by_browser,
)
from sessionkit_streamlit.internals.state import MISSING, PREFIX, Private, hidden

if TYPE_CHECKING:
    from datetime import datetime

    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.conflict import FieldDecision
    from sessionkit.events import SessionEvent
    from sessionkit.host import Keeper
    from sessionkit.session import UserSession


@attrs.define(eq=False)
class Showing:
    """
    One session, as the tabs of this process show it.

    Attributes:
        tabs: Those that show it.
        edits: What a tab changed last, and when, by key.
        changes: Counts the users' runs that ended: each may have changed it.
    """

    tabs: WeakSet[Tab] = attrs.field(factory=WeakSet)
    edits: dict[str, tuple[Any, datetime]] = attrs.field(factory=dict)
    changes: int = 0


@attrs.define(eq=False)
class Tab:
    """
    One tab.

    Attributes:
        name: What Streamlit calls it.
        showing: The session that it shows.
        seen: Of the session's changes, how many its latest run of the script began after.
        made: Which of them was the latest that it made.
        running: Whether a run of the script that its user asked for is under way.
        due: Whether it is to rerun by itself.
        asked: Whether we asked for the run that begins next.
        ours: Whether we asked for the latest run of the script.
        request: What asked for that run, if we did.
    """

    name: str
    showing: Showing
    seen: int = 0
    made: int = 0
    running: bool = False
    due: bool = False
    asked: bool = False
    ours: bool = False
    request: Any = None

    def begin(self, request: Any) -> None:  # noqa: ANN401 - Streamlit's
        """Note that a run of the script begins to show the session."""
        again = self.ours and request is self.request  # the app called st.rerun()
        self.ours = again or (self.asked and not by_browser(request))
        self.request = request if self.ours else None
        self.seen, self.due, self.asked = self.showing.changes, False, False
        self.running = not self.ours

    def lacks(self, other: Tab) -> bool:
        """Return whether *other* may have changed what this one does not show yet."""
        return other is not self and (other.running or other.made > self.seen)


class What(NamedTuple):
    """
    The part of a status that a line is made of.

    Attributes:
        state: The status's.
        since: Since when the store is down.
        names: What the line quotes.
    """

    state: str
    since: datetime | None = None
    names: tuple[str | None, ...] = ()


class Told(NamedTuple):
    """
    What a status line says.

    Attributes:
        what: The part of the status that it is made of.
        interactions: The session's count of interactions when it was drawn.
    """

    what: What
    interactions: int


CONNECTION_KEY: Final = f"{PREFIX}_streamlit"


EXTENSION: Final = "streamlit"
"""This plugin's name in ``UserSession.extensions``."""


@attrs.define(eq=False)
class Identity:
    """
    What the browser was told about its id.

    Attributes:
        granted: The token that the manager gave last; None when the browser's own stands.
        replaced: Tokens that were presented once and count no more.
        ticket: What the browser is to trade for a cookie, or None.
        traded: The ids that tickets were issued for, oldest first.
        readable: What the browser is to keep by script, or None.
    """

    granted: str | None = None
    replaced: set[str] = attrs.field(factory=set)
    ticket: str | None = None
    traded: list[str] = attrs.field(factory=list)
    readable: str | None = None


@attrs.define(eq=False)
class Replaced:
    """
    What a widget showed before another value was put there.

    Attributes:
        values: The former values, oldest first.
        sent_at: When the run ended that put the latest one there; None while it lasts.
    """

    values: list[Any] = attrs.field(factory=list)
    sent_at: float | None = None


@attrs.define(eq=False)
class ClearingForms:
    """
    The forms of a page that the browser clears when they are submitted.

    Attributes:
        clearing: Their ids, as far as a run has made them.
        fields: The form of each keyed widget in one; empty while it is known from earlier alone.
        submitted: The ids of those that this run was asked for by.
    """

    clearing: set[str] = attrs.field(factory=set)
    fields: dict[str, str] = attrs.field(factory=dict)
    submitted: set[str] = attrs.field(factory=set)

    def is_submitted(self, key: str) -> bool:
        """Return whether a widget's value was handed in just now."""
        return self.fields.get(key) in self.submitted


@attrs.define(eq=False)
class Connection:
    """
    What is known about one connection.

    Attributes:
        session: The session that the connection shows, or None before the first bootstrap.
        session_id: The id that it had then; a rotation changes the session's own.
        keeper: The manager, or None before the first bootstrap.
        persisted: Keys that ``persist`` named.
        shown: Values in Streamlit's state when they were last looked at, by key.
        kept: Values in ``session.inputs`` at the same moment.
        waiting: Values for widgets that existed already; set when the next run begins.
        fresh: Values that were put back and that no widget has taken yet.
        placed: Values that were put back and that a widget took during this run.
        sent: Keys of widgets that came with the browser's request before we saw them.
        deleted: Keys that the app deleted; they are not put back while it lasts.
        unsettable: Keys of widgets that Streamlit lets nobody set.
        forms: The forms that clear on submit: nothing is put into their fields.
        run: The context of the run that bootstrapped last, weakly.
        identity: What the browser was told about its id.
        tab: The tab among those of this process; None before the first bootstrap.
        replaced: What widgets showed before; the browser may still send it.
        unasked: When a run that nobody asked for put a value into a widget, by key.
        refreshing: The fragments that are to run again by themselves.
        told: What status lines say, by fragment.
        overtaken: What the user typed over that was changed elsewhere and not shown yet, by path.
        strayed: Whether the page shows another session, and is to be loaded anew.
        lock: Held while values go from the session to the widgets, or back.
    """

    session: UserSession | None = None
    session_id: str | None = None
    keeper: Keeper | None = None
    persisted: set[str] = attrs.field(factory=set)
    shown: dict[str, Any] = attrs.field(factory=dict)
    kept: dict[str, Any] = attrs.field(factory=dict)
    waiting: dict[str, Any] = attrs.field(factory=dict)
    fresh: dict[str, Any] = attrs.field(factory=dict)
    placed: dict[str, Any] = attrs.field(factory=dict)
    sent: set[str] = attrs.field(factory=set)
    deleted: set[str] = attrs.field(factory=set)
    unsettable: set[str] = attrs.field(factory=set)
    forms: ClearingForms = attrs.field(factory=ClearingForms)
    run: ref[ScriptRunContext] | None = None
    identity: Identity = attrs.field(factory=Identity)
    tab: Tab | None = None
    replaced: dict[str, Replaced] = attrs.field(factory=dict)
    unasked: dict[str, float] = attrs.field(factory=dict)
    refreshing: set[str] = attrs.field(factory=set)
    told: dict[str, Told] = attrs.field(factory=dict)
    overtaken: dict[str, FieldDecision] = attrs.field(factory=dict)
    strayed: bool = False
    lock: RLock = attrs.field(factory=RLock, repr=False)

    @property
    def known(self) -> set[str]:
        """The keys that are captured and put back."""
        return self.persisted | set(self.session.inputs if self.session else ())

    def agree(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value a widget may return
        """Note that Streamlit's state and the session hold *value*."""
        self.shown[key] = self.kept[key] = value
        self.deleted.discard(key)

    def forget(self, key: str) -> None:
        """Note nothing about *key* any more."""
        for values in (self.shown, self.kept, self.waiting, self.fresh, self.placed):
            values.pop(key, None)
        self.replaced.pop(key, None)
        self.unasked.pop(key, None)

    def report(self, event: SessionEvent) -> None:
        """Tell the observers, once there is a manager that can."""
        if self.keeper is not None:
            self.keeper.emit(event)


def same(one: Any, other: Any) -> bool:  # noqa: ANN401 - any value a widget may return
    """Return whether two values are surely equal and of one type; arrays only if they are one object."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    try:
        return bool(one == other)
    except (TypeError, ValueError):
        return False


class ConnectionState(MutableMapping[str, Any]):
    """
    ``st.session_state``, with sessionkit's own entries hidden in it.

    Setting the value of a widget that this run has already made waits for the
    next run: Streamlit refuses it now.
    """

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - any stored value
        """Return the value under *key*."""
        if not key.startswith(PREFIX):
            return st.session_state[key]
        held = st.session_state[hidden(key)]
        return held.value if isinstance(held, Private) else held

    def __setitem__(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value
        """Set the value under *key*, now or when the next run begins."""
        if key.startswith(PREFIX):
            st.session_state[hidden(key)] = Private(value)
        elif not same(st.session_state.get(key, MISSING), value):
            self._set(key, value)

    def _set(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value
        connection = current_connection()
        try:
            if key not in connection.forms.fields:
                st.session_state[key] = value
                return
        except StreamlitAPIException:  # the widget exists already
            pass
        connection.waiting[key] = value

    def __delitem__(self, key: str) -> None:
        """Remove *key*."""
        del st.session_state[hidden(key) if key.startswith(PREFIX) else key]

    def __iter__(self) -> Iterator[str]:
        """Go through the app's own keys and those of widgets."""
        return iter(st.session_state)

    def __len__(self) -> int:
        """Count them."""
        return len(st.session_state)


def current_connection() -> Connection:
    """Return what is known about the connection that the calling code serves."""
    state = ConnectionState()
    connection = state.get(CONNECTION_KEY)
    if not isinstance(connection, Connection):
        connection = Connection()
        state[CONNECTION_KEY] = connection
    return connection
