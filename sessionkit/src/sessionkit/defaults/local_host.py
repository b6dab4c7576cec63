# SPDX-License-Identifier: Apache-2.0
"""The host of scripts, tests and the command line: one process, one connection, no browser."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any


class LocalHost:
    """
    Runs code that no framework runs.

    Attributes:
        trusted: Whoever can run code here may have any session.
    """

    trusted: bool = True

    def __init__(self) -> None:
        """Begin the one connection."""
        self._state: dict[str, Any] = {}

    def active(self) -> bool:
        """Return True: code always runs."""
        return True

    def state(self) -> MutableMapping[str, Any]:
        """Return the one mapping that lives as long as this host."""
        return self._state

    def token(self) -> str | None:
        """Return None: there is no browser."""
        return None

    def set_token(self, token: str | None) -> None:
        """Do nothing: there is no browser."""

    def user(self) -> str | None:
        """Return None: nobody logged in."""
        return None
