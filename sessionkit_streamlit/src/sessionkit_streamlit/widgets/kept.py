# SPDX-License-Identifier: Apache-2.0
"""Streamlit's widgets that keep themselves: under their keys, with no other call."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

import streamlit as st

from sessionkit import ConfigError, bootstrap_session
from sessionkit_streamlit.connection import CONNECTION_KEY, Connection
from sessionkit_streamlit.internals.page import fragments_of
from sessionkit_streamlit.internals.state import context, peek

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

W = TypeVar("W", bound=Callable[..., Any])

LIVE: Final = "live"
"""The argument of a field by which Streamlit sends what is typed after each pause, where it has it."""

_LOGGER: Final = logging.getLogger(__name__)

_PASSWORD: Final = "password"  # noqa: S105 - the type of a field
_PAUSE: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_LONGEST_PAUSE: Final = 60
"""In seconds; Streamlit refuses a longer one, at each field."""

_BUTTON: Final = "that it was pressed lasts for one run; use it as it is, and keep what it does"
_CHAT: Final = "what is sent lasts for one run; use it as it is, and keep what was said"
_UPLOAD: Final = (
    "an uploaded file lives as long as its page; use it as it is, and keep the file elsewhere"
)
_EDITOR: Final = "Streamlit lets nobody set its edits; use sessionkit_streamlit.data_editor"
_FORM: Final = "a form has no value; keep the widgets in it"
_UNSETTABLE: Final = (
    "Streamlit lets nobody set it, so it can't be put back; use it as it is, and keep what it gives"
)
_NO_KEY: Final = "it takes no key, so it is none of Streamlit's widgets"


def kept(widget: W) -> W:
    """
    Return a widget of Streamlit that keeps itself: what its user chose is stored under its key and put back.

    It has the widget's own signature and returns what the widget returns, and needs a ``key``. The
    first one of a run calls ``bootstrap_session()``, if the script has not. What a changed widget does not
    take any more, as an option that is gone, is dropped, with an event; the widget begins anew then.

    ``sessionkit_streamlit.text_input`` is ``kept(st.text_input)``; so is each widget of the installed
    Streamlit that holds a value. This is for others, and for those of a container.

    Args:
        widget: A widget's function, such as ``st.text_input`` or ``column.text_input``.

    Raises:
        TypeError: If it holds no value for longer than a moment (a button, an upload, a chat input),
            or is no widget; and where it is called without a key.

    Example:
        ::

            left, right = st.columns(2)
            name = kept(left.text_input)("Name", key="name")
    """
    form = _form_of(widget)

    @wraps(widget)
    def draw(*args: Any, **more: Any) -> Any:  # noqa: ANN401 - as the widget has it
        key = more.get("key")
        if key is None and form.key_at is not None and len(args) > form.key_at:
            key = args[form.key_at]
        if key is None or key == "":
            raise TypeError(without_key(form.name, args))
        key = str(key)
        connection = keep(key)
        if connection is not None and connection.live and form.may_be_live:
            more = sent_live(connection, key, args, more)
        value = widget(*args, **more)
        if connection is not None and key in connection.widgets.unsettable:
            raise TypeError(_refusal(form.name, _UNSETTABLE))
        return value

    # A bound method is looked through otherwise, to the function that takes "self" as well.
    vars(draw)["__signature__"] = signature(widget)
    return cast("W", draw)


def refuse_momentary(widget: Any) -> None:  # noqa: ANN401 - whatever the app hands in
    """
    Raise if something is no widget that holds a value.

    Raises:
        TypeError: It says what it is.
    """
    _form_of(widget)


def keep(key: str) -> Connection | None:
    """
    Have the value of a widget kept that is about to be made; the session is bootstrapped if it was not in this run.

    Args:
        key: The widget's key.

    Returns:
        What is known about the connection; None outside of Streamlit's runs.
    """
    run = context()
    if run is None:
        return None
    connection = connected(run)
    if key not in connection.persisted:
        connection.persisted.add(key)
    return connection


def connected(run: ScriptRunContext) -> Connection:
    """
    Return what is known about the connection of a run, which has its session.

    Args:
        run: The run's context. A fragment's, which runs by itself, shows the session that the page has.
    """
    connection = peek(run, CONNECTION_KEY)
    if isinstance(connection, Connection) and (
        connection.page.serves(run) or (connection.live_session and fragments_of(run))
    ):
        return connection
    bootstrap_session()
    return cast("Connection", peek(run, CONNECTION_KEY))


def sent_live(
    connection: Connection, key: str, args: tuple[Any, ...], more: dict[str, Any]
) -> dict[str, Any]:
    """
    Return the keywords of a field that takes ``live=``: with what the settings say, where the page says nothing.

    What is typed into a field for a password is sent when it is left, as ever.

    Args:
        connection: What is known about the connection.
        key: The field's key.
        args: The other arguments.
        more: The keywords that the page gave.
    """
    is_password = _PASSWORD in args or more.get("type") == _PASSWORD
    if "live" in more or is_password or connection.is_private(key):
        return more
    return {**more, "live": connection.live}


def check_live(live: bool | str) -> None:  # noqa: FBT001 - the setting's value
    """
    Look at the setting ``hosts.streamlit.live``.

    Raises:
        ConfigError: If it is no pause.
    """
    pause = _PAUSE.fullmatch(live) if isinstance(live, str) else None
    if isinstance(live, str) and (pause is None or _seconds(pause) > _LONGEST_PAUSE):
        msg = f'live: true or a pause of at most a minute is needed, such as "500ms" or "1s", not {live!r}'
        raise ConfigError(msg)
    if live and not any(LIVE in _parameters(one) for one in value_widgets().values()):
        _LOGGER.warning(
            "hosts.streamlit.live has no effect: no widget of Streamlit %s takes live=",
            st.__version__,
        )


def _seconds(pause: re.Match[str]) -> float:
    return float(pause[1]) / (1000 if pause[2] == "ms" else 1)


def value_widgets() -> Mapping[str, Callable[..., Any]]:
    """Return by name the widgets of the installed Streamlit that hold a value."""
    found = {name: getattr(st, name) for name in dir(st) if not name.startswith("_")}
    return {name: one for name, one in found.items() if _holds_value(one, name)}


def value_widget(name: str) -> Callable[..., Any]:
    """
    Return the widget of that name, kept.

    Raises:
        AttributeError: If the installed Streamlit has no such widget that holds a value.
    """
    widget: Callable[..., Any] | None = getattr(st, name, None)
    if widget is None or not _holds_value(widget, name):
        msg = f"module 'sessionkit_streamlit' has no attribute {name!r}"
        if widget is not None:
            msg += ", and it is no widget of Streamlit that holds a value"
        raise AttributeError(msg)
    return kept(widget)


def _holds_value(command: Any, name: str) -> bool:  # noqa: ANN401 - whatever Streamlit has
    """Return whether something of Streamlit's is a widget that holds a value: it can be changed, and is no container."""
    if isinstance(command, type) or "on_change" not in (parameters := _parameters(command)):
        return False
    gives_container = "Container" in str(signature(command).return_annotation)
    return not gives_container and _reason_against(command, name, parameters) is None


