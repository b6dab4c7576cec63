# SPDX-License-Identifier: Apache-2.0
"""Persistence over save functions, or a store, that do what a test says."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue
from typing import Any

import pytest
from session_harness.replicas import Clock
from session_harness.writers import BatchStore, Failure, Make, Seconds, note_failures

from sessionkit.persistence import SessionPersistence


@pytest.fixture(name="store")
def _store() -> BatchStore:
    """Return a store that takes all."""
    return BatchStore()


@pytest.fixture(name="failures")
def _failures() -> Queue[Failure]:
    """Return what the observer of failed saves was told."""
    return Queue()


@pytest.fixture(name="wall")
def _wall() -> Clock:
    """Return a clock on the wall, which people set."""
    return Clock()


@pytest.fixture(name="make")
def _make(seconds: Seconds, failures: Queue[Failure]) -> Iterator[Make]:
    """Return a function that makes persistence by the test's clock; it is closed after the test."""
    made: list[SessionPersistence] = []

    def make(*times: float, **keywords: Any) -> SessionPersistence:
        defaults = {"clock": seconds, "on_failure": note_failures(failures)}
        made.append(SessionPersistence(*times, **{**defaults, **keywords}))
        return made[-1]

    yield make
    for one in made:
        one.close(timeout=0)


@pytest.fixture(name="watched")
def _watched(make: Make, store: BatchStore, wall: Clock) -> SessionPersistence:
    """Return persistence over the store, of sessions of ten bytes each."""
    return make(save_many=store.save_many, now=wall, size_of=lambda _: 10)
