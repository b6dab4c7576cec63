# SPDX-License-Identifier: Apache-2.0
"""
The demo's script: an ordinary Streamlit script with pages.

It runs unchanged in each way: ``sessionkit run app.py``, ``streamlit run app.py``,
and as ``st.App("app.py", **sessionkit_streamlit.app_options())``.
"""

from __future__ import annotations

import os

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from sessionkit import UserSession, bootstrap_session
from sessionkit_streamlit import conflict_notice, save_status
from sessionkit_streamlit.demo.draft import draft
from sessionkit_streamlit.demo.issues import issues
from sessionkit_streamlit.demo.journal import journal

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
    pages = [
        st.Page(issues, title="Issues", icon=":material/list:", default=True),
        st.Page(draft, title="New issue", icon=":material/edit:"),
        st.Page(journal, title="Journal", icon=":material/history:"),
    ]
    page = st.navigation(pages)
    st.sidebar.markdown(TRY_IT.format(process=os.getpid()))
    show_status(session)
    conflict_notice()
    note_page(session, page, pages)
    page.run()


def show_status(session: UserSession) -> None:
    """Show whose page this is, and whether all is saved."""
    # Decided once a connection: later everyone has typed something.
    first = "restored" if session.interaction_count else "new"
    origin = st.session_state.setdefault(f"origin-{session.session_id}", first)
    st.caption(f"Session {session.session_id[:SHORT_ID]} · {origin}")
    save_status()


def note_page(session: UserSession, page: StreamlitPage, pages: list[StreamlitPage]) -> None:
    """
    Note which page the user is on, once a visit.

    Whoever comes to the bare address goes on where they left; a reload of any
    other address, and a click in the navigation, stay where they are.
    """
    shown = f"page-{session.session_id}"
    if shown not in st.session_state and page is pages[0]:
        left = next((p for p in pages if p.title == session.current_page), page)
        if left is not page:
            st.switch_page(left)
    if st.session_state.get(shown) != page.title and session.current_page != page.title:
        session.add_navigation(page.title)
    st.session_state[shown] = page.title


if __name__ == "__main__":
    main()
