# SPDX-License-Identifier: Apache-2.0
"""Brings a known user back to what was left behind, at whatever browser that was."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from sessionkit.errors import NewerFormatError, UnavailableError
from sessionkit.events import SessionEvent, StoreUnavailable
from sessionkit.host import Host
from sessionkit.manager.blankness import is_blank
from sessionkit.manager.connection import Claim
from sessionkit.manager.live import LiveSessions
from sessionkit.session.session import UserSession

if TYPE_CHECKING:
    from sessionkit.repository.repository import Repository


@attrs.frozen(kw_only=True)
class Homecoming:
    """
    Finds the stored sessions of users.

    Attributes:
        live: Opens sessions.
        repository: Returns the repository; raises what opening the store raises.
        emit: Takes events.
    """

    live: LiveSessions
    repository: Callable[[], Repository]
    emit: Callable[[SessionEvent], None]

    def of_user(self, claim: Claim) -> UserSession | None:
        """Return the latest stored session of the claim's user; None when there is none, or it can't be told."""
        user_id = claim.user_id
        if user_id is None:
            return None
        try:
            latest = self.repository().latest_of(user_id)
        except UnavailableError as error:
            self.emit(StoreUnavailable(session_id=None, error=str(error)))
            return None
        found = None if latest is None else self.live.find(latest).session
        if found is None or found.user_id != user_id or not self.live.admit(found, claim.may_have):
            return None  # the list is older than the session: another tab may have it now
        return found

    def instead_of(self, session: UserSession, claim: Claim, host: Host) -> UserSession:
        """
        Return the session that a user comes back to from one that nobody owns.

        That one is left as it is, and expires: other tabs may show it, and what
        they do there is stored.

        Args:
            session: The session that nobody owns.
            claim: Says who the user is.
            host: The connection's; it may know what was only shown.

        Returns:
            The user's latest stored session; *session* if there is none, if
            something was done in it, or if that can't be told.
        """
        if claim.user_id is None or not is_blank(session, host):
            return session
        own = self.of_user(claim)
        return session if own is None or not self._is_blank_in_store(session, host) else own

    def _is_blank_in_store(self, session: UserSession, host: Host) -> bool:
        """Return whether others have stored nothing in a session either, or before the store could be asked."""
        try:
            stored = self.repository().load(session.session_id)
        except UnavailableError as error:
            self.emit(StoreUnavailable(session_id=session.session_id, error=str(error)))
            return False
        except NewerFormatError:
            return False  # the repository told why
        return stored is None or is_blank(stored, host)
