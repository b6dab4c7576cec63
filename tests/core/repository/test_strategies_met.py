# SPDX-License-Identifier: Apache-2.0
"""Two writers met: what each strategy comes to, and many sessions saved together."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from session_harness.replicas import Replica
from session_harness.stores import LOST, FaultyBatchStore, FaultyStore

from sessionkit.conflict import Conflict, ConflictStrategy
from sessionkit.errors import (
    ConflictError,
    PluginError,
    RejectedError,
    SessionGoneError,
    UnavailableError,
)
from sessionkit.events import ConflictResolved, SessionSaved, ValueNotSaved
from sessionkit.merge.strategies import FirstWriteWins, LastWriteWins, Merge, Refuse
from sessionkit.session import UserSession


class Custom:
    """A strategy of the app's own, which notes what it was asked."""

    def __init__(self) -> None:
        """Begin unasked."""
        self.asked: list[Conflict] = []

    def resolve(self, conflict: Conflict) -> UserSession:
        """Take theirs, and say so."""
        self.asked.append(conflict)
        conflict.theirs.inputs["decided"] = True
        return conflict.theirs


class Buggy:
    """A strategy that fails."""

    def resolve(self, conflict: Conflict) -> UserSession:
        """Fail."""
        raise KeyError(conflict.session_id)


def meet(strategy: ConflictStrategy) -> tuple[Replica, UserSession]:
    """Return a replica whose session meets a foreign save at the next one."""
    replica = Replica(strategy=strategy)
    replica.new(base=0)
    other = replica.again()
    ours, theirs = replica.load(), other.load()
    theirs.inputs.update(base="theirs", theirs=1)
    other.save(theirs)
    ours.inputs.update(base="ours", ours=1)
    return replica, ours


@pytest.mark.parametrize(
    ("strategy", "inputs"),
    [
        (Merge(), {"base": "ours", "ours": 1, "theirs": 1}),
        (LastWriteWins(), {"base": "ours", "ours": 1}),
        (FirstWriteWins(), {"base": "theirs", "theirs": 1}),
    ],
)
def test_the_shipped_strategies_decide(
    strategy: ConflictStrategy, inputs: dict[str, object]
) -> None:
    """What they decide is stored, and enters the live session when it is absorbed."""
    replica, ours = meet(strategy)
    replica.save(ours)
    assert inputs == replica.load().inputs

    replica.meet(ours)
    assert inputs == ours.inputs
    before = len(replica.store.writes)
    replica.save(ours)
    assert before == len(replica.store.writes)


@pytest.mark.parametrize("strategy", [Merge(), LastWriteWins(), FirstWriteWins()])
def test_an_event_tells_who_decided_about_what(strategy: ConflictStrategy) -> None:
    """The strategy's name, and the parts that differed."""
    replica, ours = meet(strategy)
    replica.save(ours)

    assert [(type(strategy).__name__, ("inputs",))] == [
        (event.strategy, event.parts) for event in replica.told(ConflictResolved)
    ]


def test_refuse_raises_and_stores_nothing() -> None:
    """The error says what is stored instead; it is raised again until someone else decides."""
    replica, ours = meet(Refuse())
    for _ in range(2):
        with pytest.raises(ConflictError) as caught:
            replica.save(ours)
        assert replica.store.stored("s").head == caught.value.current

    assert {"base": "theirs", "theirs": 1} == replica.load().inputs
    assert "ours" == ours.inputs["base"]
    replica.repository.save(ours, strategy=LastWriteWins())
    assert {"base": "ours", "ours": 1} == replica.load().inputs


def test_refuse_lets_the_live_session_alone() -> None:
    """What others saved doesn't slip in while nobody has decided."""
    replica, ours = meet(Refuse())
    with pytest.raises(ConflictError):
        replica.save(ours)

    assert () == replica.meet(ours)
    assert {"base": "ours", "ours": 1} == ours.inputs


def test_a_custom_strategy_gets_base_ours_and_theirs() -> None:
    """As sessions; what it returns is stored, changes and all."""
    strategy = Custom()
    replica, ours = meet(strategy)
    replica.save(ours)

    [conflict] = strategy.asked
    assert conflict.base is not None
    assert {"base": 0} == conflict.base.inputs
    assert {"base": "ours", "ours": 1} == conflict.ours.inputs
    assert conflict.ours is not ours
    assert {"base": "theirs", "theirs": 1, "decided": True} == replica.load().inputs


class Highest:
    """A rule that has to hold for good: never less than anyone has seen."""

    def __init__(self) -> None:
        """Begin unasked."""
        self.asked = 0

    def resolve(self, conflict: Conflict) -> UserSession:
        """Merge, and take the higher bid."""
        self.asked += 1
        result = conflict.merged()
        sides = (conflict.ours, conflict.theirs)
        result.inputs["bid"] = max(side.inputs["bid"] for side in sides)
        return result


