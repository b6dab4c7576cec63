# SPDX-License-Identifier: Apache-2.0
"""What the store has of this session, read from the store itself."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import streamlit as st

from sessionkit import UnavailableError, UserSession, get_current_session, get_manager
from sessionkit_streamlit.demo.store_switch import STORE
from sessionkit_streamlit.demo.survival import STARTED
from sessionkit_streamlit.notices.save_status import viewer_zone
from sessionkit_streamlit.tabs.refresh_fragment import refresh_fragment

SHORT_ID = 8


@st.fragment
def what_is_stored() -> None:
    """Show what is stored and where, and keep it true while something waits."""
    session = get_current_session()
    st.markdown("**What is stored**")
    st.table(
        {
            "Where": STORE.place(),
            **_record(session),
            "Server": f"process {os.getpid()}, since {_clock(STARTED)}",
        },
        border="horizontal",
    )
    st.caption(f"Session {session.session_id[:SHORT_ID]} · {session.origin}")
    if get_manager().save_status(session).state in {"saving", "offline"}:
        refresh_fragment()


def _record(session: UserSession) -> dict[str, str]:
    try:
        stored = STORE.read(session.session_id)
    except UnavailableError:
        return {"Save": "out of reach"}
    if stored is None:
        return {"Save": "none yet"}
    size = sum(map(len, stored.parts.values()))
    last = datetime.fromtimestamp(stored.head.last_activity / 1e6, UTC)
    return {
        "Save": f"number {stored.head.version}",
        "Last change": _clock(last),
        "Size": f"{size:,} bytes",
    }


def _clock(moment: datetime) -> str:
    """Return a moment as the viewer's clock shows it."""
    return f"{moment.astimezone(viewer_zone()):%H:%M:%S}"
