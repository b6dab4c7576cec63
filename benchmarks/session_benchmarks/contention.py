# SPDX-License-Identifier: Apache-2.0
"""
Two processes of four threads that all count in one session, each a key of its own.

As an app has it, the threads of a process share the live session, and each waits until its change
is stored; and with an object for each thread, where a repository is used by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from typing import Final

import attrs
from session_harness.counting import Counting, key_of
from session_harness.crews import Crew, Task

from session_benchmarks.backends import Contended
from session_benchmarks.data import SMALL, as_document, make_session
from session_benchmarks.ours import opened
from session_benchmarks.plan import Plan
from session_benchmarks.raw_stores import RawSwaps
from session_benchmarks.rows import NO_TARGET, Row, Target
from session_benchmarks.storage_swaps import StorageSwaps
from session_benchmarks.timing import Pair, Step, calls_in, interleaved

_TIMES: Final = 200
_ROUNDS: Final = 3


@attrs.frozen
class RawCounting:
    """
    What :class:`Counting` does, by a driver's compare-and-set, again until it holds.

    Attributes:
        counting: Who counts what, and how far.
        open_raw: Opens one more connection, in any process.
    """

    counting: Counting
    open_raw: Callable[[], RawSwaps]

    @property
    def found(self) -> dict[str, int]:
        """What is stored."""
        with closing(self.open_raw()) as raw:
            _, document = raw.read(self.counting.session_id)
        return {key: document["inputs"][key] for key in self.counting.expected}

    def begin(self) -> None:
        """Store the document, at zero."""
        document = as_document(make_session(SMALL))
        document["inputs"].update(dict.fromkeys(self.counting.expected, 0))
        with closing(self.open_raw()) as raw:
            raw.swap(self.counting.session_id, 1, document)

    @contextmanager
    def tasks(self, process: int) -> Iterator[Sequence[Task]]:
        """Open a connection for each thread, and yield what each does in a round."""
        with ExitStack() as stack:
            yield [
                partial(
                    self._count,
                    stack.enter_context(closing(self.open_raw())),
                    key_of(process, thread),
                )
                for thread in range(self.counting.threads)
            ]

    def _count(self, raw: RawSwaps, key: str) -> None:
        for _ in range(self.counting.times):
            while not self._counted(raw, key):
                pass

    def _counted(self, raw: RawSwaps, key: str) -> bool:
        version, document = raw.read(self.counting.session_id)
        document["inputs"][key] += 1
        return raw.swap(self.counting.session_id, version + 1, document)


def contention_rows(store: Contended, plan: Plan, target: Target) -> Iterator[Row]:
    """Time updates that are kept, against the driver's compare-and-set, then our storage's."""
    raw = ("raw driver", store.open_raw)
    yield _row(store, plan, target, raw, live=True)
    yield _row(store, plan, NO_TARGET, raw, live=False)
    own = partial(StorageSwaps.open, store.open_storage)
    yield _row(store, plan, NO_TARGET, ("our storage alone", own), live=False)


def _row(
    store: Contended,
    plan: Plan,
    target: Target,
    against: tuple[str, Callable[[], RawSwaps]],
    *,
    live: bool,
) -> Row:
    """Let both count in sessions of their own; a lost update ends the run."""
    name, open_raw = against
    rounds = plan.rounds(_ROUNDS)
    with opened(store):
        counting = Counting(
            opener=store.open_storage,
            times=plan.rounds(_TIMES),
            rounds=calls_in(rounds),
            session_id=f"{name}, {'one object' if live else 'many objects'}",
            live=live,
        )
        counting.begin(make_session(SMALL, counting.session_id))
        raw = RawCounting(counting, open_raw)
        raw.begin()
        with ExitStack() as stack:
            theirs, ours = (_working(stack, kind.tasks, counting) for kind in (raw, counting))
            pair = interleaved(theirs, ours, rounds)
        _check(counting.expected, raw.found, counting.found)
    writers = f"{counting.processes} processes of {counting.threads} threads"
    objects = "a process has one live session" if live else "each thread has its own object"
    updates = counting.processes * counting.threads * counting.times
    return Row(
        measured=f"{store.name}: {writers} count in one session of {SMALL.name}, an update kept",
        against=f"{name}: compare-and-set, again until it holds",
        pair=Pair(pair.baseline / updates, pair.ours / updates, pair.ratio),
        target=target,
        note=f"none lost; {objects}",
    )


def _working(
    stack: ExitStack,
    tasks: Callable[[int], AbstractContextManager[Sequence[Task]]],
    counting: Counting,
) -> Step:
    members = [partial(tasks, process) for process in range(counting.processes)]
    crew = stack.enter_context(Crew(members, counting.rounds))
    return lambda _: crew.work()


def _check(expected: dict[str, int], *found: dict[str, int]) -> None:
    for each in found:
        if each != expected:
            msg = f"updates were lost: {each} is stored, {expected} were made"
            raise RuntimeError(msg)
