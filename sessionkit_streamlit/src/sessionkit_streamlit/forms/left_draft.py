# SPDX-License-Identifier: Apache-2.0
"""A draft that a form's user has left in another session: whether they are asked what becomes of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from sessionkit.session.fields import to_micros
from sessionkit.values.equality import same_content
from sessionkit_streamlit.connection import EXTENSION, Connection, Draft

if TYPE_CHECKING:
    from sessionkit import FormState
    from sessionkit.session import UserSession
    from sessionkit.session.forms import LeftDraft

_ANSWERED: Final = "answered_drafts"
"""Names the notes of what users were asked: by form, when the draft was edited last that they answered for, in microseconds."""


def look(connection: Connection, session: UserSession, form_id: str) -> None:
    """
    Look for a draft when a form is shown for the first time, or for another user than before.

    Who is there already is asked about one that is later than what they did here; who has just signed in about any: they
    may have begun anew since nothing was there.

    Args:
        connection: The tab's, which notes what is found.
        session: The session that it shows.
        form_id: The form.
    """
    draft = connection.drafts.setdefault(form_id, Draft())
    former, draft.user_id = draft.user_id, session.user_id
    if former != session.user_id:
        draft.left = None
        if session.user_id is not None and connection.keeper is not None:
            form = session.get_form_state(form_id)
            done = [] if former is None else _times_of(form, session, form_id)
            drafts = connection.keeper.drafts_beside(session, form_id)
            later = (one for one in drafts if all(one.edited_at > time for time in done))
            draft.left = next((one for one in later if _is_open(one, session, form_id)), None)
    elif draft.left is not None and not _is_open(draft.left, session, form_id):
        draft.left = None  # another tab has answered, or filled in the same


def _is_open(left: LeftDraft, session: UserSession, form_id: str) -> bool:
    """Return whether a draft is another one than the session's, and its user has not answered for it."""
    answered = session.extensions.get(EXTENSION, {}).get(_ANSWERED, {}).get(form_id)
    if isinstance(answered, int) and to_micros(left.edited_at) <= answered:
        return False
    return not same_content(session.get_form_state(form_id).data, left.data)


def _times_of(form: FormState, session: UserSession, form_id: str) -> list[datetime]:
    """Return when the user was at work on a form here."""
    times = [form.last_edited, form.last_saved]
    if form_id in session.dirty_forms and form.last_edited is None:
        times.append(session.last_activity)
    return [time for time in times if time is not None]


def answer(draft: Draft, session: UserSession, form_id: str) -> LeftDraft | None:
    """Note that the user has answered for what they left, and are asked no more; return that, if they were asked."""
    left, draft.left = draft.left, None
    if left is not None:
        noted = session.extensions.get(EXTENSION, {})
        answered = {**noted.get(_ANSWERED, {}), form_id: to_micros(left.edited_at)}
        session.extensions[EXTENSION] = {**noted, _ANSWERED: answered}
        session.activity.count_interaction()
    return left