def outbid() -> tuple[Highest, Replica, UserSession]:
    """Return a session that shows a bid of 4, while 10 was decided and stored."""
    strategy = Highest()
    replica = Replica(strategy=strategy)
    replica.new(bid=1)
    other = replica.again()
    ours, theirs = replica.load(), other.load()
    theirs.inputs["bid"] = 10
    other.save(theirs)
    ours.inputs["bid"] = 4
    replica.save(ours)
    assert (4, 10) == (ours.inputs["bid"], replica.load().inputs["bid"])
    return strategy, replica, ours


def test_a_strategy_is_asked_again_about_a_field_that_it_decided() -> None:
    """The live session does not show the decision yet, and the same field changes once more."""
    strategy, replica, ours = outbid()
    ours.inputs["bid"] += 1
    replica.save(ours)

    assert (2, {"bid": 10}) == (strategy.asked, replica.load().inputs)
    assert ["Highest"] * 2 == [event.strategy for event in replica.told(ConflictResolved)]


def test_a_change_that_waits_is_decided_before_the_decision_is_shown() -> None:
    """It was made on the old value: a merge would take it, as the later one."""
    strategy, replica, ours = outbid()
    ours.inputs["bid"] += 1
    assert () == replica.meet(ours)
    replica.save(ours)
    assert (2, {"bid": 10}) == (strategy.asked, replica.load().inputs)

    replica.meet(ours)
    assert {"bid": 10} == ours.inputs


def test_a_strategy_is_not_asked_about_other_fields_again() -> None:
    """Nobody has changed those: one that drops ours would drop what is in no conflict."""
    strategy, replica, ours = outbid()
    ours.inputs["note"] = "mine"
    replica.save(ours)

    assert (1, {"bid": 10, "note": "mine"}) == (strategy.asked, replica.load().inputs)
    assert 1 == len(replica.told(ConflictResolved))


def test_a_strategys_own_bug_propagates() -> None:
    """It is never masked as a conflict, and nothing is written."""
    replica, ours = meet(Buggy())
    before = replica.store.stored("s")
    with pytest.raises(PluginError, match=r"'Buggy' failed: KeyError: 's'") as caught:
        replica.save(ours)

    assert isinstance(caught.value.__cause__, KeyError)
    assert before == replica.store.stored("s")


def test_without_another_writer_there_is_no_conflict() -> None:
    """Loaded, changed and saved, again and again: nobody is asked, and no event tells of one."""
    replica = Replica(strategy=Buggy())
    replica.new()
    session = replica.load()
    for page in ("cart", "help"):
        session.add_navigation(page)
        replica.save(session)
        replica.meet(session)

    assert [] == replica.told(ConflictResolved)
    assert 3 == session.version


def test_a_conflict_that_is_none_after_all_asks_nobody() -> None:
    """Both wrote the same; what is stored anew is only that it was changed again, later."""
    replica = Replica(strategy=Buggy())
    replica.new()
    other = replica.again()
    ours, theirs = replica.load(), other.load()
    theirs.theme = ours.theme = "dark"
    other.save(theirs)
    replica.save(ours)

    assert ("dark", 3) == (replica.load().theme, ours.version)
    assert () == replica.told(SessionSaved)[-1].parts


def test_a_writer_that_always_comes_second_gives_up_for_now(replica: Replica) -> None:
    """It is bounded; the error says that it may be tried again, and it is right."""
    ours = replica.new()
    other = replica.again()

    def always_first(_: object) -> None:
        theirs = other.load()
        theirs.add_navigation("cart")
        other.save(theirs)

    ours.theme = "dark"
    replica.store.on_write = always_first
    with pytest.raises(UnavailableError, match="met another writer"):
        replica.save(ours)
    replica.store.on_write = None
    replica.save(ours)

    assert "dark" == replica.load().theme


# -- many at once --------------------------------------------------------------


STORES = pytest.mark.parametrize("kind", [FaultyStore, FaultyBatchStore])


@STORES
def test_save_many_stores_each(kind: Callable[[], FaultyStore]) -> None:
    """In one write where the storage can; an outcome for each, in their order."""
    replica = Replica(store=kind())
    sessions = [UserSession(session_id=name) for name in ("b", "a", "c")]

    assert [None] * 3 == replica.repository.save_many(sessions)

    assert {"a", "b", "c"} == set(replica.store.keep())
    assert (kind is FaultyBatchStore) == ("write_many" in replica.store.calls)
    assert ["a", "b", "c"] == sorted(str(e.session_id) for e in replica.told(SessionSaved))


