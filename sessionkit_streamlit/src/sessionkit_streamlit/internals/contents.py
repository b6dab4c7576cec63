# SPDX-License-Identifier: Apache-2.0
"""
All of Streamlit's state at once, in one quick pass.

Most widgets ask for the whole state to see whether one value in it is None, and so a page of
many fields takes most of its time for that. What they are given here is equal to what
Streamlit finds, which is looked at now and then; where it is not, Streamlit's own way is taken again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sessionkit_streamlit.internals.guard import MOVED, moved
from sessionkit_streamlit.internals.state import (
    MISSING,
    element_prefix,
    own_prefix,
    value_kind,
    values_of,
)

CONTENTS: Final = "SessionState.filtered_state"
CONTENTS_MODULE: Final = "streamlit.runtime.state.session_state"
CONTENTS_EFFECT: Final = "each widget looks at all of st.session_state in Streamlit's own way"
_CHECKED: Final = 256
"""One of so many lists is compared with Streamlit's own."""


class QuickList:
    """Lists what a raw state holds, of the app's own entries and of keyed widgets, as Streamlit does."""

    def __init__(self, original: Callable[[Any], dict[str, Any]]) -> None:
        """
        Take the place of Streamlit's own way.

        Args:
            original: That one.
        """
        self._original = original
        self._calls = 0
        self._is_equal = True

    def __call__(self, state: Any) -> dict[str, Any]:  # noqa: ANN401 - Streamlit's
        """Return by key what the state holds."""
        if not self._is_equal:
            return self._original(state)
        try:
            found = listed(state)
        except MOVED:
            theirs = self._original(
                state
            )  # where a widget's own code has raised it, it does so again
            self._give_up()
            return theirs
        self._calls += 1
        if self._calls % _CHECKED != 1:
            return found
        theirs = self._original(state)
        if not _is_equal(state, found, theirs):
            self._give_up()
        return theirs

    def _give_up(self) -> None:
        self._is_equal = False
        moved(CONTENTS, CONTENTS_EFFECT)


def listed(state: Any) -> dict[str, Any]:  # noqa: ANN401 - Streamlit's
    """Return by key what a raw state holds, of the app's own entries and of keyed widgets."""
    new, old, sent = state._new_session_state, state._old_state, state._new_widget_state  # noqa: SLF001
    mapper, held, known = state._key_id_mapper, sent.states, sent.widget_metadata.get  # noqa: SLF001
    id_of, key_of = mapper._key_id_mapping.get, mapper.id_key_mapping.get  # noqa: SLF001
    of_element, of_streamlit, kind = element_prefix(), own_prefix(), value_kind()
    names = set(map(id_of, old, old))
    names.update(held, map(id_of, new, new))
    found: dict[str, Any] = {}
    rest = []
    for (
        name
    ) in names:  # for each of them, at each field: what is looked up here is what a page takes
        if name.startswith(of_element):
            key = key_of(name)
            if key is None or name.endswith("-None"):
                continue
            one, presenter = held.get(name), getattr(known(name), "presenter", None)
            if type(one) is kind and presenter is None and key not in new:
                found[key] = one.value
            else:
                rest.append(key)
        elif not name.startswith(of_streamlit):
            found[name] = new[name] if name in new else old[name]
    found.update(values_of(state, rest))
    return found


def _is_equal(state: Any, found: dict[str, Any], theirs: dict[str, Any]) -> bool:  # noqa: ANN401
    """Return whether two lists hold the same objects, but for what Streamlit finds in no order, or makes anew each time."""
    return all(
        found.get(key, MISSING) is theirs.get(key, MISSING) or _may_differ(state, key)
        for key in found.keys() | theirs.keys()
    )


def _may_differ(state: Any, key: str) -> bool:  # noqa: ANN401 - Streamlit's
    widget = state._get_widget_metadata(state._get_widget_id(key))  # noqa: SLF001
    had = [one for one in state._key_id_mapper.id_key_mapping.values() if one == key]  # noqa: SLF001
    return getattr(widget, "presenter", None) is not None or len(had) > 1
