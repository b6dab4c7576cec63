# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102, D107 - a mutant says in one place what is broken about it
"""The strategy suite catches strategies that are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock
from typing import Any, Final

import pytest

from sessionkit.conflict import Conflict
from sessionkit.merge.strategies import FirstWriteWins, LastWriteWins, Merge, Refuse
from sessionkit.session import UserSession
from sessionkit.testing import strategies

pytest_plugins = ["pytester"]

MANY: Final = 1000


class OtherId:
    """Stores under an id of its own."""

    def resolve(self, _: Conflict) -> UserSession:
        return UserSession()


class PlainData:
    """Returns what is no session."""

    def resolve(self, conflict: Conflict) -> Any:
        return conflict.ours.to_dict()


class NeedsABase(Merge):
    """Fails where nobody knows the base."""

    def resolve(self, conflict: Conflict) -> UserSession:
        assert conflict.base is not None
        return super().resolve(conflict)


class RefusesAtTimes(Merge):
    """Refuses where nobody knows the base, and doesn't say so."""

    def resolve(self, conflict: Conflict) -> UserSession | None:  # type: ignore[override]  # the defect
        return None if conflict.base is None else super().resolve(conflict)


class TakesTurns:
    """Decides by what it decided before."""

    def __init__(self) -> None:
        self._turn = 0

    def resolve(self, conflict: Conflict) -> UserSession:
        self._turn += 1
        return conflict.ours if self._turn % 2 else conflict.theirs


class BuildsAnew(Merge):
    """Makes a session of the fields that it knows."""

    def resolve(self, conflict: Conflict) -> UserSession:
        merged = super().resolve(conflict)
        known = ("session_id", "user_id", "authenticated", "inputs", "form_states")
        return UserSession(**{field: getattr(merged, field) for field in known})


class Promotes(Merge):
    """Gives a role that neither side has."""

    def resolve(self, conflict: Conflict) -> UserSession:
        merged = super().resolve(conflict)
        merged.roles.add("owner")
        return merged


class MixesOwners:
    """Takes the owner of one side and the proof of the other."""

    def resolve(self, conflict: Conflict) -> UserSession:
        conflict.theirs.user_id, conflict.theirs.authenticated = conflict.ours.user_id, True
        return conflict.theirs


class Remembers:
    """Returns the session that it returned before."""

    def __init__(self) -> None:
        self._known: dict[str, UserSession] = {}

    def resolve(self, conflict: Conflict) -> UserSession:
        key = repr(conflict.ours.inputs)
        return self._known.setdefault(key, conflict.ours)


class Gathers:
    """Adds what it saw in other sessions."""

    def __init__(self) -> None:
        self._seen: dict[str, Any] = {}

    def resolve(self, conflict: Conflict) -> UserSession:
        self._seen.update(conflict.ours.inputs)
        conflict.ours.inputs.update(self._seen)
        return conflict.ours


class OneAtATime:
    """Keeps the conflict that it works on where any thread sees it."""

    def __init__(self) -> None:
        self._count = Lock()
        self._both = Event()
        self._now: Conflict | None = None

    def resolve(self, conflict: Conflict) -> UserSession:
        with self._count:
            meets = self._now is not None and self._now is not conflict
            self._now = conflict
        if meets:
            self._both.set()
        self._both.wait(0.005)
        current = self._now
        assert current is not None
        self._now = None
        return current.ours


class HangsOnMany(Merge):
    """Never ends for a large session."""

    def resolve(self, conflict: Conflict) -> UserSession:
        if len(conflict.ours.inputs) > MANY:
            Event().wait()
        return super().resolve(conflict)


class ForgetsForms(Merge):
    """Keeps the forms of one side."""

    def resolve(self, conflict: Conflict) -> UserSession:
        merged = super().resolve(conflict)
        merged.form_states = conflict.ours.form_states
        return merged


class UnitesRights(Merge):
    """Takes every right that either side has."""

    def resolve(self, conflict: Conflict) -> UserSession:
        merged = super().resolve(conflict)
        merged.roles = conflict.ours.roles | conflict.theirs.roles
        merged.permissions = conflict.ours.permissions | conflict.theirs.permissions
        return merged


CAUGHT: Final = {
    OtherId: "test_returns_the_session",
    PlainData: "test_returns_the_session",
    NeedsABase: "test_returns_the_session",
    RefusesAtTimes: "test_refusing_is_declared",
    TakesTurns: "test_same_conflict_same_outcome",
    BuildsAnew: "test_what_neither_changed_stays",
    Promotes: "test_nobody_gains_rights",
    MixesOwners: "test_nobody_gains_rights",
    Remembers: "test_conflicts_are_strangers",
    Gathers: "test_conflicts_are_strangers",
    OneAtATime: "test_threads",
    HangsOnMany: "test_large_sessions",
    LastWriteWins: "test_who_comes_second_is_the_same",
    FirstWriteWins: "test_what_both_did_is_kept",
    ForgetsForms: "test_what_both_did_is_kept",
    UnitesRights: "test_rights_stay_revoked",
}


@pytest.mark.parametrize(
    ("mutant", "clause"),
    [pytest.param(mutant, clause, id=mutant.__name__) for mutant, clause in CAUGHT.items()],
)
def test_the_suite_catches(
    mutant: type[Any],
    clause: str,
    failing: Callable[..., set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clause that is about the defect fails."""
    monkeypatch.setattr(strategies, "_PATIENCE", 2.0)
    suite = ("ConflictStrategyConformance", "strategy", mutant, [clause])

    assert {clause} == failing(*suite, commutative=True, merges=True)


def test_an_unfounded_refusal_is_noticed(failing: Callable[..., set[str]]) -> None:
    """A suite that says ``refuses`` of a strategy that never does is wrong, too."""
    clause = "test_refusing_is_declared"
    suite = ("ConflictStrategyConformance", "strategy")

    assert {clause} == failing(*suite, Merge, [clause], refuses=True)
    assert set() == failing(*suite, Refuse, [clause], refuses=True)
