# SPDX-License-Identifier: Apache-2.0
"""
Values that are no edits, though they differ from what the session holds.

A tab goes on showing a value until a run puts the newer one there; and what the
browser sends before that run's page has arrived still holds the one before.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from sessionkit_streamlit.connection import MISSING, Connection, Replaced, same
from sessionkit_streamlit.internals.page import is_placed
from sessionkit_streamlit.internals.state import snapshot
from sessionkit_streamlit.internals.widgets import at_default, sent_keys, sent_values
from sessionkit_streamlit.widgets.marks import untouched

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.session import UserSession

_ON_THE_WAY: Final = 2.0
"""Seconds that a page and the request that crosses it take, at most."""


def note_replaced(connection: Connection, key: str, before: Any) -> None:  # noqa: ANN401
    """Note the value that a widget shows until the page of this run has arrived."""
    known = connection.replaced.get(key)
    if before is MISSING:
        return
    if known is None or _has_arrived(known):
        connection.replaced[key] = known = Replaced()
    known.values.append(before)
    known.sent_at = None


def note_sent(connection: Connection) -> None:
    """Note that a run has ended: its page is on the way."""
    now = monotonic()
    for key, replaced in list(connection.replaced.items()):
        if replaced.sent_at is None:
            replaced.sent_at = now
        elif _has_arrived(replaced):
            connection.replaced.pop(key, None)


def _has_arrived(replaced: Replaced) -> bool:
    return replaced.sent_at is not None and monotonic() - replaced.sent_at > _ON_THE_WAY


def note_crossing(connection: Connection, run: ScriptRunContext) -> set[str]:
    """
    Return the keys of which a request holds what the browser's page showed, not what its user typed.

    A page that has just found another server says what it shows, and may ask more
    than once before the first answer has arrived. What it says is remembered for
    the requests that cross that answer without saying anything, as a click's does.

    Args:
        connection: The tab's, with its session.
        run: The context of the script's run.
    """
    told = untouched(run, connection.session_id or "")
    for key, value in told.items():
        note_replaced(connection, key, value)
    sent = sent_values(run) if connection.replaced else {}
    return {*told, *(key for key, value in sent.items() if is_late(connection, key, value))}


def sent_first(run: ScriptRunContext) -> set[str]:
    """
    Return the keys of widgets whose values came with a connection's first request.

    A widget that this run has made already looks as if it had come, too: at its
    default it counts as not sent.
    """
    state = snapshot(run)
    return {
        key
        for key in sent_keys(run)
        if not (is_placed(run, key) and at_default(run, key, state.get(key, MISSING)))
    }


def is_late(connection: Connection, key: str, value: Any) -> bool:  # noqa: ANN401
    """Return whether the browser sent *value* before it had what was put in its place."""
    replaced = connection.replaced.get(key)
    if replaced is None or _has_arrived(replaced) or same(connection.shown.get(key), value):
        return False
    return any(same(one, value) for one in replaced.values)


def is_showing(session: UserSession, run: ScriptRunContext, key: str) -> bool:
    """Return whether a widget of this run shows what the session keeps under *key*, or did."""
    return key in session.inputs and is_placed(run, key)


def is_unchanged(connection: Connection, run: ScriptRunContext, key: str, value: Any) -> bool:  # noqa: ANN401
    """
    Return whether a value is just what the key's widget went on showing.

    Another tab may have changed the session's value while this run was under way.

    Args:
        connection: The tab's.
        run: The context of the script's run.
        key: A key that :func:`is_showing`.
        value: What the app wants to keep.
    """
    if key in connection.unsettable:
        return False  # nothing is put there: Streamlit takes a button back by itself
    if connection.forms.is_submitted(key):
        return False
    if not same(st.session_state.get(key, MISSING), value):
        return False  # the app made something else of it
    if key in connection.shown:
        return same(connection.shown[key], value) or is_late(connection, key, value)
    return key not in connection.sent and at_default(run, key, value)
