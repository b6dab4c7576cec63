# SPDX-License-Identifier: Apache-2.0
"""What the session remembers of the user's way, and the button that forgets it all."""

from __future__ import annotations

import streamlit as st

from sessionkit import UserSession, end_session, get_current_session

SHOWN = 10


def journal() -> None:
    """Show the visited pages, the newest first, and the counters."""
    session = get_current_session()
    st.header("Journal")
    _counters(session)
    st.subheader("Where you were")
    st.table(
        [
            {
                "Page": entry.page.replace("_", " ").capitalize(),
                "Time (UTC)": f"{entry.timestamp:%Y-%m-%d %H:%M:%S}",
            }
            for entry in reversed(session.navigation_history[-SHOWN:])
        ]
    )
    if st.button("End this session", icon=":material/logout:"):
        end_session()
        st.session_state.clear()  # what this tab shows is not part of the session
        st.rerun()


def _counters(session: UserSession) -> None:
    with st.container(horizontal=True):
        st.metric("Pages", len(session.page_views), border=True)
        st.metric("Page views", sum(session.page_views.values()), border=True)
        st.metric("Interactions", session.interaction_count, border=True)
