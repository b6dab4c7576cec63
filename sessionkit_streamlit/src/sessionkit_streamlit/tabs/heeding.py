# SPDX-License-Identifier: Apache-2.0
"""What happened to a session, as far as tabs left open are to show it."""

from __future__ import annotations

from sessionkit.events import SessionEnded, SessionEvent, SessionGone, SessionSaved
from sessionkit_streamlit.browser.gate import gate
from sessionkit_streamlit.tabs.tabs import open_tabs


def heed(event: SessionEvent) -> None:
    """Have tabs rerun whose session was changed or ended in this process, where the app wants that."""
    keeper = gate.keeper
    if keeper is None or event.session_id is None or not keeper.watching:
        return
    if isinstance(event, SessionSaved):
        open_tabs.saved(event.session_id)
    elif isinstance(event, SessionEnded | SessionGone):
        open_tabs.changed(event.session_id)
