# SPDX-License-Identifier: Apache-2.0
"""The walk through a value: how deep it goes, what it names, and what others change meanwhile."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest

from sessionkit.errors import SerializationError
from sessionkit.testing.serializers import assert_same
from sessionkit.values import MAX_DEPTH, Kinds, from_tagged, to_tagged


def test_deep_values_come_back() -> None:
    """A value may nest as deeply as promised, whatever makes the levels; one level more is refused."""
    for deeper in (
        *(lambda inner: [inner], lambda inner: (inner,), lambda inner: {1: inner}),
        *(lambda inner: Counter({1: inner}), lambda inner: defaultdict(list, {1: inner})),
    ):
        value: Any = ()
        for _ in range(MAX_DEPTH):
            value = deeper(value)

        assert_same(value, from_tagged(to_tagged(value)))
        with pytest.raises(SerializationError, match="levels deep"):
            to_tagged(deeper(value))


def _overflow(*_: object) -> None:
    raise RecursionError


def test_a_caller_deep_in_the_stack_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python's own limit is met first, the value is refused all the same."""
    value: Any = ()
    for _ in range(MAX_DEPTH):
        value = (value,)
    tagged = to_tagged(value)
    monkeypatch.setattr(Kinds, "find", _overflow)
    monkeypatch.setattr(Kinds, "named", _overflow)

    with pytest.raises(SerializationError, match="levels deep"):
        to_tagged(value)
    with pytest.raises(SerializationError, match="levels deep"):
        from_tagged(tagged)


def test_a_key_that_can_not_be_shown_is_named_by_its_type() -> None:
    """The path of a value under an endless number, or under an object, bears the key's type."""
    for key, step in ((10**5000, "[int]"), ((1, "a"), "[tuple]"), (object(), "[object]")):
        with pytest.raises(SerializationError) as caught:
            to_tagged({key: object()})

        assert step == caught.value.path


def test_a_list_may_shrink_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is taken as it was at one moment, whoever changes it while its items are walked."""
    rows: list[Any] = [(1,), 2, 3]
    find = Kinds.find

    def clear_and_find(kinds: Kinds, value: object) -> Any:
        rows.clear()
        return find(kinds, value)

    monkeypatch.setattr(Kinds, "find", clear_and_find)

    assert [{"$t": "tuple", "v": [1]}, 2, 3] == to_tagged(rows)


def test_the_path_of_what_holds_itself_is_short() -> None:
    """A value inside itself is refused with the beginning of its endless path."""
    value: dict[str, Any] = {}
    value["me"] = value

    with pytest.raises(SerializationError) as caught:
        to_tagged({"inputs": value})

    assert caught.value.path.startswith("['inputs']['me']['me']")
    assert 200 >= len(caught.value.path)
