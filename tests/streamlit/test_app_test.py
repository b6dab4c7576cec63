# SPDX-License-Identifier: Apache-2.0
"""Tests that app developers write, with nothing but what is public."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from sessionkit import SessionManager, load_settings
from sessionkit.manager import default_manager

_PAGE = """
import streamlit as st
from sessionkit import bootstrap_session, persist_input

session = bootstrap_session()
persist_input("city", st.text_input("City", key="city"))
st.text(session.inputs["city"])
"""


def test_a_page_uses_the_managers_block_that_it_is_run_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing goes to the developer's own store, and the stand-in for cookies is no news."""
    monkeypatch.setattr(default_manager._DEFAULT, "manager", None)
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO, "sessionkit")
    with SessionManager(load_settings(storage="memory")) as manager:
        page = AppTest.from_string(_PAGE, default_timeout=30).run()
        page.text_input(key="city").set_value("Ghent").run()

        assert ["Ghent"] == [text.value for text in page.text]
        assert manager.flush()
        (head,) = manager.repository.heads()
        stored = manager.repository.load(head.session_id)
    assert stored is not None
    assert {"city": "Ghent"} == stored.inputs
    assert not list(tmp_path.rglob("*.db"))
    assert [] == [said for said in caplog.messages if "token" in said]
