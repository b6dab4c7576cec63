# SPDX-License-Identifier: Apache-2.0
"""What the web server's side and the scripts' side of one process tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import attrs

from sessionkit.events import log_event
from sessionkit.plugins import check_table
from sessionkit.settings import load_settings
from sessionkit.tokens import Tokens, load_secret
from sessionkit_streamlit.browser.cookie_options import CookieOptions, cookie_options

if TYPE_CHECKING:
    from sessionkit.events import SessionEvent
    from sessionkit.host import Keeper

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
        given: What the app said of the cookie where it made its ``st.App``, before the settings.
        options: How the cookie is set; the scripts' own once there is a manager.
        keeps_pages: Whether the settings name what is kept of pages without a line of ours.
    """

    middleware: bool = False
    tokens: Tokens | None = None
    keeper: Keeper | None = None
    given: Mapping[str, Any] = attrs.field(factory=dict)
    options: CookieOptions | None = None
    keeps_pages: bool = False

    def cookie_options(self) -> CookieOptions:
        """
        Return how the cookie is set; read as :meth:`signer` reads.

        Raises:
            ConfigError: If the settings are wrong.
        """
        if self.options is None:
            settings = load_settings()
            table = settings.hosts.get("streamlit", {})
            own = {key: value for key, value in table.items() if key.startswith("cookie_")}
            keywords = check_table(cookie_options, own, "hosts.streamlit", settings.where)
            self.options = cookie_options(**{**keywords, **self.given})
        return self.options

    def lifetime(self) -> timedelta | None:
        """Return how long a session may go on that begins now and is used no more; None for ever."""
        expiry = load_settings().expiry
        return min((one for one in (expiry.idle, expiry.absolute) if one is not None), default=None)

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
