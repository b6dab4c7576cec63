# SPDX-License-Identifier: Apache-2.0
"""A page with a login of its own, a notice, a field and a loop: the user has it open, and who has stolen their cookie."""

from __future__ import annotations

import time

import streamlit as st

from sessionkit import (
    bootstrap_session,
    end_session,
    get_current_session,
    get_manager,
    log_in,
    log_out,
    persist_input,
    rotate_session,
)
from sessionkit_streamlit import conflict_notice, persist


@st.fragment
def stored() -> None:
    """Say what is in the store; a run of the fragment alone waits for no save of its own."""
    st.button("Look")
    session = get_current_session()
    if not get_manager().is_pending(session.session_id):
        st.text(f"stored note={session.inputs.get('note')}")


def main() -> None:
    """Show everything; a loop goes on with the session that it began with."""
    session = bootstrap_session()
    persist("typed")
    conflict_notice()
    persist_input("note", st.text_input("Note", key="note"))
    st.text_input("Typed", key="typed")
    st.button("Log in", on_click=log_in, args=[st.query_params["user"]])
    st.button("Log out", on_click=log_out)
    st.button("End", on_click=end_session)
    st.button("Rotate", on_click=rotate_session)
    loops = st.button("Loop")
    st.button("Again")
    st.text(f"session={session.session_id}")
    st.text(f"owner={session.user_id}")
    for key in ("note", "typed", "attack"):
        st.text(f"{key}={session.inputs.get(key)}")
    stored()
    if loops:
        place = st.empty()
        for turn in range(600):
            session.inputs["attack"] = f"turn {turn}"
            place.text(f"loop: {session.ended}, {session.inputs.get('note')}")
            time.sleep(0.1)


main()
