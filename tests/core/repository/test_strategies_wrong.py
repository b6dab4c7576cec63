# SPDX-License-Identifier: Apache-2.0
"""Strategies of the app's own that fail, or return what can't be stored: named, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from session_harness.replicas import Replica
from session_harness.servers import Server
from session_harness.stores import FaultyStore

from sessionkit.conflict import Conflict, as_strategy
from sessionkit.errors import ConflictError, PluginError, SessionKitError, UnavailableError
from sessionkit.events import ConflictResolved, SaveFailed
from sessionkit.session import UserSession


def meet(decide: Callable[[Conflict], Any]) -> tuple[Replica, UserSession]:
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
    replica, ours = meet(decide)
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

    replica, ours = meet(other)
    before = replica.store.stored("s")

    with pytest.raises(PluginError, match=r"'other' returned session 01234567, not s; ") as caught:
        replica.save(ours)
    assert "89abcdef" not in str(caught.value)
    assert before == replica.store.stored("s")
    assert [] == replica.told(ConflictResolved)


def test_any_of_the_three_may_be_returned() -> None:
    """Also the state that both started from, which undoes both."""
    replica, ours = meet(lambda conflict: conflict.base)
    replica.save(ours)

    assert {"base": 0} == replica.load().inputs


def test_what_a_strategy_raises_is_the_cause() -> None:
    """The error names the strategy; it is raised again until it is mended."""

    def divide(_: Conflict) -> Any:
        return 1 / 0

    replica, ours = meet(divide)
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

    replica, ours = meet(refuse)
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
