# SPDX-License-Identifier: Apache-2.0
"""A page with one of each that people keep: by ``persist_input``, by ``persist``, in a form."""

from __future__ import annotations

import streamlit as st

from sessionkit import bootstrap_session, persist_input
from sessionkit_streamlit import conflict_notice, persist, save_status

session = bootstrap_session()
persist("city")
persist_input("name", st.text_input("Name", key="name"))
st.text_input("City", key="city")
item = st.text_input("Item", key="item")
persist_input("item", item)
session.get_form_state("order").data["item"] = item
persist_input("agreed", st.checkbox("Agreed", key="agreed"))
save_status()
conflict_notice()
st.text(f"session={session.session_id}")
st.text(f"name={session.inputs.get('name')}")
st.text(f"city={st.session_state.get('city')}")
st.text(f"draft={session.get_form_state('order').data.get('item')}")
st.text(f"agreed={session.inputs.get('agreed')}")
