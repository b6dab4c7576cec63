# SPDX-License-Identifier: Apache-2.0
"""Reads what a connection says about itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from sessionkit.errors import InvalidTokenError
from sessionkit.events import RestoreRefused, SessionEvent
from sessionkit.host import Host
from sessionkit.manager.connection import Claim, Connection
from sessionkit.session.fields import check_session_id

if TYPE_CHECKING:
    from sessionkit.tokens import Tokens


@attrs.frozen(kw_only=True)
class Claims:
    """
    Reads claims.

    Attributes:
        tokens: Returns the app's tokens.
        emit: Takes events.
    """

    tokens: Callable[[], Tokens]
    emit: Callable[[SessionEvent], None]

    def of(
        self,
        host: Host,
        session_id: str | None,
        user_id: str | None,
        before: Connection | None = None,
    ) -> Claim:
        """
        Return what the calling connection says about itself.

        Args:
            host: The connection's host.
            session_id: The session that the app asked for, or None.
            user_id: The user that the app vouches for, or None.
            before: What the connection has, or None.
        """
        known = host.user()
        presented = host.token()
        if before is not None and before.claim.presented == presented:
            token_id = before.claim.token_id  # read, and refused, once
        else:
            token_id = None if presented is None else self._read(presented)
        return Claim(
            asked=None if session_id is None else check_session_id(session_id),
            presented=presented,
            token_id=token_id,
            user_id=known if user_id is None else user_id,
            authenticated=known is not None,
        )

    def _read(self, token: str) -> str | None:
        try:
            return self.tokens().read(token)
        except InvalidTokenError as error:
            self.emit(RestoreRefused(session_id=None, reason=f"the browser's token: {error}"))
            return None
