# SPDX-License-Identifier: Apache-2.0
"""What has to work with every Streamlit that is supported, in each way to run."""

from __future__ import annotations

from signal import SIGTERM

import pytest
from browser_harness.farm import Farm
from browser_harness.visitors import Visitor


@pytest.mark.parametrize("way", ["run", "app", "plain"])
def test_what_was_typed_survives_f5_and_a_restart(farm: Farm, visitor: Visitor, way: str) -> None:
    """The session is the same, in an open tab and in a new one, and so is what its widgets show."""
    server = farm.start(way, "smoke.py")
    tab = visitor.open(server.url)
    session = tab.value("session")

    def shows_all() -> None:
        tab.shows(f"session={session}", "name=Ada", "city=Ghent", "draft=tea", "agreed=True")
        tab.holds("Name", "Ada")
        tab.holds("City", "Ghent")

    tab.enter("Name", "Ada")
    tab.shows("name=Ada")
    tab.enter("City", "Ghent")
    tab.shows("city=Ghent")
    tab.enter("Item", "tea")
    tab.shows("draft=tea")
    tab.tick("Agreed")
    shows_all()
    tab.reload()
    shows_all()
    server.restart(SIGTERM)
    tab.reload()
    shows_all()
    tab = visitor.open(server.url)
    shows_all()
    tab.enter("Name", "Bo")
    tab.shows("name=Bo", "city=Ghent")
    assert 0 == tab.page.get_by_test_id("stException").count()
