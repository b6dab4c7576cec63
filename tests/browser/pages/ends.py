# SPDX-License-Identifier: Apache-2.0
"""A page whose run ends early: by ``st.stop``, or by an exception."""

from __future__ import annotations

import streamlit as st

from sessionkit import bootstrap_session, get_current_session, get_manager
from sessionkit_streamlit import persist


@st.fragment(run_every=0.3)
def stored() -> None:
    """Say what is in the store."""
    session = get_current_session()
    if not get_manager().is_pending(session.session_id):
        st.text(f"stored word={session.inputs.get('word')}")
        st.text(f"stored draft={session.get_form_state('f').data.get('draft')}")


def main() -> None:
    """Take the word over, then end as it says."""
    session = bootstrap_session()
    persist("word")
    stored()
    word = st.text_input("Word", key="word")
    session.get_form_state("f").data["draft"] = word
    st.text(f"word={word}")
    if word.startswith("stop"):
        st.stop()
    if word.startswith("raise"):
        raise ValueError(word)
    st.text("whole run")


main()
