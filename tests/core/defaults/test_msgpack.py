# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, date
from itertools import pairwise
from typing import Any

import ormsgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.errors import SerializationError
from sessionkit.testing.serializer_samples import PROBES
from sessionkit.testing.serializers import assert_same
from sessionkit.values import MAX_DEPTH, Kinds, Opaque

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


# -- bytes that are damaged, or not ours -----------------------------------------------


def _extension(code: int, packed: bytes) -> bytes:
    return b"\xc9" + struct.pack(">Ib", len(packed), code) + packed


@pytest.mark.parametrize(
    "packed",
    [
        _extension(-1, b"\x00\x00\x00\x00"),
        _extension(1, b""),
        _extension(1, b"\x05"),
        _extension(1, b"\x90\x90"),
        _extension(3, b"\x91\x90"),
        _extension(12, b"\x90"),
        _extension(13, b"\xa3aab"),
        _extension(22, b"\x05"),
        _extension(16, b"\xa3now"),
        b"\x81" + _extension(1, b"\x90") + b"\xc0",
        b"\x81\x01\x02",
        b"\xdd\xff\xff\xff\xff",
        b"\xc1",
        b"",
    ],
    ids=repr,
)
def test_bytes_that_are_not_ours_are_refused(packed: bytes) -> None:
    """An extension with a code or a content that is none, an odd key and an empty message are refused."""
    with pytest.raises(SerializationError):
        SERIALIZER.loads(packed)


@pytest.mark.parametrize(
    "packed",
    [
        _extension(99, b"\xc0"),
        _extension(14, b"\x80"),
        _extension(29, b"\x80"),
        _extension(11, ormsgpack.packb(["os.system", "x"])),
        _extension(32, ormsgpack.packb(b"\x93NUMPY\x01\x00")),
        _extension(34, ormsgpack.packb({"arrow": b"\xff\xff\xff\xff"})),
    ],
    ids=repr,
)
def test_what_is_unknown_here_is_left_unread(packed: bytes) -> None:
    """An extension of a newer release, or of what this process lacks, is written back as it was."""
    read = SERIALIZER.loads(packed)

    assert Opaque is type(read)
    assert SERIALIZER.loads(SERIALIZER.dumps(read)) == read


def test_the_reason_of_a_refusal_is_not_lost() -> None:
    """What an extension found wrong, however deep, is what the caller is told."""
    with pytest.raises(SerializationError, match=r"stored date can't be read.*'now'"):
        SERIALIZER.loads(b"\x91" + _extension(1, b"\x91" + _extension(16, b"\xa3now")))


@pytest.mark.parametrize("end", [PROBES, b"x", 1, (1, 2)], ids=["dict", "bytes", "int", "tuple"])
def test_a_second_value_is_refused(end: Any) -> None:
    """Two values in a row are not one, whatever the second is."""
    with pytest.raises(SerializationError, match="other bytes follow"):
        SERIALIZER.loads(SERIALIZER.dumps({"a": 1}) + SERIALIZER.dumps(end))


def test_nested_extensions_do_not_exhaust_the_stack() -> None:
    """Lists that nest just below the reader's limit, in extensions in extensions, are refused."""
    packed = b"\x90"
    for _ in range(60):
        packed = _extension(1, b"\x91" * 1_000 + packed)

    with pytest.raises(SerializationError, match="levels deep"):
        SERIALIZER.loads(packed)


def test_narrow_nesting_of_extensions_is_bounded() -> None:
    """Extensions that hold nothing but extensions are refused before the stack is exhausted."""
    packed = b"\x90"
    for _ in range(10_000):
        packed = _extension(1, packed)

    with pytest.raises(SerializationError):
        SERIALIZER.loads(packed)


@given(st.binary(max_size=200))
@example(b"\xc7\x00\x01")
@example(b"\xd9\x12")
def test_random_bytes(data: bytes) -> None:
    """Random bytes are read or refused; nothing else is raised."""
    try:
        SERIALIZER.loads(data)
    except SerializationError:
        return


EXTENSIONS = st.recursive(
    st.sampled_from(list(PROBES.values())).map(SERIALIZER.dumps) | st.binary(max_size=30),
    lambda inner: (
        st.builds(_extension, st.sampled_from([*range(1, 20), *range(32, 37)]), inner)
        | st.lists(inner, max_size=3).map(lambda many: bytes([0x90 + len(many)]) + b"".join(many))
    ),
    max_leaves=6,
)


@given(EXTENSIONS)
def test_mismatched_extensions(data: bytes) -> None:
    """Well-formed messages with the wrong thing in an extension are read or refused."""
    try:
        SERIALIZER.loads(data)
    except SerializationError:
        return
