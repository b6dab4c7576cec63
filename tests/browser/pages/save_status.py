# SPDX-License-Identifier: Apache-2.0
"""A page that says whether what was typed is saved."""

from __future__ import annotations

import streamlit as st

from sessionkit import bootstrap_session, persist_input
from sessionkit_streamlit import save_status


@st.fragment
def fragment() -> None:
    """Run by itself when its field changes."""
    persist_input("street", st.text_input("Street", key="street"))


def main() -> None:
    """Show the line above the fields."""
    session = bootstrap_session()
    save_status()
    persist_input("city", st.text_input("City", key="city"))
    fragment()
    st.text(f"session={session.session_id}")
    st.text(f"city={session.inputs['city']}")


main()
