# SPDX-License-Identifier: Apache-2.0
"""Whose value was taken where two writers met: what waits to be settled, what the strategy ``ask`` asks, and how either is settled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from session_harness.conflicts import Tabs, form, put
from session_harness.data import KINDS_OF_DICT
from session_harness.replicas import Replica

from sessionkit import SessionManager, load_settings
from sessionkit.conflict import REMOVED
from sessionkit.merge.strategies import Ask, Merge
from sessionkit.session import UserSession
from sessionkit.testing.serializers import assert_same

# -- what nobody has settled ---------------------------------------------------


def test_a_dropped_value_waits_to_be_settled() -> None:
    """Until someone takes it, or keeps what is there, or changes the field."""
    tabs = Tabs(Merge(), put(email="old"))
    tabs.meet(put(email="ours"), put(email="theirs"))
    repository, session = tabs.ours.repository, tabs.our_session

    (field,) = repository.decisions(session)
    assert ("inputs['email']", "ours") == (field.path, field.taken)
    repository.settle(session, field, "theirs")
    assert "theirs" == session.inputs["email"]
    assert () == repository.decisions(session)

    tabs.ours.save(session)
    assert "theirs" == tabs.theirs.load().inputs["email"]


def test_leaving_it_settles_it() -> None:
    """Nothing is changed."""
    tabs = Tabs(Merge())
    tabs.meet(put(email="ours"), put(email="theirs"))
    (field,) = tabs.ours.repository.decisions(tabs.our_session)
    tabs.ours.repository.settle(tabs.our_session, field, None)

    assert ("ours", ()) == (
        tabs.our_session.inputs["email"],
        tabs.ours.repository.decisions(tabs.our_session),
    )


def test_whoever_changes_the_field_has_decided() -> None:
    """A notice about it would be old news."""
    tabs = Tabs(Merge())
    tabs.meet(put(email="ours"), put(email="theirs"))
    tabs.our_session.inputs["email"] = "third"

    assert () == tabs.ours.repository.decisions(tabs.our_session)


def test_of_each_field_the_latest_decision_waits() -> None:
    """Two conflicts about one field are one question."""
    tabs = Tabs(Merge())
    tabs.meet(put(email="ours"), put(email="theirs"))
    tabs.theirs.repository.refresh(tabs.their_session)
    tabs.theirs.repository.absorb(tabs.their_session)
    tabs.meet(put(email="ours again"), put(email="theirs again"))

    (field,) = tabs.ours.repository.decisions(tabs.our_session)
    assert ("ours again", "theirs again") == (field.ours, field.theirs)


def test_a_session_that_met_nobody_has_nothing_to_decide() -> None:
    """Nor one that the repository does not know."""
    replica = Replica()

    assert () == replica.repository.decisions(replica.new())
    assert () == replica.repository.decisions(UserSession())


def test_a_form_that_one_side_removed() -> None:
    """It is one field: the form."""
    tabs = Tabs(Merge(), form("Ghent"))
    (field,) = tabs.meet(lambda session: session.form_states.pop("order"), form("Bruges"))

    assert ("form_states['order']", "theirs", REMOVED) == (field.path, field.taken, field.ours)
    tabs.ours.repository.settle(tabs.our_session, field, "ours")
    assert {} == tabs.our_session.form_states


# -- asking --------------------------------------------------------------------


def test_ask_keeps_both_values_until_someone_chooses() -> None:
    """Theirs stands; all else is merged; the question is stored with the session."""
    tabs = Tabs(Ask(), put(email="old"))
    tabs.meet(put(email="ours", mine=1), put(email="theirs", yours=2))

    elsewhere = tabs.theirs.load()
    assert {"email": "theirs", "mine": 1, "yours": 2} == elsewhere.inputs
    (field,) = tabs.theirs.repository.decisions(elsewhere)
    assert ("inputs['email']", "asked") == (field.path, field.taken)
    assert ("ours", "theirs") == (field.ours, field.theirs)
    assert field.ours_at == tabs.clock()

    tabs.theirs.repository.settle(elsewhere, field, "ours")
    tabs.theirs.save(elsewhere)
    again = tabs.ours.load()
    assert ("ours", {}) == (again.inputs["email"], again.extensions)


@pytest.mark.parametrize("kind", KINDS_OF_DICT, ids=str)
def test_an_entry_of_any_kind_of_dict_is_asked_about(kind: Any) -> None:
    """And choosing one side's leaves the others, and the kind."""
    tabs = Tabs(Ask(), put(cart=kind({"tea": 1, "rum": 1})))
    tabs.meet(
        lambda session: session.inputs["cart"].__setitem__("tea", 2),
        lambda session: session.inputs["cart"].__setitem__("tea", 3),
    )
    (field,) = tabs.ours.repository.decisions(tabs.our_session)
    assert ("inputs['cart']['tea']", 2, 3) == (field.path, field.ours, field.theirs)
    held = tabs.our_session.inputs["cart"]

    tabs.ours.repository.settle(tabs.our_session, field, "ours")
    tabs.ours.save(tabs.our_session)
    assert held is tabs.our_session.inputs["cart"]
    assert_same(kind({"tea": 2, "rum": 1}), tabs.ours.load().inputs["cart"])


