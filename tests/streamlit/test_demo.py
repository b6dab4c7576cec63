# SPDX-License-Identifier: Apache-2.0
"""What the demo shows, without a browser; tests/browser/test_demo.py uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.runtime.context import ContextProxy

from sessionkit.manager import default_manager
from sessionkit_streamlit.demo import stored
from sessionkit_streamlit.demo.store_switch import StoreWithSwitch
from sessionkit_streamlit.testing import AppServer


def side() -> None:
    """Draw what the side of the demo shows."""
    from sessionkit import bootstrap_session  # noqa: PLC0415 - the function is a page's whole source
    from sessionkit_streamlit.demo.stored import what_is_stored  # noqa: PLC0415 - as above

    bootstrap_session()
    what_is_stored()


def test_a_zone_that_nobody_knows_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Browsers that don't tell theirs say Etc/Unknown: the clock's own difference counts then."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(default_manager._DEFAULT, "manager", None)
    monkeypatch.setattr(ContextProxy, "timezone", property(lambda _: "Etc/Unknown"))
    monkeypatch.setattr(ContextProxy, "timezone_offset", property(lambda _: -60))
    off = StoreWithSwitch()
    off.off = True
    monkeypatch.setattr(stored, "STORE", off)
    with AppServer(side) as server:
        tab = server.browser().open()
    assert not tab.exception
    assert "out of reach" in tab.table[0].value.to_string()
