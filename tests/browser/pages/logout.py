# SPDX-License-Identifier: Apache-2.0
"""A page that is left by a logout, in every order, with fields of every kind."""

from __future__ import annotations

import streamlit as st

from sessionkit import bootstrap_session, end_session, persist_input
from sessionkit_streamlit import persist


def leave() -> None:
    """Log out, as a callback."""
    end_session()
    st.session_state.clear()


def main() -> None:
    """Ask for something, and let people leave."""
    session = bootstrap_session()
    persist("named")
    st.text_input("Named", key="named")
    persist_input("given", st.text_input("Given", key="given"))
    persist_input("keyless", st.text_input("Keyless"))
    with st.form("form"):
        persist_input("handed", st.text_input("Handed", key="handed"))
        st.form_submit_button("Hand in")
    st.chat_input("Chat")
    st.button("Again")
    if st.button("End"):
        end_session()
        st.text("gone")
    if st.button("End, clear"):
        end_session()
        st.session_state.clear()
        st.text("gone")
    if st.button("Clear, end, rerun"):
        st.session_state.clear()
        end_session()
        st.rerun()
    st.button("By callback", on_click=leave)
    st.text(f"began={session.session_id}")
    inputs = session.inputs
    st.text("kept=" + ",".join(f"{key}:{inputs[key]}" for key in sorted(inputs) if inputs[key]))


main()
