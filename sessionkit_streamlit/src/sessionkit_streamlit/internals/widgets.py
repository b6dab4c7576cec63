# SPDX-License-Identifier: Apache-2.0
"""Widgets: what the browser sent for them, what they begin with, what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date, time
from typing import TYPE_CHECKING, Any, Final

from sessionkit_streamlit.internals.guard import MOVED, guarded, moved
from sessionkit_streamlit.internals.state import MISSING, raw

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

_ONE_TYPE: Final[dict[str | None, tuple[type, ...]]] = {
    "bool_value": (bool,),
    "string_value": (str, date, time),  # text, and a time, which takes a whole datetime as well
}
_AS_IT_IS: Final = frozenset({"string_value", "bool_value", "int_value", "double_value"})
_MOMENTARY: Final = frozenset(
    {
        "trigger_value",
        "string_trigger_value",
        "json_trigger_value",
        "chat_input_value",
        "file_uploader_state_value",
    }
)


def sent_keys(run: ScriptRunContext) -> set[str]:
    """Return the keys of widgets whose values came with the browser's latest request."""

    def read() -> set[str]:
        from streamlit.runtime.state.common import user_key_from_element_id  # noqa: PLC0415 - it may have moved

        keys = (user_key_from_element_id(one.id) for one in run.session_state.get_widget_states())
        return {key for key in keys if key is not None}

    effect = "after a fail-over a stored value may replace what the user just typed"
    return guarded(read, "SessionState.get_widget_states", effect, otherwise=set())


def sent_values(run: ScriptRunContext) -> dict[str, Any]:
    """Return the plain values (text, number, tick) that came with the latest request, by key."""

    def read() -> dict[str, Any]:
        from streamlit.runtime.state.common import user_key_from_element_id  # noqa: PLC0415 - it may have moved

        found: dict[str, Any] = {}
        for one in run.session_state.get_widget_states():
            key, kind = user_key_from_element_id(one.id), one.WhichOneof("value")
            if key is not None and kind in _AS_IT_IS:
                found[key] = getattr(one, kind)
        return found

    effect = "after a restart a tab left open may bring old values back"
    return guarded(read, "SessionState.get_widget_states", effect, otherwise={})


def sent_triggers(run: ScriptRunContext, key: str) -> list[dict[str, Any]]:
    """Return what the component called *key* told with the latest request, oldest first."""

    def read() -> list[dict[str, Any]]:
        # At each rerun: of all that the browser sent only this is serialized.
        with run.session_state._lock:  # noqa: SLF001
            states = raw(run)._new_widget_state  # noqa: SLF001
            ours = [states.get_serialized(name) for name in list(states.states) if key in name]
        told = [_loaded(one.json_trigger_value) for one in ours if one and one.json_trigger_value]
        return [
            one for each in told if isinstance(each, list) for one in each if isinstance(one, dict)
        ]

    effect = "after a restart a tab left open may bring old values back"
    try:
        return guarded(read, "SessionState._new_widget_state", effect, otherwise=[])
    except ValueError:  # no JSON: whoever sent this is no page of ours
        return []


def _loaded(text: str) -> Any:  # noqa: ANN401 - whatever the JSON says
    """Return what a trigger says; once Streamlit has read it, it gives it back as JSON in JSON."""
    told = json.loads(text)
    return json.loads(told) if isinstance(told, str) else told


def at_default(run: ScriptRunContext, key: str, value: Any) -> bool:  # noqa: ANN401
    """Return whether *key* is a widget's and *value* what the widget begins with."""

    def read() -> bool:
        state = raw(run)
        widget = state._get_widget_metadata(state._get_widget_id(key))  # noqa: SLF001
        return widget is not None and bool(widget.deserializer(None) == value)

    effect = "untouched widgets are stored as well"
    try:
        return guarded(read, "SessionState._get_widget_metadata", effect, otherwise=False)
    except ValueError:  # arrays are neither equal nor not
        return False


def default_of(run: ScriptRunContext, key: str) -> Any:  # noqa: ANN401 - any value of a widget
    """Return what the widget called *key* begins with; MISSING when there is no such widget."""

    def read() -> Any:  # noqa: ANN401
        state = raw(run)
        widget = state._get_widget_metadata(state._get_widget_id(key))  # noqa: SLF001
        return MISSING if widget is None else widget.deserializer(None)

    effect = "the widgets of a session that ended keep showing its values"
    return guarded(read, "SessionState._get_widget_metadata", effect, otherwise=MISSING)


def momentary(widget: Any) -> bool:  # noqa: ANN401 - Streamlit's
    """Return whether the widget's value lasts for a moment or can't be set by anyone."""
    return getattr(widget, "value_type", None) in _MOMENTARY


def refusal(widget: Any, value: Any) -> str | None:  # noqa: ANN401 - Streamlit's, any value
    """Return why the widget would refuse *value*, or None: sends it the way the browser would."""
    try:
        from streamlit.runtime.state.session_state import WStates  # noqa: PLC0415 - it may have moved

        wire = WStates()
        wire.set_widget_metadata(widget)
        wire.set_from_value(widget.id, value)
        send = wire.get_serialized
    except MOVED:
        moved("session_state.WStates", "a value that a widget refuses is shown as an error")
        return None
    return _sent_back(wire, send, widget, value)


def _sent_back(wire: Any, send: Callable[[str], Any], widget: Any, value: Any) -> str | None:  # noqa: ANN401
    try:
        sent = send(widget.id)
        if sent.WhichOneof("value") is None:
            return None  # an empty field
        wire.set_widget_from_proto(sent)
        back = wire[widget.id]
    except Exception as error:  # noqa: BLE001 - widgets and protobuf raise what they like
        return _wrong_type(widget, value, error)
    return _difference(widget, value, back)


def _wrong_type(widget: Any, value: Any, error: Exception) -> str:  # noqa: ANN401
    """Say what a value of another type broke: not in the words of whatever it broke in."""
    begins_with = widget.deserializer(None)
    if not isinstance(error, TypeError | AttributeError) or type(begins_with) is type(value):
        return f"{type(error).__name__}: {error}"
    if begins_with is None:
        return f"the widget takes no {type(value).__name__}"
    return _not_of_type(begins_with, value)


def _not_of_type(taken: Any, value: Any) -> str:  # noqa: ANN401 - any value of a widget
    return f"the widget takes {type(taken).__name__}, not {type(value).__name__}"


def _difference(widget: Any, value: Any, back: Any) -> str | None:  # noqa: ANN401
    kind = getattr(widget, "value_type", None)
    if kind == "double_array_value" and _listed(back) != _listed(value):
        return f"it lies outside the slider's range, or the slider has another number of ends: {value!r}"
    takes = _ONE_TYPE.get(kind, ())
    if takes and not isinstance(value, takes) and type(back) is not type(value):
        return f"the widget does not take {value!r}" if back is None else _not_of_type(back, value)
    if isinstance(back, list) and (isinstance(value, str) or not isinstance(value, Iterable)):
        return _not_of_type(back, value)
    limit = getattr(widget, "max_array_length", None)
    if limit and isinstance(value, list | tuple) and len(value) > limit:
        return f"{len(value)} are selected, at most {limit} may be"
    return None


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - a slider's value
    return list(value) if isinstance(value, list | tuple) else [value]
