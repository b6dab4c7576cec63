# SPDX-License-Identifier: Apache-2.0
"""The lines on top of every page that say how the session is doing."""

from __future__ import annotations

import streamlit as st

from sessionkit import UserSession
from sessionkit_streamlit import save_status

SHORT_ID = 8


def show_status(session: UserSession) -> None:
    """Show whose page this is, and whether all is saved."""
    # Decided once a connection: later everyone has typed something.
    first = "restored" if session.interaction_count else "new"
    origin = st.session_state.setdefault(f"origin-{session.session_id}", first)
    st.caption(f"Session {session.session_id[:SHORT_ID]} · {origin}")
    save_status()
