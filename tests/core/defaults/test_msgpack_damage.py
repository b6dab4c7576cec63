# SPDX-License-Identifier: Apache-2.0
"""Bytes that the MessagePack serializer did not write."""

from __future__ import annotations

import struct
from typing import Any

import ormsgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.errors import SerializationError
from sessionkit.testing.serializer_samples import PROBES

SERIALIZER = MsgpackSerializer()


def _extension(code: int, packed: bytes) -> bytes:
    return b"\xc9" + struct.pack(">Ib", len(packed), code) + packed


@pytest.mark.parametrize(
    "packed",
    [
        _extension(99, b"\xc0"),
        _extension(-1, b"\x00\x00\x00\x00"),
        _extension(1, b""),
        _extension(1, b"\x05"),
        _extension(1, b"\x90\x90"),
        _extension(3, b"\x91\x90"),
        _extension(12, b"\x90"),
        _extension(13, b"\xa3aab"),
        _extension(14, b"\x80"),
        _extension(22, b"\x05"),
        _extension(29, b"\x80"),
        _extension(16, b"\xa3now"),
        _extension(11, ormsgpack.packb(["os.system", "x"])),
        _extension(32, ormsgpack.packb(b"\x93NUMPY\x01\x00")),
        _extension(34, ormsgpack.packb({"arrow": b"\xff\xff\xff\xff"})),
        b"\x81" + _extension(1, b"\x90") + b"\xc0",
        b"\x81\x01\x02",
        b"\xdd\xff\xff\xff\xff",
        b"\xc1",
        b"",
    ],
    ids=repr,
)
def test_bytes_that_are_not_ours_are_refused(packed: bytes) -> None:
    """An unknown extension, one with the wrong content, an odd key and an empty message are refused."""
    with pytest.raises(SerializationError):
        SERIALIZER.loads(packed)


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
