# SPDX-License-Identifier: Apache-2.0
"""The fields that two writers changed to different values, as they are reported, whatever strategy decided."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from session_harness.conflicts import Edit, Tabs, form, put
from session_harness.replicas import Clock, Replica

from sessionkit.conflict import REMOVED, ConflictStrategy
from sessionkit.events import ConflictResolved
from sessionkit.merge.fields import ASKED, questions
from sessionkit.merge.strategies import FirstWriteWins, LastWriteWins, Merge
from sessionkit.session import UserSession


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


def test_nobody_is_asked_when_a_form_was_saved() -> None:
    """Two who mark a form clean have met in what they filled in, and nowhere else."""

    def saved(city: str) -> Edit:
        def edit(session: UserSession) -> None:
            form(city)(session)
            session.mark_form_clean("order")

        return edit

    met = Tabs(Merge(), form("Ghent")).meet(saved("Bruges"), saved("Namur"))
    paths = {field.path for field in met}
    assert "form_states['order'].data['to']['city']" in paths
    assert not any("saved" in path for path in paths)


@pytest.mark.parametrize(
    ("ours", "theirs", "path", "taken"),
    [
        (lambda s: setattr(s, "theme", "a"), lambda s: setattr(s, "theme", "b"), "theme", "ours"),
        (form("Ghent"), form("Bruges"), "form_states['order'].data['to']['city']", "ours"),
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


def test_different_fields_are_no_decision() -> None:
    """Both are kept: there is nothing to say but that it happened."""
    assert () == Tabs(Merge()).meet(put(mine=1), put(yours=2))


def test_a_dict_that_became_another_kind_is_one_value() -> None:
    """Its entries and those of the other side's are not decided one by one."""
    tabs = Tabs(Merge(), put(cart={"tea": 1}))
    (field,) = tabs.meet(put(cart={"tea": 1, "milk": 1}), put(cart=Counter(tea=2)))
    assert ("inputs['cart']", "theirs") == (field.path, field.taken)


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


def test_values_are_not_in_the_texts_of_events() -> None:
    """They go to the log."""
    tabs = Tabs(Merge())
    (field,) = tabs.meet(put(diary="secret one"), put(diary="secret two"))
    event = tabs.ours.told(ConflictResolved)[-1]

    assert "secret" not in f"{field!r} {event!r}"


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
