# SPDX-License-Identifier: Apache-2.0
"""A network on which a server's answers can be held back, frame by frame."""

from __future__ import annotations

import attrs
from playwright.sync_api import Page, WebSocketRoute


@attrs.define(slots=False)  # Playwright notes something at whose methods it calls
class SlowNetwork:
    """
    What lies between a page and its server.

    Attributes:
        until: For how many of the page's requests the answers are held back.
        asked: How many requests the page has sent since it was connected last.
    """

    until: int = 0
    asked: int = 0
    _held: list[bytes | str] = attrs.field(factory=list, init=False)

    def lie_before(self, page: Page) -> None:
        """Carry all that *page* and its server say from now on."""
        page.route_web_socket("**/_stcore/stream", self._connected)

    def _connected(self, page: WebSocketRoute) -> None:
        self.asked = 0
        self._held.clear()
        server = page.connect_to_server()

        def asks(message: bytes | str) -> None:
            self.asked += 1
            server.send(message)
            if self.asked >= self.until:
                while self._held:
                    page.send(self._held.pop(0))

        def answers(message: bytes | str) -> None:
            if self.asked < self.until:
                self._held.append(message)
            else:
                page.send(message)

        page.on_message(asks)
        server.on_message(answers)
