# SPDX-License-Identifier: Apache-2.0
"""A page that two tabs have open at once, with a notice of what was changed in the other one."""

from __future__ import annotations

import streamlit as st

from sessionkit import bootstrap_session, end_session, persist_input
from sessionkit_streamlit import conflict_notice, save_status


def header() -> None:
    """Show status and notice on one line."""
    st.title("Guests")
    with st.container(horizontal=True):
        save_status(compact=True)
        conflict_notice(compact=True)


def main() -> None:
    """Show everything."""
    session = bootstrap_session()
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    if "header" in st.query_params:
        header()
    else:
        conflict_notice(labels={"email": "E-mail"})
    for key, label in (("name", "Name"), ("email", "E-mail"), ("city", "City")):
        persist_input(key, st.text_input(label, key=key))
    st.button("Nothing")
    st.button("End", on_click=end_session)
    st.text(f"runs={st.session_state['runs']}")
    st.text(f"session={session.session_id}")
    for key in ("name", "email", "city"):
        st.text(f"{key}={session.inputs.get(key)}")


main()
