# SPDX-License-Identifier: Apache-2.0
"""Forms: snapshots, undo and redo, their bounds, and what a field takes."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sessionkit.session.forms import EMPTY, FieldChange, FormSnapshot, FormState, FormStep
from sessionkit.session.plain import to_plain
from sessionkit.session.privacy import Privacy


def form_of(**data: Any) -> FormState:
    """Return a form that holds *data*."""
    return FormState(form_id="f", data=data)


def edit(form: FormState, text: str, *, before: bool) -> None:
    """Type into a form whose app takes its snapshots before each change, or after it."""
    if before:
        form.snapshot()
    form.data["t"] = text
    if not before:
        form.snapshot()


def texts(form: FormState) -> list[str]:
    """Return what can be undone, oldest first."""
    return [snapshot.data["t"] for snapshot in form.snapshots]


def test_a_new_form_is_empty() -> None:
    """It has nothing to undo, and its containers are its own."""
    form, other = FormState(form_id="f"), FormState(form_id="f")

    assert ({}, {}, [], []) == (form.data, form.errors, form.snapshots, form.redo_snapshots)
    assert (True, 500, 20, None) == (
        form.auto_save,
        form.save_debounce_ms,
        form.max_snapshots,
        form.last_saved,
    )
    assert (False, False) == (form.can_undo, form.can_redo)
    assert (False, False) == (form.undo(), form.redo())
    assert form.data is not other.data


def test_a_snapshot_is_a_copy() -> None:
    """What is typed later does not reach it, however deep it lies."""
    form = form_of(address={"city": "Oslo"})
    taken = form.snapshot("before the move")
    form.data["address"]["city"] = "Rome"

    assert {"address": {"city": "Oslo"}} == taken.data
    assert ("f", "before the move") == (taken.form_id, taken.description)
    assert taken is form.snapshots[-1]


def test_undo_gives_a_copy() -> None:
    """Editing after an undo leaves the snapshot as it was."""
    form = form_of(address={"city": "Oslo"})
    form.snapshot()
    form.data["address"]["city"] = "Rome"
    form.undo()
    form.data["address"]["city"] = "Bern"

    assert {"address": {"city": "Oslo"}} == form.snapshots[-1].data
    form.undo()
    assert {"address": {"city": "Oslo"}} == form.data


@pytest.mark.parametrize("before", [True, False])
def test_undo_and_redo_walk_through_all_states(*, before: bool) -> None:
    """Whether the app takes its snapshots before each change or after it."""
    form = form_of(t="a")
    if not before:
        form.snapshot()
    for text in "bcd":
        edit(form, text, before=before)

    seen = [form.data["t"]]
    while form.can_undo:
        assert form.undo()
        seen.append(form.data["t"])
    assert list("dcba") == seen
    assert not form.undo()

    seen = [form.data["t"]]
    while form.can_redo:
        assert form.redo()
        seen.append(form.data["t"])
    assert list("abcd") == seen
    assert not form.redo()


@pytest.mark.parametrize("before", [True, False])
def test_after_an_undo_a_new_change_can_be_undone(*, before: bool) -> None:
    """What undo reached is not lost when the work goes on from there."""
    form = form_of(t="a")
    if not before:
        form.snapshot()
    edit(form, "b", before=before)
    form.undo()
    edit(form, "c", before=before)

    assert form.undo()
    assert "a" == form.data["t"]


@pytest.mark.parametrize("before", [True, False])
def test_after_a_redo_a_new_change_can_be_undone(*, before: bool) -> None:
    """It leads back to what redo reached, not past it."""
    form = form_of(t="a")
    if not before:
        form.snapshot()
    edit(form, "b", before=before)
    form.undo()
    form.redo()
    edit(form, "c", before=before)

    assert form.undo()
    assert "b" == form.data["t"]
    assert form.undo()
    assert "a" == form.data["t"]


def test_a_new_snapshot_drops_what_could_be_redone() -> None:
    """A new line of work begins."""
    form = form_of(t="a")
    edit(form, "b", before=True)
    form.undo()
    assert form.can_redo

    form.snapshot()
    assert not form.can_redo
    assert [] == form.redo_snapshots


def test_an_undo_that_leads_nowhere_changes_nothing() -> None:
    """A snapshot of the present state waits for the next change."""
    form = form_of(t="a")
    form.snapshot()
    assert not form.can_undo
    assert not form.undo()

    form.data["t"] = "b"
    assert form.can_undo
    assert form.undo()
    assert {"t": "a"} == form.data


def test_what_was_typed_without_a_snapshot_can_be_redone() -> None:
    """Undo leaves nothing behind."""
    form = form_of(t="a")
    form.snapshot()
    form.data["t"] = "b"
    form.undo()
    form.data["t"] = "c"
    form.undo()

    form.redo()
    assert {"t": "c"} == form.data
    form.redo()
    assert {"t": "b"} == form.data


def test_what_was_typed_before_a_redo_can_be_undone() -> None:
    """Redo leaves nothing behind either."""
    form = form_of(t="a")
    form.snapshot()
    form.data["t"] = "b"
    form.undo()
    form.data["t"] = "c"
    form.redo()

    assert {"t": "b"} == form.data
    form.undo()
    assert {"t": "c"} == form.data


def test_descriptions_follow_their_step() -> None:
    """A step keeps its description through undo."""
    form = form_of(t="a")
    form.snapshot("rename")
    form.data["t"] = "b"
    form.undo()

    assert ["rename"] == [snapshot.description for snapshot in form.redo_snapshots]


@pytest.mark.parametrize(
    "value", [pd.DataFrame({"a": [1, 2]}), math.nan, [math.nan], {"a": pd.Series([1])}]
)
def test_values_that_compare_oddly_are_undone(value: Any) -> None:
    """A data editor's value in a form: an equal one is no step, another one is."""
    form = form_of(v=value)
    form.snapshot()
    form.data = {"v": type(value)(value)}
    assert not form.can_undo

    form.data = {"v": "other"}
    assert form.undo()
    assert type(value) is type(form.data["v"])


