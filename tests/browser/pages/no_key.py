# SPDX-License-Identifier: Apache-2.0
"""A page whose author forgot a key, and one widget that stands in the page's URL."""

from __future__ import annotations

import streamlit as st

from sessionkit import bootstrap_session, persist_input

session = bootstrap_session()
persist_input("q", st.text_input("Query", key="q", bind="query-params"))
persist_input("name", st.text_input("Name"))
st.text(f"q={session.inputs.get('q')}")
st.text(f"name={session.inputs.get('name')}")
