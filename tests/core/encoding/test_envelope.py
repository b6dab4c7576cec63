# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionkit.encoding.packing import FORMAT, seal, unseal
from sessionkit.errors import NewerFormatError, RejectedError, SerializationError

ASCII = st.text(st.characters(max_codepoint=127), min_size=1, max_size=255)


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
