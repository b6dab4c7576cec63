# SPDX-License-Identifier: Apache-2.0
"""
An order form whose draft is never lost.

    sessionkit run order_form.py

Fill in half of it. Then press F5, close the tab, or kill the server and start it again: all
is as it was, and Undo takes back what you typed before.
"""

from __future__ import annotations

from typing import Literal

import attrs
import streamlit as st
from attrs import validators

from sessionkit import bootstrap_session, save_session
from sessionkit_streamlit import form, save_status

PRICES = {"Tea": 4, "Coffee": 6, "Cocoa": 5}


def has_an_at(_: object, __: object, value: str) -> None:
    """Refuse what is no address; the message stands at the field."""
    if "@" not in value:
        msg = "An address has an @."
        raise ValueError(msg)


@attrs.define
class Order:
    """What is ordered. A field without a default has to be filled in."""

    name: str
    email: str = attrs.field(validator=has_an_at)
    article: Literal["Tea", "Coffee", "Cocoa"] = "Tea"
    amount: int = attrs.field(default=1, validator=[validators.ge(1), validators.le(20)])
    gift: bool = False
    note: str = ""


st.set_page_config(page_title="Order", page_icon=":material/shopping_bag:")
session = bootstrap_session()
st.title("Order")
save_status()

with form("order", Order, clear_on_submit=True) as f:
    f.field("name", "Your name")
    f.field("email", "E-mail")
    article, amount = st.columns(2)
    with article:
        f.field("article")
    with amount:
        f.field("amount", min_value=1, max_value=20)
    f.field("gift", "Wrap it as a gift")
    f.text_area("Note", key="note", height=80)
    # What is typed so far, right or wrong; f.value is the whole order once all is right.
    price = PRICES[f.data["article"]] * f.data["amount"]
    with st.container(horizontal=True):
        f.submit(f"Order for €{price}")
        f.undo()
        f.redo()

if f.submitted and f.value is not None:
    order = attrs.asdict(f.value)
    session.inputs["orders"] = [*session.inputs.get("orders", []), order]
    save_session(session, immediate=True)  # stored before the user is told so
    st.success(f"Thank you, {f.value.name}.")

if orders := session.inputs.get("orders"):
    st.subheader("Your orders")
    st.table([{name: order[name] for name in ("article", "amount", "name")} for order in orders])
