# SPDX-License-Identifier: Apache-2.0
"""
The open tabs of this process, and when each is to rerun by itself.

A tab reruns at most once for what it does not show yet. What a run changed that
nobody asked for is told to no tab: a page that changes something in each run would
keep two tabs busy for ever. (Between replicas the manager sees to that.)
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet, WeakValueDictionary

import attrs

from sessionkit_streamlit.internals.rerun import (
    by_browser,
    by_timer,
    of_script,
    request_of,
    rerun_when_idle,
)

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

_GATHER: Final = 0.1
"""Seconds in which several changes become one rerun; a save that told of one ends meanwhile."""


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


class OpenTabs:
    """The open tabs of one process; every method may be called on any thread."""

    def __init__(self) -> None:
        """Begin without a tab."""
        self._showings: WeakValueDictionary[str, Showing] = WeakValueDictionary()
        self._lock = Lock()

    def began(self, tab: Tab | None, run: ScriptRunContext, session_id: str) -> Tab:
        """
        Note that a run of the script has its session; it shows all that is known up to now.

        Args:
            tab: The tab as it was noted before, or None.
            run: The run's context.
            session_id: The session that it shows.
        """
        request = request_of(run)
        with self._lock:
            showing = self._showings.setdefault(session_id, Showing())
            if tab is None or tab.showing is not showing:
                tab = self._moved(tab, Tab(run.session_id, showing))
            if of_script(request):
                tab.begin(request)
            return tab

    def _moved(self, before: Tab | None, tab: Tab) -> Tab:
        if before is not None:
            before.showing.tabs.discard(before)
            tab.asked = before.asked
        tab.showing.tabs.add(tab)
        return tab

    def ended(self, tab: Tab | None, run: ScriptRunContext) -> None:
        """Note that a run ended, be it of the script or of a fragment."""
        if tab is None:
            return
        request = request_of(run)
        with self._lock:
            tab.running = False
            unasked = (tab.ours and request is tab.request) or by_timer(request)
            if not unasked:
                tab.showing.changes += 1
                tab.made = tab.showing.changes

    def saved(self, session_id: str) -> None:
        """Note that a session was saved with changes: tabs that may lack some rerun."""
        with self._lock:
            showing = self._showings.get(session_id)
            if showing is None:
                return
            tabs = list(showing.tabs)
            behind = [tab for tab in tabs if any(map(tab.lacks, tabs))]
        self._rerun(behind)

    def changed(self, session_id: str) -> None:
        """Have all tabs of a session rerun: someone else has changed it."""
        with self._lock:
            showing = self._showings.get(session_id)
            tabs = [] if showing is None else list(showing.tabs)
        self._rerun(tabs)

    def _rerun(self, tabs: list[Tab]) -> None:
        for tab in tabs:
            with self._lock:
                known, tab.due = tab.due, True
            if not known and not rerun_when_idle(tab.name, partial(self._take, tab), _GATHER):
                tab.due = False

    def _take(self, tab: Tab) -> bool:
        """Return whether the tab is still to rerun, once: its user may have been quicker."""
        with self._lock:
            wanted, tab.due = tab.due, False
            tab.asked = wanted
            return wanted


open_tabs: Final = OpenTabs()
"""The tabs of this process: Streamlit serves one app in each."""
