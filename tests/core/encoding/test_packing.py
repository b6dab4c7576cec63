# SPDX-License-Identifier: Apache-2.0
"""How encoded parts are stored: packed into one part or split, and sealed."""

from __future__ import annotations

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionkit.encoding.packing import (
    FORMAT,
    JOIN_BELOW,
    PACKED,
    SPLIT_ABOVE,
    is_split,
    pack,
    seal,
    unpack,
    unseal,
)
from sessionkit.errors import NewerFormatError, RejectedError, SerializationError

ASCII = st.text(st.characters(max_codepoint=127), min_size=1, max_size=255)
NAMES = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda name: name != PACKED)
PARTS = st.dictionaries(NAMES, st.binary())


# -- packed or split -----------------------------------------------------------


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


# -- sealed --------------------------------------------------------------------


@given(st.binary(), ASCII)
def test_what_was_sealed_is_unsealed(payload: bytes, serializer: str) -> None:
    """The payload as it was, and who made it."""
    assert (serializer, payload) == unseal(seal(payload, serializer))


def test_the_format_is_what_it_was() -> None:
    """Stores are full of it: format, flags, length of the name, name, payload."""
    assert b"\x01\x00\x04jsondata" == seal(b"data", "json")


def test_a_name_has_a_length() -> None:
    """Longer than a byte can say is refused, as is what isn't ASCII."""
    with pytest.raises(ValueError, match="256"):
        seal(b"", "x" * 256)
    with pytest.raises(UnicodeEncodeError):
        seal(b"", "ü")


@pytest.mark.parametrize(
    ("sealed", "message"),
    [
        (b"", "0 bytes that are no sealed part: format byte missing"),
        (b"\x01\x00", "2 bytes that are no sealed part"),
        (b"\x00\x00\x04jsondata", "format byte 00"),
        (b"{}{}{}", "format byte 7b"),
        (b"\x01\x00\x00data", "the serializer's name is cut off or damaged"),
        (b"\x01\x00\x04js", "the serializer's name is cut off or damaged"),
        (b"\x01\x00\x02\xff\xffdata", "the serializer's name is cut off or damaged"),
    ],
)
def test_damaged_bytes_are_refused(sealed: bytes, message: str) -> None:
    """The error says what was found."""
    with pytest.raises(SerializationError) as caught:
        unseal(sealed)

    assert message in str(caught.value)


@pytest.mark.parametrize("beginning", [(FORMAT + 1, 0), (FORMAT, 1), (15, 0)])
def test_what_a_newer_release_sealed_is_no_damage(beginning: tuple[int, int]) -> None:
    """It is neither read nor written over; the error says what this release reads."""
    with pytest.raises(NewerFormatError) as caught:
        unseal(bytes(beginning) + b"\x04jsondata")

    found, flags = beginning
    assert f"sealed in format {found} with flags {flags}; this release reads format 1" == str(caught.value)  # fmt: skip
    assert isinstance(caught.value, RejectedError)


@given(st.binary() | st.binary().map(lambda rest: b"\x01\x00" + rest))
def test_any_bytes_are_unsealed_or_refused(sealed: bytes) -> None:
    """Nothing else comes of hostile bytes; what is unsealed was sealed so."""
    try:
        opened = unseal(sealed)
    except (SerializationError, NewerFormatError):
        return
    assert sealed == seal(opened.payload, opened.serializer)
