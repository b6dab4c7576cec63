# SPDX-License-Identifier: Apache-2.0
"""How saves stand, for whoever asks: what waits, what was rejected, and whether the store is down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import attrs

from sessionkit.errors import ConflictError, NewerFormatError, QueueFullError, RejectedError
from sessionkit.session.session import NotKept, UserSession

State = Literal["saved", "incomplete", "saving", "offline", "rejected"]

Refusal = Literal["conflict", "newer", "full", "refused", "failed"]
"""
Why a save will not go through as it is, in a word that a page has a text for.

``"conflict"``: another save was stored meanwhile, and the strategy refused; ``"newer"``: a newer release has
stored it; ``"full"``: too many sessions wait to be saved; ``"refused"``: the store does not take it, such as
for its size; ``"failed"``: anything else, such as a plugin's bug or a wrong setting.
"""

_REFUSALS: Final[Mapping[type[Exception], Refusal]] = {
    ConflictError: "conflict",
    NewerFormatError: "newer",
    QueueFullError: "full",
    RejectedError: "refused",
}


def refusal_of(error: Exception) -> Refusal:
    """Return why a save was refused, by what it raised."""
    found = (word for kind, word in _REFUSALS.items() if isinstance(error, kind))
    return next(found, "failed")


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
        last_error: What the store, or a save that failed, said last; None when all is well. It may name
            servers and files: for the log, not for a page.
        refusal: Why a save will not go through, in a word; None where none was refused.
        offline_since: Since when the store is down, in UTC; None when it is not.
        retry_in: In how many seconds it is tried again; None when the store is not down.
        rejected: Saves that will not go through as they are.
        not_kept: Values that the last saves could not keep, of sessions that are in use.
        lost_at: When the store was last found to have lost sessions that this process has, in UTC; they
            are stored again. None for never.
    """

    state: State
    pending: int = 0
    pending_bytes: int = 0
    oldest_age: float | None = None
    last_error: str | None = None
    offline_since: datetime | None = None
    retry_in: float | None = None
    rejected: tuple[RejectedSave, ...] = ()
    not_kept: tuple[NotKept, ...] = ()
    refusal: Refusal | None = None
    lost_at: datetime | None = None


@attrs.frozen
class RejectedSave:
    """
    A save that will never go through as it is, kept for its owner to fix or to export.

    Attributes:
        session: The session, as it is now; :meth:`~sessionkit.UserSession.to_json` exports it.
        error: Why it was not stored: for the log, not for a page.
        since: When it was first refused so, in UTC.
        refusal: Why, in a word.
    """

    session: UserSession
    error: str
    since: datetime
    refusal: Refusal = "failed"
