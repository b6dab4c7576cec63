# SPDX-License-Identifier: Apache-2.0
"""What the demo's user can do to the server, and what became of it."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from threading import Timer
from typing import Final

import streamlit as st

from sessionkit import UserSession, get_manager
from sessionkit_streamlit.demo.store_switch import STORE
from sessionkit_streamlit.demo.tracker import all_issues

STARTED: Final = datetime.now(UTC)
"""When this process began to serve the demo."""

_KILLED_AT: Final = "DEMO_KILLED_AT"
_SAVED_BY_THEN: Final = 1.5
_TOLD_FOR: Final = 120


def offer_losses() -> None:
    """Draw the ways to lose a page that fit on a button."""
    with st.container(horizontal=True):
        st.button(
            "Kill the server",
            icon=":material/bolt:",
            on_click=kill_server,
            disabled=STORE.off or os.name != "posix",
            help="Ends the process at once, as kill -9 does, and starts another one.",
        )
        st.button(
            "Switch the store on" if STORE.off else "Switch the store off",
            icon=":material/cloud_off:",
            on_click=turn_switch,
            help="For everybody who has this demo open.",
        )
        if st.context.url:
            st.link_button("Second tab", st.context.url, icon=":material/open_in_new:")


def kill_server() -> None:
    """
    Let this process be replaced by a new one, at once: no thread ends, nothing is flushed.

    After a moment, so that what was just typed is stored as it is half a second later.
    """
    st.toast("The server dies in a second, and another one starts.", icon=":material/bolt:")
    Timer(_SAVED_BY_THEN, _replace).start()


def _replace() -> None:
    os.environ[_KILLED_AT] = datetime.now(UTC).isoformat()
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # its port, too: the new process listens there
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves, as we were started


def turn_switch() -> None:
    """Make the store unreachable, or reachable again."""
    STORE.off = not STORE.off
    if not STORE.off:
        get_manager().flush(timeout=0)  # else it is tried again after a pause


def show_survival(session: UserSession) -> None:
    """Say what just happened, where the session is older than the server."""
    if session.origin != "restored" or session.created_at > STARTED:
        return
    killed = os.environ.get(_KILLED_AT)
    since = datetime.fromisoformat(killed) if killed else STARTED
    ago = (datetime.now(UTC) - since).total_seconds()
    if ago < _TOLD_FOR:
        what = "killed" if killed else "started anew"
        st.success(
            f"**The server was {what} {ago:.0f} s ago.** {_survivors(session)}",
            icon=":material/restore:",
        )


def _survivors(session: UserSession) -> str:
    """Return what is there again, in a sentence."""
    votes = sum(issue["votes"] for issue in all_issues())
    found = [
        f"{votes} vote{'s' * (votes != 1)}" * bool(votes),
        "the draft of an issue" * ("issue" in session.dirty_forms),
        "the search" * bool(session.inputs.get("search")),
        "this page",
    ]
    *first, last = filter(None, found)
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"Restored: {listed}."
