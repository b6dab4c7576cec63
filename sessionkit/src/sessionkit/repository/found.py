# SPDX-License-Identifier: Apache-2.0
"""What a look-up of a session id comes to."""

from __future__ import annotations

from enum import Enum

import attrs

from sessionkit.session.session import UserSession


class Absence(Enum):
    """Why a look-up of an id found no session."""

    FREE = "nothing is stored that could be restored"
    ENDED = "the id was ended and stays taken"
    UNAVAILABLE = "the store can't be reached"
    NEWER = "a newer release wrote it"


@attrs.frozen(kw_only=True)
class Found:
    """
    What a look-up of an id found.

    Attributes:
        session: The session, or None.
        absence: Why there is none; None when there is one.
    """

    session: UserSession | None = None
    absence: Absence | None = None
