# SPDX-License-Identifier: Apache-2.0
"""What a type checker tells of widgets that keep themselves; checked by mypy, never run."""

from __future__ import annotations

from datetime import time
from typing import assert_type

import streamlit as st

import sessionkit_streamlit as sk
from sessionkit import bootstrap_session


def values() -> None:
    """Each returns what Streamlit's own returns, by the same arguments."""
    assert_type(sk.text_input("x", key="x"), str)
    assert_type(sk.text_input("x", None, key="x"), str | None)
    assert_type(sk.checkbox("x", key="x"), bool)
    assert_type(sk.number_input("x", 0, 99, key="x"), int)
    assert_type(sk.number_input("x", value=1.5, key="x"), float)
    assert_type(sk.selectbox("x", ["a", "b"], key="x"), str)
    assert_type(sk.selectbox("x", [1, 2], index=None, key="x"), int | None)
    assert_type(sk.multiselect("x", [1, 2], key="x"), list[int])
    assert_type(sk.time_input("x", time(1), key="x"), time)


def tables() -> None:
    """A data editor gives back what it was given."""
    assert_type(sk.data_editor([1, 2], key="x", num_rows="dynamic"), list[int])
    assert_type(sk.data_editor({"a": 1}, key="x"), dict[str, int])


def arguments() -> None:
    """What a widget does not take is an error."""
    sk.text_input("x", key="x", no_such=1)  # type: ignore[call-overload]
    sk.checkbox(key="x")  # type: ignore[call-arg]


def kept() -> None:
    """``kept`` changes no type."""
    left, _ = st.columns(2)
    assert_type(sk.kept(left.checkbox)("x", key="x"), bool)
    assert_type(sk.kept(st.selectbox)("x", [1, 2], key="x"), int)
    sk.kept(st.toggle)("x", key="x", no_such=1)  # type: ignore[call-arg]
    sk.kept(1)  # type: ignore[type-var]


def cached() -> None:
    """``session.cached`` changes no type, so that a function of ``st.cache_data`` keeps its signature."""

    @bootstrap_session().cached("orders of user", depends_on={"orders"})
    @st.cache_data(ttl="10m")
    def orders(user: str, *, limit: int = 10) -> list[str]:
        return [user] * limit

    assert_type(orders("ada", limit=3), list[str])
    orders.clear("ada")
    orders(1)  # type: ignore[arg-type]
    orders("ada", most=1)  # type: ignore[call-arg]
