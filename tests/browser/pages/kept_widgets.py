# SPDX-License-Identifier: Apache-2.0
"""Every widget of the installed Streamlit that holds a value, kept by itself, and a page beside it."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Final

import streamlit as st

import sessionkit_streamlit as sk
from sessionkit_streamlit.widgets.kept import value_widgets

OPTIONS: Final = ["first", "second", "third"]
ARGUMENTS: Final[dict[str, tuple[Any, ...]]] = {
    "date_input": (date(2026, 1, 1),),
    "datetime_input": (datetime(2026, 1, 1, 12),),  # noqa: DTZ001 - as the widget has it
    "number_input": (0, 99),
    "slider": (0, 99),
    "time_input": (time(9),),
    **dict.fromkeys(("multiselect", "pills", "radio", "segmented_control"), (OPTIONS,)),
    **dict.fromkeys(("select_slider", "selectbox"), (OPTIONS,)),
}
WITHOUT_A_LABEL: Final = {"feedback": ("stars",), "pagination": (9,)}


def widgets() -> None:
    """Show all of them, and what each returned."""
    for name in value_widgets():
        arguments = WITHOUT_A_LABEL.get(name, (name, *ARGUMENTS.get(name, ())))
        left, right = st.columns(2, vertical_alignment="bottom")
        with left, st.container(key=f"box_{name}"):
            value = getattr(sk, name)(*arguments, key=name)
        right.text(f"{name}={value}")


def other() -> None:
    """Show none of them."""
    st.text("nothing here")


st.navigation([st.Page(widgets, title="Widgets"), st.Page(other, title="Other")]).run()
