# SPDX-License-Identifier: Apache-2.0
"""Saves what is due: together where a batch save takes it, else one by one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from sessionkit.errors import PartlySavedError, SessionKitError
from sessionkit.persistence.slots import SaveFunction, Slot
from sessionkit.session.fields import short
from sessionkit.session.session import UserSession

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
    Save slots and return an outcome for each, in their order; raises no :class:`Exception`.

    Args:
        slots: Each with a function of its own, or for the batch.
        save_many: Saves the batch.
    """
    outcomes: dict[Slot, Exception | None] = {}
    batch = [slot for slot in slots if slot.save_fn is None]
    if batch and save_many is not None:
        outcomes.update(zip(batch, _together(batch, save_many), strict=True))
    for slot in slots:
        if slot.save_fn is not None:
            outcomes[slot] = outcome_of(slot.save_fn, slot.session)
    return [outcomes[slot] for slot in slots]


def _together(batch: Sequence[Slot], save_many: SaveMany) -> Sequence[Exception | None]:
    try:
        outcomes = save_many([slot.session for slot in batch])
        if len(outcomes) != len(batch):
            msg = f"save_many returned {len(outcomes)} outcomes for {len(batch)} sessions"
            raise ValueError(msg)  # noqa: TRY301 - a plugin's bug, as any other
    except SessionKitError as error:  # the store can't be opened
        return [error] * len(batch)
    except Exception as error:  # noqa: BLE001 - a plugin's bug must not end the writer
        if len(batch) == 1:
            return [error]
        return [_together([slot], save_many)[0] for slot in batch]  # only one may be to blame
    return outcomes


def is_stored(outcome: Exception | None) -> bool:
    """Return whether a save is done: all is stored, but perhaps values that can't be kept."""
    return outcome is None or isinstance(outcome, PartlySavedError)


def outcome_of(save_fn: SaveFunction, session: UserSession) -> Exception | None:
    """Save one session and return what went wrong, or None."""
    try:
        save_fn(session)
    except Exception as error:  # noqa: BLE001 - the app's own function
        return error
    return None
