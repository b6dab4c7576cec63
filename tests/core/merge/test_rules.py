# SPDX-License-Identifier: Apache-2.0
"""One rule a kind of field: the laws that each keeps, and what it does with base, ours and theirs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_harness.data import APP_VALUES, NAMES, make_codec

from sessionkit.merge.merger import Merger
from sessionkit.merge.rules import (
    MISSING,
    merge_counter,
    merge_counters,
    merge_dict,
    merge_granted,
    merge_history,
    merge_part,
    merge_set,
    merge_sets,
    merge_value,
)
from sessionkit.merge.stamps import When
from sessionkit.session import UserSession
from sessionkit.testing.serializers import assert_same

FEW = settings(max_examples=40)
CODEC = make_codec()
MERGER = Merger()

Change = Callable[[UserSession], Any]

SETS = st.sets(NAMES, max_size=4).map(sorted)
COUNTS = st.integers(0, 1000)
COUNTERS = st.dictionaries(NAMES, st.integers(1, 1000), max_size=3)
RECORDS = st.lists(
    st.builds(
        lambda ident, n: {"entry_id": f"id-{ident}", "timestamp": ident // 2, "n": n},
        st.integers(0, 5),
        st.integers(0, 2),
    ),
    max_size=4,
    unique_by=lambda record: record["entry_id"],
).map(lambda records: sorted(records, key=lambda r: (r["timestamp"], r["entry_id"])))
DICTS = st.dictionaries(NAMES, APP_VALUES, max_size=3)
DICTS_OF_SETS = st.dictionaries(NAMES, SETS, max_size=3)


def history(base: Any, ours: Any, theirs: Any) -> Any:
    """Merge RECORDS."""
    return merge_history(base, ours, theirs, ident="entry_id")


RULES = [
    (merge_value, APP_VALUES),
    (merge_value, DICTS),
    (merge_dict, DICTS),
    (merge_counter, COUNTS),
    (merge_counters, COUNTERS),
    (merge_set, SETS),
    (merge_sets, DICTS_OF_SETS),
    (merge_granted, SETS),
    (history, RECORDS),
]
each_rule = pytest.mark.parametrize(("rule", "values"), RULES)


# -- laws of every rule --------------------------------------------------------


@each_rule
@FEW
@given(data=st.data())
def test_what_one_side_changed_is_taken(rule: Any, values: Any, data: st.DataObject) -> None:
    """Identity: m(b, b, x) = m(b, x, b) = x, also in the order of dicts."""
    base, changed = data.draw(values), data.draw(values)

    assert_same(changed, rule(base, base, changed))
    assert_same(changed, rule(base, changed, base))
    assert_same(base, rule(base, base, base))


@pytest.mark.parametrize(
    ("rule", "values"), [rule for rule in RULES if rule[0] not in (merge_counter, merge_counters)]
)
@FEW
@given(data=st.data())
def test_two_equal_changes_are_one(rule: Any, values: Any, data: st.DataObject) -> None:
    """Idempotent: m(b, x, x) = x; counters apart, where two changes are two."""
    base, changed = data.draw(values), data.draw(values)
    merged = rule(base, changed, changed)
    if rule in {merge_dict, merge_sets}:  # ``merge_value`` keeps the order, too
        changed, merged = (dict(sorted(side.items())) for side in (changed, merged))

    assert_same(changed, merged)
    if rule not in {merge_granted, merge_dict, merge_sets}:
        assert_same(changed, rule(MISSING, changed, changed))


@pytest.mark.parametrize(
    ("rule", "values"),
    [rule for rule in RULES if rule[0] in (merge_counter, merge_counters, merge_set, merge_sets)],
)
@FEW
@given(data=st.data())
def test_counters_and_sets_know_no_order(rule: Any, values: Any, data: st.DataObject) -> None:
    """Commutative: m(b, x, y) = m(b, y, x), with and without a base."""
    base, ours, theirs = data.draw(st.just(MISSING) | values), data.draw(values), data.draw(values)
    if rule is merge_sets and any(key not in ours or key not in theirs for key in {*ours, *theirs}):
        return  # one side dropped or added a whole set: the change is what counts

    assert rule(base, ours, theirs) == rule(base, theirs, ours)


# -- each rule -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        (1, 1, 2, 2),
        (1, 2, 1, 2),
        (1, 2, 3, 3),
        (1, 2, MISSING, 2),
        (1, MISSING, 3, 3),
        (1, MISSING, 1, MISSING),
        (1, 1, MISSING, MISSING),
        (MISSING, 2, MISSING, 2),
        (MISSING, MISSING, 3, 3),
        (MISSING, 2, 3, 3),
        ([1], [True], [1], [True]),
        ([1], [1], [True], [True]),
        ({1, 2}, {1, 3}, {2, 4}, {3, 4}),
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "c": 3}, {"a": 2, "c": 3}),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, {"a": {"x": 3}}, {"a": {"x": 3, "y": 2}}),
        ({"a": 1}, [1], {"a": 2}, {"a": 2}),
        (1, {2}, 3, {2}),
    ],
)
def test_values(base: Any, ours: Any, theirs: Any, merged: Any) -> None:
    """The side that changed; a change beats a removal; when both changed at once, by key or the greater one."""
    assert_same(merged, merge_value(base, ours, theirs))


def test_values_that_compare_oddly() -> None:
    """NaN and arrays were changed by one side only, though they differ from themselves."""

    def values() -> dict[str, Any]:
        return {"nan": math.nan, "array": np.zeros(2), "other": 0}

    theirs = {"nan": 1.0, "array": np.ones(2), "other": 0}
    merged = merge_value(values(), {**values(), "other": 1, "nan": float("nan")}, theirs)

    assert (1.0, [1.0, 1.0], 1) == (merged["nan"], merged["array"].tolist(), merged["other"])


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [(5, 7, 8, 10), (5, 3, 5, 3), (0, 1, 1, 2), (MISSING, 7, 8, 8), (MISSING, 7, MISSING, 7)],
)
def test_counters_add(base: Any, ours: Any, theirs: Any, merged: int) -> None:
    """Base plus both deltas; of an unknown base the larger count, or it would double."""
    assert merged == merge_counter(base, ours, theirs)
    if base is not MISSING:
        assert {"k": merged} == merge_counters({"k": base}, {"k": ours}, {"k": theirs})


def test_a_counter_that_both_began_adds() -> None:
    """Where the base is known and has none, both counted from zero."""
    assert {"p": 3} == merge_counters({}, {"p": 1}, {"p": 2})
    assert {"p": 2} == merge_counters(MISSING, {"p": 1}, {"p": 2})


def test_a_counter_that_came_to_nothing_goes() -> None:
    """Or the order of merging would show: one that is missing is zero, too."""
    assert {"q": 1} == merge_counters({"p": 2, "q": 1}, {"p": 1, "q": 1}, {"p": 1, "q": 1})


@FEW
@given(SETS, SETS, SETS)
def test_sets_keep_what_was_added_and_lose_what_was_removed(
    base: list[str], ours: list[str], theirs: list[str]
) -> None:
    """By either side; what neither removed stays."""
    b, o, t = set(base), set(ours), set(theirs)
    for rule in (merge_set, merge_granted):
        merged = rule(base, ours, theirs)
        assert sorted(merged) == merged
        assert not (b - o | b - t) & set(merged)
        assert (o - b | t - b | (b & o & t)) == set(merged)


@FEW
@given(SETS, SETS)
def test_without_a_base_rights_are_theirs(ours: list[str], theirs: list[str]) -> None:
    """A union would bring a revoked one back."""
    assert theirs == merge_granted(MISSING, ours, theirs)
    assert sorted({*ours, *theirs}) == merge_set(MISSING, ours, theirs)


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        ({"k": ["a", "b"]}, {"k": ["a", "c"]}, {"k": ["a", "b", "c"]}),
        ({}, {"k": ["a"]}, {}),
        ({"k": ["a"]}, {}, {}),
        ({}, {"k": ["b"]}, {"k": ["b"]}),
        ({"k": ["a"], "l": ["x"]}, {"m": []}, {"l": ["x"], "m": []}),
    ],
)
def test_dicts_of_sets(ours: Any, theirs: Any, merged: Any) -> None:
    """A set that was dropped goes, it does not stay as an empty one."""
    assert merged == merge_sets({"k": ["a"]}, ours, theirs)


@FEW
@given(RECORDS, RECORDS, RECORDS)
def test_histories_are_a_union_by_id_in_time_order(base: Any, ours: Any, theirs: Any) -> None:
    """Each entry once; what either side dropped stays dropped."""
    merged = history(base, ours, theirs)
    ids = [record["entry_id"] for record in merged]
    b, o, t = ({record["entry_id"] for record in side} for side in (base, ours, theirs))

    assert sorted((record["timestamp"], record["entry_id"]) for record in merged) == [
        (record["timestamp"], record["entry_id"]) for record in merged
    ]
    assert (o & t) | (o - b) | (t - b) == set(ids)
    assert len(ids) == len(set(ids))


@FEW
@given(DICTS, DICTS, DICTS)
def test_dicts_keep_every_change(base: Any, ours: Any, theirs: Any) -> None:
    """Each entry is merged as if it stood alone; none is lost, none is new."""
    merged = merge_dict(base, ours, theirs)
    for key in {*base, *ours, *theirs}:
        b, o, t = (side.get(key, MISSING) for side in (base, ours, theirs))
        assert_same(merge_value(b, o, t), merged.get(key, MISSING))
    assert set(merged) <= {*ours, *theirs}


def test_the_order_of_a_merged_dict() -> None:
    """The base's, then what is new by its stamps; where only one side changed, that side's."""
    base, ours, theirs = {"a": 1, "b": 1}, {"d": 1, "b": 2, "a": 1}, {"c": 1, "a": 2, "b": 1}

    assert ["a", "b", "c", "d"] == list(merge_dict(base, ours, theirs))
    when = When(ours=[0, {"d": 1}], theirs=[0, {"c": 2}])
    assert ["a", "b", "d", "c"] == list(merge_dict(base, ours, theirs, when))
    # One stamp of all that a side has says nothing of what it lacks.
    when = When(ours=[9, {"d": 5}], theirs=2)
    assert ["a", "b", "c", "d"] == list(merge_dict(base, ours, theirs, when))
    assert ["d", "a"] == list(merge_dict({"a": 1}, {"a": 1}, {"d": 1, "a": 1}))


def test_a_dict_that_both_changed_alike_keeps_its_order() -> None:
    """As it is written, so it stays, also in another dict that both changed; there is nothing to merge."""
    base, alike = {"data": {"a": [1]}}, {"b": [1], "a": [2]}
    merged = merge_dict(base, {"data": alike, "c": 1}, {"data": {**alike}, "d": 1})

    assert ["b", "a"] == list(merged["data"])
    assert ["b", "a"] == list(merge_value({"a": [1]}, alike, {**alike}))


# -- parts ---------------------------------------------------------------------


def test_a_part_that_one_side_removed() -> None:
    """It goes if the other side left it alone, and stays if it was changed."""
    form = {"form_id": "f", "data": {}}
    changed = {"form_id": "f", "data": {"a": 1}}

    assert merge_part(form, None, form) is None
    assert merge_part(form, form, None) is None
    assert changed == merge_part(form, None, changed)
    assert changed == merge_part(form, changed, None)
    assert changed == merge_part(None, None, changed)


def test_an_owner_without_a_proof_gets_none() -> None:
    """A part that lacks a field, as another release may have written it, is merged without it."""
    unowned, owned = {"user_id": None}, {"user_id": "bob"}

    assert owned == merge_part(unowned, owned, unowned)
    assert owned == merge_part(unowned, unowned, owned)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        ((None, False), ("bob", False), ("alice", True), ("bob", False)),
        ((None, False), (None, False), ("alice", True), ("alice", True)),
        ((None, False), ("bob", False), (None, False), ("bob", False)),
        (("bob", False), ("bob", True), ("alice", False), ("bob", True)),
        (None, ("bob", False), ("alice", True), ("alice", True)),
        (None, ("bob", True), ("alice", False), ("alice", False)),
        (None, (None, False), ("alice", True), ("alice", True)),
        (None, ("bob", True), (None, False), ("bob", True)),
    ],
)
def test_an_owner_never_gets_the_others_proof(
    base: Any, ours: Any, theirs: Any, merged: Any
) -> None:
    """Who owns a session and whether the host vouched for it come from one side."""
    b, o, t = (
        None if side is None else {"user_id": side[0], "authenticated": side[1], "theme": None}
        for side in (base, ours, theirs)
    )
    found = merge_part(b, o, t)

    assert found is not None
    assert merged == (found["user_id"], found["authenticated"])
