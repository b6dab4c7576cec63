# SPDX-License-Identifier: Apache-2.0
"""An app of several pages, with addresses, guards and a way back."""

from __future__ import annotations

import streamlit as st

from sessionkit import bootstrap_session, log_in, log_out, persist_input
from sessionkit_streamlit import Route, current_router, router

ORDERS = (7, 8)


def orders() -> None:
    """List the orders."""
    st.title("Orders")
    persist_input("search", st.text_input("Search", key="search"))
    for number in ORDERS:
        current_router().link(order, f"Open {number}", number=number)


def order(number: int) -> None:
    """Show one order."""
    st.title(f"Order {number}")
    note = f"note-{number}"
    persist_input(note, st.text_input("Note", key=note))


def staff() -> None:
    """Show what is for few."""
    st.title("Staff only")


session = bootstrap_session()
if session.user_id is not None:
    session.roles.add("staff")  # as an app would say it that has a table of users
here = router(
    [orders, Route(order, crumb="Order {number}"), Route(staff, title="Staff", roles=["staff"])]
)
left, right, log, _ = st.columns([1, 1, 1, 3])
left.button("Back", on_click=here.back, disabled=not here.can_go_back)
right.button("Forward", on_click=here.forward, disabled=not here.can_go_forward)
if session.user_id is None:
    log.button("Log in", on_click=log_in, args=("ada",))
else:
    log.button("Log out", on_click=log_out)
here.breadcrumbs()
here.run()
st.caption(f"visits={len(session.navigation_history)}")
