# SPDX-License-Identifier: Apache-2.0
"""A browser keeps its id for as long as its session may go on, in every way to run."""

from __future__ import annotations

import time

import pytest
from browser_harness.farm import CONFIG, Farm
from browser_harness.servers import wait_for
from browser_harness.visitors import Visitor

IDLE_S = 7200
SETTINGS = """
[expiry]
idle = "2h"
[hosts.streamlit]
cookie_prefix = "tests-"
cookie_samesite = "strict"
"""


@pytest.mark.parametrize("way", ["run", "app", "plain"])
def test_each_page_that_is_loaded_renews_the_cookie(farm: Farm, visitor: Visitor, way: str) -> None:
    """It lasts as long as the session does unused; its name and the rest are those of the settings."""
    settings = CONFIG.format(folder=".") + SETTINGS
    tab = visitor.open(farm.start(way, "logout.py", settings=settings).url)
    tab.enter("Given", "mine")
    tab.shows("kept=given:mine")

    def cookies() -> list[dict[str, object]]:
        names = [dict(one) for one in visitor.context.cookies()]
        return [one for one in names if str(one["name"]).startswith("tests-sessionkit")]

    def left() -> float:
        return float(str(cookies()[0]["expires"])) - time.time()

    (cookie,) = cookies()
    assert (way != "plain", "Strict") == (cookie["httpOnly"], cookie["sameSite"])
    assert IDLE_S - 120 < left() <= IDLE_S
    visitor.context.add_cookies([{**cookie, "expires": time.time() + 600}])  # type: ignore[list-item]
    assert left() <= 600
    tab.reload()
    tab.shows("kept=given:mine")
    wait_for(lambda: left() > IDLE_S - 120, lambda: True, "the cookie")
    assert cookie["value"] == cookies()[0]["value"]
