# SPDX-License-Identifier: Apache-2.0
"""The conflict strategy contract: base, ours, theirs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from sessionkit.decisions import FieldDecision

if TYPE_CHECKING:
    from sessionkit.session.session import UserSession


class Conflict:
    """
    Two writers changed one session.

    The three sessions are copies, decoded when first looked at. A strategy may
    change and return any of them.

    Attributes:
        session_id: The session that they changed.
    """

    def __init__(  # noqa: PLR0913 - one function a thing that is asked for
        self,
        session_id: str,
        *,
        base: Callable[[], UserSession | None],
        ours: Callable[[], UserSession],
        theirs: Callable[[], UserSession],
        merged: Callable[[], UserSession],
        fields: Callable[[], tuple[FieldDecision, ...]],
    ) -> None:
        """Take the three, and what comes of merging them, as functions."""
        self.session_id = session_id
        self._merged = merged
        self._fields = fields
        self._base = base
        self._ours = ours
        self._theirs = theirs

    @cached_property
    def base(self) -> UserSession | None:
        """The state that both started from, or None when it is unknown."""
        return self._base()

    @cached_property
    def ours(self) -> UserSession:
        """The state that is to be saved."""
        return self._ours()

    def merged(self) -> UserSession:
        """
        Return a new session with what both sides did, by the usual rules and the settings' policies.

        A strategy that cares for a few fields sets those and leaves the rest as it is.
        """
        return self._merged()

    @cached_property
    def fields(self) -> tuple[FieldDecision, ...]:
        """Every field that both sides changed to different values, with whose :meth:`merged` takes."""
        return self._fields()

    @cached_property
    def theirs(self) -> UserSession:
        """The state that is stored now."""
        return self._theirs()


class ConflictStrategy(Protocol):
    """Decides what is stored when two writers met."""

    def resolve(self, conflict: Conflict) -> UserSession | None:
        """
        Return the state to store.

        Called after what is no conflict was settled: a lost answer, a session
        that is gone, a store that went back. A ``SessionKitError`` raised here
        reaches the caller as it is; any other one as the cause of a
        :class:`~sessionkit.errors.PluginError`. Nothing is stored then.

        Args:
            conflict: Base, ours and theirs.

        Returns:
            The state to store, under the same ``session_id``; None refuses, and the save
            raises :class:`~sessionkit.errors.ConflictError`.
        """


ConflictStrategyFactory = Callable[..., ConflictStrategy]
"""Makes a strategy from the keywords of its settings table."""
