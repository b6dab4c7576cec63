# SPDX-License-Identifier: Apache-2.0
"""A page that lets its user choose among a table's values, and rows of the table."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from sessionkit import bootstrap_session, persist_input
from sessionkit_streamlit import save_status

bootstrap_session()
table = pd.DataFrame({"year": [2020, 2021, 2022], "price": [0.5, 1.5, 2.5]})
year = st.selectbox("Year", sorted(table["year"].unique()), key="year")
persist_input("year", year)
price = st.radio("Price", list(table["price"].to_numpy()), key="price")
persist_input("price", price)
event = st.dataframe(table, on_select="rerun", selection_mode="multi-row", key="rows")
persist_input("rows", event)
st.text(f"year={year}")
st.text(f"price={price}")
st.text(f"rows={event.selection.rows}")
save_status()
