# SPDX-License-Identifier: Apache-2.0
"""
What widgets began with, and who has touched them.

A page that persists its fields puts their defaults into the session as it is
shown. To a session that nobody owns it matters whether anyone did more: at a
login one that was only shown makes room for what the user left behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, Final

from sessionkit.values.equality import is_empty
from sessionkit_streamlit.connection import EXTENSION, MISSING, Connection, same
from sessionkit_streamlit.internals.page import is_placed
from sessionkit_streamlit.internals.widgets import at_default

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.session import UserSession

_BEGUN: Final = "begun"


def note_beginning(
    connection: Connection,
    session: UserSession,
    run: ScriptRunContext,
    key: str,
    value: Any,  # noqa: ANN401
) -> None:
    """
    Note what a widget begins with, before its value is kept for the first time.

    Args:
        connection: The tab's.
        session: The session that it shows.
        run: The context of the script's run.
        key: What the app keeps the value under.
        value: What it is about to keep.
    """
    if session.user_id is not None or is_empty(value):
        return
    if key in connection.sent or not is_placed(run, key):
        return
    if at_default(run, key, value):
        with session.lock:
            noted = _noted(session)
            begun = {**_begun(noted), key: copy(value)}  # the app may change its own
            session.extensions[EXTENSION] = {**noted, _BEGUN: begun}


def is_only_shown(session: UserSession, key: str) -> bool:
    """Return whether an input is what its widget began with; whether a button was pressed counts for nothing."""
    noted, value = _noted(session), session.inputs.get(key, MISSING)
    if isinstance(value, bool) and key in noted.get("unsettable", ()):
        return True
    return same(_begun(noted).get(key, MISSING), value)


def _noted(session: UserSession) -> Mapping[str, Any]:
    noted = session.extensions.get(EXTENSION)
    return noted if isinstance(noted, Mapping) else {}


def _begun(noted: Mapping[str, Any]) -> Mapping[str, Any]:
    begun = noted.get(_BEGUN)
    return begun if isinstance(begun, Mapping) else {}