@STORES
def test_one_that_fails_fails_no_other(kind: Callable[[], FaultyStore]) -> None:
    """A buggy strategy, a session that is gone, one too large, one whose write is lost."""
    replica = Replica(store=kind(), strategy=Buggy(), max_bytes=2000)
    names = ("buggy", "gone", "large", "lost", "right")
    sessions = [replica.new(name) for name in names]
    buggy, gone, large, lost, right = sessions
    theirs = replica.again().repository
    other = theirs.load("buggy")
    assert other is not None
    other.theme = "light"
    theirs.save(other)
    theirs.end("gone")
    for session in sessions:
        session.theme = "dark"
    large.inputs["text"] = "x" * 2000
    lost.theme = "lost"
    replica.store.on_write = lambda write: (
        replica.store.next_writes(LOST) if write.head.session_id == "lost" else None
    )

    outcomes = replica.repository.save_many([buggy, gone, large, lost, right])

    kinds = [PluginError, SessionGoneError, RejectedError, UnavailableError, type(None)]
    assert kinds == [type(outcome) for outcome in outcomes]
    assert "dark" == replica.load("right").theme
    assert "light" == replica.load("buggy").theme


@STORES
def test_two_objects_under_one_id_are_both_saved(kind: Callable[[], FaultyStore]) -> None:
    """One after the other: the second meets the first."""
    replica = Replica(store=kind())
    replica.new()
    one, two = replica.load(), replica.load()
    one.inputs["one"] = 1
    one.add_navigation("cart")
    two.inputs["two"] = 2
    two.add_navigation("cart")

    assert [None, None, None] == replica.repository.save_many([one, two, one])

    assert ({"one": 1, "two": 2}, {"cart": 2}) == (replica.load().inputs, replica.load().page_views)


def test_save_many_tells_of_refused_values_by_events_only(replica: Replica) -> None:
    """All else was saved: that is no failure of the background save."""
    session = UserSession(session_id="s", inputs={"upload": object(), "name": "Ada"})

    assert [None] == replica.repository.save_many([session])

    assert {"name": "Ada"} == replica.load().inputs
    assert 1 == len(replica.told(ValueNotSaved))


def test_save_many_of_nothing_is_nothing(replica: Replica) -> None:
    """An empty batch asks no store."""
    assert [] == replica.repository.save_many([])
    assert [] == replica.store.calls


# -- sessions that the repository has not loaded itself ------------------------


def test_a_round_trip_keeps_its_base(replica: Replica) -> None:
    """The stored save_id matches: what the app removed is removed, nothing counts twice."""
    session = replica.new(keep=1, drop=2)
    session.add_navigation("cart")
    replica.save(session)
    again = UserSession.from_dict(session.to_dict())
    del again.inputs["drop"]
    again.add_navigation("cart")

    replica.again().save(again)

    assert ({"keep": 1}, {"cart": 2}) == (replica.load().inputs, replica.load().page_views)
    assert 3 == again.version


def test_a_round_trip_after_a_merge_undoes_nobodys_changes(replica: Replica) -> None:
    """The session lacks what it has not absorbed: that is not to say that it removed it."""
    ours = replica.new()
    other = replica.again()
    theirs = other.load()
    theirs.inputs["theirs"] = 1
    other.save(theirs)
    ours.inputs["ours"] = 2
    replica.save(ours)

    copy = UserSession.from_dict(ours.to_dict())
    copy.inputs["more"] = 3
    replica.again().save(copy)

    assert {"theirs": 1, "ours": 2, "more": 3} == replica.load().inputs


def test_from_an_unknown_save_the_base_is_unknown(replica: Replica) -> None:
    """Someone saved since: values of both are kept, and a revoked role does not come back."""
    session = replica.new(a=1)
    session.roles.add("editor")
    replica.save(session)
    copy = UserSession.from_dict(session.to_dict())
    session.roles.clear()
    session.inputs["b"] = 2
    replica.save(session)
    copy.inputs["c"] = 3

    replica.again().save(copy)

    assert {"a": 1, "b": 2, "c": 3} == replica.load().inputs
    assert set() == replica.load().roles


@pytest.mark.parametrize("ended", [True, False])
def test_from_a_session_that_is_gone_nothing_is_written(replica: Replica, *, ended: bool) -> None:
    """It had been stored, and is not any more."""
    copy = UserSession.from_dict(replica.new().to_dict())
    replica.repository.end("s") if ended else replica.repository.delete("s")
    before = replica.store.memory.read("s")

    with pytest.raises(SessionGoneError, match="ended" if ended else "deleted"):
        replica.again().save(copy)

    assert before == replica.store.memory.read("s")


def test_from_a_session_that_was_replaced_nothing_is_written(replica: Replica) -> None:
    """Another one has its id now."""
    copy = UserSession.from_dict(replica.new().to_dict())
    replica.repository.delete("s")
    replica.again().new(another=1)

    with pytest.raises(SessionGoneError, match="replaced"):
        replica.again().save(copy)

    assert {"another": 1} == replica.load().inputs


def test_a_session_is_saved_by_two_repositories_without_doubling(replica: Replica) -> None:
    """One live object, saved by the writer's repository and by one that the app made itself."""
    session = replica.new()
    apps_own = replica.again()
    for repository in (replica, apps_own, replica, apps_own, replica):
        session.add_navigation("cart")
        repository.save(session)

    assert ({"cart": 5}, 5) == (replica.load().page_views, replica.load().interaction_count)
