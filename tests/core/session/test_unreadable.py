# SPDX-License-Identifier: Apache-2.0
"""Entries that can't be read: set aside, and put back at their places."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from typing import Any

import pytest

from sessionkit.session.unreadable import put_back, replaced, set_aside
from sessionkit.testing.serializers import assert_same
from sessionkit.values import Opaque

SOME = Opaque("enum", ["m.Size", "LARGE"], "not registered")

ENTRIES: dict[str, dict[Any, Any]] = {
    "first": {"x": SOME, "a": 1, "b": 2},
    "between": {"a": 1, "x": SOME, "b": 2},
    "last": {"a": 1, "x": SOME},
    "all": {"x": SOME, "y": SOME},
    "two in a row": {"a": 1, "x": SOME, "y": SOME, "b": 2},
    "in dicts": {"d": {"e": {"x": SOME, "a": 1}}, "f": {"y": SOME}},
    "in a list": {"a": [1, (SOME,)], "b": {"c": {frozenset({SOME})}}},
    "a key": {"d": {SOME: 1, 2: SOME}},
    "kinds of dict": {
        "c": Counter({"x": SOME, "a": 2}),
        "o": OrderedDict(x=SOME, a=1),
        "d": defaultdict(list, x=SOME),
    },
}


def _visible(entries: dict[Any, Any]) -> Any:
    return set_aside(entries)[0]


@pytest.mark.parametrize("name", ENTRIES)
def test_what_was_set_aside_comes_back_to_its_place(name: str) -> None:
    """In the order that it had: the same bytes are stored; neither dict is changed."""
    entries = ENTRIES[name]
    before = repr(entries)
    readable, aside = set_aside(entries)

    assert "can't be read" not in repr(readable)
    assert_same(entries, put_back(readable, aside))
    assert before == repr(entries)
    assert "can't be read" not in repr(readable)


def test_an_entry_goes_whole_but_dicts_are_gone_into() -> None:
    """Half a list is another list; half a dict is its other entries, as in a merge."""
    entries = {"list": [1, SOME], "dict": {"a": 1, "x": SOME}}

    assert {"dict": {"a": 1}} == _visible(entries)


def test_what_can_be_read_is_not_copied() -> None:
    """The app may hold it."""
    entries = {"a": {"b": 1}}

    assert set_aside(entries)[0] is entries


def test_what_the_app_sets_stays() -> None:
    """At the top and below."""
    readable, aside = set_aside({"x": SOME, "d": {"y": SOME, "z": SOME}})
    readable["x"] = 1
    readable["d"]["y"] = 2

    assert {"x": 1, "d": {"y": 2, "z": SOME}} == put_back(readable, aside)
    assert [("x",), ("d", "y")] == [path for path in aside if replaced(readable, path)]


@pytest.mark.parametrize("instead", [None, 5, [1]])
def test_what_lay_in_a_dict_that_is_gone_goes_with_it(instead: Any) -> None:
    """The app has removed or replaced the whole."""
    _, aside = set_aside({"a": 1, "d": {"y": SOME}})
    entries = {"a": 1} if instead is None else {"a": 1, "d": instead}

    assert entries == put_back(entries, aside)
    assert replaced(entries, ("d", "y"))


def test_a_neighbour_that_is_gone_costs_the_place_only() -> None:
    """What stood after it comes last."""
    readable, aside = set_aside({"a": 1, "x": SOME, "b": 2})
    del readable["a"]

    assert ["b", "x"] == list(put_back(readable, aside))


def test_the_reason_is_that_of_what_can_not_be_read() -> None:
    """However deep, and for a key."""
    for entries in ({"a": [1, (SOME,)]}, {SOME: 1}):
        _, aside = set_aside(entries)

        assert ["not registered"] == [entry.reason(path) for path, entry in aside.items()]
