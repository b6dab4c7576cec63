# SPDX-License-Identifier: Apache-2.0
"""Drives many saves at once, in as few writes as a storage allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from sessionkit.errors import SessionKitError, StorageError
from sessionkit.records import SessionWrite
from sessionkit.repository.save_context import SaveContext
from sessionkit.repository.saving import Save
from sessionkit.repository.tombstones import ATTEMPTS
from sessionkit.repository.tracking import Track
from sessionkit.session.session import UserSession
from sessionkit.storage import BatchStorage, Storage


def save_one(
    context: SaveContext, track_of: Callable[[UserSession], Track], session: UserSession
) -> Save:
    """Do as :func:`save_each` for one session; return its save."""
    save = _begin(context, track_of, session)
    with save.track.lock:
        _drive(context, [save])
    return save


def save_each(
    context: SaveContext,
    track_of: Callable[[UserSession], Track],
    sessions: Sequence[UserSession],
) -> list[Save]:
    """
    Save sessions, all of different ids.

    Args:
        context: What every save needs.
        track_of: Returns a session's track; may ask the store.
        sessions: The sessions.

    Returns:
        Their saves, all done, by session id.
    """
    saves = [_begin(context, track_of, session) for session in sessions]
    with ExitStack() as locks:
        # Always in the same order, or two batches could wait for each other. Not by session id:
        # a session that waits here may get another one, and keeps its lock.
        for save in sorted(saves, key=lambda save: id(save.track.lock)):
            locks.enter_context(save.track.lock)
        saves.sort(key=lambda save: save.session.session_id)
        _drive(context, saves)
    return saves


def _begin(
    context: SaveContext, track_of: Callable[[UserSession], Track], session: UserSession
) -> Save:
    try:
        return Save(context=context, session=session, track=track_of(session))
    except SessionKitError as error:
        nowhere = Track(base=None)
        return Save(context=context, session=session, track=nowhere, error=error, done=True)


def _drive(context: SaveContext, saves: Sequence[Save]) -> None:
    try:
        _alternate(context, saves)
    finally:
        if context.observer is not None:
            context.observer.settled(saves)


def _alternate(context: SaveContext, saves: Sequence[Save]) -> None:
    for _ in range(ATTEMPTS):
        writing = [
            (save, write)
            for save in saves
            if not save.done and (write := save.next_write()) is not None
        ]
        if not writing:
            return
        if context.observer is not None:
            context.observer.sending([save for save, _ in writing])
        outcomes = _write(context.storage, [write for _, write in writing])
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
