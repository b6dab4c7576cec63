# SPDX-License-Identifier: Apache-2.0
"""The client of a connection: the request that it was opened by, and who is logged in there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import streamlit as st
from streamlit import runtime
from streamlit.runtime.context import ContextProxy

from sessionkit_streamlit.internals.guard import guarded

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

_EFFECT: Final = "the browser's cookie is read again in each run"
_NO_SERVER: Final = object()


def opened_by(run: ScriptRunContext) -> object | None:
    """
    Return what stands for the request that opened the connection of a run: the same object until it is opened anew.

    What came with that request, such as its cookies, can't change before.

    Returns:
        None if that can't be told: what it says is to be asked for in each run.
    """

    def read() -> object | None:
        if not runtime.exists():
            return None
        server = runtime.get_instance()
        if type(server).__module__.startswith("unittest."):
            return _in_app_test()
        client = server.get_client(run.session_id)
        return None if client is None else client.client_context

    return guarded(read, "Runtime.get_client", _EFFECT, otherwise=None)


def _in_app_test() -> object | None:
    """Return the same for AppTest, which has no browser: there are no cookies but those that a test puts there."""
    cookies: Any = vars(ContextProxy)["cookies"]
    own = type(st.context) is ContextProxy and cookies.fget.__module__ == ContextProxy.__module__
    return _NO_SERVER if own else None


def user_info(run: ScriptRunContext | None) -> Mapping[str, Any]:
    """Return what is known of who is logged in; as ``st.user`` says, but for what it fills in."""

    def read() -> Mapping[str, Any]:
        return st.user.to_dict() if run is None else run.user_info

    effect = "who is logged in is asked for in a slower way"
    known = guarded(read, "ScriptRunContext.user_info", effect, otherwise=None)
    return st.user.to_dict() if known is None else known
