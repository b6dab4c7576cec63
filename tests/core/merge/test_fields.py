# SPDX-License-Identifier: Apache-2.0
"""What two writers did: told field by field, asked, and settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from session_harness.data import KINDS_OF_DICT
from session_harness.replicas import Clock, Replica

from sessionkit import SessionManager, load_settings
from sessionkit.conflict import REMOVED, ConflictReport, ConflictStrategy, FieldDecision
from sessionkit.events import ConflictResolved
from sessionkit.merge.fields import ASKED, questions
from sessionkit.merge.strategies import Ask, FirstWriteWins, LastWriteWins, Merge
from sessionkit.session import UserSession
from sessionkit.testing.serializers import assert_same

Edit = Callable[[UserSession], Any]


class Tabs:
    """Two replicas of one session; theirs is saved first, though ours may have been changed later."""

    def __init__(self, strategy: ConflictStrategy, began: Edit | None = None) -> None:
        """Load it twice."""
        self.clock = Clock()
        self.ours = Replica(strategy=strategy, now=self.clock)
        session = self.ours.new()
        if began is not None:
            began(session)
            self.ours.save(session)
        self.theirs = self.ours.again(now=self.clock)
        self.our_session, self.their_session = self.ours.load(), self.theirs.load()

    def meet(self, ours: Edit, theirs: Edit) -> tuple[FieldDecision, ...]:
        """Save both, ours a minute later; return what was reported."""
        self.clock.advance(minutes=1)
        theirs(self.their_session)
        self.theirs.save(self.their_session)
        self.clock.advance(minutes=1)
        ours(self.our_session)
        self.ours.save(self.our_session)
        self.ours.repository.absorb(self.our_session)
        return self.ours.told(ConflictResolved)[-1].report.fields


def put(**inputs: Any) -> Edit:
    """Return an edit that sets inputs."""
    return lambda session: session.inputs.update(inputs)


# -- the report ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "taken"),
    [(Merge(), "ours"), (LastWriteWins(), "ours"), (FirstWriteWins(), "theirs")],
)
def test_a_report_names_each_field_that_both_changed(
    strategy: ConflictStrategy, taken: str
) -> None:
    """Whose value was taken, both values, and when each was changed; whatever strategy decided."""
    tabs = Tabs(strategy, put(email="old", same="old"))
    (field,) = tabs.meet(
        put(email="ours@example.org", same="new", mine=1),
        put(email="theirs@example.org", same="new", yours=2),
    )

    assert ("inputs['email']", taken) == (field.path, field.taken)
    assert ("ours@example.org", "theirs@example.org") == (field.ours, field.theirs)
    assert field.ours_at is not None
    assert field.theirs_at is not None
    assert timedelta(minutes=1) == field.ours_at - field.theirs_at
    assert UTC is field.ours_at.tzinfo
    assert tabs.clock() == field.ours_at


def _form(city: str) -> Edit:
    return lambda session: session.get_form_state("order").data.update(to={"city": city})


@pytest.mark.parametrize(
    ("ours", "theirs", "path", "taken"),
    [
        (lambda s: setattr(s, "theme", "a"), lambda s: setattr(s, "theme", "b"), "theme", "ours"),
        (_form("Ghent"), _form("Bruges"), "form_states['order'].data['to']['city']", "ours"),
        (
            lambda s: s.extensions.update(mine={"n": 1}),
            lambda s: s.extensions.update(mine={"n": 2}),
            "extensions['mine']['n']",
            "ours",
        ),
        (lambda s: s.roles.add("a"), lambda s: s.roles.add("b"), "roles", "merged"),
        (put(deep={"x": {"y": 1}}), put(deep={"x": {"y": 2}}), "inputs['deep']['x']['y']", "ours"),
    ],
)
def test_a_path_is_what_users_write(ours: Edit, theirs: Edit, path: str, taken: str) -> None:
    """In any part, at any depth; what holds both sides' changes is merged."""
    fields = Tabs(Merge()).meet(ours, theirs)

    assert [(path, taken)] == [(field.path, field.taken) for field in fields]


def test_what_one_side_removed() -> None:
    """A change beats it; the report says that it was removed."""
    tabs = Tabs(Merge(), put(note="old"))
    (field,) = tabs.meet(lambda session: session.inputs.pop("note"), put(note="new"))

    assert ("theirs", REMOVED, "new") == (field.taken, field.ours, field.theirs)
    assert "REMOVED" == repr(field.ours)


def test_a_form_that_one_side_removed() -> None:
    """It is one field: the form."""
    tabs = Tabs(Merge(), _form("Ghent"))
    (field,) = tabs.meet(lambda session: session.form_states.pop("order"), _form("Bruges"))

    assert ("form_states['order']", "theirs", REMOVED) == (field.path, field.taken, field.ours)
    tabs.ours.repository.settle(tabs.our_session, field, "ours")
    assert {} == tabs.our_session.form_states


def test_different_fields_are_no_decision() -> None:
    """Both are kept: there is nothing to say but that it happened."""
    assert () == Tabs(Merge()).meet(put(mine=1), put(yours=2))


def test_values_are_not_in_the_texts_of_events() -> None:
    """They go to the log."""
    tabs = Tabs(Merge())
    (field,) = tabs.meet(put(password="secret one"), put(password="secret two"))  # noqa: S106 - made up
    event = tabs.ours.told(ConflictResolved)[-1]

    assert "secret" not in f"{field!r} {event!r}"


def test_a_report_is_worked_out_when_it_is_looked_at() -> None:
    """And once."""
    asked: list[int] = []

    def find() -> tuple[FieldDecision, ...]:
        asked.append(1)
        return ()

    report = ConflictReport(find)
    assert [] == asked
    assert report.fields == report.fields
    assert [1] == asked


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


def test_a_dict_that_became_another_kind_is_one_value() -> None:
    """Its entries and those of the other side's are not decided one by one."""
    tabs = Tabs(Merge(), put(cart={"tea": 1}))
    (field,) = tabs.meet(put(cart={"tea": 1, "milk": 1}), put(cart=Counter(tea=2)))
    assert ("inputs['cart']", "theirs") == (field.path, field.taken)


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


@pytest.mark.parametrize(
    "asked",
    [1, {"x": 1}, {"x": {"path": "p"}}, {"x": {"path": "p", "part": "inputs", "keys": 1}},
     {"x": {"path": "p", "part": "inputs", "keys": [], "ours_at": "late"}}],
)  # fmt: skip
def test_what_the_app_put_there_is_no_question(asked: Any) -> None:
    """The place in ``extensions`` is anyone's."""
    session = UserSession(extensions={ASKED: asked})

    assert () == questions(session)
    assert () == Replica().repository.decisions(session)


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


def test_times_are_of_the_first_look() -> None:
    """Not of the save that succeeded in the end."""
    clock = Clock()
    replica = Replica(now=clock)
    replica.new()
    other = replica.again(now=clock)
    ours, theirs = replica.load(), other.load()
    theirs.inputs["a"] = 1
    other.save(theirs)
    ours.inputs["a"] = 2
    began: datetime = clock()
    replica.store.down = True
    with pytest.raises(Exception, match="down"):
        replica.save(ours)
    clock.advance(minutes=5)
    replica.store.down = False
    replica.save(ours)

    (field,) = replica.told(ConflictResolved)[-1].report.fields
    assert began == field.ours_at
