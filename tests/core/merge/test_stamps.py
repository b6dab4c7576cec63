# SPDX-License-Identifier: Apache-2.0
"""When each value was changed, and that any order of writers ends alike by it."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict
from copy import copy
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_harness.data import APP_VALUES, KINDS_OF_DICT, NAMES, SESSIONS, make_codec
from session_harness.replicas import Clock, Replica

from sessionkit.encoding.codec import EncodedParts
from sessionkit.events import SessionSaved
from sessionkit.merge.merger import Merger, read_stamps, read_tree, stamp_changes, write_tree
from sessionkit.merge.rules import MISSING, merge_value
from sessionkit.merge.stamps import (
    LIFETIME,
    NO_STAMPS,
    STAMPS,
    When,
    at,
    latest,
    merge_stamps,
    prune,
    restamp,
)
from sessionkit.merge.strategies import LastWriteWins, Merge
from sessionkit.session import UserSession
from sessionkit.session.session import NavigationEntry
from sessionkit.testing.serializers import assert_same
from sessionkit.values import to_tagged
from sessionkit.values.dicts import kind_of_dict

CODEC = make_codec()
MERGER = Merger()


# -- trees ---------------------------------------------------------------------


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


# -- what is stored ------------------------------------------------------------


def parts_of(*edits: Any) -> EncodedParts:
    """Return an edited session's parts, without stamps."""
    session = UserSession(session_id="s", inputs={"a": 0, "b": 0})
    for edit in edits:
        edit(session)
    return CODEC.encode(session, {}).parts


def test_each_changed_value_is_stamped() -> None:
    """And nothing else: counters, sets and histories lose nothing anyway."""

    def edit(session: UserSession) -> None:
        session.inputs["a"] = 1
        session.theme = "dark"
        session.roles.add("editor")
        session.add_navigation("page")
        session.get_form_state("f").data["city"] = "Ghent"
        session.extensions["x"] = {"n": 1}

    stamps = read_stamps(CODEC, stamp_changes(CODEC, parts_of(), parts_of(edit), 9))

    trees = {name: read_tree(CODEC, data) for name, data in stamps.items()}
    new = 9
    changed = {"inputs": [0, {"inputs": [0, {"a": 9}]}], "profile": [0, {"theme": 9}]}
    assert {**changed, "form:f": new, "x:x": new} == trees


def test_the_stamps_of_a_part_that_goes_go_with_it() -> None:
    """Or a form that comes back would have an old one."""
    with_form = parts_of(lambda session: session.get_form_state("f"))
    stamped = stamp_changes(CODEC, parts_of(), with_form, 9)
    gone = {name: data for name, data in stamped.items() if name != "form:f"}

    assert STAMPS in stamped
    assert STAMPS not in stamp_changes(CODEC, stamped, gone, 10)


def test_nothing_changed_costs_nothing() -> None:
    """The very same parts come back."""
    parts = stamp_changes(CODEC, {}, parts_of(), 1)

    assert parts is stamp_changes(CODEC, parts, parts, 2)


def test_many_stamps_are_kept_for_a_day() -> None:
    """A part of thousands of values does not carry their times for ever."""
    now = 2 * LIFETIME
    old = {f"key {number}": 2 for number in range(1000)}
    few = write_tree(CODEC, [1, {"a": 2, "b": now}])
    many = write_tree(CODEC, [1, {**old, "b": now, "c": now - LIFETIME}])

    assert [1, {"a": 2, "b": now}] == read_tree(CODEC, few)
    assert [1, {"b": now, "c": now - LIFETIME}] == read_tree(CODEC, many)


@pytest.mark.parametrize("data", [b"", b"\xc1", CODEC.serializer.dumps([1])])
def test_unreadable_stamps_are_none(data: bytes) -> None:
    """They only say which of two changes was later: no value is lost without them."""
    assert {} == read_stamps(CODEC, {STAMPS: data})
    parts = parts_of()
    assert parts == MERGER.encoded(CODEC, parts, {**parts, STAMPS: data}, parts)


