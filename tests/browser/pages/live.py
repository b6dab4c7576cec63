# SPDX-License-Identifier: Apache-2.0
"""Fields that send what is typed into them while it is typed."""

from __future__ import annotations

import streamlit as st

import sessionkit_streamlit as sk
from sessionkit import bootstrap_session

session = bootstrap_session()
sk.text_input("Note", key="note", live=True)
typed = sk.text_input("Password", type="password", key="pass", live=True)
with sk.form("contact") as f:
    f.text_input("Name", key="name", live="0.3s")
st.text(f"note={session.inputs.get('note', '')}")
st.text(f"name={session.form_states['contact'].data.get('name', '')}")
st.text(f"typed={len(typed)}")
