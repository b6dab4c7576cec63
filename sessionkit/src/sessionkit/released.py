# SPDX-License-Identifier: Apache-2.0
"""Lets go of a lock for as long as its holder waits for someone who may need it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any


@contextmanager
def released(lock: RLock) -> Iterator[None]:
    """
    Let go of a lock that the calling thread may hold, however often, and take it back.

    That is what :class:`threading.Condition` does when it waits, and how.

    Args:
        lock: The lock; one that the thread doesn't hold is left alone.
    """
    held: Any = lock
    if not held._is_owned():  # noqa: SLF001 - the interface that Condition uses
        yield
        return
    state = held._release_save()  # noqa: SLF001 - the same
    try:
        yield
    finally:
        held._acquire_restore(state)  # noqa: SLF001 - the same
