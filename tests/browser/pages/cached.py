# SPDX-License-Identifier: Apache-2.0
"""A page that caches what it reads from a file that all replicas share."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from sessionkit import bootstrap_session


def main() -> None:
    """Show what was read, with a button that changes it and says so, and one that says nothing."""
    session = bootstrap_session()
    orders = Path(__file__).with_name("orders.txt")
    orders.touch()
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1

    @session.cached("orders of all", depends_on={"orders"})
    @st.cache_data(ttl="1h", show_spinner=False)
    def read(path: str) -> str:
        return Path(path).read_text(encoding="utf-8")

    if st.button("Order"):
        with orders.open("a", encoding="utf-8") as file:
            file.write("o")
        session.invalidate("orders")
    st.button("Nothing")
    st.text(f"runs={st.session_state['runs']}")
    st.text(f"orders={read(str(orders))}.")


main()
