# SPDX-License-Identifier: Apache-2.0
"""
Which era of a connection a widget belongs to: it stands in the widget's id.

Streamlit's page keeps what a field holds by the field's id, typed or half typed, and
sends it again whatever the server has forgotten. A field of another id is another
field. So when a connection gets another session its era ends, and all ids change.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sessionkit_streamlit.internals.guard import guarded
from sessionkit_streamlit.internals.state import PREFIX, raw

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

_ID: Final = re.compile(r"(\$\$ID-[0-9a-f]+)(?:x([0-9]{1,9}))?(-.*)", re.DOTALL)
_EFFECT: Final = "when a session ends, the page is loaded anew"


def put_era(element_id: str, era: int) -> str:
    """Return an element's id with the era in it; the first era's ids are Streamlit's own."""
    found = _ID.fullmatch(element_id)
    if found is None or not era or _is_ours(found[3]):
        return element_id
    return f"{found[1]}x{era}{found[3]}"


def era_of(element_id: str) -> int:
    """Return the era that stands in an element's id."""
    found = _ID.fullmatch(element_id)
    return 0 if found is None else int(found[2] or 0)


def _is_ours(key: str) -> bool:
    return key.startswith(f"-{PREFIX}")


def sent_era(run: ScriptRunContext) -> int:
    """Return the era of the page that the browser shows, by the values that it sent; it may come from another server."""

    def read() -> int:
        return max((era_of(one.id) for one in run.session_state.get_widget_states()), default=0)

    return guarded(read, "SessionState.get_widget_states", _EFFECT, otherwise=0)


def has_drawn(run: ScriptRunContext) -> bool:
    """Return whether a run has made a widget already, besides our own."""

    def read() -> bool:
        return any(map(_is_of_app, run.shared.widget_ids_this_run.snapshot()))

    return guarded(read, "ScriptRunContext.shared", _EFFECT, otherwise=False)


def forget_widgets(run: ScriptRunContext) -> bool:
    """
    Have Streamlit forget what the widgets of a connection held, with keys and without.

    Returns:
        Whether it has.
    """

    def drop() -> bool:
        state = raw(run)
        with run.session_state._lock:  # noqa: SLF001
            keys = state._key_id_mapper  # noqa: SLF001
            for element_id, key in list(keys.id_key_mapping.items()):
                if not key.startswith(PREFIX):
                    keys.id_key_mapping.pop(element_id, None)
                    keys._key_id_mapping.pop(key, None)  # noqa: SLF001
                    state._old_state.pop(key, None)  # noqa: SLF001 - kept for when the widget returns
            for values in (state._new_widget_state, state._old_state):  # noqa: SLF001
                for element_id in [one for one in values if _is_of_app(one)]:
                    del values[element_id]
        return True

    return guarded(drop, "SessionState._key_id_mapper", _EFFECT, otherwise=False)


def _is_of_app(name: str) -> bool:
    found = _ID.fullmatch(name)
    return found is not None and not _is_ours(found[3])
