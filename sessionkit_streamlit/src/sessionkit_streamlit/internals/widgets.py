# SPDX-License-Identifier: Apache-2.0
"""Widgets: what the browser sent for them, what they begin with, what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from reprlib import repr as short
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sessionkit.values.equality import content
from sessionkit_streamlit.internals.element_ids import era_of
from sessionkit_streamlit.internals.guard import MOVED, guarded, moved
from sessionkit_streamlit.internals.state import MISSING, PREFIX, raw

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

_AS_IT_IS: Final = frozenset({"string_value", "bool_value", "int_value", "double_value"})
_PRESSED: Final = frozenset(
    {"trigger_value", "string_trigger_value", "json_trigger_value", "chat_input_value"}
)
_MOMENTARY: Final = _PRESSED | {"file_uploader_state_value"}


class Taken(NamedTuple):
    """
    What a widget makes of a value.

    Attributes:
        value: What it shows; the value itself if it would refuse it.
        refusal: Why it would refuse it, or None.
    """

    value: Any
    refusal: str | None = None


def sent_keys(run: ScriptRunContext, era: int = 0) -> set[str]:
    """Return the keys of widgets of an era whose values came with the browser's latest request."""

    def read() -> set[str]:
        from streamlit.runtime.state.common import user_key_from_element_id  # noqa: PLC0415 - it may have moved

        ids = [one.id for one in run.session_state.get_widget_states()]
        keys = (user_key_from_element_id(one) for one in ids if era_of(one) == era)
        return {key for key in keys if key is not None}

    effect = "after a fail-over a stored value may replace what the user just typed"
    return guarded(read, "SessionState.get_widget_states", effect, otherwise=set())


def unseen_keys(run: ScriptRunContext, era: int) -> set[str]:
    """Return the keys of widgets of an era whose values came with the latest request, and that the connection has never drawn."""

    def read() -> set[str]:
        from streamlit.runtime.state.common import user_key_from_element_id  # noqa: PLC0415 - it may have moved

        with run.session_state._lock:  # noqa: SLF001
            unseen = _unseen(raw(run))
        keys = (user_key_from_element_id(name) for name in unseen if era_of(name) == era)
        return {key for key in keys if key is not None}

    effect = "after a fail-over a stored value may replace what the user just typed"
    return guarded(read, "SessionState._new_widget_state", effect, otherwise=set())


def _unseen(state: Any) -> set[str]:  # noqa: ANN401 - Streamlit's
    """Return the ids of widgets that a request tells of and that the connection has never drawn; at most reruns none."""
    sent = state._new_widget_state  # noqa: SLF001
    unseen: set[str] = sent.states.keys() - sent.widget_metadata.keys()
    return unseen


def sent_values(run: ScriptRunContext, era: int = 0) -> dict[str, Any]:
    """Return the plain values (text, number, tick) of widgets of an era that came with the latest request, by key."""

    def read() -> dict[str, Any]:
        from streamlit.runtime.state.common import user_key_from_element_id  # noqa: PLC0415 - it may have moved

        found: dict[str, Any] = {}
        for one in run.session_state.get_widget_states():
            key, kind = user_key_from_element_id(one.id), one.WhichOneof("value")
            if key is not None and kind in _AS_IT_IS and era_of(one.id) == era:
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


def take_early(run: ScriptRunContext) -> list[Any]:
    """
    Take out of the latest request what was pressed on widgets that the connection has not drawn yet, and return it.

    A tab that finds another server, or its own after a restart, shows buttons that are not known there. Streamlit
    calls the callbacks of a request before its run, and of such a widget it knows none: it would be lost.

    Returns:
        What Streamlit calls their states, without those of our own part of the page.
    """

    def read() -> list[Any]:
        with run.session_state._lock:  # noqa: SLF001
            state = raw(run)
            sent = state._new_widget_state  # noqa: SLF001
            unseen = sorted(_unseen(state))
            states = [sent.get_serialized(name) for name in unseen if PREFIX not in name]
            early = [one for one in states if one and one.WhichOneof("value") in _PRESSED]
            for one in early:
                del sent.states[one.id]
            return early

    effect = "the callback of a button that is pressed before its page was drawn anew is not called"
    return guarded(read, "SessionState._new_widget_state", effect, otherwise=[])


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


def widget_of(run: ScriptRunContext, key: str) -> Any:  # noqa: ANN401 - Streamlit's
    """Return the metadata of the widget with a key; None if there is none."""

    def read() -> Any:  # noqa: ANN401 - Streamlit's
        state = raw(run)
        return state._get_widget_metadata(state._get_widget_id(key))  # noqa: SLF001

    effect = "a pattern given to persist() late misses the widgets that are there"
    return guarded(read, "SessionState._get_widget_metadata", effect, otherwise=None)


def default_of(run: ScriptRunContext, key: str) -> Any:  # noqa: ANN401
    """Return what the widget with a key begins with; :data:`MISSING` if there is none."""
    widget = widget_of(run, key)
    return MISSING if widget is None else widget.deserializer(None)


