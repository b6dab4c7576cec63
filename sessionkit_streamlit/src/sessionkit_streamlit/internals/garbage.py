# SPDX-License-Identifier: Apache-2.0
"""
What a server has loaded is walked by no collection of garbage.

Streamlit collects in full at the end of each run, and the page's messages wait for it: the run's thread does
not let go of the interpreter meanwhile. Nearly all that is walked is modules, functions and classes, which last
as long as the process: 50 ms for a page that imports nothing but Streamlit, and more with each package.
"""

from __future__ import annotations

import gc
from functools import cache

from streamlit import runtime


def set_apart_what_is_loaded() -> None:
    """Have what there is by now walked no more, once a server's process: call it when a first page was made and collected."""
    if runtime.exists():
        _freeze()


@cache
def _freeze() -> None:
    # Nothing is kept that would go otherwise, but for cycles among what is there at this moment.
    gc.freeze()