def test_what_cannot_be_kept_is_undone_all_the_same() -> None:
    """An upload in a form's data is nothing that undo stumbles over."""
    upload = object()
    form = form_of(file=upload)
    form.snapshot()
    form.data = {"file": None}

    assert form.undo()
    assert object is type(form.data["file"])


def test_snapshots_are_bounded_also_by_hand() -> None:
    """However they got in: the oldest go."""
    form = form_of(t="a")
    form.max_snapshots = 3
    held = form.snapshots
    for text in "abcde":
        held.append(FormSnapshot(form_id="f", data={"t": text}))
    assert list("cde") == texts(form)
    assert held is form.snapshots

    form.snapshots = [FormSnapshot(form_id="f", data={"t": text}) for text in "vwxyz"]
    assert list("xyz") == texts(form)


def test_the_bound_can_be_tightened_later() -> None:
    """Undo and redo both keep within it at once, and what went does not come back."""
    form = form_of(t="a")
    for text in "bcdef":
        edit(form, text, before=True)
    form.undo()
    form.undo()
    form.max_snapshots = 1
    assert (["d"], 1) == (texts(form), len(form.redo_snapshots))

    form.max_snapshots = 20
    assert ["d"] == texts(form)


def test_trim_bounds_what_nobody_looked_at() -> None:
    """What is stored is within bounds, too."""
    form = form_of(t="a")
    form.max_snapshots = 2
    for _ in range(4):
        form.snapshot()
    form.trim()

    assert 2 == len(to_plain(form)["snapshots"])


def test_no_snapshots_no_undo() -> None:
    """``max_snapshots = 0`` keeps none, and none gets in the way."""
    form = form_of(t="a")
    form.max_snapshots = 0
    taken = form.snapshot()
    form.data["t"] = "b"

    assert {"t": "a"} == taken.data
    assert [] == form.snapshots
    assert (False, False) == (form.can_undo, form.undo())
    assert {"t": "b"} == form.data


def test_one_snapshot_is_one_step_each_way() -> None:
    """With room for a single one undo and redo still alternate."""
    form = form_of(t="a")
    form.max_snapshots = 1
    edit(form, "b", before=True)
    for _ in range(3):
        assert form.undo()
        assert {"t": "a"} == form.data
        assert form.redo()
        assert {"t": "b"} == form.data


