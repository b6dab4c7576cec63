# SPDX-License-Identifier: Apache-2.0
"""
What Streamlit's state holds under a field's own key, without a list of all that it holds.

A field asks for that list, and looks in it at its own value alone: the list of a page with many fields is longer
in each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sessionkit_streamlit.internals.guard import MOVED, moved
from sessionkit_streamlit.internals.state import MISSING, value_in

CONTENTS: Final = "SessionState.filtered_state"
CONTENTS_EFFECT: Final = "each widget looks at all of st.session_state in Streamlit's own way"
CONTENTS_READERS: Final = tuple(
    f"streamlit.elements.widgets.{name}"
    for name in (
        "number_input",
        "radio",
        "selectbox",
        "slider",
        "text_widgets",
        "time_widgets",
    )
)
"""The modules whose fields ask for it."""

_CHECKED: Final = 256
"""One of so many values is compared with what Streamlit's own list says."""

_UNLISTED: Final = "None"
"""Streamlit takes a widget whose key ends so for one without a key."""


class Lookup:
    """Looks up one key in Streamlit's state, and compares now and then; where Streamlit finds something else, so it is from then on."""

    def __init__(self) -> None:
        """Begin with a comparison."""
        self._calls = 0
        self._is_equal = True

    def __call__(self, state: Any, key: str) -> Any:  # noqa: ANN401 - Streamlit's
        """Return what Streamlit's safe state holds under a key; :data:`MISSING` if absent."""
        if not self._is_equal or key.endswith(_UNLISTED):
            return state.filtered_state.get(key, MISSING)
        try:
            found = value_in(state, key)
        except MOVED:
            # Where a widget's own code has raised it, it does so again.
            theirs = state.filtered_state.get(key, MISSING)
            self._give_up()
            return theirs
        self._calls += 1
        if self._calls % _CHECKED != 1:
            return found
        theirs = state.filtered_state.get(key, MISSING)
        if found is not theirs and not _may_differ(state._state, key):  # noqa: SLF001
            self._give_up()
        return theirs

    def _give_up(self) -> None:
        self._is_equal = False
        moved(CONTENTS, CONTENTS_EFFECT)


def _may_differ(state: Any, key: str) -> bool:  # noqa: ANN401 - Streamlit's
    """Return whether Streamlit finds that value in no order, or makes it anew each time."""
    widget = state._get_widget_metadata(state._get_widget_id(key))  # noqa: SLF001
    had = [one for one in state._key_id_mapper.id_key_mapping.values() if one == key]  # noqa: SLF001
    return getattr(widget, "presenter", None) is not None or len(had) > 1


class Contents(Mapping[str, Any]):
    """What a state holds, of the app's own entries and of keyed widgets: looked up by key, and listed by Streamlit for whoever asks for all."""

    __slots__ = ("_look_up", "_state")

    def __init__(self, state: Any, look_up: Callable[[Any, str], Any]) -> None:  # noqa: ANN401 - Streamlit's
        """Take Streamlit's safe state."""
        self._state = state
        self._look_up = look_up

    def __contains__(self, key: object) -> bool:
        """Return whether something is held under a key."""
        return self._look_up(self._state, str(key)) is not MISSING

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - any stored value
        """Return what is held under a key."""
        found = self._look_up(self._state, key)
        if found is MISSING:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[str]:
        """Go through all keys."""
        return iter(self._state.filtered_state)

    def __len__(self) -> int:
        """Count them."""
        return len(self._state.filtered_state)


class FieldState:
    """Streamlit's safe state as a field is given it: its contents are looked up by key, all else is Streamlit's own."""

    __slots__ = ("_state", "filtered_state")

    def __init__(self, state: Any, look_up: Callable[[Any, str], Any]) -> None:  # noqa: ANN401 - Streamlit's
        """Take Streamlit's own."""
        self._state = state
        self.filtered_state = Contents(state, look_up)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
        """Return what Streamlit's own has."""
        return getattr(self._state, name)
