# SPDX-License-Identifier: Apache-2.0
"""
A conflict strategy of one's own: two writers never spend more than there is.

    sessionkit run budget.py

Each of two purchases fits into the budget, but both do not. sessionkit would keep both. The
strategy below is asked whenever two writers have met, and takes back what came second.
"""

from __future__ import annotations

import streamlit as st

from sessionkit import (
    Conflict,
    SessionRepository,
    UserSession,
    bootstrap_session,
    configure,
    save_session,
)

BUDGET = 100


def within_budget(conflict: Conflict) -> UserSession:
    """Keep what both did; of more than the budget what was stored first."""
    result = conflict.merged()
    if spent(result) > BUDGET:
        result.inputs["bought"] = conflict.theirs.inputs["bought"]
        too_much = conflict.ours.inputs["bought"].keys() - result.inputs["bought"].keys()
        result.inputs["taken_back"] = sorted(too_much)
    return result


def spent(session: UserSession) -> int:
    """Return what all purchases cost."""
    return sum(session.inputs.get("bought", {}).values())


def buy(session: UserSession, article: str, price: int) -> None:
    """Note a purchase: in a dict, so that those of two writers are merged."""
    session.inputs["bought"] = {**session.inputs.get("bought", {}), article: price}


def buy_at_once() -> None:
    """Let another device buy a lamp while a chair is bought here: both know of the same budget."""
    save_session(session, immediate=True)
    repository = SessionRepository()
    elsewhere = repository.load(session.session_id)
    if elsewhere is None or spent(session) > BUDGET - 60:
        st.toast("There is not enough left.")
        return
    buy(elsewhere, "lamp", 60)
    repository.save(elsewhere)
    buy(session, "chair", 60)
    save_session(session, immediate=True)


def start_again() -> None:
    """Forget all purchases."""
    session.inputs["bought"], session.inputs["taken_back"] = {}, []


st.set_page_config(page_title="Budget", page_icon=":material/savings:")
configure(conflict_strategy=within_budget)
session = bootstrap_session()

st.title(f"A budget of €{BUDGET}")
st.button("Buy a chair here, and a lamp on another device at once", on_click=buy_at_once)
st.button("Start again", on_click=start_again)

st.progress(min(1.0, spent(session) / BUDGET), f"€{spent(session)} are spent")
for article, price in session.inputs.get("bought", {}).items():
    st.text(f"{article}: €{price}")
for article in session.inputs.get("taken_back", []):
    st.warning(f"Taken back, there was not enough left: {article}")
