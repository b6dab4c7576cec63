# SPDX-License-Identifier: Apache-2.0
"""A browser and its system by name, read from what it says that it is."""

from __future__ import annotations

import pytest

from sessionkit_streamlit.browser.user_agent import browser_of

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)"
ANDROID = "Mozilla/5.0 (Linux; Android 10; K)"


SAID = [
    (f"{WINDOWS} {BLINK} Safari/537.36", "Chrome", "Windows"),
    (f"{WINDOWS} {BLINK} Safari/537.36 Edg/148.0.0.0", "Edge", "Windows"),
    (f"{WINDOWS} {BLINK} Safari/537.36 OPR/120.0.0.0", "Opera", "Windows"),
    (f"{MAC} {WEBKIT} Version/18.5 Safari/605.1.15", "Safari", "macOS"),
    (f"{MAC} {BLINK} Safari/537.36", "Chrome", "macOS"),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Firefox",
        "Linux",
    ),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {BLINK} Safari/537.36", "Chrome", "ChromeOS"),
    (f"{IPHONE} {WEBKIT} Version/18.5 Mobile/15E148 Safari/604.1", "Safari", "iPhone"),
    (f"{IPHONE} {WEBKIT} CriOS/148.0.0.0 Mobile/15E148 Safari/604.1", "Chrome", "iPhone"),
    (f"{IPHONE} {WEBKIT} FxiOS/140.0 Mobile/15E148 Safari/605.1.15", "Firefox", "iPhone"),
    (
        f"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) {WEBKIT} Version/18.5 Mobile/15E148 Safari/604.1",
        "Safari",
        "iPad",
    ),
    (f"{ANDROID} {BLINK} Mobile Safari/537.36", "Chrome", "Android"),
    (f"{ANDROID} {BLINK} Mobile Safari/537.36 EdgA/148.0.0.0", "Edge", "Android"),
    (
        f"{ANDROID} AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
        "Samsung Internet",
        "Android",
    ),
    (
        "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
        "Firefox",
        "Android",
    ),
    ("curl/8.14.1", None, None),
    ("", None, None),
    (None, None, None),
    ("x" * 10**6 + "Firefox/1 Linux", None, None),
]


@pytest.mark.parametrize(("said", "name", "system"), SAID, ids=range(len(SAID)))
def test_a_browser_is_known_by_name(said: str | None, name: str | None, system: str | None) -> None:
    """The common ones; of all others nothing is said."""
    assert (name, system) == browser_of(said)
