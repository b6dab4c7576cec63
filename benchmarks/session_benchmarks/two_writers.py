# SPDX-License-Identifier: Apache-2.0
"""What becomes of two writers' changes: with sessionkit on each store, and with other libraries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Final, TypeAlias

import attrs
from session_harness.replicas import repository_over
from session_harness.schedules import SCHEDULES, Library, Race
from session_harness.visits import SessionkitLibrary

from session_benchmarks.backends import Store, mariadb, memory, postgresql, redis, sqlite
from session_benchmarks.ours import opened

Contender: TypeAlias = Callable[[], AbstractContextManager[dict[str, Library]]]
"""Opens libraries by the names that the table gives them."""

_HEADINGS: Final = (
    "library",
    *(schedule.name for schedule in SCHEDULES),
    "lost: tabs busy half of the time",
    "a tenth of it",
)
_PAUSES: Final = (1.0, 9.0)
"""How long a tab waits between two visits, in lengths of a visit, in each race."""

_VISITS: Final = 200
_QUICK_VISITS: Final = 20


@attrs.frozen
class Line:
    """
    What became of a library's sessions.

    Attributes:
        name: The library, its version and its store.
        held: Which schedules did what they promise.
        lost: Which share of the writes was lost in each race.
    """

    name: str
    held: tuple[bool, ...]
    lost: tuple[float, ...]

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the table's columns."""
        schedules = ("ok" if held else "**no**" for held in self.held)
        races = (f"**{share:.0%}**" if share else "0" for share in self.lost)
        return (self.name, *schedules, *races)


@contextmanager
def ours(store: Callable[[], AbstractContextManager[Store]]) -> Iterator[dict[str, Library]]:
    """Open a store twice, as two replicas do."""
    with ExitStack() as stack:
        found = stack.enter_context(store())
        storages = [stack.enter_context(opened(found)) for _ in range(2)]
        name = f"sessionkit {version('sessionkit-core')}, {found.name}"
        yield {name: SessionkitLibrary([repository_over(storage) for storage in storages])}


@contextmanager
def peer(module: str) -> Iterator[dict[str, Library]]:
    """Open another library's sessions; none when it is not installed."""
    try:
        found = import_module(f"session_benchmarks.peers.{module}")
    except ModuleNotFoundError as error:
        sys.stderr.write(f"left out: {module} ({error}; the dependency group peers has it)\n")
        yield {}
        return
    with ExitStack() as stack:
        yield found.libraries(stack)


OURS: Final = tuple(
    partial(ours, store)
    for store in (memory, partial(sqlite, "NORMAL"), postgresql, mariadb, redis)
)
PEERS: Final = tuple(
    partial(peer, module)
    for module in ("django_sessions", "flask_sessions", "starlette_sessions", "beaker_sessions")
)


def lines(contenders: Iterable[Contender], *, quick: bool) -> Iterator[Line]:
    """Run every schedule and race with each library."""
    races = [Race(pause=pause, visits=_QUICK_VISITS if quick else _VISITS) for pause in _PAUSES]
    for contender in contenders:
        with contender() as libraries:
            for name, library in libraries.items():
                held = tuple(schedule.holds(library) for schedule in SCHEDULES)
                yield Line(name, held, tuple(race.lost(library) for race in races))


def table(found: Iterable[Line]) -> str:
    """Return a Markdown table, and what its columns mean."""
    rows = [_HEADINGS, ("---",) * len(_HEADINGS), *(line.cells() for line in found)]
    promises = "".join(f"- {schedule.name}: {schedule.promise}.\n" for schedule in SCHEDULES)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows) + f"\n{promises}"
