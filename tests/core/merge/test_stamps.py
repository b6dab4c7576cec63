# SPDX-License-Identifier: Apache-2.0
"""Trees of stamps, and which of two changes is taken for the later one."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from typing import Any

import numpy as np
import pytest
from session_harness.data import make_codec
from session_harness.replicas import Clock, Replica

from sessionkit.events import SessionSaved
from sessionkit.merge.merger import Merger
from sessionkit.merge.rules import MISSING, RULES, merge_value
from sessionkit.merge.stamps import (
    NO_STAMPS,
    UNSTAMPED,
    When,
    at,
    latest,
    merge_stamps,
    prune,
    restamp,
)
from sessionkit.merge.strategies import LastWriteWins, Merge

CODEC = make_codec()
MERGER = Merger()


# -- trees ---------------------------------------------------------------------


def test_a_field_with_a_rule_of_its_own_has_no_stamp() -> None:
    """Nor has whose a session is, and when it began: no later change of theirs is taken for being later."""
    assert {*RULES, "user_id", "authenticated", "created_at"} == UNSTAMPED


@pytest.mark.parametrize(
    ("before", "after", "tree", "stamps"),
    [
        (MISSING, {"a": 1, "b": {"c": 2}}, 0, 9),
        ({}, {"a": 1}, 0, [0, {"a": 9}]),
        ({"a": 1}, {"a": 1}, 5, 5),
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, 5, [5, {"a": 9}]),
        ({"a": 1}, {"a": 2}, [0, {"a": 20}], [0, {"a": 21}]),
        ({"a": 1, "b": 1}, {"b": 1}, [5, {"a": 6}], 5),
        ({"a": {"x": 1, "y": 1}}, {"a": {"x": 1, "y": 2}}, 3, [3, {"a": [3, {"y": 9}]}]),
        ({"a": 1}, {"a": {"x": 1}}, 20, [20, {"a": 21}]),
        ({"a": {"x": 1}}, {"a": 1}, [0, {"a": [0, {"x": 20}]}], [0, {"a": 21}]),
        ({"a": [1]}, {"a": [1, 2]}, 0, [0, {"a": 9}]),
        ({"a": 0, "b": [1]}, {"a": False, "b": [True]}, 0, [0, {"a": 9, "b": 9}]),
        ({"a": 1, "b": 0.0, "c": 0.0}, {"a": True, "b": -0.0, "c": 0.0}, 0, [0, {"a": 9, "b": 9}]),
        ({"a": {}, "b": {}}, {"a": {}, "b": {"x": 1}}, 5, [5, {"b": [5, {"x": 9}]}]),
        ({"a": 1}, Counter(a=1), [5, {"a": 6}], 9),
        (defaultdict(int, a=1), defaultdict(list, a=1), 5, 9),
        (Counter(a=1), Counter(a=2, b=1), 5, [5, {"a": 9, "b": 9}]),
        ({"c": OrderedDict(a=1)}, {"c": OrderedDict(a=1, b=1)}, 5, [5, {"c": [5, {"b": 9}]}]),
        # What comes back was not there: it has nothing to replace.
        ({"b": 1}, {"a": 1, "b": 1}, 20, [20, {"a": 9}]),
    ],
)
def test_what_changed_is_marked(before: Any, after: Any, tree: Any, stamps: Any) -> None:
    """With the time, but never below the stamp that it replaces; what is gone has none."""
    assert stamps == restamp(before, after, tree, 9)


def test_arrays_are_compared_by_their_content() -> None:
    """Their ``!=`` has no single answer."""
    before, same, other = {"a": np.zeros(2)}, {"a": np.zeros(2)}, {"a": np.ones(2)}

    assert 0 == restamp(before, same, 0, 9)
    assert [0, {"a": 9}] == restamp(before, other, 0, 9)


@pytest.mark.parametrize("damaged", ["late", None, True, [], [1], ["late", {}], [1, [2]], {"a": 1}])
def test_a_damaged_tree_says_nothing(damaged: Any) -> None:
    """It comes from a store; a text or a dict in its place is no time."""
    assert 0 == latest(damaged) == at(damaged, "x") == prune(damaged, 1)
    assert [0, {"a": 9}] == restamp({}, {"a": 1}, damaged, 9)
    assert 5 == latest([5, {"a": damaged}])


def test_a_merged_value_has_the_later_stamp_of_each_place() -> None:
    """Of a side that lacks the place there is none, whatever stands for most of its entries."""
    ours = {"a": 1, "b": {"x": 1}, "mine": 1, "gone": 1}
    theirs = {"a": 1, "b": {"x": 1, "y": 1}, "c": {"old": 1}}
    value = {"a": 1, "b": {"x": 1, "y": 1}, "c": 1, "mine": 1}
    when = When(ours=[8, {"a": 5, "b": [8, {"x": 1}]}], theirs=[3, {"b": [2, {"x": 4}], "c": 7}])

    tree = merge_stamps(value, None, ours, theirs, when)

    assert {"a": 5, "c": 7, "mine": 8} == {key: at(tree, key) for key in ("a", "c", "mine")}
    assert {"x": 4, "y": 2} == {key: at(at(tree, "b"), key) for key in ("x", "y")}


def test_one_stamp_of_all_says_nothing_of_what_a_side_lacks() -> None:
    """However deep: two writers made the same form, each with a field of its own."""
    ours, theirs = {"data": {"a": 1}}, {"data": {"b": 1}}
    tree = merge_stamps({"data": {"a": 1, "b": 1}}, None, ours, theirs, When(ours=5, theirs=3))

    assert (5, 3) == tuple(at(at(tree, "data"), key) for key in ("a", "b"))


def test_one_stamp_of_all_says_nothing_of_what_a_side_lacks_in_a_form_of_both() -> None:
    """The form itself is in all three; that one of them lacks a field shows only in there."""
    base, ours, theirs = {"data": {}}, {"data": {"a": 1}}, {"data": {}}
    tree = merge_stamps({"data": {"a": 1}}, base, ours, theirs, When(ours=5, theirs=7))

    assert 5 == at(at(tree, "data"), "a")


def test_the_entries_of_another_kind_of_dict_say_nothing() -> None:
    """A Counter that was taken whole was changed when it was, not when the dict that it replaced was."""
    base, ours, theirs = {"a": 1}, Counter(a=2), {"a": 3}
    tree = merge_stamps(ours, base, ours, theirs, When(1, [1, {"a": 5}], [1, {"a": 7}]))

    assert 5 == at(tree, "a")


@pytest.mark.parametrize("flip", [False, True])
def test_a_place_has_the_stamp_of_the_side_that_changed_it(flip: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """What one side removed and put back, by a clock that is behind, is older than what the other side still has."""
    both, known = {"a": 1, "b": 1}, [9, {"b": 2}]
    sides = ([9, {"b": 5}], [9, {"a": 4, "b": 2}])
    ours, theirs = reversed(sides) if flip else sides

    tree = merge_stamps(both, both, both, both, When(known, ours, theirs))

    assert (4, 5) == (at(tree, "a"), at(tree, "b"))


def test_a_place_that_both_made_has_the_later_stamp() -> None:
    """Whatever stands for most of what they started from."""
    both = {"a": 1}

    assert 7 == latest(at(merge_stamps(both, {}, both, both, When([5, {"x": 1}], 5, 7)), "a"))
    assert 5 == latest(at(merge_stamps(both, {}, both, both, When([5, {"x": 1}], 5, 4)), "a"))


def test_nothing_known_stays_nothing_known() -> None:
    """However deep one asks; and one stamp may be that of all that there is."""
    assert NO_STAMPS == NO_STAMPS.at("a").at("b")
    assert When(ours=1) == When(ours=1).at("a") == When(ours=[0, {"a": 1}]).at("a")


# -- through the repository ----------------------------------------------------


def test_the_later_change_is_stored_though_it_was_saved_first() -> None:
    """A save that waited (the store was down) brings an older change, and that loses."""
    clock = Clock()
    one = Replica(now=clock)
    one.new(field="old", kept="old")
    two = one.again(now=clock)
    early, late = one.load(), two.load()

    early.inputs.update(field="early", kept="early")
    one.store.down = True
    with pytest.raises(Exception, match="down"):
        one.save(early)
    clock.advance(seconds=1)
    late.inputs["field"] = "late"
    two.save(late)
    clock.advance(seconds=1)
    one.store.down = False
    one.save(early)

    assert {"field": "late", "kept": "early"} == two.load().inputs


def test_a_clock_that_lags_does_not_undo_who_saw_the_value() -> None:
    """Its stamp is never below the one that it replaces."""
    ahead, behind = Clock(), Clock()
    ahead.advance(hours=1)
    one = Replica(now=ahead)
    one.new()
    old = one.load()
    session = one.load()
    session.inputs["field"] = "first"
    one.save(session)

    two = one.again(now=behind)
    seen = two.load()
    seen.inputs["field"] = "second, by a clock an hour late"
    two.save(seen)
    old.inputs["other"] = 1
    one.save(old)

    assert "second, by a clock an hour late" == one.load().inputs["field"]


def test_only_the_time_of_a_change_is_stored_and_told_as_no_part() -> None:
    """Stamps are nobody's data."""
    replica = Replica()
    session = replica.new()
    session.inputs["a"] = 1
    replica.save(session)

    assert ("inputs",) == replica.told(SessionSaved)[-1].parts
    assert {} == replica.load().unknown


