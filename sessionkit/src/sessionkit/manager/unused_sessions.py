# SPDX-License-Identifier: Apache-2.0
"""Sessions in which nothing was done: what a page leaves there by being shown is worth no record, and none to come home to."""

from __future__ import annotations

from sessionkit.host import Host, ShowingHost
from sessionkit.session.devices import EXTENSION as DEVICES
from sessionkit.session.forms import FormState
from sessionkit.session.session import UserSession
from sessionkit.values.equality import is_empty


def is_unused(session: UserSession, host: Host) -> bool:
    """
    Return whether nobody has done anything in a session yet: it is nobody's, blank, and on its first page.

    Args:
        session: The session, live.
        host: The host that it was begun by.
    """
    activity, pages = session.activity, len(session.navigation_history)
    return (
        session.user_id is None
        and not activity.of_user
        and not session.dirty_forms
        and pages <= 1
        # Each input counts when it is there for the first time; a change of one counts again.
        and activity.count <= pages + len(session.inputs)
        and is_blank(session, host)
    )


def is_blank(session: UserSession, host: Host | None = None) -> bool:
    """
    Return whether a session holds nothing but what a page leaves there by being shown.

    That are values as untouched widgets have them, and what counts visits:
    history, page views, activity, devices. In doubt something was done.

    Args:
        session: The session.
        host: May know more of what was only shown; None knows nothing.
    """
    shown = host if isinstance(host, ShowingHost) else None
    with session.lock:
        said = (session.theme, session.language, session.timezone)
        held = (
            session.roles,
            session.permissions,
            session.extensions.keys() - {DEVICES, *((shown.notes,) if shown else ())},
            session.cache_keys,
            session.cache_dependencies,
            session.unknown,
            session.unreadable,
        )
        return (
            not any(held)
            and not any(said)
            and all(
                is_empty(value) or (shown is not None and shown.is_only_shown(session, key))
                for key, value in tuple(session.inputs.items())
            )
            and all(map(_is_blank_form, tuple(session.form_states.values())))
        )


def _is_blank_form(form: object) -> bool:
    return (
        isinstance(form, FormState)  # an app may put anything there: it is told when it is saved
        and all(map(is_empty, tuple(form.data.values())))
        and not any(
            (form.errors, form.snapshots, form.redo_snapshots, form.unknown, form.unreadable)
        )
    )