STEPS = st.lists(
    st.sampled_from(["snapshot", "undo", "redo"]) | st.integers(0, 3), max_size=20
)  # fmt: skip


def do(form: FormState, step: str | int) -> None:
    """Take one of STEPS; a number is typed."""
    if isinstance(step, int):
        form.data = {"t": step}
    else:
        getattr(form, step)()


@given(STEPS, st.integers(0, 4))
def test_can_undo_and_can_redo_tell_what_happens(steps: list[str | int], limit: int) -> None:
    """After any steps: they say whether a step is made, and a step changes the data."""
    form = FormState(form_id="f", data={"t": 0}, max_snapshots=limit)
    for step in steps:
        do(form, step)
        assert len(form.snapshots) <= limit
        assert len(form.redo_snapshots) <= limit

    for can, go in (("can_undo", form.undo), ("can_redo", form.redo)):
        possible, before = getattr(form, can), form.data
        assert possible == go()
        assert possible == (before != form.data)


@given(STEPS, st.integers(1, 4))
def test_redo_takes_undo_back(steps: list[str | int], limit: int) -> None:
    """After any steps: undo, then redo, and the data are as they were; and the same again."""
    form = FormState(form_id="f", data={"t": 0}, max_snapshots=limit)
    for step in steps:
        do(form, step)

    now = form.data
    if form.undo():
        reached = form.data
        assert form.redo()
        assert now == form.data
        assert form.undo()
        assert reached == form.data


def test_times_are_kept_in_utc() -> None:
    """A snapshot's time and the form's own, a naive one being local."""
    naive = datetime(2026, 1, 31, 12)  # noqa: DTZ001 - what the reference's snippet gives
    zoned = datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))
    snapshot = FormSnapshot(form_id="f", data={}, timestamp=naive)
    form = FormState(form_id="f", last_saved=zoned)
    form_later = FormState(form_id="f")
    form_later.last_saved = naive

    assert (naive.astimezone(UTC), UTC) == (snapshot.timestamp, snapshot.timestamp.tzinfo)
    assert datetime(2026, 1, 31, 10, tzinfo=UTC) == form.last_saved
    assert naive.astimezone(UTC) == form_later.last_saved


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("data", None, "FormState.data is a dict, not None"),
        ("errors", ["wrong"], "FormState.errors is a dict, not list"),
        ("snapshots", (), "FormState.snapshots is a list, not tuple"),
        ("auto_save", 1, "FormState.auto_save is a bool, not int"),
        ("max_snapshots", -1, "FormState.max_snapshots is a whole number from 0 on, not -1"),
        ("save_debounce_ms", 0.5, "FormState.save_debounce_ms is a whole number from 0 on"),
    ],
)
def test_a_wrong_value_is_refused_where_it_is_assigned(
    field: str, value: Any, message: str
) -> None:
    """The error names class, field and both types; the old value stays."""
    form = FormState(form_id="f")
    before = getattr(form, field)
    with pytest.raises((TypeError, ValueError), match=message):
        setattr(form, field, value)

    assert before == getattr(form, field)


@given(STEPS)
@example(["snapshot", 1, "undo", 2, "redo"])
def test_snapshots_lie_in_time_order(steps: list[str | int]) -> None:
    """Whatever was undone and redone: a merge sorts by time, and must not change what is on top."""
    form = FormState(form_id="f", data={"t": 0})
    for step in steps:
        do(form, step)

    for snapshots in (form.snapshots, form.redo_snapshots):
        assert sorted(snapshot.timestamp for snapshot in snapshots) == [
            snapshot.timestamp for snapshot in snapshots
        ]


