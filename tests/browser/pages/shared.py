# SPDX-License-Identifier: Apache-2.0
"""An offer that is filled in and shared: with a password, a form and a list."""

from __future__ import annotations

import attrs
import streamlit as st

import sessionkit_streamlit as sk
from sessionkit import bootstrap_session


@attrs.define
class Offer:
    """What is offered."""

    lines: list[str] = attrs.field(factory=list)


session = bootstrap_session()
sk.open_share_link()
offer = session.state(Offer)

sk.share_button()
sk.text_input("Customer", key="customer")
sk.text_input("Password", type="password", key="pass")
with sk.form("contact") as f:
    f.text_input("Note", key="note")
item = sk.text_input("Item", key="item")
if st.button("Add") and item:
    offer.lines.append(item)
st.text(f"lines={','.join(offer.lines)}")
st.text(f"inputs={','.join(sorted(session.inputs))}")
st.text(f"session={session.session_id}")
