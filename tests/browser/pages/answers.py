# SPDX-License-Identifier: Apache-2.0
"""A page that answers for a minute, bit by bit."""

import time

import streamlit as st

from sessionkit import bootstrap_session

session = bootstrap_session()
st.text(f"answer={session.inputs.get('answer')}")
if st.button("Ask"):
    session.inputs["answer"] = ["the first half"]
    time.sleep(1)  # what the beginning of the run has changed is stored by now
    session.inputs["answer"].append("and more")
    st.text("answering")
    time.sleep(60)
