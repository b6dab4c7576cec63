# SPDX-License-Identifier: Apache-2.0
"""What a tab's user does to a form: it goes into the session's draft, and can be undone step by step."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from sessionkit.values.equality import same_content
from sessionkit_streamlit.connection import Connection, Draft, FormField
from sessionkit_streamlit.internals.rerun import is_connected

if TYPE_CHECKING:
    from sessionkit.session import UserSession

PAUSE: Final = 2.0
"""Seconds: changes of one field that follow each other within so many are one step."""


def fill_in(connection: Connection, session: UserSession, field: FormField, value: Any) -> None:  # noqa: ANN401 - any value
    """
    Take what was typed into a field.

    Args:
        connection: The tab's.
        session: The session that it shows.
        field: The field.
        value: What is in it now.
    """
    draft = connection.drafts.setdefault(field.form_id, Draft())
    now = monotonic()
    tab, beside = my_name(connection), others(connection)
    with session.lock:
        form = session.get_form_state(field.form_id)
        if same_content(form.data.get(field.name, field.default), value):
            return  # a page that has found another server sends all that it shows
        if draft.edited != field.name or now - draft.edited_at > PAUSE:
            form.snapshot(field.name, by=tab, beside=beside)
        draft.edited, draft.edited_at = field.name, now
        form.leave_to([field.name], beside)
        form.data[field.name] = value
        session.mark_form_dirty(field.form_id)
        session.activity.count_interaction()


def my_name(connection: Connection) -> str | None:
    """Return what tells a connection's tab from others, or None where there is none yet."""
    tab = connection.page.tab
    return None if tab is None else tab.ident


def others(connection: Connection) -> frozenset[str]:
    """Return what tells the other tabs of this process apart that show the session, and are open."""
    tab = connection.page.tab
    if tab is None:
        return frozenset()
    beside = [one for one in list(tab.group.tabs) if one is not tab]
    return frozenset(one.ident for one in beside if is_connected(one.name))