# -- laws ----------------------------------------------------------------------


def edited(base: EncodedParts, change: Any, now: int) -> EncodedParts:
    """Return what a writer has who took *base* and made a change that was first seen at *now*."""
    session = CODEC.decode("s", base)
    change(session)
    return stamp_changes(CODEC, base, CODEC.encode(session, base).parts, now)


DICTS = st.dictionaries(NAMES, st.integers(0, 2), max_size=2)
VALUES = st.one_of(
    APP_VALUES,
    DICTS,
    st.builds(lambda kind, held: kind(held), st.sampled_from(KINDS_OF_DICT), DICTS),
    st.integers(0, 2),
)
KEYS = st.sampled_from(["a", "b", "c"])


def _put(where: str, key: str, value: Any) -> Any:
    def change(session: UserSession) -> None:
        place = session.inputs if where == "inputs" else session.get_form_state("f").data
        place[key] = value

    return change


def _drop(key: str) -> Any:
    return lambda session: session.inputs.pop(key, None)


def _deep(key: str, value: Any) -> Any:
    def change(session: UserSession) -> None:
        below = session.inputs.get("a")
        session.inputs["a"] = below = copy(below) if isinstance(below, dict) else {}
        below[key] = value

    return change


def _open(page: str, ident: int, second: int) -> Any:
    moment = datetime(2026, 1, 1, second=second, tzinfo=UTC)
    entry = NavigationEntry(page=page, entry_id=f"{page}-{ident}", timestamp=moment)
    return lambda session: session.navigation_history.append(entry)


CHANGES = st.lists(
    st.one_of(
        st.builds(_put, st.sampled_from(["inputs", "form"]), KEYS, VALUES),
        st.builds(_drop, KEYS),
        st.builds(_deep, KEYS, st.integers(0, 2)),
        st.builds(lambda t: lambda s: setattr(s, "theme", t), st.sampled_from(["x", "y", None])),
        st.builds(lambda r: lambda s: s.roles.symmetric_difference_update({r}), KEYS),
        st.builds(lambda p: lambda s: s.page_views.update({p: s.page_views.get(p, 0) + 1}), KEYS),
        st.builds(_open, KEYS, st.integers(0, 3), st.integers(0, 2)),
        st.builds(lambda k, v: lambda s: s.extensions.update({k: v}), KEYS, VALUES),
    ),
    min_size=1,
    max_size=3,
).map(lambda changes: lambda session: [change(session) for change in changes])
TIMES = st.integers(1, 6)


def content(parts: EncodedParts) -> Any:
    """Return what parts hold, stamps included, without the order of dicts."""
    plain = CODEC.decode_parts(parts, parts)
    trees = read_stamps(CODEC, parts)
    stamps = {name: spread(part, read_tree(CODEC, trees.get(name))) for name, part in plain.items()}
    return unordered({**plain, STAMPS: stamps})


def spread(value: Any, tree: Any) -> Any:
    """Return the stamp of each place, whichever way a tree says it."""
    if isinstance(value, dict):
        return {key: spread(entry, at(tree, key)) for key, entry in value.items()}
    return latest(tree)


def unordered(value: Any) -> Any:
    """Return a value as text that is alike for dicts of any order."""
    if isinstance(value, dict):
        entries = sorted((repr(key), unordered(entry)) for key, entry in value.items())
        return [kind_of_dict(value), *entries]
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(unordered, value)]
    return json.dumps(to_tagged(value))


