# SPDX-License-Identifier: Apache-2.0
"""
The demo's script: an ordinary Streamlit script with pages.

It runs unchanged in each way: ``sessionkit run app.py``, ``streamlit run app.py``,
and as ``st.App("app.py", **sessionkit_streamlit.app_options())``.
"""

from __future__ import annotations

import streamlit as st

from sessionkit import bootstrap_session
from sessionkit_streamlit import Route, conflict_notice, router, save_status
from sessionkit_streamlit.demo.issues import issues
from sessionkit_streamlit.demo.journal import journal
from sessionkit_streamlit.demo.new_issue import new_issue
from sessionkit_streamlit.demo.store_switch import use_store_with_switch
from sessionkit_streamlit.demo.stored import what_is_stored
from sessionkit_streamlit.demo.survival import offer_losses, show_survival

WHAT_FOR = """
**What you do here is kept.** Vote, search, begin an issue. Then try to lose it: reload the page, close it, or take one of these.
"""


def main() -> None:
    """Run the page that the user is on."""
    st.set_page_config(page_title="Issue desk", page_icon=":material/bug_report:")
    use_store_with_switch()  # no app needs this: here one may try what an outage does
    session = bootstrap_session()
    page = router(
        [
            Route(issues, title="Issues", icon=":material/list:"),
            Route(new_issue, title="New issue", icon=":material/edit:"),
            Route(journal, title="Journal", icon=":material/history:"),
        ]
    )
    st.markdown(WHAT_FOR)
    offer_losses()
    show_survival(session)
    save_status()
    conflict_notice()
    page.run()
    with st.sidebar:
        what_is_stored()


if __name__ == "__main__":
    main()
