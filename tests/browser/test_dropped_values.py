# SPDX-License-Identifier: Apache-2.0
"""A new release of the app takes less than was stored."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser_harness.farm import Farm
from browser_harness.servers import Server
from browser_harness.visitors import Visitor


@pytest.fixture
def server(farm: Farm) -> Server:
    """Start a server of the old release."""
    return farm.start("run", "dropped_values.py")


def _narrow(folder: Path) -> None:
    (folder / "narrow").touch()


def test_values_that_no_longer_fit_are_reported(server: Server, visitor: Visitor) -> None:
    """The page works with its defaults; the log names key, value and reason of what was dropped."""
    tab = visitor.open(server.url)
    tab.page.get_by_role("slider").press("End")
    tab.shows("size=100")
    tab.tick("blue")
    tab.shows("color=blue")
    tab.enter("Amount", "77")
    tab.shows("amount=77")
    tab.reload()
    tab.shows("narrow=False", "size=100", "color=blue", "amount=77")
    _narrow(server.folder)
    tab.reload()
    tab.shows("narrow=True", "size=0", "color=red", "amount=0")
    assert 0 == tab.page.get_by_test_id("stException").count()
    for key, value in (("size", "100"), ("color", "blue"), ("amount", "77")):
        lines = [line for line in server.log().splitlines() if key in line and value in line]
        assert lines, f"no line of the log names {key} and {value}"
        assert re.search(rf"{value}\W+.*\w", lines[0]), "the reason is said"
    tab.reload()
    tab.shows("size=0", "color=red", "amount=0")
