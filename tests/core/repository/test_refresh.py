# SPDX-License-Identifier: Apache-2.0
"""Sessions that a repository has not loaded itself: made from a dict, or saved by another repository."""

from __future__ import annotations

import pytest
from session_harness.replicas import Replica

from sessionkit.errors import (
    SessionGoneError,
)
from sessionkit.session import UserSession

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


@pytest.mark.parametrize("how", ["end", "delete"])
def test_from_a_session_that_is_gone_nothing_is_written(replica: Replica, how: str) -> None:
    """It had been stored, and a tombstone says that it is over."""
    copy = UserSession.from_dict(replica.new().to_dict())
    getattr(replica.repository, how)("s")
    before = replica.store.memory.read("s")

    with pytest.raises(SessionGoneError, match="ended"):
        replica.again().save(copy)

    assert before == replica.store.memory.read("s")


def test_from_a_session_whose_record_is_missing_it_is_stored_again(replica: Replica) -> None:
    """Nothing says that it is over, and a copy has all of it; who has it open goes on on top of it."""
    session = replica.new(a=1)
    session.roles.add("editor")
    replica.save(session)
    copy = UserSession.from_dict(session.to_dict())
    replica.store.memory.delete("s")
    copy.inputs["b"] = 2
    replica.again().save(copy)
    session.inputs["c"] = 3
    replica.save(session)

    assert {"a": 1, "b": 2, "c": 3} == replica.load().inputs
    assert {"editor"} == replica.load().roles
    assert 4 == session.version


def test_from_a_session_that_was_replaced_nothing_is_written(replica: Replica) -> None:
    """Another one has its id now."""
    copy = UserSession.from_dict(replica.new().to_dict())
    replica.store.memory.delete("s")
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
