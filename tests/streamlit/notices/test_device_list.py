# SPDX-License-Identifier: Apache-2.0
"""The list of where a user is signed in, as a page shows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from sessionkit.errors import UnavailableError
from sessionkit.manager.lifecycle import SessionSummary
from sessionkit.session.devices import Device
from sessionkit.session.fields import utc_now
from sessionkit_streamlit import DeviceTexts

Page = Callable[..., Path]

LIST: Final = "from sessionkit_streamlit import devices\ndevices()\n"
NOW: Final = utc_now()
FIREFOX: Final = Device(
    device_id="one", since=NOW, last_seen=NOW, browser="Firefox", system="Windows"
)


@pytest.fixture
def signed_in(browser: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Set where the user is signed in, first at their own browser; return the ids of those that they end."""
    ended: list[str] = []

    def set_them(*devices: Device) -> list[str]:
        found = tuple(
            SessionSummary(
                session_id="s", created_at=NOW, last_activity=NOW, current=not d, device=device
            )
            for d, device in enumerate(devices)
        )

        def end_device(device_id: str) -> bool:
            ended.append(device_id)
            return True

        monkeypatch.setattr(browser.manager, "list_devices", lambda: found)
        monkeypatch.setattr(browser.manager, "end_device", end_device)
        return ended

    return set_them


def lines(tab: Any) -> list[str]:
    """Return what the tab says."""
    assert not tab.exception
    return [one.value.partition(": ")[2] or one.value for one in (*tab.markdown, *tab.caption)]


def test_nobody_has_no_list(browser: Any, page: Page) -> None:
    """Nothing is drawn."""
    tab = browser.open(page(LIST)).run()

    assert ([], []) == (lines(tab), list(tab.button))


def test_a_button_signs_one_out(
    browser: Any, page: Page, signed_in: Callable[..., list[str]]
) -> None:
    """All but the one that shows the page have one."""
    ended = signed_in(FIREFOX, attrs.evolve(FIREFOX, device_id="two"))
    tab = browser.open(page(LIST)).run()
    (button,) = tab.button
    button.click().run()

    assert not tab.exception
    assert ["two"] == ended


def test_the_list_cannot_be_shown_while_the_store_is_down(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so in words."""

    def fail() -> None:
        msg = "redis://10.0.0.1 is down"
        raise UnavailableError(msg)

    monkeypatch.setattr(browser.manager, "list_devices", fail)
    tab = browser.open(page(LIST)).run()

    assert ["Your devices can't be shown now. Try again later."] == lines(tab)


def test_nobody_can_be_signed_out_while_the_store_is_down(
    browser: Any, page: Page, signed_in: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, and the button stays."""
    signed_in(FIREFOX, attrs.evolve(FIREFOX, device_id="two"))

    def fail(_: str) -> None:
        msg = "redis://10.0.0.1 is down"
        raise UnavailableError(msg)

    monkeypatch.setattr(browser.manager, "end_device", fail)
    tab = browser.open(page(LIST)).run()
    tab.button[0].click().run()

    assert ["It can't be signed out now. Try again later."] == [one.value for one in tab.error]
    assert 1 == len(tab.button)


@pytest.mark.parametrize(
    ("browser_name", "system", "said"),
    [
        ("Firefox", "Windows", "Firefox on Windows"),
        ("Firefox", None, "Firefox"),
        (None, "Windows", "A browser on Windows"),
        (None, None, "A browser"),
        ("**[x](http://x)**", "Windows", "` **[x](http://x)** ` on Windows"),
    ],
)
def test_a_device_is_called_by_what_is_known(
    browser_name: str | None, system: str | None, said: str
) -> None:
    """What was stored is never markup."""
    device = attrs.evolve(FIREFOX, browser=browser_name, system=system)

    assert said == DeviceTexts().name(device)


def test_times_are_those_of_the_viewer() -> None:
    """When it was last used is noted once an hour."""
    texts = DeviceTexts(today="%H", earlier="%Y-%m-%d")
    for passed, seen in (
        (timedelta(minutes=50), "used within the last hour"),
        (timedelta(minutes=90), "last used 1 h ago"),
        (timedelta(hours=5), "last used 5 h ago"),
        (timedelta(days=3), "last used 3 d ago"),
    ):
        device = attrs.evolve(
            FIREFOX, since=datetime(2026, 3, 1, 12, tzinfo=UTC), last_seen=utc_now() - passed
        )
        assert f"signed in 2026-03-01 · {seen}" == texts.description(device, UTC)
