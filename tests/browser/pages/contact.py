# SPDX-License-Identifier: Apache-2.0
"""A form that keeps its draft."""

from __future__ import annotations

import attrs
import streamlit as st

from sessionkit import log_in
from sessionkit_streamlit import form


def _has_at(_: object, __: object, value: str) -> None:
    if "@" not in value:
        msg = "An address has an @."
        raise ValueError(msg)


@attrs.define
class Contact:
    """What is filled in."""

    name: str
    email: str = attrs.field(default="", validator=_has_at)


with form("contact", Contact, clear_on_submit=True) as f:
    f.fields()
    f.submit("Send")
f.undo()
f.redo()
st.button("Sign in", on_click=log_in, args=["ada"])
if f.submitted:
    st.text(f"sent={f.value}")
