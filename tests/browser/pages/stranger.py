# SPDX-License-Identifier: Apache-2.0
"""Plan a trip: a script as strangers write them. It has heard of Streamlit, and of nothing else."""

from __future__ import annotations

from datetime import date, time, timedelta

import pandas as pd
import streamlit as st

st.set_page_config(page_title="Trip planner", page_icon=":material/train:", layout="wide")

CITIES = {
    "Antwerp": {"country": "Belgium", "night": 95, "museums": 22},
    "Bruges": {"country": "Belgium", "night": 120, "museums": 16},
    "Delft": {"country": "Netherlands", "night": 105, "museums": 9},
    "Ghent": {"country": "Belgium", "night": 98, "museums": 19},
    "Leiden": {"country": "Netherlands", "night": 99, "museums": 13},
    "Utrecht": {"country": "Netherlands", "night": 110, "museums": 18},
}
CLASSES = ["second", "first"]
PACES = ["calm", "normal", "brisk"]
START = date(2026, 12, 1)


@st.cache_data
def city_table() -> pd.DataFrame:
    """Return the cities as a table."""
    table = pd.DataFrame.from_dict(CITIES, orient="index")
    table.index.name = "city"
    return table.reset_index()


def price(nights: int, travellers: int, city: str, travel_class: str) -> int:
    """Return what a trip costs."""
    fare = 80 if travel_class == "first" else 45
    rooms = (travellers + 1) // 2
    return nights * rooms * int(CITIES[city]["night"]) + 2 * fare * travellers


def forget_city() -> None:
    """Begin anew with the cities when the country changes."""
    st.session_state["changes"] = st.session_state.get("changes", 0) + 1


def sidebar() -> tuple[str, bool, str]:
    """Show what holds for the whole page."""
    with st.sidebar:
        st.header("For all of it")
        country = st.radio(
            "Country", ["Belgium", "Netherlands"], key="country", on_change=forget_city
        )
        eco = st.toggle("By night train", key="eco")
        pace = st.select_slider("Pace", PACES, value="normal", key="pace")
        st.text_input("Voucher", key="voucher", type="password", help="Nobody else sees it.")
        st.color_picker("Color of the plan", "#3366cc", key="plan_color")
        if st.button("Start over", key="start_over"):
            st.session_state["messages"] = []
            st.rerun()
    return country, eco, pace


def travellers() -> int:
    """Ask who travels."""
    left, middle, right = st.columns(3)
    with left:
        st.text_input("Your name", key="traveller", placeholder="as in the passport")
    with middle:
        number = st.number_input("Travellers", 1, 8, 2, key="travellers")
    with right:
        st.segmented_control("Class", CLASSES, default="second", key="travel_class")
    if st.session_state["traveller"]:
        st.caption(f"The plan of {st.session_state['traveller']}")
    return number


def when() -> tuple[date, int]:
    """Ask when."""
    left, middle, right = st.columns(3)
    first = left.date_input("First day", START, key="first_day")
    nights = middle.slider("Nights", 1, 14, 3, key="nights")
    right.time_input("Leave at", time(9), key="leave_at", step=timedelta(minutes=30))
    return first, nights


def where(country: str) -> str:
    """Ask where."""
    cities = [name for name, facts in CITIES.items() if country == facts["country"]]
    city = st.selectbox("City", cities, key="city")
    table = city_table()
    st.dataframe(table[table["country"] == country], hide_index=True, height=150)
    return city


def interests() -> list[str]:
    """Ask what for."""
    st.pills(
        "Interests",
        ["museums", "beer", "bicycles", "bells"],
        selection_mode="multi",
        key="interests",
    )
    if "museums" in st.session_state["interests"]:
        st.checkbox("A museum card for everybody", key="museum_card")
    return list(st.session_state["interests"])


def remarks() -> None:
    """Take a remark in a form."""
    with st.form("remarks"):
        st.text_area("Remarks", key="remarks_text")
        st.multiselect("Breakfast", ["bread", "fruit", "eggs"], key="breakfast")
        if st.form_submit_button("Note it"):
            st.toast("Noted")
    if st.session_state["remarks_text"]:
        st.info(st.session_state["remarks_text"])


@st.fragment
def packing() -> None:
    """Show a list to tick off, which runs by itself."""
    things = ["passport", "tickets", "umbrella"]
    packed = sum(st.checkbox(thing, key=f"pack_{thing}") for thing in things)
    st.progress(packed / len(things), text=f"{packed} of {len(things)} packed")


def chat() -> None:
    """Keep notes in the page's own state."""
    st.session_state.setdefault("messages", [])
    note = st.text_input("Note", key="note")
    if st.button("Add the note", key="add_note") and note:
        st.session_state["messages"].append(note)
    for message in st.session_state["messages"]:
        st.text(f"note: {message}")


def rate() -> None:
    """Ask how it was."""
    stars = st.feedback("stars", key="stars")
    if stars is not None:
        st.text(f"rated={stars + 1}")


def summary(number: int, first: date, nights: int, city: str) -> None:
    """Say what it comes to."""
    travel_class = st.session_state["travel_class"] or "second"
    cost = price(nights, number, city, travel_class)
    last = first + timedelta(days=nights)
    left, middle, right = st.columns(3)
    left.metric("Price", f"€ {cost}")
    middle.metric("Back on", last.isoformat())
    right.metric("Class", travel_class)
    st.text(f"plan={number} to {city}, {nights} nights")


def overview() -> None:
    """Show the page where everything is asked."""
    country, eco, pace = sidebar()
    st.title("Trip planner")
    number = travellers()
    first, nights = when()
    details, things, notes = st.tabs(["Where", "Packing", "Notes"])
    with details:
        city = where(country)
        chosen = interests()
        remarks()
    with things:
        packing()
    with notes:
        chat()
    rate()
    summary(number, first, nights, city)
    st.text(f"pace={pace} eco={eco}")
    st.text(f"interests={','.join(chosen)}")


def about() -> None:
    """Show a page beside it."""
    st.title("About")
    st.text("about this planner")


st.navigation([st.Page(overview, title="Plan"), st.Page(about, title="About")]).run()
