# SPDX-License-Identifier: Apache-2.0
"""A fragment that runs again without the browser's timer."""

from __future__ import annotations

from sessionkit_streamlit.connection import current_connection
from sessionkit_streamlit.internals.page import current_fragment
from sessionkit_streamlit.internals.rerun import rerun_when_idle
from sessionkit_streamlit.internals.state import context


def refresh_fragment(after: float = 1.0) -> None:
    """
    Have the fragment that calls this run once more after a while.

    A fragment that waits for something needs it for a moment only, where
    ``run_every`` goes on for ever. (Whether all is saved shows
    :func:`~sessionkit_streamlit.save_status`.) And here the server asks: with the request
    of a timer in the browser Streamlit may send a click that is just being made,
    whose callback is then called twice; and a timer that asks before a busy server
    has sent the page can cost the whole page. Outside fragments nothing happens.

    Args:
        after: Seconds; while another run is under way, or its page is not sent yet, it takes longer.

    Example:
        ::

            @st.fragment
            def report():
                if st.session_state.work.done():
                    st.write(st.session_state.work.result())
                else:
                    refresh_fragment()
    """
    run = context()
    fragment = None if run is None else current_fragment()
    if run is None or fragment is None:
        return
    refreshing = current_connection().page.refreshing
    if fragment in refreshing:
        return
    refreshing.add(fragment)

    def begins() -> bool:
        refreshing.discard(fragment)
        return True

    if not rerun_when_idle(run.session_id, begins, after, fragment):
        refreshing.discard(fragment)
