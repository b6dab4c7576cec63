# SPDX-License-Identifier: Apache-2.0
"""When forms are saved: how long their changes wait, and which wait until the app asks."""

from __future__ import annotations

from sessionkit.session.fields import NOTHING
from sessionkit.session.forms import FORM, UNDO, FormState
from sessionkit.session.session import UserSession


def form_debounce(session: UserSession) -> float | None:
    """
    Return how long a save of *session* waits for more changes to its forms.

    Asked at each change that is scheduled, without the session's lock.

    Returns:
        Seconds: the shortest ``save_debounce_ms`` of the dirty forms that save
        themselves; None when there is none, and the setting ``debounce_ms`` counts.
    """
    if not session.dirty_forms:
        return None
    # A copy made in one step: another thread may mark a form meanwhile.
    forms = [session.form_states.get(form_id) for form_id in tuple(session.dirty_forms)]
    waits = [
        form.save_debounce_ms for form in forms if isinstance(form, FormState) and form.auto_save
    ]
    return min(waits) / 1000 if waits else None


def ask_for_forms(session: UserSession) -> None:
    """Have the next save include all forms as they are then, also those that don't save themselves."""
    if session.form_states:
        with session.lock:
            held = _held(session)
            if held:
                session.forms_asked_for |= held


def held_parts(session: UserSession) -> frozenset[str]:
    """Return the names of the parts that an automatic save leaves as they are stored; the caller has the lock."""
    if not session.form_states:
        return NOTHING
    held = _held(session)
    if not held:
        return NOTHING
    held -= session.forms_asked_for
    return frozenset(f"{kind}{form_id}" for form_id in held for kind in (FORM, UNDO))


def _held(session: UserSession) -> frozenset[str]:
    forms = tuple(session.form_states.items())
    # The app may have put anything there: what is no form is refused when it is saved.
    held = [form_id for form_id, form in forms if not getattr(form, "auto_save", True)]
    return frozenset(held) if held else NOTHING
