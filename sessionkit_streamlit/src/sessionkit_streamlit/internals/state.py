# SPDX-License-Identifier: Apache-2.0
"""Streamlit's state of a connection: entries that the app doesn't see, and values out of turn."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import attrs
import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx

from sessionkit_streamlit.internals.guard import MOVED, guarded, moved

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

PREFIX: Final = "_sessionkit"
"""What the keys of sessionkit's own entries in a host's state begin with."""

_LOOKS: Final = "each run looks at all of st.session_state"

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


@cache
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
    try:
        state = run.session_state._state  # noqa: SLF001 - asked for each widget
    except MOVED:
        moved("SafeSessionState._state", "the end of a run may be cut short")
        return None
    return entry(state, key)


def entry(state: Any, key: str) -> Any:  # noqa: ANN401 - Streamlit's state, any stored value
    """Return a hidden entry of Streamlit's raw state; None if absent."""
    name = hidden(key)
    try:
        # When a run begins what is new is first copied to what is old, then forgotten.
        held = state._new_session_state.get(name, MISSING)  # noqa: SLF001
        if held is MISSING:
            held = state._old_state.get(name)  # noqa: SLF001
    except MOVED:
        moved("SessionState._new_session_state", "each look at a widget takes longer")
        held = state.get(name)
    return held.value if type(held) is Private else None


def snapshot(run: ScriptRunContext) -> dict[str, Any]:
    """Return the app's own entries and those of keyed widgets; never stops the script."""
    state: dict[str, Any] = run.session_state.filtered_state
    return state


def keys_set(run: ScriptRunContext) -> list[str]:
    """Return the keys under which the app has set values during a run, widgets' among them; never stops the script."""

    def read() -> list[str]:
        elements = element_prefix()
        with run.session_state._lock:  # noqa: SLF001
            named = list(raw(run)._new_session_state)  # noqa: SLF001
        return [key for key in named if not key.startswith((elements, own_prefix()))]

    effect = "patterns given to persist() hold for widgets alone"
    return guarded(read, "SessionState._new_session_state", effect, otherwise=[])


def values(run: ScriptRunContext, keys: Iterable[str]) -> dict[str, Any]:
    """Return the values of some keys, of the app's own entries and of keyed widgets; never stops the script."""

    def read() -> dict[str, Any]:
        with run.session_state._lock:  # noqa: SLF001
            return values_of(raw(run), keys)

    found = guarded(read, "SessionState._key_id_mapper", _LOOKS, otherwise=None)
    return snapshot(run) if found is None else found


def value_of(run: ScriptRunContext, key: str) -> Any:  # noqa: ANN401 - any stored value
    """Return the value of one key, as :func:`values` does; :data:`MISSING` if absent."""
    try:
        return value_in(run.session_state, key)
    except MOVED:
        moved("SessionState._key_id_mapper", _LOOKS)
    return snapshot(run).get(key, MISSING)


def value_in(safe: Any, key: str) -> Any:  # noqa: ANN401 - Streamlit's state, any stored value
    """Return the value of one key that Streamlit's safe state holds, as the app sees it; :data:`MISSING` if absent."""
    state = safe._state  # noqa: SLF001 - asked by each field, and at each input
    sent = state._new_widget_state  # noqa: SLF001
    name = state._key_id_mapper.get_id_from_key(key) or ""  # noqa: SLF001
    held: Any = sent.states.get(name)
    if (
        type(held) is value_kind()
        and key not in state._new_session_state  # noqa: SLF001
        and getattr(sent.widget_metadata.get(name), "presenter", None) is None
    ):
        return held.value
    with safe._lock:  # noqa: SLF001
        return values_of(state, (key,)).get(key, MISSING)


def values_of(state: Any, keys: Iterable[str]) -> dict[str, Any]:  # noqa: ANN401 - Streamlit's
    """Return the values of some keys that a raw state holds, as the app sees them."""
    new, old, sent = state._new_session_state, state._old_state, state._new_widget_state  # noqa: SLF001
    held, known = sent.states, sent.widget_metadata
    id_of = state._key_id_mapper.get_id_from_key  # noqa: SLF001
    kind = value_kind()
    found = {}
    for key in keys:
        name = id_of(key)
        if name is None:
            value = new.get(key, MISSING)
            if value is MISSING:
                value = old.get(key, MISSING)
        elif getattr(known.get(name), "presenter", None) is not None:
            value = _presented(state, key)
        else:
            value = new.get(key, MISSING)
            if value is MISSING:
                one = held.get(name)
                if type(one) is kind:
                    value = one.value
                elif one is None:
                    value = old.get(name, MISSING)
                    if value is MISSING:
                        value = old.get(key, MISSING)
                else:
                    value = _presented(state, key)
        if value is not MISSING:
            found[key] = value
    return found


def _presented(state: Any, key: str) -> Any:  # noqa: ANN401 - Streamlit's, any value
    """Return what the app sees under a key: read from what the browser sent, or made of what the state holds."""
    try:
        return state[key]
    except KeyError:
        return MISSING


@cache
def element_prefix() -> str:
    """Return what the names of elements begin with."""
    prefix: str = importlib.import_module(
        "streamlit.runtime.state.common"
    ).GENERATED_ELEMENT_ID_PREFIX
    return prefix


@cache
def own_prefix() -> str:
    """Return what the names of Streamlit's own entries begin with, and of ours."""
    module = importlib.import_module("streamlit.runtime.state.session_state")
    prefix: str = module.STREAMLIT_INTERNAL_KEY_PREFIX
    return prefix


@cache
def value_kind() -> type[Any]:
    """Return the class of a widget's value that is not as the browser sent it any more."""
    module = importlib.import_module("streamlit.runtime.state.session_state")
    kind: type[Any] = module.Value
    return kind


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


def put_before_widgets(run: ScriptRunContext, values: Mapping[str, Any]) -> frozenset[str]:
    """
    Set values as the app does it, all in one step.

    Args:
        run: The run's context.
        values: They, by key.

    Returns:
        The keys that Streamlit refuses: those of widgets that this run has made already, and of no widget at all.
    """
    if not values:
        return frozenset()

    def set_all() -> frozenset[str]:
        state, shared, elements = raw(run), run.shared, element_prefix()
        made, forms = shared.widget_ids_this_run, shared.form_ids_this_run
        id_of, new = state._key_id_mapper.get_id_from_key, state._new_session_state  # noqa: SLF001
        refused = set()
        with run.session_state._lock:  # noqa: SLF001
            for key, value in values.items():
                if not key or key.startswith(elements) or id_of(key) in made or key in forms:
                    refused.add(key)
                else:
                    new[key] = value
        return frozenset(refused)

    effect = "the first page of a connection takes longer"
    refused = guarded(set_all, "SessionState._new_session_state", effect, otherwise=None)
    return frozenset(_set_each(values)) if refused is None else refused


def _set_each(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        try:
            st.session_state[key] = value
        except StreamlitAPIException:
            yield key


def is_beside(state: Any, key: str) -> bool:  # noqa: ANN401 - Streamlit's
    """Return whether a value lies beside the widget's own, as :func:`adopt` finds it; also if nobody knows."""
    try:
        return key in state._old_state  # noqa: SLF001 - asked for each widget
    except MOVED:
        return True


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
