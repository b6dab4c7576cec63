# SPDX-License-Identifier: Apache-2.0
"""Whether a run brings nothing new: session, widgets and page hold what they held when they were last looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessionkit_streamlit.connection import Connection, is_plain_same
from sessionkit_streamlit.internals.state import MISSING, values

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.session import UserSession


def is_at_rest(connection: Connection, session: UserSession, run: ScriptRunContext) -> bool:
    """
    Return whether there is surely nothing to put back, to capture and to tell the page.

    One look at each value, where each of these would take one. In doubt there is something.

    Args:
        connection: What is known about the connection.
        session: The session that it has.
        run: The context of the script's run, which the browser's page has said nothing new about.
    """
    widgets = connection.widgets
    if (
        connection.session is not session
        or widgets.shown_for is not session
        or connection.session_id != session.session_id
        or widgets.marks.session_id != session.session_id
        or widgets.waiting
        or widgets.replaced
        or widgets.placed
        or widgets.forms.fields
    ):
        return False
    inputs, shown, kept, unsettable = (
        connection.kept_values(session) if connection.fields else session.inputs,
        widgets.shown,
        widgets.kept,
        widgets.unsettable,
    )
    known, marked = connection.known, widgets.marks.values
    state = values(run, known)
    if state.keys() != marked.keys():
        return False
    for key in known:
        value = state.get(key, MISSING)
        if not is_plain_same(marked.get(key, MISSING), value):
            return False
        if key in unsettable:
            continue  # nothing is put there, and nothing captured
        held = inputs.get(key, MISSING)
        if (
            not is_plain_same(shown.get(key, value), value)
            or not is_plain_same(kept.get(key, MISSING), held)
            or (value is MISSING and held is not MISSING)
        ):
            return False
    return True
