# SPDX-License-Identifier: Apache-2.0
"""
The open tabs of this process, and when each is to rerun by itself.

A tab reruns at most once for what it does not show yet. What a run changed that
nobody asked for is told to no tab: a page that changes something in each run would
keep two tabs busy for ever. (Between replicas the manager sees to that.)
"""

from __future__ import annotations

from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from sessionkit.events import SessionEnded, SessionEvent, SessionGone, SessionSaved
from sessionkit_streamlit.browser.gate import gate
from sessionkit_streamlit.connection import Tab, TabGroup
from sessionkit_streamlit.internals.rerun import (
    by_timer,
    of_script,
    request_of,
    rerun_when_idle,
)

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext


_GATHER: Final = 0.1
"""Seconds in which several changes become one rerun; a save that told of one ends meanwhile."""


class OpenTabs:
    """The open tabs of one process; every method may be called on any thread."""

    def __init__(self) -> None:
        """Begin without a tab."""
        self._groups: WeakValueDictionary[str, TabGroup] = WeakValueDictionary()
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
            group = self._groups.get(session_id)
            if group is None:
                group = self._groups[session_id] = TabGroup()
            if tab is None or tab.group is not group:
                tab = self._move(tab, Tab(run.session_id, group))
            if of_script(request):
                tab.begin(request)
            return tab

    def _move(self, before: Tab | None, tab: Tab) -> Tab:
        if before is not None:
            before.group.tabs.discard(before)
            tab.asked = before.asked
        tab.group.tabs.add(tab)
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
                tab.group.changes += 1
                tab.made = tab.group.changes

    def saved(self, session_id: str) -> None:
        """Note that a session was saved with changes: tabs that may lack some rerun."""
        with self._lock:
            group = self._groups.get(session_id)
            if group is None:
                return
            tabs = list(group.tabs)
            behind = [tab for tab in tabs if any(map(tab.lacks, tabs))]
        self._rerun(behind)

    def changed(self, session_id: str) -> None:
        """Have all tabs of a session rerun: someone else has changed it."""
        with self._lock:
            group = self._groups.get(session_id)
            tabs = [] if group is None else list(group.tabs)
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


def rerun_changed_tabs(event: SessionEvent) -> None:
    """Have tabs rerun whose session was changed or ended in this process, where the app wants that."""
    keeper = gate.keeper
    if keeper is None or event.session_id is None or not keeper.watching:
        return
    if isinstance(event, SessionSaved):
        open_tabs.saved(event.session_id)
    elif isinstance(event, SessionEnded | SessionGone):
        open_tabs.changed(event.session_id)
