# SPDX-License-Identifier: Apache-2.0
"""A page with one of each: inputs, a draft, a counter, a history, a fragment."""

from __future__ import annotations

from secrets import token_hex

import streamlit as st

from sessionkit import (
    UserSession,
    bootstrap_session,
    end_session,
    get_current_session,
    get_manager,
    persist_input,
    rotate_session,
)


def say(name: str, value: object) -> None:
    """Show a fact in the form that the tests look for."""
    st.text(f"{name}={value}")


def inputs() -> None:
    """Ask for what is kept by ``persist_input``."""
    persist_input("name", st.text_input("Name", key="name"))
    persist_input("age", st.number_input("Age", 0, 120, key="age"))
    persist_input("agreed", st.checkbox("Agreed", key="agreed"))
    with st.form("order"):
        item = st.text_input("Item", key="item")
        st.form_submit_button("Order")
    persist_input("item", item)
    with st.form("sheet", clear_on_submit=True):
        remark = st.text_input("Remark", key="remark")
        st.form_submit_button("Hand in")
    persist_input("remark", remark)


def draft(session: UserSession) -> None:
    """Ask for a note as SEED.md's form does; nothing announces what changes in the data."""
    form = session.get_form_state("note")
    note = st.text_area("Note", value=form.data.get("note", ""))
    if note:
        form.data["note"] = note


def count() -> None:
    """Count one more, as a button's callback."""
    persist_input("count", get_current_session().inputs.get("count", 0) + 1)


@st.fragment
def fragment() -> None:
    """Run by itself when its checkbox is clicked."""
    persist_input("boxed", st.checkbox("Boxed", key="boxed"))
    say("box", st.session_state["boxed"])


def facts(session: UserSession) -> dict[str, object]:
    """Return what the session knows."""
    names = ("name", "age", "agreed", "item", "remark", "boxed")
    kept = {key: session.inputs.get(key) for key in names}
    return {
        **kept,
        "count": session.inputs.get("count", 0),
        "note": session.get_form_state("note").data.get("note"),
        "history": ">".join(entry.page for entry in session.navigation_history),
    }


# By a click, not by itself every moment: Streamlit's page may send a click along with the
# request of a fragment's timer, and then its callback is called twice or its page is lost.
@st.fragment
def stored() -> None:
    """Say what is in the store; only in a run of its own, after the script's run has ended."""
    st.button("Look")
    session = get_current_session()
    if st.session_state["ended"] and not get_manager().is_pending(session.session_id):
        say("stored run", st.session_state["runs"])
        say("stored version", session.version)
        for name, value in facts(session).items():
            say(f"stored {name}", value)
    st.session_state["ended"] = True


def main() -> None:
    """Show everything."""
    # First of all: what the browser says to the first line of the page may end the run that sent it.
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    session = bootstrap_session()
    say("runs", st.session_state["runs"])
    say("connection", st.session_state.setdefault("connection", token_hex(4)))
    say("session", session.session_id)
    inputs()
    draft(session)
    st.button("Count", on_click=count)
    if st.button("Visit"):
        session.add_navigation("shop")
    st.button("Nothing")
    st.button("End", on_click=end_session)
    st.button("Rotate", on_click=rotate_session)
    fragment()
    for name, value in facts(session).items():
        say(name, value)
    st.session_state["ended"] = False
    stored()


main()
