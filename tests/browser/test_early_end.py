# SPDX-License-Identifier: Apache-2.0
"""Script runs that end early lose nothing."""

from __future__ import annotations

import pytest
from browser_harness.farm import Farm
from browser_harness.servers import Server
from browser_harness.visitors import Visitor


@pytest.fixture(scope="module")
def server(shared_farm: Farm) -> Server:
    """One server for this module; each test has a browser of its own."""
    return shared_farm.start("run", "ends.py")


@pytest.mark.parametrize("ending", ["stop", "raise"])
def test_what_was_typed_is_kept(server: Server, visitor: Visitor, ending: str) -> None:
    """``st.stop`` and an exception: the input and the draft of that run are stored."""
    tab = visitor.open(server.url)
    tab.shows("whole run")
    word = f"{ending} here"
    tab.enter("Word", word)
    tab.shows(f"stored word={word}", f"stored draft={word}")
    tab.reload()
    tab.shows(f"word={word}")
    tab.holds("Word", word)
