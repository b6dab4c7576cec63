# SPDX-License-Identifier: Apache-2.0
"""Text that is half typed and not sent by its user survives F5, where Streamlit sends it after each pause."""

from __future__ import annotations

from inspect import signature

import pytest
import streamlit as st
from browser_harness.farm import Farm
from browser_harness.visitors import Visitor

pytestmark = pytest.mark.skipif(
    "live" not in signature(st.text_input).parameters, reason="this Streamlit has no live="
)


def test_half_typed_text_survives_f5(farm: Farm, visitor: Visitor) -> None:
    """In a kept field and in a form's, which asks nothing then; a password is not stored."""
    server = farm.start("run", "live.py")
    page = visitor.open(server.url)
    page.shows("note=")
    for label, fact in {"Note": "note", "Name": "name"}.items():
        page.field(label).press_sequentially("half a sent")
        page.shows(f"{fact}=half a sent")
        page.reload()
        page.holds(label, "half a sent")
    page.field("Password").press_sequentially("canary")
    page.shows("typed=6")
    page.field("Note").press("End")
    page.field("Note").press_sequentially("ence")
    page.shows("note=half a sentence")
    page.reload()
    page.holds("Note", "half a sentence")
    page.holds("Password", "")
    stored = [file.read_bytes() for file in server.folder.glob("sessions.db*")]
    assert not any(b"canary" in content for content in stored)
