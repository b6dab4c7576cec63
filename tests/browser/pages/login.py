# SPDX-License-Identifier: Apache-2.0
"""A page with a login of its own."""

from __future__ import annotations

import streamlit as st

from sessionkit import bootstrap_session, persist_input


def main() -> None:
    """Ask who it is, and keep a word."""
    user = st.text_input("User")
    session = bootstrap_session(user_id=user or None)
    persist_input("word", st.text_input("Word", key="word"))
    st.text(f"session={session.session_id}")
    st.text(f"owner={session.user_id}")
    st.text(f"word={session.inputs['word']}")


main()
