# SPDX-License-Identifier: Apache-2.0
"""
Which values of a tab its user did not touch, as another server can tell.

After a restart or a fail-over a tab sends all that it shows. What it shows may be
old: another tab has changed it since. So each run leaves a mark of every value
in the page, which the page hands to the server that it finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sessionkit_streamlit.handshake import reported_marks
from sessionkit_streamlit.internals.state import snapshot
from sessionkit_streamlit.internals.widgets import sent_values

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit_streamlit.connection import Connection


def marks(connection: Connection, run: ScriptRunContext) -> dict[str, str]:
    """Return a mark of each value that the page of this run will show, by key."""
    state, session_id = snapshot(run), connection.session_id or ""
    found = {key: _mark(session_id, state[key]) for key in connection.known if key in state}
    return {key: mark for key, mark in found.items() if mark is not None}


def untouched(run: ScriptRunContext, session_id: str) -> dict[str, Any]:
    """
    Return by key the values that the browser sent as the page that it comes from showed them.

    Args:
        run: The run; only a page that has found another server says what it shows.
        session_id: The session that the connection shows.
    """
    shown = reported_marks(run)
    if shown is None:
        return {}
    return {
        key: value
        for key, value in sent_values(run).items()
        if _is_as_shown(shown, session_id, key, value)
    }


def _is_as_shown(shown: Mapping[str, str], session_id: str, key: str, value: Any) -> bool:  # noqa: ANN401
    # A widget that the page's own run has made has no mark; touched, it would have had a run since.
    return _mark(session_id, value) == shown[key] if key in shown else not value


def _mark(session_id: str, value: Any) -> str | None:  # noqa: ANN401 - any value of a widget
    """Return a mark of a plain value that says nothing to whoever doesn't know the session's id."""
    if not isinstance(value, str | bool | int | float):
        return None
    plain = value if isinstance(value, str | bool) else float(value)
    secret = session_id.encode()[:64]
    return blake2b(repr(plain).encode(), key=secret, digest_size=6).hexdigest()
