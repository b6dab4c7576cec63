# SPDX-License-Identifier: Apache-2.0
"""
A data editor that keeps its edits.

Streamlit lets nobody set what a data editor holds. So the edits are kept under the editor's key as a value of the app's
own, and made in the table that the app hands in when the editor begins; Streamlit's editor, which has another key, counts from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import attrs
import streamlit as st

from sessionkit.events import ValueDropped
from sessionkit_streamlit.connection import Connection
from sessionkit_streamlit.internals.frames import frame_of, like
from sessionkit_streamlit.widgets.kept import keep, without_key
from sessionkit_streamlit.widgets.table_edits import Edits, apply, edits_in, is_numbered

if TYPE_CHECKING:
    import pandas as pd

_NONE: Final = Edits()


@attrs.define(eq=False)
class Editor:
    """
    An editor on a connection's page.

    Attributes:
        key: The key that Streamlit's editor has.
        source: The table that the app handed in.
        table: What Streamlit's editor began with: that table with the first edits in it.
        first: Those.
        written: All edits, as they were kept last.
    """

    key: str
    source: pd.DataFrame
    table: Any
    first: Edits
    written: Edits

    def edits(self) -> Edits:
        """Return all edits as they are now."""
        made = edits_in(st.session_state.get(self.key)) or _NONE
        return made.after(self.first, len(self.source))


def data_editor(data: Any, *args: Any, key: str | int | None = None, **more: Any) -> Any:  # noqa: ANN401 - st.data_editor's
    """
    Show a data editor whose edits are kept: Streamlit's own, with its arguments; returns the edited table.

    The edits are made in the table that is handed in, by the numbers of its rows, each time that the editor begins:
    after F5 or a restart, when another page was shown, or the table is another one. What it does not take any more, as
    of a row that is gone, is dropped, with an event. ``st.session_state[key]`` and ``session.inputs[key]`` hold
    the edits, as Streamlit has them, counted from the table that is handed in. In a table whose rows bear no labels they
    are numbered anew after one was deleted.

    Args:
        data: The table before all edits, whole and in a fixed order: filter what is returned.
        key: What the edits are kept under.
        args: As for ``st.data_editor``.
        more: The same.

    Raises:
        TypeError: If there is no key.
    """
    if key is None or key == "":
        raise TypeError(without_key("data_editor", ("rows",), quoted=False))
    key = str(key)
    connection = keep(key)
    if connection is None:
        return st.data_editor(data, *args, key=key, **more)
    editor = _current(connection, key, data)
    if callable(changed := more.get("on_change")):
        more["on_change"] = _after_noting(connection, key, changed)
    result = st.data_editor(editor.table, *args, key=editor.key, **more)
    _note(editor, key)
    return _numbered(result, editor.source)


def _current(connection: Connection, key: str, data: Any) -> Editor:  # noqa: ANN401 - as above
    """Return the editor under a key: the one that there was, as long as nothing but its user changed anything."""
    source = frame_of(data)
    kept = _kept(connection, key)
    editor: Editor | None = connection.widgets.editors.get(key)
    if editor is None:
        return _begin(connection, key, data, source, kept, kept)
    is_shown = editor.key in st.session_state
    edits = editor.edits() if is_shown else editor.written
    if kept == editor.written and is_shown and _is_same(source, editor.source):
        return editor
    if kept != editor.written:
        edits = edits.joined(editor.written, kept)
    return _begin(connection, key, data, source, edits, kept)


def _kept(connection: Connection, key: str) -> Edits:
    value = st.session_state.get(key)
    edits = _NONE if value is None else edits_in(value)
    if edits is None:
        _report(connection, key, value, "a data editor takes edits of a table")
        return _NONE
    return edits


def _begin(  # noqa: PLR0913, PLR0917 - an editor is made of them
    connection: Connection,
    key: str,
    data: Any,  # noqa: ANN401 - as above
    source: pd.DataFrame,
    edits: Edits,
    kept: Edits,
) -> Editor:
    """Make the edits in the table, and have Streamlit's editor begin there."""
    edited = apply(source.copy(), edits)
    for edit, reason in edited.unfit:
        _report(connection, key, edit, reason)
    table = like(edited.frame, data) if edits else data
    # With other edits in its table it is another editor: what the browser holds of the one before counts no more.
    said = json.dumps(edited.edits.to_plain(), default=str)
    name = f"{key}#{blake2b(said.encode(), digest_size=4).hexdigest()}"
    editor = Editor(name, source, table, edited.edits, kept)
    connection.widgets.editors[key] = editor
    return editor


def _note(editor: Editor, key: str) -> None:
    """Keep the edits as they are now, if they are others."""
    edits = editor.edits()
    if edits != editor.written or (key not in st.session_state and edits):
        editor.written = edits
        st.session_state[key] = edits.to_plain()


def _after_noting(
    connection: Connection, key: str, changed: Callable[..., Any]
) -> Callable[..., Any]:
    def call(*args: Any, **more: Any) -> Any:  # noqa: ANN401 - the app's own
        editor = connection.widgets.editors.get(key)
        if editor is not None:
            _note(editor, key)
        return changed(*args, **more)

    return call


def _is_same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    if one.shape != other.shape or not one.columns.equals(other.columns):
        return False
    try:
        return bool(one.equals(other))
    except (TypeError, ValueError):  # cells that hold arrays are neither equal nor not
        return True


def _numbered(result: Any, source: pd.DataFrame) -> Any:  # noqa: ANN401 - as above
    reset = getattr(result, "reset_index", None)
    if reset is None or not is_numbered(source) or is_numbered(result):
        return result
    return reset(drop=True)


def _report(connection: Connection, key: str, value: Any, reason: str) -> None:  # noqa: ANN401
    connection.report(
        ValueDropped(session_id=connection.session_id, key=key, value=value, reason=reason)
    )
