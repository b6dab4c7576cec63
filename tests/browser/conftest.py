# SPDX-License-Identifier: Apache-2.0
"""Real servers as real processes, a proxy that can be cut, and a real Chromium."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, sync_playwright

HERE: Final = Path(__file__).parent
sys.path.insert(0, str(HERE))

from browser_harness.browsers import (  # noqa: E402 - importlib mode finds no neighbours
    NO_CHROMIUM,
    find_chromium,
)
from browser_harness.farm import Farm  # noqa: E402 - the same
from browser_harness.servers import PATIENCE_S, Server  # noqa: E402 - the same
from browser_harness.visitors import Visitor  # noqa: E402 - the same

CHROMIUM_FLAGS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CAPTURED: Final = pytest.StashKey[list[Server]]()
FAILED: Final = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show with a failure what the servers said."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
        report.sections += [
            (f"server {server.port} ({server.way})", server.last_lines())
            for server in item.session.stash.get(CAPTURED, [])
        ]
    return report


def _farm(new_folder: Callable[[], Path], session: pytest.Session) -> Iterator[Farm]:
    with ExitStack() as ending:
        yield Farm(new_folder, session.stash.setdefault(CAPTURED, []), ending)


@pytest.fixture
def farm(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Farm]:
    """Servers of one test."""
    folder = tmp_path / "app"
    folder.mkdir()
    yield from _farm(lambda: folder, request.session)


@pytest.fixture(scope="module")
def shared_farm(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Farm]:
    """Servers that the tests of a module share."""
    yield from _farm(lambda: tmp_path_factory.mktemp("app"), request.session)


# Not for the whole session: Playwright's event loop counts as running until it is closed,
# and tests elsewhere run their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser a module; each test gets fresh contexts of it."""
    executable = find_chromium()
    if executable is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(NO_CHROMIUM)
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=[*CHROMIUM_FLAGS, *root]
        )
        yield browser
        browser.close()


@pytest.fixture
def new_visitor(
    chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Visitor]]:
    """Make visitors; what a failing test saw is kept as pictures in its folder."""
    visitors: list[Visitor] = []

    def make(**options: Any) -> Visitor:
        context = chromium.new_context(**options)
        context.set_default_timeout(PATIENCE_S * 1000)
        visitors.append(Visitor(context))
        return visitors[-1]

    yield make
    for v, visitor in enumerate(visitors):
        if request.node.stash.get(FAILED, False):
            for p, page in enumerate(visitor.context.pages):
                page.screenshot(path=tmp_path / f"visitor-{v}-tab-{p}.png", full_page=True)
        visitor.context.close()


@pytest.fixture
def visitor(new_visitor: Callable[..., Visitor]) -> Visitor:
    """One visitor."""
    return new_visitor()
