# SPDX-License-Identifier: Apache-2.0
"""
The names of a browser and of its system, read from what it says that it is.

A table of the common ones: browsers have frozen what they say, a name is all that is
kept, and libraries for it try hundreds of patterns on a text that anybody may send.
"""

from __future__ import annotations

from typing import Final

from sessionkit.session import BrowserInfo

_BROWSERS: Final = (
    # Nearly all call themselves Chrome or Safari as well: those stand last.
    (("Edg/", "EdgA/", "EdgiOS/"), "Edge"),
    (("OPR/", "OPT/"), "Opera"),
    (("SamsungBrowser/",), "Samsung Internet"),
    (("YaBrowser/",), "Yandex Browser"),
    (("DuckDuckGo/", "Ddg/"), "DuckDuckGo"),
    (("Vivaldi/",), "Vivaldi"),
    (("Firefox/", "FxiOS/"), "Firefox"),
    (("Chrome/", "CriOS/", "Chromium/"), "Chrome"),
    (("Safari/",), "Safari"),
)
_SYSTEMS: Final = (
    # Android calls itself Linux as well, and an iPhone is "like Mac OS X".
    (("iPhone", "iPod"), "iPhone"),
    (("iPad",), "iPad"),
    (("Android",), "Android"),
    (("CrOS",), "ChromeOS"),
    (("Windows",), "Windows"),
    (("Macintosh", "Mac OS X"), "macOS"),
    (("Linux", "X11"), "Linux"),
)
_LONGEST: Final = 1000
"""What stands behind that many characters is not looked at."""


def browser_of(user_agent: str | None) -> BrowserInfo:
    """
    Return the names of a browser and of its system; None for each that is not known.

    Args:
        user_agent: What the browser has sent as ``User-Agent``, or None.
    """
    text = (user_agent or "")[:_LONGEST]
    return BrowserInfo(_first(_BROWSERS, text), _first(_SYSTEMS, text))


def _first(names: tuple[tuple[tuple[str, ...], str], ...], text: str) -> str | None:
    return next((name for marks, name in names if any(mark in text for mark in marks)), None)
