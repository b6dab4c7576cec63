# SPDX-License-Identifier: Apache-2.0
"""Which modules of the core a call leads through, and how often it goes from one to another."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import sessionkit

_CORE = str(Path(sessionkit.__file__).parent) + os.sep
"""Where the core's modules lie; installed, the plugins lie beside it, under names that begin alike."""

_NO_STEPS = ("<module>", "<lambda>", "<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")


class Trace(NamedTuple):
    """
    The way of one call.

    Attributes:
        modules: How many modules it passes.
        hops: How often it lands in another module than before.
    """

    modules: int
    hops: int


def trace(call: Callable[[], object]) -> Trace:
    """Make a call and return its way on this thread; what others do meanwhile comes by chance."""
    passed: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if (
            event == "call"
            and code.co_filename.startswith(_CORE)
            and not code.co_qualname.endswith(_NO_STEPS)
        ):
            passed.append(code.co_filename)

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    hops = sum(one != other for one, other in zip([None, *passed], passed, strict=False))
    return Trace(len(set(passed)), hops)
