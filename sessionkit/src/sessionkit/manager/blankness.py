# SPDX-License-Identifier: Apache-2.0
"""Whether a session holds anything that somebody did."""

from __future__ import annotations

from sessionkit.host import Host, ShowingHost
from sessionkit.session.forms import FormState
from sessionkit.session.session import UserSession
from sessionkit.values.equality import is_empty


def is_blank(session: UserSession, host: Host | None = None) -> bool:
    """
    Return whether a session holds nothing but what a page leaves there by being shown.

    That are values as untouched widgets have them, and what counts visits:
    history, page views, activity. In doubt something was done.

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
            session.extensions.keys() - ({shown.notes} if shown else ()),
            session.cache_keys,
            session.cache_dependencies,
            session.unknown,
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
        and not any((form.errors, form.snapshots, form.redo_snapshots, form.unknown))
    )
