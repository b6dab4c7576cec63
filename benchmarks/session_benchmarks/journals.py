# SPDX-License-Identifier: Apache-2.0
"""What a journal adds to a change: it is on the file when the call returns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from session_benchmarks.backends import Backend
from session_benchmarks.data import SIZES, Size
from session_benchmarks.managed import managed
from session_benchmarks.plan import Plan
from session_benchmarks.rows import Row, Target
from session_benchmarks.sampling import Samples
from session_benchmarks.timing import seconds_of
from sessionkit.manager.manager import SessionManager
from sessionkit.settings.settings import PersistenceSettings

_ROUNDS: Final = 300
_FURTHER: Final = 3
"""Changes that are timed after each first one: the size of what they write doesn't grow."""

_NEVER: Final = 3_600_000
"""A pause, in milliseconds, in which nothing is saved but what is flushed."""

_FIELD: Final = 90
"""Characters of a field."""

_TARGETS: Final = {"2 kB": Target(seconds=60e-6), "20 kB": Target(seconds=150e-6)}


def journal_rows(backend: Backend, plan: Plan) -> Iterator[Row]:
    """Time ``persist_input`` with and without a journal: the first change after a save, and those after it."""
    for size in SIZES[:2]:
        yield from _of_a_size(backend, size, plan.rounds(_ROUNDS))


def _of_a_size(backend: Backend, size: Size, rounds: int) -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        plain = PersistenceSettings(debounce_ms=_NEVER, max_wait_ms=_NEVER)
        kept = PersistenceSettings(
            debounce_ms=_NEVER, max_wait_ms=_NEVER, journal=Path(folder) / "journal"
        )
        with managed(backend, size, plain) as without, managed(backend, size, kept) as journaled:
            both = [_Typist(without, size), _Typist(journaled, size)]
            for _ in range(rounds):
                for typist in both:
                    typist.type()
            without.flush()
            journaled.flush()
    theirs, ours = both
    for name, samples in (
        ("first change", Samples(theirs.first, ours.first)),
        ("further changes", Samples(theirs.further, ours.further)),
    ):
        yield Row(
            measured=f"persist_input with a journal, session of {size.name}, {name}",
            against="the same without a journal",
            pair=samples.medians,
            target=_TARGETS[size.name],
            steady=False,
        )


class _Typist:
    """Types into a field of a session whose inputs are as large as a size says, and notes what each call took."""

    def __init__(self, manager: SessionManager, size: Size) -> None:
        self._manager = manager
        self.first: list[float] = []
        self.further: list[float] = []
        session = manager.bootstrap()
        session.form_states.clear()
        session.inputs.update(
            {f"field_{n}": f"{n:0{_FIELD}}" for n in range(size.document_bytes // _FIELD)}
        )
        manager.save(session, immediate=True)

    def type(self) -> None:
        self._manager.flush()
        number = len(self.first) + len(self.further)
        self.first.append(seconds_of(self._put, number))
        self.further += [seconds_of(self._put, number + more) for more in range(1, _FURTHER + 1)]

    def _put(self, number: int) -> None:
        self._manager.persist_input("field_0", f"{number:0{_FIELD}}")
