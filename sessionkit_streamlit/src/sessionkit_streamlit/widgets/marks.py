# SPDX-License-Identifier: Apache-2.0
"""
Which values of a tab its user did not touch, as another server can tell.

After a restart or a fail-over a tab sends all that it shows. What it shows may be
old: another tab has changed it since. So each run leaves a mark of every value
in the page, which the page hands to the server that it finds. Its session may be
another one by now, too: somebody logged in or out in another tab.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from sessionkit_streamlit.browser.handshake import reported_page
from sessionkit_streamlit.internals.state import snapshot
from sessionkit_streamlit.internals.widgets import sent_values

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.session import UserSession
    from sessionkit_streamlit.connection import Connection

_SESSION: Final = "the session"


def page_of(connection: Connection, run: ScriptRunContext) -> dict[str, Any]:
    """Return what the page of this run is to say at another server: marks of its session, and of each value by key."""
    state, session_id = snapshot(run), connection.session_id or ""
    found = {key: _mark(session_id, state[key]) for key in connection.known if key in state}
    shown = {key: mark for key, mark in found.items() if mark is not None}
    return {"session": _mark(session_id, _SESSION), "shown": shown}


def shows_another(run: ScriptRunContext, session: UserSession) -> bool:
    """
    Return whether the browser's page shows another session than a stored one, and says so.

    Args:
        run: The run; only a page that has found another server says what it shows.
        session: The session that the connection is to show. If it has just begun
            the page's own is lost, and what the page holds is all that is left.
    """
    page = reported_page(run) if session.version else None
    told = None if page is None else page.get("session")
    return told is not None and told != _mark(session.session_id, _SESSION)


def untouched(run: ScriptRunContext, session_id: str) -> dict[str, Any]:
    """
    Return by key the values that the browser sent as the page that it comes from showed them.

    Args:
        run: The run; only a page that has found another server says what it shows.
        session_id: The session that the connection shows.
    """
    page = reported_page(run)
    shown = None if page is None else page.get("shown")
    if not isinstance(shown, dict):
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
