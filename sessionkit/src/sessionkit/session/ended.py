# SPDX-License-Identifier: Apache-2.0
"""A session object whose state has gone elsewhere: it is empty, and nothing of it is stored any more."""

from __future__ import annotations

from typing import Any

from sessionkit.session.fields import NOTHING
from sessionkit.session.forms import FormState
from sessionkit.session.session import UserSession


def empty(session: UserSession) -> bool:
    """
    Empty a session object for good, with the containers in it: whoever still holds one of them holds nothing.

    The app's own values stay as they are: they may be the app's, too. Objects that ``session.state`` has returned
    hold nothing but defaults.

    Args:
        session: The session; it is ``ended`` from now on.

    Returns:
        Whether there was anything in it.
    """
    with session.lock:
        held = _holds_anything(session)
        for form in session.form_states.values():
            if isinstance(form, FormState):  # an app may put anything there
                _empty_form(form)
        if session.states is not None:
            session.states.empty()
        for container in _containers(session):
            container.clear()
        session.user_id, session.authenticated = None, False
        session.theme = session.language = session.timezone = None
        session.version, session.save_id = 0, None
        session.forms_asked_for, session.not_kept = NOTHING, ()
        session.ended = True
    return held


def _holds_anything(session: UserSession) -> bool:
    said = (session.user_id, session.theme, session.language, session.timezone)
    return any((*said, *_containers(session)))


def _containers(session: UserSession) -> tuple[dict[Any, Any] | set[str] | list[Any], ...]:
    return (
        session.inputs,
        session.form_states,
        session.extensions,
        session.navigation_history,
        session.page_views,
        session.roles,
        session.permissions,
        session.dirty_forms,
        session.cache_keys,
        session.cache_dependencies,
        session.cache_invalidations,
        session.unknown,
        session.unreadable,
    )


def _empty_form(form: FormState) -> None:
    for snapshot in (*form.snapshots, *form.redo_snapshots):
        snapshot.data.clear()
        snapshot.unreadable.clear()
    form.data.clear()
    form.saved_data.clear()
    form.unreadable.clear()
    form.errors.clear()
    form.unknown.clear()
    form.snapshots, form.redo_snapshots = [], []
