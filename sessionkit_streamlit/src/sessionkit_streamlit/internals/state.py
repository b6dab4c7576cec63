# SPDX-License-Identifier: Apache-2.0
"""Streamlit's state of a connection: entries that the app doesn't see, and values out of turn."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

import attrs
from streamlit.runtime.scriptrunner import get_script_run_ctx

from sessionkit_streamlit.internals.guard import guarded

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

PREFIX: Final = "_sessionkit"
"""What the keys of sessionkit's own entries in a host's state begin with."""

MISSING: Final = object()
"""Stands for a value that is not there."""


@attrs.define(eq=False)
class Private:
    """
    Holds a value in Streamlit's session state.

    Streamlit can be told to pickle the whole state after each run as a check;
    what is held here is live and comes out of a pickle as nothing.
    """

    value: Any

    def __reduce__(self) -> tuple[type[Private], tuple[None]]:
        """Let the check pass."""
        return Private, (None,)


def context() -> ScriptRunContext | None:
    """Return the context of the script run that the calling code belongs to, or None."""
    return get_script_run_ctx(suppress_warning=True)


def hidden(key: str) -> str:
    """Return *key* as Streamlit keeps it: out of listings, and untouched by ``clear()``."""

    def prefixed() -> str:
        module = importlib.import_module("streamlit.runtime.state.session_state")
        return f"{module.STREAMLIT_INTERNAL_KEY_PREFIX}{key}"

    effect = f"keys that begin with {PREFIX} are listed in st.session_state"
    return guarded(prefixed, "session_state.STREAMLIT_INTERNAL_KEY_PREFIX", effect, otherwise=key)


def raw(run: ScriptRunContext) -> Any:  # noqa: ANN401 - Streamlit's
    """Return Streamlit's state without the wrapper, which may stop the script at each use."""
    return run.session_state._state  # noqa: SLF001 - see above


def peek(run: ScriptRunContext, key: str) -> Any:  # noqa: ANN401 - any stored value
    """Return a hidden entry without giving Streamlit the chance to stop the script; None if absent."""

    def read() -> Any:  # noqa: ANN401
        with run.session_state._lock:  # noqa: SLF001
            return entry(raw(run), key)

    effect = "the end of a run may be cut short"
    return guarded(read, "SafeSessionState._state", effect, otherwise=None)


def entry(state: Any, key: str) -> Any:  # noqa: ANN401 - Streamlit's state, any stored value
    """Return a hidden entry of Streamlit's raw state; None if absent."""
    name = hidden(key)
    if name not in state:
        return None
    held = state[name]
    return held.value if isinstance(held, Private) else None


def snapshot(run: ScriptRunContext) -> dict[str, Any]:
    """Return the app's own entries and those of keyed widgets; never stops the script."""
    state: dict[str, Any] = run.session_state.filtered_state
    return state


def unplug(state: Any, key: str) -> None:  # noqa: ANN401 - Streamlit's
    """Take a value that was set from outside out of Streamlit's raw state."""

    def drop() -> None:
        state._new_session_state.pop(key, None)  # noqa: SLF001
        state._old_state.pop(key, None)  # noqa: SLF001

    effect = "a stored value that a widget refuses is shown as an error"
    guarded(drop, "SessionState._new_session_state", effect, otherwise=None)


def put(state: Any, key: str, value: Any) -> None:  # noqa: ANN401 - Streamlit's, any value
    """Set a value in Streamlit's raw state, as the app would have before its widget was made."""

    def replace() -> None:
        state._new_session_state[key] = value  # noqa: SLF001

    effect = "a widget is given what was stored, not the option that equals it"
    guarded(replace, "SessionState._new_session_state", effect, otherwise=None)


def adopt(state: Any, widget: Any, key: str) -> None:  # noqa: ANN401 - Streamlit's
    """
    Let the widget own a value that was set before the widget first appeared.

    Streamlit would keep the value beside the widget's own for good and bring
    it back, however old, when the user leaves the page and returns.
    """

    def move() -> None:
        value = state._old_state.pop(key, MISSING)  # noqa: SLF001
        newer = (state._new_widget_state, state._old_state)  # noqa: SLF001
        if value is MISSING or any(widget.id in values for values in newer):
            return
        state._new_session_state.setdefault(key, value)  # noqa: SLF001

    effect = "a value that was put back may return after its page was left"
    guarded(move, "SessionState._old_state", effect, otherwise=None)
