# SPDX-License-Identifier: Apache-2.0
"""Where code runs, and where elements go that take no room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from sessionkit_streamlit.internals.guard import MOVED, guarded, moved

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.runtime.scriptrunner import ScriptRunContext


def mountable(run: ScriptRunContext, key: str) -> bool:
    """Return whether a component may be mounted here: in the page's body, once a run."""

    def read() -> bool:
        from streamlit.runtime.scriptrunner_utils.script_run_context import (  # noqa: PLC0415 - it may have moved
            ThreadState,
        )

        in_body = run._has_script_started and ThreadState.get().fragment_id is None  # noqa: SLF001
        return in_body and key not in run.shared.widget_user_keys_this_run

    effect = "call bootstrap_session once a run, outside fragments and callbacks"
    return guarded(read, "ScriptRunContext.shared", effect, otherwise=True)


def in_callback(run: ScriptRunContext) -> bool:
    """Return whether a callback is called: before the script, which can't be sent to another page yet."""

    def read() -> bool:
        return not run._has_script_started  # noqa: SLF001

    effect = "router.back() and the like do nothing in callbacks"
    return guarded(read, "ScriptRunContext._has_script_started", effect, otherwise=False)


def current_fragment() -> str | None:
    """Return what Streamlit calls the fragment that the calling code belongs to, or None."""

    def read() -> str | None:
        from streamlit.runtime.scriptrunner_utils.script_run_context import (  # noqa: PLC0415 - it may have moved
            ThreadState,
        )

        return ThreadState.get().fragment_id

    effect = "a fragment that asks for it is not refreshed by itself"
    return guarded(read, "ThreadState.fragment_id", effect, otherwise=None)


def fragments_of(run: ScriptRunContext) -> list[str]:
    """Return the fragments that a run consists of; none when the whole script runs."""
    effect = "status lines on a page make it save what has not changed"
    return guarded(
        lambda: list(run.fragment_ids_this_run or ()),
        "ScriptRunContext.fragment_ids_this_run",
        effect,
        otherwise=[],
    )


def is_placed(run: ScriptRunContext, key: str) -> bool:
    """Return whether this run has made a widget of that key."""
    try:
        return key in run.shared.widget_user_keys_this_run  # asked at each input
    except MOVED:
        effect = "what another tab changes during a run may be undone by persist_input"
        moved("ScriptRunContext.shared", effect)
        return False


def aside() -> DeltaGenerator:
    """Return the container for what takes no room on the page."""
    effect = "an empty line appears where bootstrap_session is called"
    return guarded(lambda: st._event, "streamlit._event", effect, otherwise=st._main)  # noqa: SLF001


def leave_out_of_address(run: ScriptRunContext, name: str) -> None:
    """Have the runs that this one asks for know nothing of a parameter of the page's address; the browser is told nothing."""

    def change() -> None:
        said = run.query_string.split("&")
        run.query_string = "&".join(one for one in said if one.partition("=")[0] != name)

    effect = "what a page says in its address brings the token of a share link back there"
    guarded(change, "ScriptRunContext.query_string", effect, otherwise=None)
