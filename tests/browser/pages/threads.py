# SPDX-License-Identifier: Apache-2.0
"""A page that has a thread work for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import streamlit as st

from sessionkit import (
    SessionKitError,
    UserSession,
    bootstrap_session,
    persist_input,
    save_session,
)


def guess() -> str:
    """Keep something without saying for whom."""
    try:
        persist_input("found", 1)
    except SessionKitError as error:
        return str(error).partition(",")[0]
    return "kept for all"


def work(session: UserSession) -> None:
    """Keep something for a session."""
    session.inputs["found"] = 2
    save_session(session, immediate=True)


def main() -> None:
    """Wait for both."""
    session = bootstrap_session()
    with ThreadPoolExecutor() as pool:
        st.text(f"guess={pool.submit(guess).result()}")
        pool.submit(work, session).result()
    st.text(f"found={session.inputs['found']}")


main()
