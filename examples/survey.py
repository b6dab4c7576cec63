# SPDX-License-Identifier: Apache-2.0
"""
A survey of three pages that one may leave at any time, and go on with later.

    sessionkit run survey.py

Answer a few questions and close the browser, or kill the server. Whoever comes back is on
the page that they left, with their answers; they are handed in on the last page.
"""

from __future__ import annotations

import streamlit as st
from attrs import define, field

from sessionkit import bootstrap_session, save_session
from sessionkit_streamlit import Form, Route, form, router, save_status

PAGES = 3


@define
class Answers:
    """One person's answers: the draft is kept in the session's form "survey"."""

    age: int | None = None
    city: str = ""
    drinks: list[str] = field(factory=list)
    cups: int = 2
    remark: str = ""


def survey() -> Form[Answers]:
    """Return the one form that all pages draw a part of."""
    return form("survey", Answers)


def you() -> None:
    """Ask who they are."""
    st.subheader("About you")
    with survey() as f:
        f.number_input("Your age", 1, 120, None, key="age")
        f.text_input("Where do you live?", key="city")
    leads_to(None, habits, 1)


def habits() -> None:
    """Ask what they drink."""
    st.subheader("What you drink")
    with survey() as f:
        f.pills("In the morning", ["Tea", "Coffee", "Water"], selection_mode="multi", key="drinks")
        f.slider("Cups a day", 0, 10, key="cups")
    leads_to(you, hand_in, 2)


def hand_in() -> None:
    """Show the answers, and take them."""
    st.subheader("Anything else?")
    with survey() as f:
        f.text_area("Remark", key="remark")
        st.table({question: str(answer) for question, answer in f.data.items()})
        f.submit("Hand in")
    if f.submitted:
        session.inputs["handed_in"] = f.data
        save_session(session, immediate=True)
    if session.inputs.get("handed_in"):
        st.success("Thank you. You may still change your answers, and hand them in again.")
    leads_to(habits, None, 3)


def leads_to(before: object, after: object, number: int) -> None:
    """Draw how far one is, and the ways back and on."""
    st.progress(number / PAGES, f"Page {number} of {PAGES}")
    with st.container(horizontal=True):
        if before:
            st.button("Back", on_click=here.go_to, args=(before,))
        if after:
            st.button("Next", on_click=here.go_to, args=(after,), type="primary")


st.set_page_config(page_title="Survey", page_icon=":material/checklist:")
session = bootstrap_session()
here = router(
    [Route(you, title="You"), Route(habits, title="Habits"), Route(hand_in, title="Hand in")],
    position="top",
)
st.title("Survey")
save_status()
here.run()
