# SPDX-License-Identifier: Apache-2.0
"""What a user is shown of a session of theirs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

import attrs

from sessionkit.session.fields import from_micros, short

if TYPE_CHECKING:
    from sessionkit.records import SessionHead


@attrs.frozen(kw_only=True)
class SessionSummary:
    """
    One of a user's sessions, as a page called "your devices" shows it.

    Attributes:
        session_id: The session. Ids are secrets in full: show ``short_id``.
        created_at: When it began, in UTC.
        last_activity: When it was last used, in UTC; up to a minute old.
        current: Whether it is the calling connection's own.
    """

    session_id: str = attrs.field(repr=lambda session_id: repr(short(session_id)))
    created_at: datetime
    last_activity: datetime
    current: bool = False

    @property
    def short_id(self) -> str:
        """The first eight characters of the id."""
        return short(self.session_id)

    @classmethod
    def of(cls, head: SessionHead, *, current: bool) -> Self:
        """Return what is shown of a stored session."""
        return cls(
            session_id=head.session_id,
            created_at=from_micros(head.created_at),
            last_activity=from_micros(head.last_activity),
            current=current,
        )
