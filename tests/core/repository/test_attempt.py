# SPDX-License-Identifier: Apache-2.0
"""Two writers met: what each strategy comes to, and what a strategy of the app's own may do wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from session_harness.replicas import Replica
from session_harness.servers import Server
from session_harness.stores import FaultyStore

from sessionkit.conflict import Conflict, ConflictStrategy, as_strategy
from sessionkit.errors import (
    ConflictError,
    PluginError,
    SessionKitError,
    UnavailableError,
)
from sessionkit.events import ConflictResolved, SaveFailed, SessionSaved
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


# -- strategies that fail, or return what can't be stored ----------------------


def meet_over(decide: Callable[[Conflict], Any]) -> tuple[Replica, UserSession]:
    """Return a replica whose session meets a foreign save, about which a function is to decide."""
    replica = Replica(strategy=as_strategy(decide))
    replica.new(base=0)
    other = replica.again()
    ours, theirs = replica.load(), other.load()
    theirs.inputs["theirs"] = 1
    other.save(theirs)
    ours.inputs["ours"] = 1
    return replica, ours


class Mendable:
    """A strategy that is mended while the app runs."""

    def __init__(self, resolve: Callable[[Conflict], Any]) -> None:
        """Begin with what is wrong."""
        self.resolve = resolve


def text(_: Conflict) -> Any:
    """Return no session."""
    return "ours"


def parts(conflict: Conflict) -> Any:
    """Return what a session holds, instead of it."""
    return conflict.merged().to_dict()


@pytest.mark.parametrize(("decide", "kind"), [(text, "str"), (parts, "dict")])
def test_what_is_no_session_is_refused(decide: Callable[[Conflict], Any], kind: str) -> None:
    """The error names the strategy and says what it may return."""
    replica, ours = meet_over(decide)
    before = replica.store.stored("s")

    said = (
        rf"^conflict strategy '{decide.__name__}' returned a {kind}; it must return the session, such as"
        r" conflict\.merged\(\), or None to refuse: nothing was stored$"
    )
    with pytest.raises(PluginError, match=said):
        replica.save(ours)
    assert before == replica.store.stored("s")
    assert {"base": 0, "ours": 1} == ours.inputs


def test_another_session_is_refused() -> None:
    """Else its content would be stored under this id; ids are secrets, and shown in part."""

    def other(_: Conflict) -> UserSession:
        return UserSession(session_id="0123456789abcdef")

    replica, ours = meet_over(other)
    before = replica.store.stored("s")

    with pytest.raises(PluginError, match=r"'other' returned session 01234567, not s; ") as caught:
        replica.save(ours)
    assert "89abcdef" not in str(caught.value)
    assert before == replica.store.stored("s")
    assert [] == replica.told(ConflictResolved)


def test_any_of_the_three_may_be_returned() -> None:
    """Also the state that both started from, which undoes both."""
    replica, ours = meet_over(lambda conflict: conflict.base)
    replica.save(ours)

    assert {"base": 0} == replica.load().inputs


def test_what_a_strategy_raises_is_the_cause() -> None:
    """The error names the strategy; it is raised again until it is mended."""

    def divide(_: Conflict) -> Any:
        return 1 / 0

    replica, ours = meet_over(divide)
    before = replica.store.stored("s")
    said = r"^conflict strategy 'divide' failed: ZeroDivisionError: division by zero; nothing was stored$"
    for _ in range(2):
        with pytest.raises(PluginError, match=said) as caught:
            replica.save(ours)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    assert before == replica.store.stored("s")
    assert {"base": 0, "ours": 1} == ours.inputs


@pytest.mark.parametrize(
    "error", [ConflictError("s"), UnavailableError("the rules' server is away")]
)
def test_what_sessionkit_knows_is_raised_as_it_is(error: SessionKitError) -> None:
    """It says by itself what is to be done, such as to try again."""

    def refuse(_: Conflict) -> UserSession:
        raise error

    replica, ours = meet_over(refuse)
    with pytest.raises(type(error)) as caught:
        replica.save(ours)

    assert error is caught.value


@pytest.mark.parametrize("wrong", [lambda _: 1 / 0, lambda _: UserSession(session_id="other")])
def test_in_the_background_it_is_told_and_nothing_is_lost(
    open_server: Callable[..., Server], wrong: Callable[[Conflict], Any]
) -> None:
    """The change is kept as rejected, and stored once the strategy is mended and asked again."""
    strategy = Mendable(wrong)
    server = open_server(script=True, strategy=strategy)
    mine = server.manager.bootstrap("s")
    assert server.manager.flush()
    other = open_server(FaultyStore(server.store.memory), script=True)
    other.manager.bootstrap("s").inputs["theirs"] = 1
    assert other.manager.flush()
    mine.inputs["ours"] = 1
    server.manager.schedule_save(mine)

    assert not server.manager.flush()
    (rejected,) = server.manager.persistence.status("s").rejected
    assert (mine, True) == (rejected.session, "conflict strategy" in rejected.error)
    assert [(rejected.error, False)] == [(e.error, e.retrying) for e in server.told(SaveFailed)]
    assert {"theirs": 1} == other.manager.bootstrap("s").inputs

    strategy.resolve = Conflict.merged
    mine.inputs["more"] = 2
    server.manager.schedule_save(mine)
    assert server.manager.flush()
    assert "saved" == server.manager.persistence.status("s").state
    found = server.manager.repository.load("s")
    assert found is not None
    assert {"theirs": 1, "ours": 1, "more": 2} == found.inputs
