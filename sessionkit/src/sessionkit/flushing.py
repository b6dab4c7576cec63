# SPDX-License-Identifier: Apache-2.0
"""Saves what is due: together where a batch save takes it, else one by one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from sessionkit.ids import short
from sessionkit.session import UserSession
from sessionkit.write_queue import SaveFunction, Slot

SaveMany = Callable[[Sequence[UserSession]], Sequence[Exception | None]]
"""Saves a batch; returns an outcome for each."""


FailureObserver = Callable[[UserSession, Exception, bool], None]
"""Told of each failed save: the session, the error, and whether it will be tried again."""

_LOGGER: Final = logging.getLogger("sessionkit")


def log_failure(session: UserSession, error: Exception, retrying: bool) -> None:  # noqa: FBT001 - FailureObserver
    """Log a failed save: what is done when nobody else is told."""
    then = "trying again" if retrying else "this state is not stored"
    _LOGGER.warning("session %s was not saved (%s): %s", short(session.session_id), then, error)


def save_slots(slots: Sequence[Slot], save_many: SaveMany | None) -> list[Exception | None]:
    """
    Save slots and return an outcome for each, in their order; raises nothing.

    Args:
        slots: Each with a function of its own, or for the batch.
        save_many: Saves the batch.
    """
    outcomes: dict[Slot, Exception | None] = {}
    batch = [slot for slot in slots if slot.save_fn is None]
    if batch and save_many is not None:
        try:
            together = save_many([slot.session for slot in batch])
            outcomes.update(zip(batch, together, strict=True))
        except Exception as error:  # noqa: BLE001 - a plugin's bug must not end the writer
            outcomes.update(dict.fromkeys(batch, error))
    for slot in slots:
        if slot.save_fn is not None:
            outcomes[slot] = _outcome(slot.save_fn, slot.session)
    return [outcomes[slot] for slot in slots]


def _outcome(save_fn: SaveFunction, session: UserSession) -> Exception | None:
    try:
        save_fn(session)
    except Exception as error:  # noqa: BLE001 - the app's own function
        return error
    return None
