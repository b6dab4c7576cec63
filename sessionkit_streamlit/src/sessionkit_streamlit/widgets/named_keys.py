# SPDX-License-Identifier: Apache-2.0
"""Which keys of Streamlit's state are kept: those that the app or its settings name, in full or by patterns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from sessionkit_streamlit.connection import Connection, current_connection
from sessionkit_streamlit.internals.state import PREFIX, context, keys_set, snapshot
from sessionkit_streamlit.internals.widgets import momentary, widget_of

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

ALL: Final = "*"
"""The pattern that names nothing: with it every widget is kept, and of what the app itself sets only what is named besides."""

_SIGNS: Final = frozenset("*?[")


def persist(*keys: str, never: Iterable[str] = ()) -> None:
    """
    Name keys of ``st.session_state`` to keep, besides those given to ``persist_input``.

    Call it on every page that shows them, before or after ``bootstrap_session()``.
    What the session holds comes back before widgets are made; what the user or
    the app changes is taken at the end of every run.

    Args:
        keys: Keys of widgets, or of values that the app sets itself; or patterns of them, as for :mod:`fnmatch`
            (``"order.*"``), which also hold for keys that appear later. ``"*"`` alone is for all widgets that
            have a key: values that the app sets itself are named besides.
        never: Names of what is never stored, as inputs, fields of forms, or entries of dicts in
            them; patterns as in the setting ``privacy.never``, besides those. Call it before the
            values are there, in every run.

    Raises:
        TypeError: If a key or a name is no text.

    Example:
        ::

            bootstrap_session()
            persist("city", "order.*", never=["iban"])
            st.text_input("City", key="city")
            st.number_input("Amount", key="order.amount")
    """
    if isinstance(never, str):
        msg = f"persist(never=...) takes a list of names, such as [{never!r}], not one text"
        raise TypeError(msg)
    named, left_out = {_key(one) for one in keys}, {_key(one) for one in never}
    run = context()
    if run is not None:
        connection = current_connection()
        leave_out(connection, left_out)
        name_keys(connection, run, named)


def _key(one: object) -> str:
    if not isinstance(one, str):
        msg = f"persist() takes keys of st.session_state, which are texts; {one!r} is none"
        raise TypeError(msg)
    return one


def leave_out(connection: Connection, names: Iterable[str]) -> None:
    """
    Have nothing of these names stored, by this connection's session and the next one that it shows.

    Args:
        connection: What is known about the connection.
        names: Names or patterns.
    """
    connection.left_out.update(names)
    if connection.session is not None:
        connection.session.leave_out(*connection.left_out)


def name_keys(connection: Connection, run: ScriptRunContext, names: Iterable[str]) -> None:
    """
    Have what stands under these keys kept.

    Args:
        connection: What is known about the connection.
        run: The run's context.
        names: Keys in full, or patterns. A key that looks like a pattern is meant, too.
    """
    connection.persisted.update(names)
    patterns = {one for one in names if not _SIGNS.isdisjoint(one)}
    if patterns <= connection.patterns.texts:
        return
    connection.patterns.add(patterns)
    connection.value_patterns.add(patterns - {ALL})
    for key in snapshot(run):  # those that were there before
        widget = widget_of(run, key)
        if widget is None:
            _note_value(connection, key)
        else:
            note_widget(connection, key, widget)


def note_widget(connection: Connection, key: str, widget: Any) -> None:  # noqa: ANN401 - Streamlit's
    """
    Have a widget's value kept, if a pattern names its key, and it has one that can be put back.

    Args:
        connection: What is known about the connection, with patterns.
        key: The widget's key, which nobody has named in full.
        widget: The widget's metadata.
    """
    if not connection.patterns.fits(key) or key.startswith(PREFIX):
        return
    if not momentary(widget) and key not in connection.widgets.unsettable:
        connection.persisted.add(key)


def note_values(connection: Connection, run: ScriptRunContext) -> None:
    """
    Have kept what the app has set itself during a run, where a pattern names its key.

    Args:
        connection: What is known about the connection.
        run: The run's context.
    """
    if connection.value_patterns.texts:
        for key in keys_set(run):
            _note_value(connection, key)


def _note_value(connection: Connection, key: str) -> None:
    if key not in connection.persisted and connection.value_patterns.fits(key):
        connection.persisted.add(key)
