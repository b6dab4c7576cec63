# SPDX-License-Identifier: Apache-2.0
"""
Tests that measure time run while no other one of this run does, however many processes share the tests.

Each test holds the lock file for reading, one that measures holds it for writing. Before it
waits for the lock it puts up a sign, at which the others wait: so its turn comes.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LOCK: Final = "tests.lock"
_SIGN: Final = "quiet-{}.sign"
_PAUSE_S: Final = 0.02


@contextmanager
def beside_others(folder: Path) -> Iterator[None]:
    """Run at the same time as others, but not beside one that measures."""
    while any(folder.glob(_SIGN.format("*"))):
        time.sleep(_PAUSE_S)
    with _locked(folder, fcntl.LOCK_SH):
        yield


@contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """
    Run while no other test does.

    Args:
        folder: That of the whole run.
        name: Of the process.
    """
    sign = folder / _SIGN.format(name)
    sign.touch()
    try:
        with _locked(folder, fcntl.LOCK_EX):
            yield
    finally:
        sign.unlink()


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    with (folder / _LOCK).open("a") as file:
        fcntl.flock(file, how)
        yield
