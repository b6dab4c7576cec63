# SPDX-License-Identifier: Apache-2.0
"""A run that takes long is cut off: what it has changed so far is kept."""

from __future__ import annotations

from signal import SIGTERM

import pytest
from browser_harness.farm import Farm
from browser_harness.visitors import Visitor


@pytest.mark.parametrize("way", ["app", "run", "plain"])
def test_a_soft_end_in_the_midst_of_a_run_writes_what_it_changed(
    shared_farm: Farm, visitor: Visitor, way: str
) -> None:
    """SIGTERM, as a redeploy sends it, while an answer is being written."""
    server = shared_farm.start(way, "answers.py")
    tab = visitor.open(server.url)
    tab.shows("answer=None")
    tab.click("Ask")
    tab.shows("answering")
    server.stop(SIGTERM)
    tab.page.close()
    server.start()
    visitor.open(server.url).shows("answer=['the first half', 'and more']")
