# SPDX-License-Identifier: Apache-2.0
"""What waits is written, and what a page held can be collected, when Streamlit lets go of a session."""

from __future__ import annotations

import logging
from typing import Final
from weakref import ref

import attrs
import streamlit as st

from sessionkit.errors import SessionKitError
from sessionkit.host import Keeper
from sessionkit_streamlit.connection import Connection
from sessionkit_streamlit.internals.garbage import long_lived

_LOGGER: Final = logging.getLogger(__name__)


@attrs.frozen(eq=False)
class _FlushTarget:
    """What is flushed; the connection itself may be gone when the moment comes."""

    keeper: Keeper
    connection: ref[Connection]

    def flush(self) -> None:
        """
        Signal the writer.

        Streamlit calls this on its event loop, at F5, when a tab closes, when
        the network is cut and when the server stops: it must not wait. After F5
        another replica may serve the page before the debounce is over.
        """
        long_lived.take_back()
        connection = self.connection()
        session_id = None if connection is None else connection.session_id
        if connection is not None:
            connection.page.flushed_by = None
        try:
            self.keeper.flush(session_id, timeout=0)
        except SessionKitError:
            _LOGGER.exception("what waits could not be flushed at a session's end")


@st.cache_resource(scope="session", on_release=_FlushTarget.flush, show_spinner=False)
def _until_released(_keeper: Keeper, _connection: Connection) -> _FlushTarget:
    return _FlushTarget(_keeper, ref(_connection))


def flush_on_release(connection: Connection, keeper: Keeper) -> None:
    """
    Have *connection* flushed when Streamlit lets go of its session.

    To be called in every run: after a short cut Streamlit takes the session up
    again, and has released it already.
    """
    if connection.page.flushed_by is not keeper:
        connection.page.flushed_by = keeper  # before it is there: it may be released at once
        _until_released(keeper, connection)
