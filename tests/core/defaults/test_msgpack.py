# SPDX-License-Identifier: Apache-2.0
"""What is particular to the MessagePack serializer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date
from itertools import pairwise
from typing import Any

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.errors import SerializationError
from sessionkit.testing.serializers import assert_same
from sessionkit.values import MAX_DEPTH, Kinds

SERIALIZER = MsgpackSerializer()

HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.dates()
    | st.times()
    | st.datetimes(timezones=st.none() | st.just(UTC) | st.timezones())
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4),
    max_leaves=5,
)
VALUES = st.recursive(
    HASHABLE | st.sets(HASHABLE, max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.dictionaries(HASHABLE, inner, max_size=4)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_any_value_comes_back(value: Any) -> None:
    """Whatever is put together from the kinds comes back equal and of the same types."""
    stored = SERIALIZER.dumps(value)

    assert stored == SERIALIZER.dumps(SERIALIZER.loads(stored))
    if "nan" not in repr(value):
        assert_same(value, SERIALIZER.loads(stored))


@given(VALUES, VALUES)
def test_a_neighbour_changes_nothing(one: Any, other: Any) -> None:
    """A value has the same bytes in whatever company: plain data packed in C or item by item."""
    together = b"\x92" + SERIALIZER.dumps(one) + SERIALIZER.dumps(other)

    assert together == SERIALIZER.dumps([one, other])


@given(st.sets(HASHABLE), st.randoms(use_true_random=False))
def test_equal_sets_give_equal_bytes(members: set[Any], chance: Any) -> None:
    """A set is stored in one order, however it was filled."""
    shuffled = list(members)
    chance.shuffle(shuffled)

    assert SERIALIZER.dumps(members) == SERIALIZER.dumps(set(shuffled))


def test_plain_data_are_bare_messagepack() -> None:
    """Plain data are what any reader of MessagePack knows."""
    data = {"a": [1, -1.5, None, True, "x", b"y"], "b": {"c": float("inf")}}

    assert ormsgpack.packb(data) == SERIALIZER.dumps(data)


def test_plain_data_stay_in_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain data are never walked in Python."""
    monkeypatch.setattr(Kinds, "find", None)
    monkeypatch.setattr("sessionkit.values.simplify.Simplifier.simplify", None)

    assert ormsgpack.packb({"a": [{"b": 1}]}) == SERIALIZER.dumps({"a": [{"b": 1}]})


def test_a_list_may_shrink_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python code that runs in the middle of a save may change what is saved: no freed memory is read."""
    rows: list[Any] = [date(2026, 1, 31), *[{"row": n} for n in range(1_000)]]
    find = Kinds.find

    def clear_and_find(kinds: Kinds, value: object) -> Any:
        rows.clear()
        return find(kinds, value)

    monkeypatch.setattr(Kinds, "find", clear_and_find)

    assert 1_001 == len(SERIALIZER.loads(SERIALIZER.dumps(rows)))
    assert [] == rows


def test_a_dict_may_change_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dict is stored as it was at one moment, not as a mixture."""
    form: dict[str, Any] = {"a": date(2026, 1, 31), "b": 1}
    find = Kinds.find

    def grow_and_find(kinds: Kinds, value: object) -> Any:
        form.update({str(n): n for n in range(1_000)})
        return find(kinds, value)

    monkeypatch.setattr(Kinds, "find", grow_and_find)

    assert {"a": date(2026, 1, 31), "b": 1} == SERIALIZER.loads(SERIALIZER.dumps(form))


def test_a_runtime_error_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """What tells the repository to encode again is not taken for a value that can't be kept."""

    def find(*_: object) -> None:
        msg = "dictionary changed size during iteration"
        raise RuntimeError(msg)

    monkeypatch.setattr(Kinds, "find", find)

    with pytest.raises(RuntimeError, match="changed size") as caught:
        SERIALIZER.dumps([date(2026, 1, 31)])
    assert not isinstance(caught.value, SerializationError)


def test_an_interrupt_while_reading_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a load stops the program; the bytes are not called damaged."""
    stored = SERIALIZER.dumps([(1, 2)])

    def coded(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Kinds, "coded", coded)

    with pytest.raises(KeyboardInterrupt):
        SERIALIZER.loads(stored)


def test_deep_values_come_back() -> None:
    """What may be written can be read: the deepest values of each sort."""
    wraps: list[Callable[[Any], Any]] = [
        lambda inner: [inner],
        lambda inner: (inner,),
        lambda inner: {1: inner},
        lambda inner: {"k": (inner, "x" * 50)},
    ]
    for one, other in [*pairwise(wraps), (wraps[3], wraps[1])]:
        value: Any = {1, 2}
        for level in range(MAX_DEPTH // 2 - 1):
            value = one(value) if level % 2 else other(value)

        assert_same(value, SERIALIZER.loads(SERIALIZER.dumps(value)))
