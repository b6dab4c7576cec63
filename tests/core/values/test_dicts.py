# SPDX-License-Identifier: Apache-2.0
"""Dicts of several kinds: which two are of one, and how another one of a kind is made."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from typing import Any

import pytest
from session_harness.data import KINDS_OF_DICT

from sessionkit.testing.serializers import assert_same
from sessionkit.values.dicts import dict_like, kind_of_dict, of_one_kind


@pytest.mark.parametrize("kind", [dict, *KINDS_OF_DICT], ids=str)
def test_another_one_of_a_kind_holds_just_what_it_is_given(kind: Any) -> None:
    """Nothing is counted or made up, whatever the values are; the first one stays as it is."""
    like, entries = kind({"a": 1, "b": 2}), {"b": "x", "c": None, "a": "y"}

    assert_same(kind(entries), dict_like(like, entries))
    assert_same(kind({"a": 1, "b": 2}), like)


def test_kinds_are_told_apart() -> None:
    """By type, and by what makes a value that is missing."""
    kinds: list[Any] = [{}, *(kind({}) for kind in KINDS_OF_DICT)]

    for one in kinds:
        assert [one] == [other for other in kinds if of_one_kind(one, other)]
        assert of_one_kind(one, dict_like(one, {"a": 1}))
    assert len(kinds) == len({kind_of_dict(one) for one in kinds})


@pytest.mark.parametrize("value", [None, [], set(), ()], ids=repr)
def test_what_is_no_dict_is_of_no_kind(value: Any) -> None:
    """Not even of that of its like."""
    assert kind_of_dict(value) is None
    assert not of_one_kind(value, value)
    assert not of_one_kind({}, value)


def test_plain_dicts_come_first() -> None:
    """So where writers disagree, what was made a Counter stays one."""
    others = (Counter(), OrderedDict(), defaultdict())

    assert [] == [one for one in others if str(kind_of_dict(one)) <= str(kind_of_dict({}))]
