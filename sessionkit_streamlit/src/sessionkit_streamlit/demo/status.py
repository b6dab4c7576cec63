# SPDX-License-Identifier: Apache-2.0
"""The line on top of every page that says how the session is doing."""

from __future__ import annotations

import streamlit as st

from sessionkit import UserSession, get_current_session, get_manager
from sessionkit_streamlit import refresh_fragment

SHORT_ID = 8
LOOK_AGAIN = 0.5
"""Seconds until the line is shown anew while something is not saved yet."""


def show_status(session: UserSession) -> None:
    """Show the line, and keep it up to date while the page is open."""
    # Decided once a connection: later the session has a version in any case.
    origin = "restored" if session.interaction_count else "new"
    st.session_state.setdefault(f"origin-{session.session_id}", origin)
    _line()


@st.fragment
def _line() -> None:
    session = get_current_session()
    pending = get_manager().is_pending(session.session_id)
    if pending:
        refresh_fragment(LOOK_AGAIN)
    state = (
        ":orange[pending]" if pending else ":green[saved]" if session.version else "not stored yet"
    )
    st.caption(
        f"Session {session.session_id[:SHORT_ID]} · {state}"
        f" · version {session.version} · {st.session_state[f'origin-{session.session_id}']}"
    )