def begins_with(run: ScriptRunContext, value: Any) -> bool:  # noqa: ANN401
    """Return whether a widget of the connection has this value, of the same type, and begins with it."""

    def read() -> bool:
        widgets = list(raw(run)._new_widget_state.widget_metadata.values())  # noqa: SLF001
        return any(not momentary(one) and at_beginning(one, value) for one in widgets)

    effect = "nobody is told that persist_input was given a key that no widget has"
    return guarded(read, "SessionState._new_widget_state", effect, otherwise=False)


def at_beginning(widget: Any, value: Any) -> bool:  # noqa: ANN401
    """Return whether a widget begins with this very value, of the same type."""
    try:
        first = widget.deserializer(None)
        return type(first) is type(value) and bool(first == value)
    except Exception:  # noqa: BLE001 - an app's own component may raise anything
        return False


def in_url(state: Any, widget: Any, key: str) -> bool:  # noqa: ANN401 - Streamlit's
    """Return whether a widget is bound to the page's URL and finds a value there, which it takes before any other."""
    if getattr(widget, "bind", None) is None:
        return False
    effect = "a stored value that the page's URL replaces is told as dropped"
    return guarded(
        lambda: state.query_params.get_initial_value(key) is not None,
        "QueryParams.get_initial_value",
        effect,
        otherwise=False,
    )


def show_in_url(state: Any, widget: Any, key: str, value: Any) -> None:  # noqa: ANN401 - Streamlit's, any value
    """Write a value that was put back into the page's URL, if its widget is bound to that; one to begin with is none."""
    if getattr(widget, "bind", None) is None or at_beginning(widget, value):
        return

    def write() -> None:
        state.query_params._set_corrected_value(key, widget.serializer(value), widget.value_type)  # noqa: SLF001

    effect = "the page's URL does not show what was put back"
    guarded(write, "QueryParams._set_corrected_value", effect, otherwise=None)


def momentary(widget: Any) -> bool:  # noqa: ANN401 - Streamlit's
    """Return whether the widget's value lasts for a moment or can't be set by anyone."""
    return getattr(widget, "value_type", None) in _MOMENTARY


def to_keep(value: Any) -> Any:  # noqa: ANN401
    """Return a value with Streamlit's own dicts, as selections are made of, as plain ones."""
    if not isinstance(value, dict) or type(value).__module__.partition(".")[0] != "streamlit":
        return value
    return _plain(value)


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        # The class's own items() may wrap them anew.
        return {key: _plain(one) for key, one in dict.items(value)}
    if type(value) in {list, tuple}:
        return type(value)(map(_plain, value))
    return value


def take(widget: Any, value: Any) -> Taken:  # noqa: ANN401 - Streamlit's, any value
    """
    Send a value to a widget the way the browser would.

    What the widget gives back is what it can draw: its own option instead of one that is
    equal, its own kind of selection instead of a dict. What it gives back as something
    else is none of its values, and a widget may break on that.
    """
    if _is_plain_text(widget, value):
        return Taken(value)
    try:
        from streamlit.runtime.state.session_state import WStates  # noqa: PLC0415 - it may have moved

        wire = WStates()
        wire.set_widget_metadata(widget)
        send = wire.set_from_value, wire.get_serialized, wire.set_widget_from_proto
    except MOVED:
        moved("session_state.WStates", "a value that a widget refuses is shown as an error")
        return Taken(value)
    try:
        return _take(_Wire(wire, *send), widget, value)
    except Exception as error:  # noqa: BLE001 - widgets, protobuf and an app's format_func raise what they like
        return Taken(value, _wrong_type(widget, value, error))


def _is_plain_text(widget: Any, value: Any) -> bool:  # noqa: ANN401 - Streamlit's, any value
    """Return whether a value is a text that a field sends, and takes back, as it is: then nothing need be sent."""
    if type(value) is not str or not value.isascii() or widget.value_type != "string_value":
        return False
    try:
        ways = (widget.serializer(value), widget.deserializer(value))
    except Exception:  # noqa: BLE001 - it is raised again, and said, where the value is sent
        return False
    return all(type(one) is str and one == value for one in ways) and _options_of(widget) is None


class _Wire(NamedTuple):
    """What lies between a widget and the browser."""

    states: Any
    set_value: Callable[[str, Any], None]
    serialized: Callable[[str], Any]
    set_serialized: Callable[[Any], None]

    def sent(self, widget: Any, value: Any) -> Any:  # noqa: ANN401
        """Return what the server sends to the browser for a value."""
        self.set_value(widget.id, value)
        sent, kind = self.serialized(widget.id), widget.value_type
        if sent.WhichOneof("value") is None and kind.endswith("_array_value"):
            getattr(sent, kind).SetInParent()  # nothing is selected: the browser says so
        return sent

    def received(self, widget: Any, sent: Any) -> Any:  # noqa: ANN401
        """Return what the widget makes of what the browser sends."""
        if sent.WhichOneof("value") is None:
            # An empty field; a tick is never one.
            return widget.deserializer(None) if widget.value_type == "bool_value" else None
        self.set_serialized(sent)
        return self.states[widget.id]


