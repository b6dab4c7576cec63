# SPDX-License-Identifier: Apache-2.0
"""A page that says what it was started with."""

from __future__ import annotations

import sys

import streamlit as st
from neighbour import WORD

from sessionkit import bootstrap_session, persist_input

bootstrap_session()
st.session_state["runs"] = st.session_state.get("runs", 0) + 1
persist_input("name", st.text_input("Name", key="name"))
st.text(f"arguments={sys.argv[1:]}")
st.text(f"color={st.get_option('theme.primaryColor')}")
st.text(f"main={__name__}")
st.text(f"neighbour={WORD}")
st.text(f"runs={st.session_state['runs']}")
st.text(f"name={st.session_state['name']}")
