# SPDX-License-Identifier: Apache-2.0
"""Sessionkit as an app uses it: the default serializer and strategy over a storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from statistics import median
from time import perf_counter
from typing import ParamSpec, TypeVar

from session_benchmarks.backends import Backend
from sessionkit import SessionManager
from sessionkit.moments import utc_now
from sessionkit.repository import Repository
from sessionkit.settings import Settings
from sessionkit.storage import BatchStorage, SetupStorage, Storage

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def opened(backend: Backend) -> Iterator[BatchStorage]:
    """Open our storage and set it up."""
    with closing(backend.open_storage()) as storage:
        if isinstance(storage, SetupStorage):
            storage.setup()
        yield storage


def repository_over(storage: Storage) -> Repository:
    """Return a repository with what the settings say by default, whatever folder we are in."""
    assembly = SessionManager(Settings()).assembly
    return Repository(**assembly.parts(storage), now=utc_now)


class Stopwatch:
    """Notes how long some functions take."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._seconds: list[float] = []

    def around(self, function: Callable[P, T]) -> Callable[P, T]:
        """Return *function*, timed."""

        def timed(*args: P.args, **keywords: P.kwargs) -> T:
            begin = perf_counter()
            try:
                return function(*args, **keywords)
            finally:
                self._seconds.append(perf_counter() - begin)

        return timed

    @property
    def median(self) -> float:
        """Seconds a call."""
        return median(self._seconds)