def _take(wire: _Wire, widget: Any, value: Any) -> Taken:  # noqa: ANN401
    options = _options_of(widget)
    chosen = value if options is None else _chosen(options, value)
    sent = wire.sent(widget, chosen)
    back = wire.received(widget, sent)
    if isinstance(back, list) and value is not None and not _is_listed(value):
        return Taken(value, _not_of_type(back, value))
    limit = getattr(widget, "max_array_length", None)
    if limit and isinstance(back, list) and len(back) > limit:
        return Taken(value, f"{len(back)} are selected, at most {limit} may be")
    if options is not None and isinstance(back, list) and len(back) < len(listed := _row(chosen)):
        gone = [one for one in listed if _option(options, one) is MISSING]
        return Taken([*back, *gone])  # the widget itself leaves those out
    if _agrees(chosen, back) or (value is None and back == []):
        return Taken(back)
    if _means(options, value, back) and wire.sent(widget, back) == sent:
        return Taken(back)
    return Taken(value, _difference(widget, value, back))


def _options_of(widget: Any) -> Sequence[Any] | None:  # noqa: ANN401
    """Return what a widget lets its user choose from; None for other widgets."""
    options = getattr(getattr(widget.deserializer, "__self__", None), "options", None)
    return options if options is None or isinstance(options, Sequence) else list(options)


def _chosen(options: Sequence[Any], value: Any) -> Any:  # noqa: ANN401
    """Return the options themselves for the equal ones in *value*."""
    found = _option(options, value)
    if found is not MISSING or not _is_listed(value):
        return value if found is MISSING else found
    chosen = [(one, _option(options, one)) for one in value]
    listed = [one if option is MISSING else option for one, option in chosen]
    return tuple(listed) if isinstance(value, tuple) else listed


def _row(value: Any) -> list[Any]:  # noqa: ANN401
    return list(value) if _is_listed(value) else []


def _option(options: Sequence[Any], value: Any) -> Any:  # noqa: ANN401
    return next((one for one in options if _equals(one, value)), MISSING)


def _means(options: Sequence[Any] | None, value: Any, back: Any) -> bool:  # noqa: ANN401
    """Return whether a widget that is sent the same for both may show *back* for *value*."""
    if _is_tick(value) != _is_tick(back):
        return False
    if options is None:  # without the seconds, say; a date or a time takes a whole datetime
        return isinstance(value, type(back)) or (
            isinstance(value, datetime) and isinstance(back, date | time)
        )
    shown = back if isinstance(back, list | tuple) and _is_listed(value) else [back]
    return all(any(one is option for option in options) for one in shown)


def _agrees(value: Any, back: Any) -> bool:  # noqa: ANN401
    """Return whether a widget gave back what it was sent, be it with defaults filled in."""
    if isinstance(value, Mapping) and isinstance(back, Mapping):
        return all(key in back and _agrees(one, back[key]) for key, one in value.items())
    if _is_listed(value) and _is_listed(back):
        return len(value) == len(back) and all(map(_agrees, value, back))
    return _equals(value, back)


def _is_listed(value: Any) -> bool:  # noqa: ANN401
    """Return whether a value is a row of values: a list or the like, a Series, an array of one dimension."""
    return isinstance(value, list | tuple | set | frozenset) or getattr(value, "ndim", 0) == 1


def _equals(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Return whether two values are equal: not element by element, and a tick is no number."""
    if one is other:
        return True
    if _is_tick(one) != _is_tick(other):
        return False
    try:
        same = one == other
        if not getattr(same, "ndim", 0) and bool(same):
            return True
        # numpy finds no date64 equal to a date, nor one of nanoseconds to a datetime.
        return hasattr(one, "dtype") and content(one) == content(other)
    except Exception:  # noqa: BLE001 - an app's own __eq__ may raise anything
        return False


def _is_tick(value: Any) -> bool:  # noqa: ANN401
    """Return whether a value is True or False, numpy's included."""
    return isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", "") == "b"


def _wrong_type(widget: Any, value: Any, error: Exception) -> str:  # noqa: ANN401
    """Say what a value of another type broke: not in the words of whatever it broke in."""
    try:
        begins_with = widget.deserializer(None)
    except Exception:  # noqa: BLE001 - as above
        begins_with = None
    if type(begins_with) is type(value):
        return f"{type(error).__name__}: {error}"
    if begins_with is None:
        return f"the widget takes no {type(value).__name__}"
    return _not_of_type(begins_with, value)


def _not_of_type(taken: Any, value: Any) -> str:  # noqa: ANN401 - any value of a widget
    return f"the widget takes {type(taken).__name__}, not {type(value).__name__}"


def _difference(widget: Any, value: Any, back: Any) -> str:  # noqa: ANN401
    if widget.value_type == "double_array_value":
        return f"it lies outside the slider's range, or the slider has another number of ends: {short(value)}"
    if back is None or isinstance(value, type(back)) or _options_of(widget) is not None:
        return f"the widget does not take {short(value)}"
    return _not_of_type(back, value)
