# SPDX-License-Identifier: Apache-2.0
"""
What lasts is walked by no collection of garbage.

Streamlit collects in full at the end of each run (its option ``runner.postScriptGC``), and the page's messages wait for
it: the run's thread does not let go of the interpreter meanwhile. Nearly all that is walked is modules, functions and
classes, which last as long as the process: 50 ms for a page that imports nothing but Streamlit, more with each package.
"""

from __future__ import annotations

import gc
from threading import Lock
from typing import Final

from streamlit import runtime

_FULL: Final = 2
"""The generation whose collection walks everything."""


class LongLived:
    """
    What is set apart: all that is there when a collection has just been made.

    Among it are the pages that are open. When one is let go of all is taken back, so that what it held can be
    collected, and set apart again after the next collection.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = Lock()
        self._is_apart = False
        self._collected_before = _full_collections()

    def set_apart(self) -> None:
        """Have what there is walked no more, if it was walked since it was taken back; in a server's process alone."""
        if self._is_apart or not runtime.exists():
            return
        with self._lock:
            if _full_collections() > self._collected_before:
                gc.freeze()
                self._is_apart = True

    def take_back(self) -> None:
        """Have all walked again."""
        with self._lock:
            self._collected_before = _full_collections()
            if self._is_apart:
                self._is_apart = False
                gc.unfreeze()


def _full_collections() -> int:
    return int(gc.get_stats()[_FULL]["collections"])


long_lived: Final = LongLived()
"""That of this process."""
