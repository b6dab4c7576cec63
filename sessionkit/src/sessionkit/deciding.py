# SPDX-License-Identifier: Apache-2.0
"""A plain function as a conflict strategy, and what any strategy answers."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeAlias

import attrs

from sessionkit.conflict import Conflict, ConflictStrategy
from sessionkit.errors import ConfigError, PluginError, SessionKitError, text_of
from sessionkit.session.fields import short
from sessionkit.session.session import UserSession

Decision: TypeAlias = Callable[[Conflict], UserSession | None]
"""What :meth:`~sessionkit.conflict.ConflictStrategy.resolve` does."""


def _meaning(decide: Decision) -> Any:  # noqa: ANN401 - only compared
    """
    Return what a function is, wherever it was made anew.

    A Streamlit script defines its functions again at every rerun; those are still the same.
    """
    if not isinstance(decide, FunctionType):
        return decide
    return decide.__qualname__, decide.__code__, decide.__defaults__, decide.__closure__


@attrs.frozen
class Decider:
    """
    Lets a function decide.

    Attributes:
        decide: Takes the conflict and returns what is stored, or None to refuse.
    """

    decide: Decision = attrs.field(eq=_meaning)

    def resolve(self, conflict: Conflict) -> UserSession | None:
        """Return what the function returns."""
        return self.decide(conflict)


def as_strategy(given: object) -> ConflictStrategy:
    """
    Return a strategy for what stands in ``configure(conflict_strategy=...)``.

    Raises:
        ConfigError: If it is neither a function nor has it a method ``resolve``.
    """
    if isinstance(given, type):
        msg = f"an object is needed, not its class: {given.__name__}()"
        raise ConfigError(msg)
    if callable(getattr(given, "resolve", None)):
        return given  # type: ignore[return-value]  # its method says so
    if callable(given):
        return Decider(given)
    msg = (
        "the name of a conflict strategy, a function of a conflict, or an object with a method"
        f" resolve is needed, not {type(given).__name__}"
    )
    raise ConfigError(msg)


def decision_of(strategy: ConflictStrategy, conflict: Conflict) -> UserSession | None:
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
    decide = strategy.decide if isinstance(strategy, Decider) else strategy
    return getattr(decide, "__name__", type(decide).__name__)
