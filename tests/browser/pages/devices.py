# SPDX-License-Identifier: Apache-2.0
"""A page with a login of its own and the list of where its user is signed in."""

from __future__ import annotations

import streamlit as st

from sessionkit import bootstrap_session, log_in, persist_input
from sessionkit_streamlit import devices


def main() -> None:
    """Show a field and the list."""
    session = bootstrap_session()
    st.text(f"owner={session.user_id}")
    st.text(f"origin={session.origin}")
    persist_input("note", st.text_input("Note", key="note"))
    st.button("Log in", on_click=log_in, args=["ada"])
    st.header("Where you are signed in")
    devices()


main()
