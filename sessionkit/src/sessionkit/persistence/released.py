# SPDX-License-Identifier: Apache-2.0
"""Lets go of locks for as long as their holder waits for someone who may need them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any


@contextmanager
def released(*locks: RLock) -> Iterator[None]:
    """
    Let go of locks that the calling thread may hold, however often, and take them back.

    That is what :class:`threading.Condition` does when it waits, and how.

    Args:
        *locks: The locks; those that the thread doesn't hold are left alone.
    """
    untyped: tuple[Any, ...] = locks
    held = [lock for lock in untyped if lock._is_owned()]  # noqa: SLF001 - the interface that Condition uses
    states = [lock._release_save() for lock in held]  # noqa: SLF001 - the same
    try:
        yield
    finally:
        for lock, state in zip(held, states, strict=True):
            lock._acquire_restore(state)  # noqa: SLF001 - the same
