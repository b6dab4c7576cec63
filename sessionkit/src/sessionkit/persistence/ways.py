# SPDX-License-Identifier: Apache-2.0
"""What a queue of saves is made of: how it saves, how much may wait, and by which times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs

from sessionkit.persistence.flushing import FailureObserver, SaveMany
from sessionkit.persistence.pressure import QueueLimits
from sessionkit.persistence.slots import SaveFunction
from sessionkit.session.session import UserSession


@attrs.frozen(kw_only=True)
class Ways:
    """
    How a queue saves; the arguments of :class:`~sessionkit.SessionPersistence`, in seconds.

    Attributes:
        debounce: How long a save waits for more changes.
        max_wait: How long it waits at most.
        save_many: Saves a batch.
        save_one: Saves one session that someone waits for.
        batch_size: Sessions saved together, at most.
        limits: How much may wait.
        exit_timeout: How long the process's end waits.
        on_failure: Told of failed saves.
        clock: Returns seconds that never go back.
        now: Returns the present moment; only shown.
        debounce_of: Returns how long a session's save waits for more changes, or None.
        keep: Told of each session that was queued.
        revive: Makes a session again that was let go of.
        size_of: Returns how many bytes a session holds.
        stored_as: Returns what each write of a session changes.
    """

    debounce: float
    max_wait: float
    save_many: SaveMany | None
    save_one: SaveFunction | None
    batch_size: int
    limits: QueueLimits
    exit_timeout: float
    on_failure: FailureObserver
    clock: Callable[[], float]
    now: Callable[[], datetime]
    debounce_of: Callable[[UserSession], float | None] | None
    keep: Callable[[UserSession], Any] | None
    revive: Callable[[str], UserSession | None] | None
    size_of: Callable[[UserSession], int] | None
    stored_as: Callable[[UserSession], object] | None
