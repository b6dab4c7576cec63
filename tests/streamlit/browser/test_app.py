# SPDX-License-Identifier: Apache-2.0
"""What an ``st.App`` is given to keep its sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.routing import Route

from sessionkit.errors import ConfigError
from sessionkit_streamlit import app_options
from sessionkit_streamlit.browser.cookies import CookieMiddleware, TicketRoute
from sessionkit_streamlit.browser.gate import gate


def test_app_options_put_ours_before_the_apps_own() -> None:
    """The app's middleware and routes stay."""
    mine = Route("/mine", endpoint=TicketRoute())
    options = app_options(middleware=[Middleware(CookieMiddleware)], routes=[mine])
    assert [CookieMiddleware, CookieMiddleware] == [one.cls for one in options["middleware"]]
    assert "/_sessionkit/ticket" == options["routes"][0].path
    assert mine is options["routes"][-1]


@pytest.mark.parametrize("path", ["/_sessionkit/ticket", "/sub/app/_sessionkit/ticket"])
def test_the_tickets_route_is_found_below_any_base_path(path: str) -> None:
    """The base path is not known yet when the app is made."""
    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    found = [route.matches(scope)[0].name for route in app_options()["routes"]]
    assert "FULL" in found


def test_the_lifespan_flushes_while_the_apps_resources_are_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The app's own lifespan is entered first and left last, and its state is passed on."""
    steps: list[str] = []

    @asynccontextmanager
    async def mine(_: Any) -> AsyncIterator[dict[str, Any]]:
        steps.append("opened")
        yield {"model": "loaded"}
        steps.append("closed")

    class Keeper:
        def flush(self, session_id: str | None, timeout: float) -> bool:
            steps.append(f"flushed {session_id} {timeout:.0f}")
            return True

    monkeypatch.setattr(gate, "keeper", Keeper())

    async def live() -> Any:
        async with app_options(lifespan=mine)["lifespan"](None) as state:
            return state

    assert {"model": "loaded"} == asyncio.run(live())
    assert ["opened", "flushed None 10", "closed"] == steps


def test_the_lifespan_ends_without_a_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that nobody visited has nothing to flush."""
    monkeypatch.setattr(gate, "keeper", None)

    async def live() -> None:
        async with app_options()["lifespan"](None):
            pass

    asyncio.run(live())


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({"secure": "no"}, "secure is True or False, not 'no'"),
        ({"path": "/a; Domain=example.org"}, "path is a path such as"),
        ({"max_age": "8h"}, "a number of seconds such as 3600, not '8h'"),
        ({"max_age": 0}, "max_age is a second or more"),
        ({"samesite": "lux"}, "samesite is one of"),
    ],
)
def test_wrong_options_of_the_cookie_are_refused_where_the_app_is_made(
    wrong: dict[str, Any], right: str
) -> None:
    """And not at the first page that somebody asks for."""
    with pytest.raises(ConfigError, match=right):
        app_options(**wrong)
    assert {} == gate.given
