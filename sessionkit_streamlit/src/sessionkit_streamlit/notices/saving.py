# SPDX-License-Identifier: Apache-2.0
"""Tells people whether what they typed is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import streamlit as st

from sessionkit_streamlit.internals.page import current_fragment
from sessionkit_streamlit.internals.state import context
from sessionkit_streamlit.notices.following import Told, what_of
from sessionkit_streamlit.notices.status_wording import NO_LABELS, StatusTexts, viewer_zone
from sessionkit_streamlit.state import current_connection

if TYPE_CHECKING:
    from sessionkit.status import PersistenceStatus

_ENGLISH: Final = StatusTexts()


def save_status(*, labels: Mapping[str, str] = NO_LABELS, texts: StatusTexts = _ENGLISH) -> None:
    """
    Show whether the connection's session is saved, and keep the line true while the page is open.

    It says that all is saved, or all but values that can't be kept, that it is
    being saved, since when the store is down, or why the store will not take it.
    Call it once a page, after ``bootstrap_session()``, anywhere but inside ``st.form``.

    Args:
        labels: What people call the fields that can't be kept, as Markdown, by key or by
            path, as for :func:`~sessionkit_streamlit.conflict_notice`.
        texts: What it says, for other languages.

    Example:
        ::

            bootstrap_session()
            save_status()
    """
    if context() is not None:
        _line(labels, texts)


@st.fragment
def _line(labels: Mapping[str, str], texts: StatusTexts) -> None:
    connection = current_connection()
    session, keeper = connection.session, connection.keeper
    if session is None or keeper is None:
        return
    status, fragment = keeper.save_status(session), current_fragment()
    if fragment is not None:
        connection.told[fragment] = Told(what_of(status), session.interaction_count)
    _draw(status, texts.of(status, viewer_zone(), labels))


def _draw(status: PersistenceStatus, text: str) -> None:
    if status.state == "offline":
        st.warning(text, icon=":material/cloud_off:")
    elif status.state == "incomplete":
        st.warning(text, icon=":material/warning:")
    elif status.state == "rejected":
        st.error(text, icon=":material/error:")
    else:
        icon = "cloud_done" if status.state == "saved" else "sync"
        st.caption(f":material/{icon}: {text}")