class _CallForm(NamedTuple):
    """How a widget is called: its name, where its key stands among positional arguments, if it may, and whether it takes ``live=``."""

    name: str
    key_at: int | None
    may_be_live: bool


def _form_of(widget: Any) -> _CallForm:  # noqa: ANN401 - whatever the app hands in
    name = getattr(widget, "__name__", None) or type(widget).__name__
    parameters = _parameters(widget)
    reason = _reason_against(widget, name, parameters)
    if reason is not None:
        raise TypeError(_refusal(name, reason))
    key = parameters.get("key")
    positional = key is not None and key.kind is Parameter.POSITIONAL_OR_KEYWORD
    key_at = list(parameters).index("key") if positional else None
    return _CallForm(name, key_at, LIVE in parameters)


def _parameters(widget: Any) -> Mapping[str, Parameter]:  # noqa: ANN401 - as above
    if not callable(
        widget
    ):  # first: to say so, inspect would show it, and st.secrets reads its file then
        return {}
    try:
        return signature(widget).parameters
    except (TypeError, ValueError):  # it has none to show
        return {}


def _reason_against(
    widget: Any,  # noqa: ANN401 - as above
    name: str,
    parameters: Mapping[str, Parameter],
) -> str | None:
    """Return why a widget can't be kept; None if it may."""
    takes_any = any(one.kind is Parameter.VAR_KEYWORD for one in parameters.values())
    if not callable(widget) or not ("key" in parameters or takes_any):
        return _NO_KEY
    if name == "data_editor":
        return _EDITOR
    if "clear_on_submit" in parameters:
        return _FORM
    if "on_submit" in parameters:
        return _CHAT
    if "on_click" in parameters:
        return _BUTTON
    given = signature(widget).return_annotation
    return _UPLOAD if "UploadedFile" in str(given) else None


def _refusal(name: str, reason: str) -> str:
    return f"{name} can't be kept: {reason}"


def without_key(name: str, args: tuple[Any, ...], *, quoted: bool = True) -> str:
    """
    Say that a widget needs a key.

    Args:
        name: What the widget is called.
        args: What it was called with.
        quoted: Whether the first of those is a text.
    """
    label = args[0] if args and isinstance(args[0], str) else "Label"
    key = re.sub(r"\W+", "_", label.lower()).strip("_") or "name"
    first = repr(label) if quoted else label
    return (
        f"{name}({first}) needs a key, under which its value is kept: "
        f"write {name}({first}, ..., key={key!r})"
    )
