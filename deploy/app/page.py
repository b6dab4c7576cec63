# SPDX-License-Identifier: Apache-2.0
"""The page that the files beside it deploy: put your own in its place."""

from __future__ import annotations

import os

import streamlit as st

import sessionkit_streamlit as sk
from sessionkit import bootstrap_session

bootstrap_session()
st.title("Order")
sk.save_status()

name = sk.text_input("Name", key="name")
note = sk.text_area("Note", key="note")
st.text(f"For {name or 'nobody yet'}: {note or 'no note'}")

# An upload lies in the memory of the replica that took it. Store what you need of it yourself.
drawing = st.file_uploader("Drawing", key="drawing")
if drawing is not None:
    st.text(f"{drawing.name}: {drawing.size} bytes")

# Containers and pods know their own name by this variable.
st.caption(f"Served by {os.environ.get('HOSTNAME', 'this server')}")
