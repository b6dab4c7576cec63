# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionkit.encoding.packing import JOIN_BELOW, PACKED, SPLIT_ABOVE, is_split, pack, unpack
from sessionkit.errors import SerializationError

NAMES = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda name: name != PACKED)
PARTS = st.dictionaries(NAMES, st.binary())


def of_size(size: int) -> dict[str, bytes]:
    """Return two parts of *size* bytes in all."""
    return {"a": b"x" * (size // 2), "b": b"x" * (size - size // 2)}


@given(PARTS, st.booleans())
def test_what_was_packed_is_unpacked(parts: dict[str, bytes], split: bool) -> None:  # noqa: FBT001 - hypothesis hands it over
    """As one part or as many."""
    packed = pack(parts, split=split)

    assert parts == unpack(packed)
    assert packed is not parts
    assert (set(parts) if split else {PACKED}) == set(packed)


@pytest.mark.parametrize(
    ("layout", "size", "split"),
    [
        ((), SPLIT_ABOVE, False),
        ((), SPLIT_ABOVE + 1, True),
        ((PACKED,), JOIN_BELOW + 1, False),
        ((PACKED,), SPLIT_ABOVE, False),
        ((PACKED,), SPLIT_ABOVE + 1, True),
        (("a", "b"), SPLIT_ABOVE, True),
        (("a", "b"), JOIN_BELOW + 1, True),
        (("a", "b"), JOIN_BELOW, False),
        (("a", "b"), 0, False),
    ],
)
def test_the_layout_changes_only_far_from_where_it_changed(
    layout: tuple[str, ...], size: int, *, split: bool
) -> None:
    """Above one threshold a session is split, below a lower one it is joined again."""
    assert split == is_split(of_size(size), layout)


def test_a_session_near_a_threshold_keeps_its_layout() -> None:
    """It grows and shrinks by a byte at each save, and is rewritten once."""
    layout: tuple[str, ...] = ()
    layouts = []
    for size in (SPLIT_ABOVE + 1, SPLIT_ABOVE) * 3:
        parts = of_size(size)
        layout = tuple(pack(parts, split=is_split(parts, layout)))
        layouts.append(layout)

    assert [("a", "b")] * 6 == layouts


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"", "the packed part is damaged"),
        (b"\xc1", "the packed part is damaged"),
        (ormsgpack.packb([1]), "no mapping of names to bytes"),
        (ormsgpack.packb({"a": "text"}), "no mapping of names to bytes"),
        (pack({"a": b"x" * 100}, split=False)[PACKED][:50], "the packed part is damaged"),
    ],
)
def test_a_damaged_packed_part_is_refused(packed: bytes, message: str) -> None:
    """The error says what was expected."""
    with pytest.raises(SerializationError, match=message):
        unpack({PACKED: packed})


@given(st.binary())
def test_any_bytes_are_unpacked_or_refused(packed: bytes) -> None:
    """Nothing else comes of hostile bytes; what is unpacked are names and bytes."""
    try:
        parts = unpack({PACKED: packed})
    except SerializationError:
        return
    assert all(str is type(name) and bytes is type(data) for name, data in parts.items())
