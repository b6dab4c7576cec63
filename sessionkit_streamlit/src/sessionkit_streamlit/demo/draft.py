# SPDX-License-Identifier: Apache-2.0
"""
A form whose draft is never lost, with undo and redo.

The fields stand outside ``st.form``: what is typed into that reaches the server only
when it is submitted, so nobody could keep it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from sessionkit import FormState, get_current_session, persist_input, save_session
from sessionkit_streamlit.demo.tracker import PRIORITIES, file_issue

FORM = "issue"
BLANK: dict[str, Any] = {"title": "", "priority": "normal", "details": ""}


def draft() -> None:
    """Show the form, as far as it was filled."""
    st.title("New issue")
    form = get_current_session().get_form_state(FORM)
    _field(form, "title", st.text_input, "Title")
    for message in form.errors.get("title", []):
        st.error(message)
    _field(form, "priority", st.select_slider, "Priority", options=PRIORITIES)
    _field(form, "details", st.text_area, "Details", height=140)
    _buttons(form)
    _hint(form)


def _field(
    form: FormState,
    name: str,
    widget: Callable[..., Any],
    label: str,
    **options: Any,  # noqa: ANN401 - any widget's
) -> None:
    """Show one field with the draft's value in it, and take over what the user changed."""
    session = get_current_session()
    kept = form.data.get(name, BLANK[name])
    key = f"{name}-{_edition()}-{session.session_id}"
    value = widget(label, value=kept, key=key, **options)
    # Only what changed in this tab: another one may have typed something newer meanwhile.
    shown = st.session_state.get(f"shown-{key}", kept)
    if value not in (kept, shown):
        form.snapshot(f"Before {label.lower()} changed")
        form.data[name] = value
        form.errors.pop(name, None)
        session.mark_form_dirty(FORM)
    st.session_state[f"shown-{key}"] = value


def _buttons(form: FormState) -> None:
    file, undo, redo = st.columns(3)
    if file.button("File issue", type="primary", width="stretch"):
        _file(form)
    if undo.button("Undo", disabled=not form.can_undo, width="stretch"):
        form.undo()
        _show_afresh()
    if redo.button("Redo", disabled=not form.can_redo, width="stretch"):
        form.redo()
        _show_afresh()


def _file(form: FormState) -> None:
    session = get_current_session()
    typed = {**BLANK, **form.data}
    if not typed["title"].strip():
        form.errors = {"title": ["An issue needs a title."]}
        st.rerun()
    file_issue(**typed)
    form.data, form.errors, form.snapshots, form.redo_snapshots = {}, {}, [], []
    session.mark_form_clean(FORM)
    # At once: the user is told that it is filed.
    save_session(session, immediate=True)
    _show_afresh()


def _hint(form: FormState) -> None:
    if FORM in get_current_session().dirty_forms:
        st.caption(f"Draft, not filed yet · typed so far: {', '.join(form.data) or 'nothing'}")
    elif form.last_saved:
        st.caption(f"Last issue filed at {form.last_saved:%H:%M:%S} UTC")


def _edition() -> int:
    edition: int = get_current_session().inputs.get("draft_edition", 0)
    return edition


def _show_afresh() -> None:
    # A widget keeps its own value as long as it has its key; a new key takes the draft's.
    persist_input("draft_edition", _edition() + 1)
    st.rerun()
