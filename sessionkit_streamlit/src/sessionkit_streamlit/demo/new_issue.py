# SPDX-License-Identifier: Apache-2.0
"""A form whose draft is never lost, with undo and redo."""

from __future__ import annotations

import attrs
import streamlit as st

from sessionkit import get_current_session, save_session
from sessionkit_streamlit import form
from sessionkit_streamlit.demo.tracker import PRIORITIES, file_issue


@attrs.define
class Draft:
    """What one says of an issue."""

    title: str
    priority: str = "normal"
    details: str = ""


def new_issue() -> None:
    """Show the form, as far as it was filled."""
    st.header("New issue")
    with form("issue", Draft, clear_on_submit=True) as f:
        f.text_input("Title", key="title")
        f.select_slider("Priority", PRIORITIES, key="priority")
        f.text_area("Details", key="details", height=140)
        with st.container(horizontal=True):
            f.submit("File issue")
            f.undo()
            f.redo()
    if f.submitted and f.value is not None:
        file_issue(f.value.title, f.value.priority, f.value.details)
        # At once: the user is told that it is filed.
        save_session(get_current_session(), immediate=True)
    if f.is_dirty:
        st.caption(f"Draft, not filed yet · typed so far: {', '.join(f.state.data) or 'nothing'}")
    elif f.state.last_saved:
        st.caption(f"Last issue filed at {f.state.last_saved:%H:%M:%S} UTC")
