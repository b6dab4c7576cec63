# SPDX-License-Identifier: Apache-2.0
"""The list of issues: filters that keep themselves, and counters."""

from __future__ import annotations

from typing import Any

import streamlit as st

from sessionkit_streamlit import kept, toggle
from sessionkit_streamlit.demo.tracker import PRIORITIES, all_issues, close_or_reopen, vote

COLORS = {"low": "gray", "normal": "blue", "high": "orange", "urgent": "red"}


def issues() -> None:
    """Show the issues that pass the filters."""
    st.header("Issues")
    everything = all_issues()
    _numbers(everything)
    found = _filtered(everything)
    for issue in found:
        _row(issue)
    if not found:
        st.info("No issue passes the filters.")


def _numbers(everything: list[dict[str, Any]]) -> None:
    with st.container(horizontal=True):  # side by side on a phone, too
        st.metric("Open", sum(issue["open"] for issue in everything), border=True)
        st.metric("Votes", sum(issue["votes"] for issue in everything), border=True)


def _filtered(everything: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ask for the filters; each keeps itself under its key."""
    wide, narrow = st.columns(2, vertical_alignment="bottom")
    words = kept(wide.text_input)("Search", key="search")
    least = kept(narrow.select_slider)("At least", PRIORITIES, key="least")
    closed = toggle("Show closed issues", key="closed")
    return [
        issue
        for issue in everything
        if words.lower() in issue["title"].lower()
        and PRIORITIES.index(issue["priority"]) >= PRIORITIES.index(least)
        and (closed or issue["open"])
    ]


def _row(issue: dict[str, Any]) -> None:
    number = issue["number"]
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        badge = f":{COLORS[issue['priority']]}-badge[{issue['priority']}]"
        with st.container():
            st.markdown(f"**#{number}** {issue['title']} {badge}")
            if issue["details"]:
                st.caption(issue["details"])
        # A callback runs before the script, so the row already shows what it did.
        st.button(f"Vote · {issue['votes']}", key=f"vote-{number}", on_click=vote, args=(number,))
        st.button(
            "Close" if issue["open"] else "Reopen",
            key=f"toggle-{number}",
            on_click=close_or_reopen,
            args=(number,),
        )
