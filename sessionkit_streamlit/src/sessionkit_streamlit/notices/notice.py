# SPDX-License-Identifier: Apache-2.0
"""Tells people that a field was changed in another tab, and lets them choose."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

import streamlit as st

from sessionkit.conflict import FieldDecision, Side
from sessionkit_streamlit.connection import PREFIX, Connection
from sessionkit_streamlit.internals.state import context
from sessionkit_streamlit.notices.wording import NoticeTexts
from sessionkit_streamlit.state import current_connection

_ENGLISH: Final = NoticeTexts()
_NO_LABELS: Final[Mapping[str, str]] = {}
_AT_ONCE: Final = 3
"""How many fields are shown; the others follow as these are settled."""


def conflict_notice(
    *, labels: Mapping[str, str] = _NO_LABELS, texts: NoticeTexts = _ENGLISH
) -> None:
    """
    Show which fields were changed in another tab as well, and let the user choose.

    Nothing is drawn while there is none. Call it once a page, after
    ``bootstrap_session()``, wherever the notice is to stand; in a fragment, too,
    but not inside ``st.form``.

    Args:
        labels: What people call the fields, as Markdown, by key
            (``{"email": "E-mail"}``) or by path (``"form_states['order'].data['city']"``).
        texts: What the notice says, for other languages.

    Example:
        ::

            bootstrap_session()
            conflict_notice(labels={"email": "E-mail"})
    """
    if context() is None:
        return
    connection = current_connection()
    for decision in _open(connection)[:_AT_ONCE]:
        with st.container(border=True, gap="small"):
            st.markdown(f":material/sync_problem: {texts.headline(decision, labels)}")
            st.caption(texts.outcome(decision))
            _buttons(connection, decision, texts)


def _open(connection: Connection) -> list[FieldDecision]:
    session, keeper = connection.session, connection.keeper
    if session is None or keeper is None:
        return []
    decided = {one.path: one for one in keeper.decisions(session)}
    return list((connection.overtaken | decided).values())


def _buttons(connection: Connection, decision: FieldDecision, texts: NoticeTexts) -> None:
    name = _name(decision)
    with st.container(horizontal=True):
        if st.button(texts.keep, key=f"{name}_keep"):
            _settle(connection, decision, "ours")
        if st.button(texts.take, key=f"{name}_take"):
            _settle(connection, decision, "theirs")
        if st.button(texts.dismiss, key=f"{name}_dismiss", type="tertiary"):
            _settle(connection, decision, None)


def _name(decision: FieldDecision) -> str:
    """Return a key for the buttons: a click must not choose what the user did not see."""
    known = (decision.path, decision.ours_at, decision.theirs_at, decision.question)
    return f"{PREFIX}_notice_{blake2b(repr(known).encode(), digest_size=8).hexdigest()}"


def _settle(connection: Connection, decision: FieldDecision, take: Side | None) -> None:
    session, keeper = connection.session, connection.keeper
    if session is None or keeper is None:
        return
    connection.overtaken.pop(decision.path, None)
    keeper.settle(session, decision, take)
    # The widget may be placed already: the next run puts the value there before it is.
    st.rerun()
