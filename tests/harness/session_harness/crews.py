# SPDX-License-Identifier: Apache-2.0
"""Processes of several threads that all do their work at once, round after round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError, Thread
from types import TracebackType
from typing import Final, Self, TypeAlias

Task: TypeAlias = Callable[[], object]
"""What one thread does in one round."""

Member: TypeAlias = Callable[[], AbstractContextManager[Sequence[Task]]]
"""Prepares the tasks of one process, in that process, to which it is pickled."""

_PATIENCE: Final = 120.0
"""Seconds until whoever waits for the others gives up."""


class Crew:
    """Processes that are prepared before they are told to begin: only the work itself takes time."""

    def __init__(self, members: Sequence[Member], rounds: int) -> None:
        """
        Start a process for each of *members* and wait until all are prepared.

        Args:
            members: What each process does.
            rounds: How often :meth:`work` will be called.

        Raises:
            RuntimeError: If one of them failed; it has printed why.
        """
        context = get_context("spawn")
        self._barrier = context.Barrier(len(members) + 1)
        self._processes = [
            context.Process(target=_take_part, args=(member, rounds, self._barrier), daemon=True)
            for member in members
        ]
        self._watchers = [
            Thread(target=self._watch, args=(process,), daemon=True) for process in self._processes
        ]
        for process, watcher in zip(self._processes, self._watchers, strict=True):
            process.start()
            watcher.start()
        self._meet()

    def work(self) -> None:
        """
        Let all work for one round, and wait until all are done.

        Raises:
            RuntimeError: If one of them failed; it has printed why.
        """
        self._meet()
        self._meet()

    def __enter__(self) -> Self:
        """Return the crew."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Send all home, also those who still wait for a round."""
        if kind is not None:
            self._barrier.abort()
        # Not the processes themselves: of two threads that wait for one, only one is told.
        for watcher in self._watchers:
            watcher.join(_PATIENCE)

    def _watch(self, process: BaseProcess) -> None:
        process.join()
        if process.exitcode:
            # The others would wait in vain.
            self._barrier.abort()

    def _meet(self) -> None:
        try:
            self._barrier.wait(_PATIENCE)
        except BrokenBarrierError as error:
            msg = "a process of a crew failed, or took too long; it printed why"
            raise RuntimeError(msg) from error


def _take_part(member: Member, rounds: int, barrier: Barrier) -> None:
    with member() as tasks, ThreadPoolExecutor(len(tasks)) as threads:
        barrier.wait(_PATIENCE)
        for _ in range(rounds):
            barrier.wait(_PATIENCE)
            list(threads.map(_call, tasks))
            barrier.wait(_PATIENCE)


def _call(task: Task) -> None:
    task()
