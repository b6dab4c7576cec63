# SPDX-License-Identifier: Apache-2.0
"""``st.session_state`` as the manager sees it."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from sessionkit_streamlit.connection import (
    CONNECTION_KEY,
    MISSING,
    PREFIX,
    Connection,
    Private,
    same,
)
from sessionkit_streamlit.internals.state import hidden


class ConnectionState(MutableMapping[str, Any]):
    """
    ``st.session_state``, with sessionkit's own entries hidden in it.

    Setting the value of a widget that this run has already made waits for the
    next run: Streamlit refuses it now.
    """

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - any stored value
        """Return the value under *key*."""
        if not key.startswith(PREFIX):
            return st.session_state[key]
        held = st.session_state[hidden(key)]
        return held.value if isinstance(held, Private) else held

    def __setitem__(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value
        """Set the value under *key*, now or when the next run begins."""
        if key.startswith(PREFIX):
            st.session_state[hidden(key)] = Private(value)
        elif not same(st.session_state.get(key, MISSING), value):
            self._set(key, value)

    def _set(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value
        connection = current_connection()
        try:
            if key not in connection.forms.fields:
                st.session_state[key] = value
                return
        except StreamlitAPIException:  # the widget exists already
            pass
        connection.waiting[key] = value

    def __delitem__(self, key: str) -> None:
        """Remove *key*."""
        del st.session_state[hidden(key) if key.startswith(PREFIX) else key]

    def __iter__(self) -> Iterator[str]:
        """Go through the app's own keys and those of widgets."""
        return iter(st.session_state)

    def __len__(self) -> int:
        """Count them."""
        return len(st.session_state)


def current_connection() -> Connection:
    """Return what is known about the connection that the calling code serves."""
    state = ConnectionState()
    connection = state.get(CONNECTION_KEY)
    if not isinstance(connection, Connection):
        connection = Connection()
        state[CONNECTION_KEY] = connection
    return connection
