# SPDX-License-Identifier: Apache-2.0
"""Two pages: forms whose fields are handed in together or each for itself, and one with nothing."""

from __future__ import annotations

import datetime as dt

import streamlit as st

from sessionkit_streamlit import FormTexts, form


def trip() -> None:
    """Show the forms."""
    with form("trip", batch=True, texts=FormTexts(leave="Not booked. Leave?")) as f:
        f.text_input("Where", key="where")
        f.number_input("Days", 1, 30, 3, key="days")
        f.selectbox("By", ["train", "ship", "foot"], key="by")
        f.multiselect("With", ["Ada", "Bob"], key="company")
        f.slider("Luggage", 0, 10, 2, key="luggage")
        f.checkbox("Insured", key="insured")
        f.radio("Class", ["first", "second"], key="class")
        f.date_input("First day", dt.date(2026, 1, 2), key="day")
        f.pills("Meals", ["noon", "night"], key="meals")
        f.text_area("Wishes", key="wishes")
        f.submit("Book")
    with form("note") as g:
        g.text_input("Note", key="note")
        g.number_input("Nights", 1, 30, 3, key="nights")
    with form("free", warn=False) as h:
        h.text_input("Free", key="free")
    st.text(f"trip={f.state.data}")
    st.text(f"note={g.state.data}")


def rest() -> None:
    """Show the other page."""
    st.text("nothing here")


st.navigation([st.Page(trip, title="Trip"), st.Page(rest, title="Rest")]).run()
