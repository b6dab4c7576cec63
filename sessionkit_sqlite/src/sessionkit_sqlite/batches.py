# SPDX-License-Identifier: Apache-2.0
"""Many saves in one transaction, with an outcome for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sessionkit.errors import RejectedError, UnavailableError
from sessionkit_sqlite.rows import unfit

if TYPE_CHECKING:
    from sessionkit.errors import StorageError
    from sessionkit.records import SessionWrite
    from sessionkit_sqlite.dialects import Saving


def stored_batch(store: Saving, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
    """
    Store *writes*; one that fails fails no other.

    Args:
        store: Stores in one transaction.
        writes: Of different sessions.

    Returns:
        An outcome for each, in their order.
    """
    outcomes: list[StorageError | None] = [unfit(write) for write in writes]
    taken = [place for place, refused in enumerate(outcomes) if refused is None]
    # One order of locks for all writers: no deadlocks where rows are locked.
    order = sorted(taken, key=lambda place: writes[place].head.session_id)
    stored = _stored(store, [writes[place] for place in order])
    for place, outcome in zip(order, stored, strict=True):
        outcomes[place] = outcome
    return outcomes


def _stored(store: Saving, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
    try:
        return store(writes) if writes else ()
    except UnavailableError as error:
        return [error] * len(writes)
    except RejectedError as error:
        if len(writes) == 1:
            return [error]
    # All was rolled back; find out which one it was.
    return [_stored(store, [write])[0] for write in writes]
