# SPDX-License-Identifier: Apache-2.0
"""A page whose widgets take less, once a file called ``narrow`` lies beside it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from sessionkit import bootstrap_session, persist_input

narrow = Path("narrow").exists()
bootstrap_session()
size = st.slider("Size", 0, 10 if narrow else 100, key="size")
persist_input("size", size)
color = st.radio("Color", ["red"] if narrow else ["red", "blue"], key="color")
persist_input("color", color)
amount = st.number_input("Amount", 0, 10 if narrow else 100, key="amount")
persist_input("amount", amount)
st.text(f"size={size}")
st.text(f"amount={amount}")
st.text(f"color={color}")
st.text(f"narrow={narrow}")