def test_pages_that_share_a_form_take_back_their_own_changes() -> None:
    """What another page has changed since stays, and so do its steps; once it is closed they are anybody's."""
    form = FormState(form_id="order")
    form.snapshot("name", by="one", beside={"other"})
    form.leave_to(["name"], {"other"})
    form.data["name"] = "Ada"
    form.snapshot("city", by="other", beside={"one"})
    form.leave_to(["city"], {"one"})
    form.data["city"] = "Ghent"

    assert form.undo(by="one", beside={"other"})
    assert form.data == {"city": "Ghent"}
    assert form.next_undo(beside={"other"}) is None
    assert form.redo(by="one", beside={"other"})
    assert form.data == {"name": "Ada", "city": "Ghent"}
    assert form.next_redo(beside={"other"}) is None

    assert form.undo(by="other", beside={"one"})
    assert form.data == {"name": "Ada"}
    assert form.next_redo(beside={"other"}) is None
    assert form.next_redo() is not None
    form.snapshot("size", by="one", beside={"other"})
    assert form.next_redo(beside={"one"}) is not None  # the other's line of work goes on
    form.snapshot("size", by="one")
    assert not form.can_redo


# -- differences --------------------------------------------------------------


def fill(form: FormState, **fields: Any) -> None:
    """Change fields in one step."""
    form.snapshot()
    form.data.update(fields)


def read(step: FormStep) -> dict[str, tuple[Any, Any]]:
    """Return by field what a step made of what."""
    return {change.name: (change.before, change.after) for change in step.changes}


def test_a_history_says_what_each_step_changed() -> None:
    """Oldest first; what was never filled in is empty."""
    form = form_of()
    fill(form, name="Ana")
    fill(form, name="Anna", size=3)
    assert [{"name": (EMPTY, "Ana")}, {"name": ("Ana", "Anna"), "size": (EMPTY, 3)}] == [
        read(step) for step in form.history()
    ]
    assert form.history()[0].timestamp == form.snapshots[0].timestamp


def test_a_history_goes_on_with_what_was_undone() -> None:
    """In the order in which it can be redone, and marked; a step that changes nothing is none."""
    form = form_of()
    fill(form, name="A")
    fill(form, name="B")
    fill(form, name="C")
    form.undo()
    form.undo()
    steps = form.history()
    assert [False, True, True] == [step.is_undone for step in steps]
    assert [(EMPTY, "A"), ("A", "B"), ("B", "C")] == [read(step)["name"] for step in steps]
    form.redo()
    assert [False, False, True] == [step.is_undone for step in form.history()]
    form.data["name"] = "A"
    assert form.history()[0].is_undone is False


def test_differences_are_what_undo_would_do() -> None:
    """Fields that someone else has changed since stay out of it."""
    form = form_of(name="Ana")
    form.snapshot(by="one")
    form.data["name"] = "Anna"
    form.leave_to(["size"], {"one"})
    form.data["size"] = 3
    undone = form.next_undo()
    assert undone is not None
    assert (FieldChange("name", "Anna", "Ana"),) == form.differences(undone)
    form.undo()
    assert {"name": "Ana", "size": 3} == form.data


def test_steps_of_two_pages_are_told_apart() -> None:
    """Each names what its own page changed, in the order of time."""
    form = form_of()
    for page, other, field in (("one", "two", "name"), ("two", "one", "size"), ("one", "two", "x")):
        form.snapshot(by=page, beside={other})
        form.leave_to([field], {other})
        form.data[field] = 1
    assert [["name"], ["size"], ["x"]] == [list(read(step)) for step in form.history()]


def test_what_is_never_stored_is_in_no_difference() -> None:
    """By its name, at any depth; a step of nothing else is none."""
    form = form_of()
    fill(form, api_key="x", card={"pin": 1, "no": 2})
    fill(form, api_key="y")
    pin = Privacy().extended(["pin"])
    (step,) = form.history(privacy=pin)
    assert {"card": (EMPTY, {"no": 2})} == read(step)
    assert "y" not in repr(form.history())


def test_a_history_is_as_long_as_what_can_be_undone() -> None:
    """The oldest steps go first."""
    form = FormState(form_id="f", max_snapshots=2)
    for number in range(5):
        fill(form, number=number)
    assert [(2, 3), (3, 4)] == [read(step)["number"] for step in form.history()]


def test_a_form_knows_when_it_was_edited_last() -> None:
    """Also where that was undone; a form that nobody has edited has no such time."""
    form = form_of()
    assert form.last_edited is None
    fill(form, name="A")
    fill(form, name="B")
    at = form.snapshots[-1].timestamp
    form.undo()
    assert form.last_edited is not None
    assert form.last_edited >= at
