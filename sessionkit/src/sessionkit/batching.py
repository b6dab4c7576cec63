# SPDX-License-Identifier: Apache-2.0
"""Drives many saves at once, in as few writes as a storage allows."""

from __future__ import annotations

from collections.abc import Sequence

from sessionkit.errors import StorageError
from sessionkit.records import SessionWrite
from sessionkit.saving import Save
from sessionkit.storage import BatchStorage, Storage
from sessionkit.stored_sessions import ATTEMPTS


def drive(storage: Storage, saves: Sequence[Save]) -> None:
    """Bring each of *saves*, all of different sessions, to its end."""
    for _ in range(ATTEMPTS):
        writing = [
            (save, write)
            for save in saves
            if not save.done and (write := save.next_write()) is not None
        ]
        if not writing:
            return
        outcomes = _write(storage, [write for _, write in writing])
        for (save, _), outcome in zip(writing, outcomes, strict=True):
            save.settle(outcome)
    for save in saves:
        save.give_up(f"met another writer {ATTEMPTS} times in a row")


def _write(storage: Storage, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
    if len(writes) == 1 or not isinstance(storage, BatchStorage):
        return [_write_one(storage, write) for write in writes]
    try:
        return storage.write_many(writes)
    except StorageError as error:
        return [error] * len(writes)


def _write_one(storage: Storage, write: SessionWrite) -> StorageError | None:
    try:
        storage.write(write)
    except StorageError as error:
        return error
    return None
