# SPDX-License-Identifier: Apache-2.0
"""A page on a server that is too busy to send what it has drawn: for a while, it holds all of it back."""

from __future__ import annotations

import streamlit as st
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import get_instance
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import get_script_run_ctx

from sessionkit import bootstrap_session, persist_input
from sessionkit_streamlit import refresh_fragment, save_status

HELD_S = 2.5


class Held:
    """Sends a connection nothing until some time after its first run, as a busy server does now and then."""

    def __init__(self) -> None:
        """Begin to hold."""
        self.released: set[str] = set()
        flush = AppSession.flush_browser_queue

        def late(session: AppSession) -> list[ForwardMsg]:
            return flush(session) if session.id in self.released else []

        AppSession.flush_browser_queue = late

    def release_later(self) -> None:
        """Send what was held, in a while."""
        manager = get_instance()._session_mgr
        session = manager.get_session_info(get_script_run_ctx().session_id).session

        def release() -> None:
            self.released.add(session.id)
            session._message_enqueued_callback()

        session._event_loop.call_soon_threadsafe(session._event_loop.call_later, HELD_S, release)


held = st.cache_resource(Held)


@st.fragment
def refreshing() -> None:
    """Count the runs of a fragment that asks to run again."""
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.text(f"runs={st.session_state['runs']}")
    if st.session_state["runs"] < 3:
        refresh_fragment(0.1)


def main() -> None:
    """Put between other elements what runs again by itself."""
    held()
    bootstrap_session()
    st.text("first")
    if st.query_params.get("with") == "status":
        persist_input("seen", "now")  # the line first says that it is being saved
        save_status()
    if st.query_params.get("with") == "refresh":
        refreshing()
    with st.form("form"):
        word = st.text_input("Word", key="word")
        st.form_submit_button("Send")
    persist_input("word", word)
    st.text("last")
    if "released" not in st.session_state:
        st.session_state["released"] = True
        held().release_later()


main()
