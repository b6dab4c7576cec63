# SPDX-License-Identifier: Apache-2.0
"""
What is kept of one user in one browser, as objects and as plain data.

Nothing here reads or writes a store.

Others import ``UserSession``, ``Device``, ``BrowserInfo`` and ``with_versions`` (for a plugin that knows how functions cache) from
here, and from the modules: ``session`` (``NavigationEntry``,
``NotKept``), ``typed_state`` (``place_of``), ``forms`` (``FormState``, ``FormSnapshot``, when forms are saved), ``fields``, ``plain`` and
``arguments`` (checks what the functions that apps call are given).

Each session owns its lock, ``UserSession.lock``: its methods take it, and so does whoever reads or
changes several fields that belong together.
"""

from __future__ import annotations

from sessionkit.session.caches import has_version, with_versions, without_version
from sessionkit.session.devices import BrowserInfo, Device
from sessionkit.session.session import UserSession

__all__ = [
    "BrowserInfo",
    "Device",
    "UserSession",
    "has_version",
    "with_versions",
    "without_version",
]
