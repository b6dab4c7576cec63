# SPDX-License-Identifier: Apache-2.0
"""A storage of ours, set up, and the time that is spent in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from statistics import median
from time import perf_counter
from typing import ParamSpec, TypeVar

from session_benchmarks.backends import Store
from sessionkit.storage import BatchStorage, SetupStorage, Storage

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def opened(store: Store) -> Iterator[BatchStorage]:
    """Open our storage and set it up."""
    with closing(store.open_storage()) as storage:
        if isinstance(storage, SetupStorage):
            storage.setup()
        yield storage


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
    def calls(self) -> int:
        """How often they were called."""
        return len(self._seconds)

    @property
    def median(self) -> float:
        """Seconds a call."""
        return median(self._seconds)


def count_writes(storage: Storage) -> Stopwatch:
    """Return what notes, from now on, whenever something is written to *storage*."""
    watch = Stopwatch()
    # On the object itself: it stays what it is for whoever looks at its class.
    vars(storage).update(write=watch.around(storage.write))
    if isinstance(storage, BatchStorage):
        vars(storage).update(write_many=watch.around(storage.write_many))
    return watch
