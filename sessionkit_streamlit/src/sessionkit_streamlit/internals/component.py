# SPDX-License-Identifier: Apache-2.0
"""
A component of ours on the page: drawn by Streamlit once, and sent again as it was in the runs that follow.

What a run doesn't send is taken off the page; but all that makes a component a message, each time, takes as long as a field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import attrs
import streamlit as st

from sessionkit_streamlit.internals.guard import guarded
from sessionkit_streamlit.internals.state import MISSING, raw

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

_EFFECT: Final = "the component of sessionkit is made anew in each run"


@attrs.define(eq=False)
class Drawn:
    """
    A component that Streamlit has drawn.

    Attributes:
        key: Its key.
        message: What was sent for it last.
        ids: The names of what it keeps in Streamlit's state, its own first.
    """

    key: str
    message: Any
    ids: tuple[str, ...]


def draw(run: ScriptRunContext, key: str, call: Callable[[], object]) -> Drawn | None:
    """
    Have Streamlit draw a component.

    Args:
        run: The run's context.
        key: The component's key.
        call: Draws it.

    Returns:
        What :func:`send_again` needs; None if it can't be told.
    """

    def begin() -> tuple[Callable[[Any], None], frozenset[str]]:
        return run._enqueue, run.shared.widget_ids_this_run.snapshot()  # noqa: SLF001

    known = guarded(begin, "ScriptRunContext._enqueue", _EFFECT, otherwise=None)
    if known is None:
        call()
        return None
    send, before = known
    sent: list[Any] = []

    def note(message: Any) -> None:  # noqa: ANN401 - Streamlit's
        sent.append(message)
        send(message)

    run._enqueue = note  # noqa: SLF001 - see above
    try:
        call()
    finally:
        run._enqueue = send  # noqa: SLF001 - see above

    def read() -> Drawn | None:
        [message] = [one for one in sent if one.delta.new_element.HasField("bidi_component")]
        own = message.delta.new_element.bidi_component.id
        made = run.shared.widget_ids_this_run.snapshot() - before
        # For each field of the page Streamlit looks at all that its state holds, and would make a class for this each time.
        known = raw(run)._new_widget_state.widget_metadata  # noqa: SLF001
        known[own] = replace(known[own], presenter=None)
        return Drawn(key, message, (own, *(made - {own})))

    try:
        return guarded(read, "ForwardMsg.delta", _EFFECT, otherwise=None)
    except ValueError:  # sent by its hash: the browser has it
        return None


def send_again(run: ScriptRunContext, drawn: Drawn, data: str | None = None) -> bool:
    """
    Send a component again in another run, with other data if there are some.

    Args:
        run: The run's context.
        drawn: The component.
        data: What it is told, as JSON; None for what it was told last.

    Returns:
        Whether it was sent; if not it is to be drawn.
    """

    def send() -> bool:
        from streamlit.runtime.scriptrunner_utils.script_run_context import (  # noqa: PLC0415 - it may have moved
            ThreadState,
        )

        if ThreadState.get().active_script_hash != drawn.message.metadata.active_script_hash:
            return False  # of another page of the app, whose components have other names
        cursor: Any = st._event._cursor  # noqa: SLF001
        message, path = drawn.message, cursor.delta_path
        if data is not None or list(message.metadata.delta_path) != list(path):
            # Another message: the one that was sent may not have left yet.
            message = type(message)()
            message.CopyFrom(drawn.message)
            message.metadata.delta_path[:] = path
        if data is not None:
            message.delta.new_element.bidi_component.json = data
            # Streamlit would hash all of it, the component's code included.
            message.hash = blake2b((message.hash + data).encode(), digest_size=16).hexdigest()
        shared = run.shared
        for name in drawn.ids:
            shared.widget_ids_this_run.check_and_add(name)
        shared.widget_user_keys_this_run.check_and_add(drawn.key)
        cursor.lock_element()
        run.enqueue(message)
        drawn.message = message
        return True

    return guarded(send, "streamlit._event._cursor", _EFFECT, otherwise=False)


def state_of(run: ScriptRunContext, drawn: Drawn) -> Mapping[str, Any]:
    """Return what the browser has set in a component."""

    def read() -> Any:  # noqa: ANN401 - whatever the browser sent
        state, name = raw(run), drawn.ids[0]
        if name in state._new_widget_state.states:  # noqa: SLF001
            return state._new_widget_state.get(name)  # noqa: SLF001
        return state._old_state.get(name)  # noqa: SLF001

    found = guarded(read, "SessionState._new_widget_state", _EFFECT, otherwise=MISSING)
    if found is MISSING:
        found = st.session_state.get(drawn.key)
    return found if isinstance(found, Mapping) else {}
