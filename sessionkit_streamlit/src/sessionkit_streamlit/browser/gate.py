# SPDX-License-Identifier: Apache-2.0
"""What the web server's side and the scripts' side of one process tell each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from sessionkit.events import log_event
from sessionkit.settings import load_settings
from sessionkit.tokens import Tokens, load_secret

if TYPE_CHECKING:
    from sessionkit.events import SessionEvent
    from sessionkit.host import Keeper

MAX_AGE: Final = 30 * 24 * 3600
"""How long a browser keeps its id, in seconds."""

TICKET_PATH: Final = "_sessionkit/ticket"
"""Where a ticket is traded for a cookie, below the app's base path."""

FLUSH_SECONDS: Final = 10.0
"""How long the app's end waits for the store."""


@attrs.define(eq=False)
class Gate:
    """
    The state of one process: Streamlit serves one app in each.

    Attributes:
        middleware: Whether our middleware answers for this app.
        tokens: What the cookie is signed with; the scripts' own once there is a manager.
        keeper: The manager that the scripts use, once there is one.
    """

    middleware: bool = False
    tokens: Tokens | None = None
    keeper: Keeper | None = None

    def signer(self) -> Tokens:
        """
        Return the app's tokens.

        The first page is asked for before any script ran, so the settings are
        read here; no manager is made, which the app may still configure.
        """
        if self.tokens is None:
            self.tokens = Tokens(load_secret(load_settings().security))
        return self.tokens

    def emit(self, event: SessionEvent) -> None:
        """Tell the manager's observers; before there is one, the log."""
        if self.keeper is not None:
            self.keeper.emit(event)
        else:
            log_event(event)

    def flush(self) -> None:
        """Write everything that waits, within ten seconds."""
        if self.keeper is not None:
            self.keeper.flush(None, FLUSH_SECONDS)


gate: Final = Gate()
