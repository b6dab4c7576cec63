# SPDX-License-Identifier: Apache-2.0
"""How encoded parts are stored: packed into one part or split, and sealed."""

from __future__ import annotations

from itertools import pairwise

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionkit.encoding.packing import (
    FORMAT,
    JOIN_BELOW,
    PACKED,
    PATCH,
    PATCHED_ABOVE,
    SPLIT_ABOVE,
    WHOLE,
    Patch,
    StoredPart,
    cut_out,
    difference,
    differences,
    free_number,
    has_patches,
    is_split,
    may_patch,
    pack,
    patch_name,
    patched,
    read_patch,
    read_patches,
    seal,
    spliced,
    unpack,
    unseal,
    write_patch,
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
    assert split == is_split(size, layout)


def test_a_session_near_a_threshold_keeps_its_layout() -> None:
    """It grows and shrinks by a byte at each save, and is rewritten once."""
    layout: tuple[str, ...] = ()
    layouts = []
    for size in (SPLIT_ABOVE + 1, SPLIT_ABOVE) * 3:
        parts = of_size(size)
        layout = tuple(pack(parts, split=is_split(size, layout)))
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


# -- patched -------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> list[bytes]:
    """Return a part as it is at one save after another: bytes are changed, put in, taken out, moved."""
    length = draw(st.integers(0, 30_000))
    repeat = draw(st.integers(1, 251))
    versions = [bytes(index * index % repeat for index in range(length))]
    for _ in range(draw(st.integers(1, 5))):
        data = versions[-1]
        for _ in range(draw(st.integers(1, 3))):
            begin = draw(st.integers(0, len(data)))
            end = draw(st.integers(begin, min(len(data), begin + 9_000)))
            data = data[:begin] + draw(st.binary(max_size=20)) * 50 + data[end:]
        versions.append(data)
    return versions


@given(histories())
def test_what_was_patched_is_what_it_became(versions: list[bytes]) -> None:
    """After any changes, one after another."""
    patches: list[Patch] = []
    for before, after in pairwise(versions):
        patch = Patch("inputs", len(patches), differences(before, after))
        patches.append(read_patch(write_patch(patch)))

        assert after == patched(versions[0], patches)


@given(histories())
def test_one_splice_makes_the_one_of_the_other(versions: list[bytes]) -> None:
    """Looked for anew, or first where an earlier one was."""
    near = difference(versions[0], versions[-1])
    for version in versions:
        for splice in (
            difference(versions[0], version),
            difference(versions[0], version, near),
        ):
            assert version == spliced(versions[0], splice)


@pytest.mark.parametrize("place", [0, 1, 5_000, 19_999])
def test_one_splice_holds_little_more_than_what_changed(place: int) -> None:
    """Wherever it is: what else is in it is sooner written than found."""
    before = b"".join(b"%05d" % number for number in range(4_000))
    after = before[:place] + b"another text" + before[place + 1 :]
    begin, end, new = difference(before, after)

    assert begin <= place < end
    assert len(new) < len(b"another text") + 2 * 32


def test_a_patch_holds_what_changed() -> None:
    """Wherever it is, in several places, and though all that follows moves."""
    data = b"".join(b"%05d" % number * 400 for number in range(100))
    for place in range(0, len(data) // 2, 7_777):
        changed = bytearray(data)
        for later in (150_000, 100_000, 30_000, 0):
            here = (place + later) % len(data)
            changed[here : here + 2_000] = b"another text " * 200
        splices = differences(data, bytes(changed))

        assert bytes(changed) == patched(data, [Patch("inputs", 0, splices)])
        assert sum(len(new) for _, _, new in splices) < 4 * 2_600 + 2_000


@pytest.mark.parametrize(
    ("size", "stored", "may"),
    [
        (PATCHED_ABOVE, StoredPart(), False),
        (PATCHED_ABOVE + 1, StoredPart(), True),
        (PATCHED_ABOVE + 1, StoredPart(is_known=False), False),
        (PATCHED_ABOVE + 1, StoredPart(tuple(range(15)), 1_000), True),
        (PATCHED_ABOVE + 1, StoredPart(tuple(range(16)), 1_000), False),
        (PATCHED_ABOVE + 1, StoredPart((1,), PATCHED_ABOVE // 2), False),
    ],
)
def test_a_part_is_patched_while_that_pays(size: int, stored: StoredPart, *, may: bool) -> None:
    """Not if it is small, stored in other bytes, or has many patches or large ones."""
    assert may == may_patch(b"x" * size, stored)


def test_patches_are_read_in_their_order() -> None:
    """That of their numbers, not of their names."""
    patches = {
        patch_name(number): Patch("inputs", place, []) for place, number in enumerate((9, 10))
    }
    stored = {name: seal(write_patch(patch), "json", PATCH) for name, patch in patches.items()}
    sealed = {"inputs": seal(b"{}", "json"), "cache": seal(b"", "msgpack"), **stored}
    damages: dict[str, SerializationError] = {}
    [(part, found)] = read_patches(dict(reversed(sealed.items())), damages).items()

    assert has_patches(sealed)
    assert "inputs" == part
    assert (9, 10) == found.stored.patches
    assert [*patches.values()] == found.found
    assert {} == damages
    assert 11 == free_number({part: found.stored})
    assert {"inputs", "#9", "#10"} == set(cut_out(sealed, {"inputs"}))


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\xc1",
        ormsgpack.packb({"a": 1}),
        ormsgpack.packb(["inputs", 0]),
        ormsgpack.packb([1, 0, []]),
        ormsgpack.packb(["inputs", 0, [1]]),
        ormsgpack.packb(["inputs", 0, [["a", 1, b""]]]),
        ormsgpack.packb(["inputs", 0, [[0, 1, "text"]]]),
        ormsgpack.packb(["inputs", 0, 7]),
    ],
)
def test_a_damaged_patch_is_refused(damaged: bytes) -> None:
    """The error says that it is a patch."""
    with pytest.raises(SerializationError, match="a patch is"):
        read_patch(damaged)


@given(st.binary())
def test_any_bytes_are_a_patch_or_refused(data: bytes) -> None:
    """Nothing else comes of hostile bytes."""
    try:
        patched(b"abc", [read_patch(data)])
    except SerializationError:
        return


@pytest.mark.parametrize(
    ("patches", "message"),
    [
        ([Patch("a", 1, [])], "patch 0 of 1 or more is missing"),
        ([Patch("a", 0, []), Patch("a", 2, [])], "patch 1 of 2 or more is missing"),
        ([Patch("a", 0, [(2, 5, b"")])], "patch 0 replaces bytes 2 to 5 of 4"),
        ([Patch("a", 0, [(2, 1, b"")])], "patch 0 replaces bytes 2 to 1 of 4"),
        ([Patch("a", 0, [(0, 2, b""), (1, 3, b"")])], "patch 0 replaces bytes 1 to 3 of 4"),
    ],
)
def test_a_patch_of_other_bytes_is_refused(patches: list[Patch], message: str) -> None:
    """Nothing is made up: the part is damaged."""
    with pytest.raises(SerializationError, match=message):
        patched(b"abcd", patches)


# -- sealed --------------------------------------------------------------------


@given(st.binary(), ASCII)
def test_what_was_sealed_is_unsealed(payload: bytes, serializer: str) -> None:
    """The payload as it was, who made it, and what it is."""
    assert (serializer, payload, WHOLE) == unseal(seal(payload, serializer))


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


@pytest.mark.parametrize("beginning", [(FORMAT + 1, 0), (FORMAT, 2), (15, 0)])
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
    assert sealed == seal(opened.payload, opened.serializer, opened.kind)
