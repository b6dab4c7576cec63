# SPDX-License-Identifier: Apache-2.0
"""Dicts of several kinds: which two are of one, how another one of a kind is made, and how they are kept."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from typing import Any

import pytest
from session_harness.data import KINDS_OF_DICT
from session_harness.ids import repr_without_address

from sessionkit.errors import SerializationError
from sessionkit.testing.serializers import assert_same
from sessionkit.values import from_tagged, to_tagged
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


# -- as tagged data ------------------------------------------------------------


class _Odd:
    """What makes the default of a ``defaultdict``: it is no key, and equals everything."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, _: object) -> bool:
        return True

    def __call__(self) -> int:
        return 0


@pytest.mark.parametrize("factory", [lambda: 0, _Odd(), Counter], ids=repr_without_address)
def test_a_default_that_code_makes_is_refused(factory: Any) -> None:
    """Code is never stored; the reason says which factories are kept, and what to do instead."""
    value = defaultdict(factory, a=1)

    with pytest.raises(SerializationError, match=r"\['x'\].*int, float, str.*store it as a dict"):
        to_tagged({"x": value})
    assert {"x": {"a": 1}} == to_tagged({"x": dict(value)})


def test_the_path_of_a_value_in_a_counter_is_that_of_a_dict() -> None:
    """How it is stored does not show."""
    with pytest.raises(SerializationError) as caught:
        to_tagged({"cart": Counter({"tea": object()})})

    assert "['cart']['tea']" == caught.value.path


def test_a_moved_key_stays_where_it_was_moved() -> None:
    """The order of an ``OrderedDict`` is its own, not that in which its keys were set."""
    value = OrderedDict(a=1, b=2)
    value.move_to_end("a")

    assert_same(value, from_tagged(to_tagged(value)))
