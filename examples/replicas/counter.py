# SPDX-License-Identifier: Apache-2.0
"""A page that says which replica it comes from; ``replicas.py`` starts two of them."""

from __future__ import annotations

import os

import streamlit as st

from sessionkit import bootstrap_session, get_manager
from sessionkit_streamlit import save_status, text_input

OWN, OTHER = st.get_option("server.port"), os.environ["OTHER_PORT"]

st.set_page_config(page_title=f"Replica {OWN}", page_icon=":material/dns:")
session = bootstrap_session()


def count() -> None:
    """Count one more click; where two replicas count at once, both clicks count (see replicas.py)."""
    session.inputs["clicks"] = session.inputs.get("clicks", 0) + 1


st.title(f"Replica {OWN}")
st.caption(f"Process {os.getpid()} · sessions lie in {get_manager().settings.storage}")
save_status()
text_input("Your name", key="name")
st.button("Click", on_click=count)
st.metric("Clicks, wherever", session.inputs.get("clicks", 0), border=True)
st.link_button(f"Go to replica {OTHER}", f"http://127.0.0.1:{OTHER}")
