# SPDX-License-Identifier: Apache-2.0
"""
The suite that proves a conflict strategy right.

::

    class TestNewerTheme(ConflictStrategyConformance):
        @pytest.fixture
        def strategy(self):
            return NewerTheme()
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from typing import Any, ClassVar, Final

import pytest

from sessionkit.conflict import Conflict, ConflictStrategy
from sessionkit.session.session import UserSession
from sessionkit.testing.strategy_samples import (
    ID,
    NAMES,
    Sample,
    big,
    content,
    encoded,
    encoded_conflict,
    fields,
    sample,
)

_THREADS: Final = 4

_PATIENCE: Final = 60.0


def conflict_between(base: UserSession | None, ours: UserSession, theirs: UserSession) -> Conflict:
    """
    Return a conflict as a strategy meets it, for tests of its own.

    Args:
        base: The session that both writers started from, or None when nobody knows it.
        ours: Ours; a strategy may change it.
        theirs: Theirs, likewise.
    """
    before = None if base is None else encoded(base)
    return encoded_conflict(ours.session_id, before, encoded(ours), encoded(theirs))


every_conflict = pytest.mark.parametrize("name", NAMES)

with_and_without_base = pytest.mark.parametrize("known", [True, False], ids=["base", "no base"])


class ConflictStrategyConformance:
    """
    Subclass it, override the fixture ``strategy``, and let pytest collect the subclass.

    Declare by class attributes what the strategy is::

        class TestRefuse(ConflictStrategyConformance):
            refuses = True

    Attributes:
        refuses: Whether it refuses any conflict, by None.
        merges: Whether what the writers did to different things is all kept.
        commutative: Whether the same is stored, whoever of the two came second, if their base is known.
    """

    refuses: ClassVar[bool] = False
    merges: ClassVar[bool] = False
    commutative: ClassVar[bool] = False

    @pytest.fixture
    def strategy(self) -> ConflictStrategy:
        """Return the strategy under test."""
        raise NotImplementedError

    @every_conflict
    @with_and_without_base
    def test_returns_the_session(
        self, strategy: ConflictStrategy, name: str, *, known: bool
    ) -> None:
        """Any conflict, its base known or not, ends in a session under the same id, or in None."""
        result = strategy.resolve(_sample(name, known=known).conflict())

        if result is not None:
            assert isinstance(result, UserSession)
            assert ID == result.session_id

    def test_refusing_is_declared(self, strategy: ConflictStrategy) -> None:
        """``refuses`` says whether there are conflicts that end in None."""
        refused = [strategy.resolve(met.conflict()) is None for met in _all_samples()]

        assert self.refuses == any(refused)

    @every_conflict
    @with_and_without_base
    def test_same_conflict_same_outcome(
        self, strategy: ConflictStrategy, name: str, *, known: bool
    ) -> None:
        """A conflict that is met again ends alike: a save is tried until it is stored."""
        met = _sample(name, known=known)

        assert _resolve(strategy, met) == _resolve(strategy, met)

    @every_conflict
    def test_what_neither_changed_stays(self, strategy: ConflictStrategy, name: str) -> None:
        """A field that is the same on all three sides is stored as it is, a newer release's too."""
        met = sample(name).conflict()
        assert met.base is not None
        base, ours, theirs = (fields(side) for side in (met.base, met.ours, met.theirs))
        result = strategy.resolve(sample(name).conflict())

        if result is not None:
            unchanged = base.items() & ours.items() & theirs.items()
            assert unchanged <= fields(result).items()

    @every_conflict
    @with_and_without_base
    def test_nobody_gains_rights(
        self, strategy: ConflictStrategy, name: str, *, known: bool
    ) -> None:
        """Owner and login come from one side, and no role or permission is in neither."""
        met = _sample(name, known=known).conflict()
        ours, theirs = met.ours, met.theirs

        result = strategy.resolve(_sample(name, known=known).conflict())

        if result is not None:
            owners = {(side.user_id, side.authenticated) for side in (ours, theirs)}
            assert (result.user_id, result.authenticated) in owners
            assert result.roles <= ours.roles | theirs.roles
            assert result.permissions <= ours.permissions | theirs.permissions

    @every_conflict
    def test_conflicts_are_strangers(self, strategy: ConflictStrategy, name: str) -> None:
        """What came of one conflict, and what the app does with it, never shows in another."""
        met = sample(name)
        first = strategy.resolve(met.conflict())
        before = None if first is None else content(first)
        other = _resolve(strategy, sample("something else to the same"))

        if first is not None:
            assert before == content(first)
            first.inputs["city"] = "of this session"
            first.roles.add("admin")
            first.form_states.clear()

        assert before == _resolve(strategy, met)
        assert other == _resolve(strategy, sample("something else to the same"))

    def test_threads(self, strategy: ConflictStrategy) -> None:
        """Several threads use one strategy at once."""
        expected = [_resolve(strategy, sample(name)) for name in NAMES]
        together = Barrier(_THREADS, timeout=_PATIENCE)

        def work(_: int) -> list[Any]:
            together.wait()
            return [_resolve(strategy, sample(name)) for name in NAMES]

        with ThreadPoolExecutor(_THREADS) as pool:
            assert [expected] * _THREADS == list(pool.map(work, range(_THREADS)))

    def test_large_sessions(self, strategy: ConflictStrategy) -> None:
        """Thousands of values end in a session, or None, before anyone loses patience."""
        done: list[Any] = []
        met = big()
        thread = Thread(target=lambda: done.append(strategy.resolve(met.conflict())), daemon=True)

        thread.start()
        thread.join(_PATIENCE)

        assert 1 == len(done)

    def test_who_comes_second_is_the_same(self, strategy: ConflictStrategy) -> None:
        """
        With ``commutative`` the two writers store the same, whichever of them meets the other.

        Where nobody knows what both started from, what is stored goes before what is not: a
        right that was revoked must not come back.
        """
        _need(declared=self.commutative, ability="commutative")

        for met in map(sample, NAMES):
            assert _resolve(strategy, met) == _resolve(strategy, met.swapped())

    @pytest.mark.parametrize("swap", [False, True], ids=["met", "swapped"])
    def test_what_both_did_is_kept(self, strategy: ConflictStrategy, *, swap: bool) -> None:
        """With ``merges`` nothing is lost that the writers did to different things."""
        _need(declared=self.merges, ability="merges")
        met = sample("other things")
        result = strategy.resolve((met.swapped() if swap else met).conflict())

        assert result is not None
        assert {"ours": 1, "theirs": 2}.items() <= result.inputs.items()
        assert "old" not in result.inputs
        assert "Main" == result.form_states["address"].data["street"]
        assert {"name": "Ada", "count": 3} == result.form_states["order"].data
        assert {"new": True} == result.form_states["theirs"].data
        assert ["start", "ours", "theirs"] == [entry.page for entry in result.navigation_history]
        assert {"rows", "ours"} == result.cache_keys
        assert "fr" == result.language

    @pytest.mark.parametrize("swap", [False, True], ids=["met", "swapped"])
    def test_rights_stay_revoked(self, strategy: ConflictStrategy, *, swap: bool) -> None:
        """With ``merges`` a role that one writer revoked is not brought back by what another did."""
        _need(declared=self.merges, ability="merges")
        met = sample("we granted, they revoked")
        result = strategy.resolve((met.swapped() if swap else met).conflict())

        assert result is not None
        assert {"reader", "admin"} == result.roles
        assert {"delete"} == result.permissions


def _sample(name: str, *, known: bool) -> Sample:
    return sample(name) if known else sample(name).without_base()


def _all_samples() -> list[Sample]:
    return [_sample(name, known=known) for name in NAMES for known in (True, False)]


def _resolve(strategy: ConflictStrategy, met: Sample) -> Any:  # noqa: ANN401 - plain data
    """Return what would be stored, or None for nothing."""
    result = strategy.resolve(met.conflict())
    return None if result is None else content(result)


def _need(*, declared: bool, ability: str) -> None:
    if not declared:
        pytest.skip(f"the strategy is declared without {ability} = True")
