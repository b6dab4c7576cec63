# SPDX-License-Identifier: Apache-2.0
"""A page whose state is an object of a class of its own."""

from __future__ import annotations

import dataclasses

import streamlit as st

from sessionkit import bootstrap_session


@dataclasses.dataclass
class Line:
    """A line of a cart."""

    sku: str = ""
    amount: int = 1


@dataclasses.dataclass
class Address:
    """Where it goes."""

    city: str = ""
    street: str = ""


@dataclasses.dataclass
class Cart:
    """A cart."""

    lines: list[Line] = dataclasses.field(default_factory=list)
    address: Address = dataclasses.field(default_factory=Address)
    note: str = ""


def main() -> None:
    """Show the cart, with a button for each change."""
    session = bootstrap_session()
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    cart = session.state(Cart)
    if st.button("Add"):
        cart.lines.append(Line("tea"))
    if st.button("More"):
        cart.lines[-1].amount += 1
    if st.button("City"):
        cart.address.city = "Ghent"
    if st.button("Street"):
        cart.address.street = "Veldstraat"
    st.button("Nothing")
    st.text(f"runs={st.session_state['runs']}")
    st.text("lines=" + ",".join(f"{line.sku} {line.amount}" for line in cart.lines))
    st.text(f"city={cart.address.city}")
    st.text(f"street={cart.address.street}")


main()
