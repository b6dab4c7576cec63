# SPDX-License-Identifier: Apache-2.0
"""A page with Streamlit's own login."""

from __future__ import annotations

import streamlit as st

from sessionkit import bootstrap_session, persist_input


def main() -> None:
    """Let somebody log in, and keep a word."""
    session = bootstrap_session()
    persist_input("word", st.text_input("Word", key="word"))
    if st.user.is_logged_in:
        st.button("Log out", on_click=st.logout)
    else:
        st.button("Log in", on_click=st.login, args=["one"])
        st.button("Elsewhere", on_click=st.login, args=["two"])
    st.button("Again", on_click=lambda: st.session_state.update(again=True))
    st.text(f"again={'again' in st.session_state}")
    st.text(f"here={st.user.is_logged_in}")
    st.text(f"session={session.session_id}")
    st.text(f"owner={session.user_id}")
    st.text(f"word={session.inputs['word']}")


main()