def test_the_tab_that_asked_is_asked_once() -> None:
    """The report and the question are about the same field."""
    tabs = Tabs(Ask())
    tabs.meet(put(email="ours"), put(email="theirs"))
    (field,) = tabs.ours.repository.decisions(tabs.our_session)
    assert ("asked", "theirs") == (field.taken, tabs.our_session.inputs["email"])

    tabs.ours.repository.settle(tabs.our_session, field, None)
    assert () == tabs.ours.repository.decisions(tabs.our_session)
    assert {} == tabs.our_session.extensions


def test_a_question_is_answered_by_typing() -> None:
    """It is not shown any more, and goes with the next one that is settled."""
    tabs = Tabs(Ask())
    tabs.meet(put(a="ours", b="ours"), put(a="theirs", b="theirs"))
    session, repository = tabs.our_session, tabs.ours.repository
    session.inputs["a"] = "typed"

    (field,) = repository.decisions(session)
    assert "inputs['b']" == field.path
    repository.settle(session, field, "ours")
    assert ({"a": "typed", "b": "ours"}, {}) == (session.inputs, session.extensions)


def test_sets_and_counters_are_not_asked_about() -> None:
    """Both sides' changes are in."""
    tabs = Tabs(Ask())
    tabs.meet(lambda session: session.roles.add("a"), lambda session: session.roles.add("b"))

    assert ({"a", "b"}, {}) == (tabs.our_session.roles, tabs.our_session.extensions)


# -- by the manager ------------------------------------------------------------


@pytest.fixture(name="manager")
def _manager() -> Iterator[SessionManager]:
    settings = load_settings(
        storage="memory", conflict_strategy="ask", security={"secret_key": "k" * 16}
    )
    with SessionManager(settings) as manager:
        yield manager


def test_the_manager_settles_and_saves(manager: SessionManager) -> None:
    """As a notice in an app does it."""
    sessions = manager.repository
    mine = manager.bootstrap("s")
    assert () == manager.decisions(mine)
    manager.save(mine, immediate=True)
    yours = sessions.load("s")
    assert yours is not None
    yours.inputs["email"] = "yours"
    sessions.save(yours)
    mine.inputs["email"] = "mine"
    manager.save(mine, immediate=True)
    manager.bootstrap("s")

    (field,) = manager.decisions(mine)
    manager.settle(mine, field, "ours")
    assert manager.flush()
    stored = sessions.load("s")
    assert stored is not None
    assert ({"email": "mine"}, {}) == (stored.inputs, stored.extensions)
