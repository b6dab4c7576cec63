# SPDX-License-Identifier: Apache-2.0
"""
Keeps status lines true without a timer in the browser.

A line is drawn before the run that it belongs to has ended, and what the run changed is
saved later still. So the server looks, at the end of each run and then once in a while,
whether a line says what is so; only if not its fragment runs again. When all is saved
nobody looks any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import ref

from sessionkit_streamlit.internals.page import fragments_of
from sessionkit_streamlit.internals.rerun import rerun_when_idle
from sessionkit_streamlit.notices.status_wording import reason_of

if TYPE_CHECKING:
    from datetime import datetime

    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.status import PersistenceStatus
    from sessionkit_streamlit.connection import Connection

_SOON: Final = 0.1
_LATER: Final = 1.0
"""Seconds until the next look: where the user has just changed something, and else."""


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


def what_of(status: PersistenceStatus) -> What:
    """Return the part of a status that a line is made of."""
    if status.state == "offline":
        return What(status.state, since=status.offline_since)
    if status.state == "rejected":
        return What(status.state, names=(reason_of(status),))
    named = status.not_kept if status.state == "incomplete" else ()
    return What(status.state, names=tuple(value.path for value in named))


def only_lines(connection: Connection, run: ScriptRunContext) -> bool:
    """Return whether a run drew status lines and did nothing else: it changed nothing."""
    fragments = fragments_of(run)
    return bool(fragments) and connection.told.keys() >= set(fragments)


def run_ended(connection: Connection, run: ScriptRunContext) -> None:
    """
    Look after the status lines that a run leaves behind.

    Args:
        connection: The tab's.
        run: The run's context.
    """
    session, keeper = connection.session, connection.keeper
    if session is None or keeper is None or not connection.told:
        return
    status = keeper.save_status(session)
    for fragment, told in tuple(connection.told.items()):
        if _is_settled(told, status):
            continue
        edited = session.interaction_count != told.interactions and what_of(status) != told.what
        _look_later(connection, run.session_id, fragment, _SOON if edited else _LATER)


def _is_settled(told: Told, status: PersistenceStatus) -> bool:
    return what_of(status) == told.what and not status.pending


def _look_later(connection: Connection, tab: str, fragment: str, after: float) -> None:
    if fragment in connection.refreshing:
        return
    connection.refreshing.add(fragment)
    weak = ref(connection)

    def is_wrong() -> bool:
        alive = weak()  # a tab that was closed is not looked after
        return alive is not None and _look(alive, tab, fragment)

    if not rerun_when_idle(tab, is_wrong, after, fragment):
        connection.refreshing.discard(fragment)


def _look(connection: Connection, tab: str, fragment: str) -> bool:
    """Return whether a line is to be drawn anew, on Streamlit's event loop; else look again later."""
    connection.refreshing.discard(fragment)
    session, keeper, told = connection.session, connection.keeper, connection.told.get(fragment)
    if session is None or keeper is None or told is None:
        return False
    status = keeper.save_status(session)
    if what_of(status) != told.what:
        # Its run puts it there again, unless the line is gone from the page.
        del connection.told[fragment]
        return True
    if not _is_settled(told, status):
        _look_later(connection, tab, fragment, _LATER)
    return False
