# SPDX-License-Identifier: Apache-2.0
"""Conflicts and conflict strategies: what a strategy is given, what it answers, and a plain function in its place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any, Final, Literal, Protocol, TypeAlias, cast

import attrs

from sessionkit.errors import PluginError, SessionKitError, check_methods, text_of
from sessionkit.records import short
from sessionkit.session.session import UserSession
from sessionkit.values.definitions import Definition


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
        self._base = base
        self._ours = ours
        self._theirs = theirs
        self._merged = merged
        self._fields = fields

    @cached_property
    def base(self) -> UserSession | None:
        """The state that both started from, or None when it is unknown."""
        return self._base()

    @cached_property
    def ours(self) -> UserSession:
        """The state that is to be saved."""
        return self._ours()

    @cached_property
    def theirs(self) -> UserSession:
        """The state that is stored now."""
        return self._theirs()

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

# -- in which fields two writers met, and whose value was taken ----------------


@attrs.frozen(kw_only=True, eq=False)
class FieldDecision:
    """
    A field that two writers changed to different values.

    Attributes:
        path: Where it lies, as users write it: ``inputs['email']``, ``theme``.
        taken: ``"ours"`` or ``"theirs"``; ``"merged"`` when the result is neither, such as a sum or
            a union; ``"asked"`` when theirs stands until someone chooses.
        ours: Our value, or ``REMOVED``.
        theirs: Theirs, or ``REMOVED``.
        ours_at: When our change was first seen, in UTC; None when that is unknown.
        theirs_at: The same of theirs.
        part: The part that the field lies in.
        keys: Its path in there.
        question: What the session knows it by, if it is to be decided.
    """

    path: str
    taken: Literal["ours", "theirs", "merged", "asked"]
    ours: Any = attrs.field(repr=False)
    theirs: Any = attrs.field(repr=False)
    ours_at: datetime | None = None
    theirs_at: datetime | None = None
    part: str = attrs.field(repr=False)
    keys: tuple[Any, ...] = attrs.field(repr=False)
    question: str | None = attrs.field(default=None, repr=False)


class ConflictReport:
    """What a conflict strategy decided, field by field; worked out when first looked at."""

    def __init__(self, find: Callable[[], tuple[FieldDecision, ...]]) -> None:
        """Take what finds the fields."""
        self._find = find

    @cached_property
    def fields(self) -> tuple[FieldDecision, ...]:
        """Every field that both sides changed to different values."""
        return self._find()

    def __repr__(self) -> str:
        """Name the class only: to find the fields takes time, and their values are nobody else's."""
        return "ConflictReport(...)"


Side = Literal["ours", "theirs"]
"""Whose value: of the writer that came second, or of the one who had stored first."""


class _Removed(Enum):
    REMOVED = "removed"

    def __repr__(self) -> str:
        return "REMOVED"


REMOVED: Final = _Removed.REMOVED
"""Stands for the value of a side that removed it."""

# -- what is taken as a strategy, and asked ------------------------------------


def as_strategy(given: object) -> ConflictStrategy:
    """
    Return a strategy for what stands in ``configure(conflict_strategy=...)``.

    Raises:
        WrongKindError: If it is neither a function nor has it a method ``resolve``.
    """
    if callable(given) and not isinstance(given, type) and not hasattr(given, "resolve"):
        return FunctionStrategy(given)
    what = (
        "the name of a conflict strategy, a function of a conflict, or an object with a method"
        " resolve"
    )
    check_methods(given, what, ("resolve",))
    return cast("ConflictStrategy", given)


Decision: TypeAlias = Callable[[Conflict], UserSession | None]
"""What :meth:`~sessionkit.conflict.ConflictStrategy.resolve` does."""


@attrs.frozen
class FunctionStrategy:
    """
    Lets a function decide.

    Attributes:
        decide: Takes the conflict and returns what is stored, or None to refuse.
    """

    decide: Decision = attrs.field(eq=Definition)

    def resolve(self, conflict: Conflict) -> UserSession | None:
        """Return what the function returns."""
        return self.decide(conflict)


def resolve(strategy: ConflictStrategy, conflict: Conflict) -> UserSession | None:
    """
    Return what a strategy decides: the session to store, or None to refuse.

    Raises:
        PluginError: If it fails, or returns what can't be stored in the session's place.
        SessionKitError: As the strategy raises it.
    """
    try:
        decided = strategy.resolve(conflict)
    except SessionKitError:
        raise
    except Exception as error:  # the app's own code, which may raise anything
        reason = f"{type(error).__name__}: {text_of(error)}"
        msg = f"conflict strategy {name_of(strategy)!r} failed: {reason}; nothing was stored"
        raise PluginError(msg) from error
    found = None if decided is None else _mistake(decided, conflict.session_id)
    if found is not None:
        msg = (
            f"conflict strategy {name_of(strategy)!r} returned {found}; it must return the session,"
            " such as conflict.merged(), or None to refuse: nothing was stored"
        )
        raise PluginError(msg)
    return decided


def _mistake(decided: object, session_id: str) -> str | None:
    """Return what a strategy returned instead of the session, or None."""
    if not isinstance(decided, UserSession):
        return f"a {type(decided).__name__}"
    if decided.session_id != session_id:
        return f"session {short(decided.session_id)}, not {short(session_id)}"
    return None


def name_of(strategy: ConflictStrategy) -> str:
    """Return what events call a strategy: the function's name, or the class's."""
    decide = strategy.decide if isinstance(strategy, FunctionStrategy) else strategy
    return getattr(decide, "__name__", type(decide).__name__)
