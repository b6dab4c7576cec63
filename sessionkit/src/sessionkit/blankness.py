# SPDX-License-Identifier: Apache-2.0
"""Whether a session holds anything that somebody did."""

from __future__ import annotations

from types import NoneType
from typing import Any, Final

from sessionkit.forms import FormState
from sessionkit.session import UserSession

_PLAIN: Final = frozenset(
    {NoneType, bool, int, float, str, bytes, list, tuple, dict, set, frozenset}
)
"""Types whose truth can be asked: that of an array or a table raises, an app's own may do anything."""


def is_blank(session: UserSession) -> bool:
    """
    Return whether a session holds nothing but what a page leaves there by being shown.

    That are values as untouched widgets have them, and what counts visits:
    history, page views, activity. In doubt something was done.
    """
    with session.lock:
        said = (session.theme, session.language, session.timezone)
        held = (
            session.roles,
            session.permissions,
            session.extensions,
            session.cache_keys,
            session.cache_dependencies,
            session.unknown,
        )
        return (
            not any(held)
            and not any(said)
            and _untouched(session.inputs)
            and all(map(_is_blank_form, tuple(session.form_states.values())))
        )


def _is_blank_form(form: object) -> bool:
    return (
        isinstance(form, FormState)  # an app may put anything there: it is told when it is saved
        and _untouched(form.data)
        and not any((form.errors, form.snapshots, form.redo_snapshots, form.unknown))
    )


def _untouched(values: dict[str, Any]) -> bool:
    return all(type(value) in _PLAIN and not value for value in tuple(values.values()))