@pytest.mark.parametrize(("whole", "single"), [({"x": 1}, 5), ({1, 2}, 5), ({"x": 1}, {1, 2})])
def test_what_is_merged_by_entries_stays_whatever_the_time(whole: Any, single: Any) -> None:
    """A dict beats a set, and both any other value: what a third writer puts in has a place to go."""
    early_and_late = When(ours=1, theirs=2)

    assert whole == merge_value(0, whole, single, early_and_late)
    assert whole == merge_value(0, single, whole, When(ours=2, theirs=1))


def test_a_decision_is_a_change_made_now() -> None:
    """A third writer's change that is older than the decision does not undo it."""
    clock = Clock()
    first = Replica(now=clock, strategy=LastWriteWins())
    first.new(field="old")
    second, third = first.again(now=clock), first.again(now=clock, strategy=Merge())
    ours, theirs, others = first.load(), second.load(), third.load()

    ours.inputs["field"] = "ours, the oldest"
    first.store.down = True
    with pytest.raises(Exception, match="down"):
        first.save(ours)
    clock.advance(seconds=1)
    theirs.inputs["field"] = "theirs"
    second.save(theirs)
    clock.advance(seconds=1)
    others.inputs["field"] = "others"
    third.store.down = True
    with pytest.raises(Exception, match="down"):
        third.save(others)
    clock.advance(seconds=1)
    first.store.down = third.store.down = False
    first.save(ours)
    third.save(others)

    assert "ours, the oldest" == second.load().inputs["field"]


def test_what_was_put_back_by_a_slow_clock_is_no_later_change_of_whoever_saves_next() -> None:
    """A third writer's change of it stays: nobody else has changed it since."""
    fast, slow = Clock(), Clock()
    fast.advance(hours=1)
    ahead = Replica(now=fast)
    behind, third = ahead.again(now=slow), ahead.again(now=slow)
    ahead_has, behind_has = ahead.new(a=0, b=0), behind.load()
    del behind_has.inputs["a"]
    behind.save(behind_has)
    behind_has.inputs["a"] = 0
    behind.save(behind_has)
    third_has = third.load()

    ahead_has.inputs["b"] = 1
    ahead.save(ahead_has)
    slow.advance(minutes=1)
    third_has.inputs["a"] = 2
    third.save(third_has)

    assert {"a": 2, "b": 1} == third.again().load().inputs
