# SPDX-License-Identifier: Apache-2.0
"""Processes that share a store: clauses of the storage suite."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Final, TypeAlias

import attrs
import pytest

from sessionkit.errors import ConflictError
from sessionkit.records import SessionWrite
from sessionkit.storage import Storage
from sessionkit.testing.storage_samples import first, following, save_id

Opener: TypeAlias = Callable[[], Storage]
"""Opens one more handle on the same store, in any process."""

_PROCESSES: Final = 3
_INCREMENTS: Final = 25
_ACKNOWLEDGED: Final = 15
_PART_SIZE: Final = 200_000


class StorageProcessConformance:
    """
    What must hold when processes share one store and when one is killed.

    Subclass it beside ``StorageConformance`` for a store that outlives its
    process, and override the ``opener`` fixture.
    """

    @pytest.fixture
    def opener(self) -> Opener:
        """
        Return a function that opens one more handle on the same, empty store.

        It is pickled, so what it calls must be importable: a ``functools.partial``
        of your storage's class, say. The suite closes what it opens with it.
        """
        raise NotImplementedError

    def test_processes_lose_no_save(self, opener: Opener) -> None:
        """Processes that count up one session by compare-and-set count every step."""
        with closing(opener()) as storage:
            storage.write(first(put={"count": b"0"}))
            with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
                list(pool.map(count_up, [opener] * _PROCESSES, range(_PROCESSES)))
            stored = storage.read("s")

        assert stored is not None
        steps = _PROCESSES * _INCREMENTS
        assert (1 + steps, str(steps).encode()) == (stored.head.version, stored.parts["count"])

    def test_killed_process_leaves_whole_sessions(self, opener: Opener) -> None:
        """A process killed while it saves loses nothing that it was told is stored, and tears nothing."""
        acknowledged = _write_and_be_killed(opener)

        with closing(opener()) as storage:
            stored = storage.read("s")
            assert stored is not None
            version = stored.head.version
            storage.write(following(version + 1))

        assert acknowledged <= version
        assert save_id(version) == stored.head.save_id
        is_whole = _parts(version) == stored.parts  # their difference would take minutes to show
        assert is_whole


def count_up(opener: Opener, process: int) -> None:
    """Count the session up, again and again, by reading, adding one and compare-and-set."""
    storage = opener()
    for step in range(_INCREMENTS):
        # Never the id that the session began with: to be stored once more it would look untouched.
        while not _counted(storage, f"{process + 1:08x}{step:08x}"):
            pass
    storage.close()


def _counted(storage: Storage, new_save_id: str) -> bool:
    stored = storage.read("s")
    assert stored is not None
    write = SessionWrite(
        head=attrs.evolve(stored.head, version=stored.head.version + 1, save_id=new_save_id),
        expected=stored.head.save_id,
        put={"count": str(int(stored.parts["count"]) + 1).encode()},
    )
    try:
        storage.write(write)
    except ConflictError:
        return False
    return True


def write_for_ever(opener: Opener, told: Connection) -> None:
    """Save version after version and tell each that is stored."""
    storage = opener()
    version = 1
    storage.write(first(put=_parts(version)))
    while True:
        told.send(version)
        version += 1
        storage.write(following(version, put=_parts(version)))


def _write_and_be_killed(opener: Opener) -> int:
    """Kill a process in the midst of its saves and return the last version that it told."""
    context = get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=write_for_ever, args=(opener, there), daemon=True)
    process.start()
    there.close()
    version = 0
    while version < _ACKNOWLEDGED:
        version = here.recv()
    process.kill()
    process.join()
    here.close()
    process.close()
    return version


def _parts(version: int) -> dict[str, bytes]:
    text = save_id(version).encode()
    return {"a": text * (_PART_SIZE // len(text)), "b": text}
