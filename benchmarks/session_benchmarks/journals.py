# SPDX-License-Identifier: Apache-2.0
"""What a journal adds to a change: it is on the file when the call returns."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from session_benchmarks.backends import Backend
from session_benchmarks.data import SIZES, Size
from session_benchmarks.managed import managed
from session_benchmarks.plan import Plan
from session_benchmarks.rows import Row, Target, duration
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

_SETUP: Final = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA journal_mode = WAL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA secure_delete = ON",
    "CREATE TABLE record (id INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, data BLOB NOT NULL)",
)
"""As the journal has its file."""

_PUT: Final = "INSERT OR REPLACE INTO record VALUES (?, ?, ?)"
_PUT_TWO: Final = f"{_PUT}, (?, ?, ?)"
_HEAD: Final = bytes(900)
_CHANGE: Final = bytes(190)
"""About as many bytes as the journal writes of a session's head, and of a further change."""

_MOVED_AFTER: Final = 50
"""Rounds after which SQLite's log is moved into the database."""

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
            both = theirs, ours = _Typist(without, size), _Typist(journaled, size)
            least = _Least(Path(folder) / "bare.db", journaled)
            for _ in range(rounds):
                for typist in both:
                    typist.type()
                least.type()
            without.flush()
            journaled.flush()
            least.close()
    for name, samples, bare in (
        ("first change", Samples(theirs.first, ours.first), least.first),
        ("further changes", Samples(theirs.further, ours.further), least.further),
    ):
        pair = samples.medians
        yield Row(
            measured=f"persist_input with a journal, session of {size.name}, {name}",
            against="the same without a journal",
            pair=pair,
            target=_TARGETS[size.name],
            note=f"adds {duration(pair.ours - pair.baseline)}; SQLite alone {duration(median(bare))},"
            f" encoding alone {duration(median(least.encoding))}",
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


class _Least:
    """Does what no journal could do without: encodes a session, and puts about as many bytes into a bare SQLite file."""

    def __init__(self, path: Path, manager: SessionManager) -> None:
        self.first: list[float] = []
        self.further: list[float] = []
        self.encoding: list[float] = []
        self._session = manager.bootstrap()
        self._codec = manager.assembly.codec("msgpack")
        self._parts = self._codec.encode(self._session, {}).parts
        self._base = bytes(len(self._parts["inputs"]) + len(_CHANGE))
        self._connection = sqlite3.connect(path, isolation_level=None)
        for statement in _SETUP:
            self._connection.execute(statement).fetchall()

    def type(self) -> None:
        number = len(self.first)
        self.encoding.append(seconds_of(self._encode, number))
        self.first.append(seconds_of(self._put_first, number))
        self.further += [seconds_of(self._put, more) for more in range(2, 2 + _FURTHER)]
        self._connection.execute("DELETE FROM record")
        if not number % _MOVED_AFTER:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        self._connection.close()

    def _encode(self, _: int) -> None:
        self._codec.encode(self._session, self._parts)

    def _put_first(self, number: int) -> None:
        self._connection.execute(_PUT_TWO, (0, number, _HEAD, 1, number, self._base))

    def _put(self, place: int) -> None:
        self._connection.execute(_PUT, (place, place, _CHANGE))
