# SPDX-License-Identifier: Apache-2.0
"""What is known about one connection: one browser tab and one Streamlit session."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

import attrs

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.conflict import FieldDecision
    from sessionkit.events import SessionEvent
    from sessionkit.host import Keeper
    from sessionkit.session import UserSession
    from sessionkit_streamlit.notices.following import Told
    from sessionkit_streamlit.tabs.tabs import Tab

PREFIX: Final = "_sessionkit"
"""What the keys of sessionkit's own entries in a host's state begin with."""

CONNECTION_KEY: Final = f"{PREFIX}_streamlit"
EXTENSION: Final = "streamlit"
"""This plugin's name in ``UserSession.extensions``."""

MISSING: Final = object()


@attrs.define(eq=False)
class Private:
    """
    Holds a value in Streamlit's session state.

    Streamlit can be told to pickle the whole state after each run as a check;
    what is held here is live and comes out of a pickle as nothing.
    """

    value: Any

    def __reduce__(self) -> tuple[type[Private], tuple[None]]:
        """Let the check pass."""
        return Private, (None,)


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
