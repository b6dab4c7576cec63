# SPDX-License-Identifier: Apache-2.0
"""A data editor that keeps its edits, and a page beside it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import sessionkit_streamlit as sk


def editor() -> None:
    """Show the editor, and what it returned."""
    stock = pd.DataFrame({"pieces": [1, 2, 3], "item": ["tea", "milk", "bread"]})
    rows = sk.data_editor(stock, num_rows="dynamic", key="stock", width=500)
    st.text(f"pieces={rows['pieces'].tolist()}")


def other() -> None:
    """Show none."""
    st.text("nothing here")


st.navigation([st.Page(editor, title="Editor"), st.Page(other, title="Other")]).run()