@settings(max_examples=60, deadline=None)
@given(SESSIONS, st.lists(st.tuples(CHANGES, TIMES), min_size=3, max_size=3))
def test_any_order_of_three_writers_ends_alike(
    began: UserSession, changes: list[tuple[Any, int]]
) -> None:
    """All start from one state; whoever comes later merges into what is stored."""
    base = stamp_changes(CODEC, {}, CODEC.encode(began, {}).parts, 1)
    writers = [edited(base, change, now) for change, now in changes]
    ends = []
    for first, *others in permutations(writers):
        stored = first
        for ours in others:
            stored = MERGER.encoded(CODEC, base, ours, stored)
        ends.append(content(stored))

    for end in ends[1:]:
        assert ends[0] == end


@settings(max_examples=50, deadline=None)
@given(SESSIONS, CHANGES, CHANGES, TIMES, TIMES)
def test_who_comes_second_does_not_matter(
    began: UserSession, one: Any, other: Any, soon: int, late: int
) -> None:
    """Commutative, stamps and all."""
    base = stamp_changes(CODEC, {}, CODEC.encode(began, {}).parts, 1)
    ours, theirs = edited(base, one, soon), edited(base, other, late)

    assert content(MERGER.encoded(CODEC, base, ours, theirs)) == content(
        MERGER.encoded(CODEC, base, theirs, ours)
    )


@settings(max_examples=40, deadline=None)
@given(SESSIONS, CHANGES, TIMES)
def test_what_one_side_changed_is_taken_whole(began: UserSession, change: Any, now: int) -> None:
    """Identity: m(b, b, x) = m(b, x, b) = x, byte for byte, stamps and all."""
    base = stamp_changes(CODEC, {}, CODEC.encode(began, {}).parts, 1)
    ours = edited(base, change, now)

    assert ours == MERGER.encoded(CODEC, base, base, ours)
    assert ours == MERGER.encoded(CODEC, base, ours, base)


@pytest.mark.parametrize("made", KINDS_OF_DICT, ids=str)
def test_two_writers_of_a_counter_both_count(made: Any) -> None:
    """A dict of another kind is merged by key, too, and stays of its kind, its stamps and all."""
    base = stamp_changes(CODEC, {}, parts_of(_put("inputs", "a", made({"tea": 1, "rum": 1}))), 1)
    ours = edited(base, lambda session: session.inputs["a"].update({"milk": 1}), 2)
    theirs = edited(base, lambda session: session.inputs["a"].pop("rum"), 3)

    for merged in (
        MERGER.encoded(CODEC, base, ours, theirs),
        MERGER.encoded(CODEC, base, theirs, ours),
    ):
        assert_same(made({"tea": 1, "milk": 1}), CODEC.decode("s", merged).inputs["a"])
        stamps = read_tree(CODEC, read_stamps(CODEC, merged)["inputs"])
        assert [1, 2] == [at(at(at(stamps, "inputs"), "a"), key) for key in ("tea", "milk")]


def test_a_dict_that_became_a_counter_wins_over_a_change_of_the_dict() -> None:
    """Its entries go no way together with the other's, and it does not matter who comes second."""
    base = stamp_changes(CODEC, {}, parts_of(_put("inputs", "a", {"tea": 1})), 1)
    counter = edited(base, _put("inputs", "a", Counter(tea=1)), 2)
    later = edited(base, _put("inputs", "a", {"tea": 1, "milk": 1}), 3)

    for merged in (
        MERGER.encoded(CODEC, base, counter, later),
        MERGER.encoded(CODEC, base, later, counter),
    ):
        assert_same(Counter(tea=1), CODEC.decode("s", merged).inputs["a"])


def test_a_change_that_was_changed_back_is_a_change() -> None:
    """Whatever was saved in between: the later act counts."""
    base = stamp_changes(CODEC, {}, parts_of(), 1)
    there = edited(base, _put("inputs", "a", 1), 2)
    back = edited(there, _put("inputs", "a", 0), 5)
    other = edited(base, _put("inputs", "a", 7), 3)

    for merged in (
        MERGER.encoded(CODEC, base, other, back),
        MERGER.encoded(CODEC, base, back, other),
    ):
        assert 0 == CODEC.decode("s", merged).inputs["a"]


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
