# SPDX-License-Identifier: Apache-2.0
"""How saves stand, for whoever asks: what waits, what was rejected, and whether the store is down."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import attrs

from sessionkit.session.session import NotKept, UserSession

State = Literal["saved", "incomplete", "saving", "offline", "rejected"]


@attrs.frozen(kw_only=True)
class PersistenceStatus:
    """
    How saves stand, of one session or of all.

    Attributes:
        state: ``"saved"`` when all is stored; ``"incomplete"`` when all is but values that can't be
            kept; ``"saving"`` when something waits; ``"offline"`` when it waits for a store that is
            down; ``"rejected"`` when a save will not go through as it is.
        pending: How many sessions wait or are being saved.
        pending_bytes: How much they hold, encoded, as far as it is known.
        oldest_age: How long the oldest change has waited, in seconds; None when none waits.
        last_error: What the store, or a save that failed, said last; None when all is well.
        offline_since: Since when the store is down, in UTC; None when it is not.
        retry_in: In how many seconds it is tried again; None when the store is not down.
        rejected: Saves that will not go through as they are.
        spilled: How many of the pending sessions are held by the journal alone.
        not_kept: Values that the last saves could not keep, of sessions that are in use.
    """

    state: State
    pending: int = 0
    pending_bytes: int = 0
    oldest_age: float | None = None
    last_error: str | None = None
    offline_since: datetime | None = None
    retry_in: float | None = None
    rejected: tuple[RejectedSave, ...] = ()
    spilled: int = 0
    not_kept: tuple[NotKept, ...] = ()


@attrs.frozen
class RejectedSave:
    """
    A save that will never go through as it is, kept for its owner to fix or to export.

    Attributes:
        session: The session, as it is now; :meth:`~sessionkit.UserSession.to_json` exports it.
        error: Why it was not stored.
        since: When it was first refused so, in UTC.
    """

    session: UserSession
    error: str
    since: datetime
