# SPDX-License-Identifier: Apache-2.0
"""
The demo's script: an ordinary Streamlit script with pages.

It runs unchanged in each way: ``sessionkit run app.py``, ``streamlit run app.py``,
and as ``st.App("app.py", **sessionkit_streamlit.app_options())``.
"""

from __future__ import annotations

import os

import streamlit as st

from sessionkit import UserSession, bootstrap_session
from sessionkit_streamlit import Route, conflict_notice, router, save_status
from sessionkit_streamlit.demo.issues import issues
from sessionkit_streamlit.demo.journal import journal
from sessionkit_streamlit.demo.new_issue import new_issue

SHORT_ID = 8
TRY_IT = """
Type something, file an issue, vote. Then try to lose it:

- press **F5**
- close the tab, open it again
- kill the server (`kill -9 {process}`) and start it again
"""


def main() -> None:
    """Run the page that the user is on."""
    st.set_page_config(page_title="Issue desk", page_icon=":material/bug_report:")
    session = bootstrap_session()
    # Decided once a connection, before the page is noted: later everyone has done something.
    first = "restored" if session.interaction_count else "new"
    origin = st.session_state.setdefault(f"origin-{session.session_id}", first)
    page = router(
        [
            Route(issues, title="Issues", icon=":material/list:"),
            Route(new_issue, title="New issue", icon=":material/edit:"),
            Route(journal, title="Journal", icon=":material/history:"),
        ]
    )
    st.sidebar.markdown(TRY_IT.format(process=os.getpid()))
    show_status(session, origin)
    conflict_notice()
    page.run()


def show_status(session: UserSession, origin: str) -> None:
    """Show whose page this is, and whether all is saved."""
    st.caption(f"Session {session.session_id[:SHORT_ID]} · {origin}")
    save_status()


if __name__ == "__main__":
    main()
