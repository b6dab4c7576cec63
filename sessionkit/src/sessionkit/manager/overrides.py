# SPDX-License-Identifier: Apache-2.0
"""Managers that take the place of the process's own inside a ``with`` block; importing this imports no manager."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any, Final

# A manager's type is not known here.
# ruff: noqa: ANN401


class Overrides:
    """
    The managers whose blocks are entered.

    A thread or task sees its own innermost block.

    Attributes:
        here: Returns the manager of this thread's or task's innermost block, or None.
    """

    def __init__(self) -> None:
        """Begin outside of all blocks."""
        self._own: ContextVar[Any] = ContextVar("sessionkit", default=None)
        self._entered: list[Any] = []
        self.here: Final = self._own.get  # asked at each input

    def anywhere(self) -> Any:
        """Return the manager of the block that was entered last by any thread, or None."""
        return next(iter(self._entered[-1:]), None)  # another thread may leave its block meanwhile

    def enter(self, manager: Any) -> Token[Any]:
        """Put a manager in force; return what :meth:`leave` needs."""
        self._entered.append(manager)
        return self._own.set(manager)

    def leave(self, manager: Any, token: Token[Any]) -> None:
        """Put in force again what was before."""
        self._own.reset(token)
        self._entered.remove(manager)


OVERRIDES: Final = Overrides()
"""The process's."""
