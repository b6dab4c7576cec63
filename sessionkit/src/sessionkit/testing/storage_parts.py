# SPDX-License-Identifier: Apache-2.0
"""Parts, and ids and names that are easily mixed up: clauses of the storage suite."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import pytest

from sessionkit.errors import ConflictError
from sessionkit.records import StoredSession
from sessionkit.storage import Storage
from sessionkit.testing.storage_samples import Connect, first, following, head

_MEBIBYTE: Final = 1 << 20

ODD_NAMES: Final = (
    *("ab", "Ab", "AB", "ab ", " ab", "a b"),
    *("a_b", "a%b", "%", "_", "*", "?", "[a-b]", "a:b", "a,b", "a;b", "a/b", "a\\b", "..", "a|b"),
    *("{a}", "{}", "{", "}", "{a}b", "}{a}", "{a}{b}", "{{a}}", "$a", "${a}", ":a", "%s", "%(a)s"),
    *("'", '"', "`", "''", "--", "0", "00", "1e3", "None", "null"),
    # Composed and decomposed, sharp s and its capitals: equal to many a collation.
    *("\u00e9", "e\u0301", "stra\u00dfe", "strasse", "\u0130", "i"),
    *("\u65e5\u672c", "\U0001f989", "\U0001f989\U0001f989"),
    *("x" * 127, "x" * 128, "\U0001f989" * 128),
)
"""Ids that a case-blind, padding, folding, quoting, tagging or cutting store mixes up."""

ODD_TEXTS: Final = (
    *ODD_NAMES,
    "ab\n",
    "\nab",
    "a\nb",
    "ab\r\n",
    "ab\t",
    "ab\x0b",
    "\x1b[0m",
    "ab\u00a0",
)
"""The same with what no session id holds, since it can't be printed; users and parts bear it."""

LONG_PARTS: Final = ("x" * 189, "x" * 190, "\U0001f989" * 190)
"""The longest names that a part has."""


def _told(parts: Mapping[str, bytes]) -> dict[str, str]:
    """Return size and digest of each part: a difference of megabytes takes pytest minutes to show."""
    return {
        name: f"{type(data).__name__} {len(data)} {sha256(data).hexdigest()[:16]}"
        for name, data in parts.items()
    }


class PartClauses:
    """Parts: put, removed, left alone."""

    def test_parts_not_named_stay(self, storage: Storage) -> None:
        """A write changes the parts that it names and no other."""
        storage.write(first(put={"kept": b"1", "changed": b"1", "removed": b"1"}))
        storage.write(following(2, put={"changed": b"2", "new": b"2"}, remove=["removed"]))

        stored = storage.read("s")

        assert stored is not None
        assert {"kept": b"1", "changed": b"2", "new": b"2"} == dict(stored.parts)

    def test_removing_an_unknown_part_is_fine(self, storage: Storage) -> None:
        """A name that is not stored is removed without an error."""
        storage.write(first())
        storage.write(following(2, remove=["nothing"]))

        assert StoredSession(head=head(version=2)) == storage.read("s")

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x00",
            b"\xff\xfe\x00'\";",
            bytes(range(256)),
            bytes(range(256)) * 4 * 1024,
            b"\x01" * (5 * _MEBIBYTE),
        ],
        ids=["empty", "nul", "quotes", "all bytes", "1 MiB", "5 MiB"],
    )
    def test_any_bytes_come_back(self, storage: Storage, data: bytes) -> None:
        """Empty, binary and large parts come back as ``bytes``, equal."""
        storage.write(first(put={"a": data}))

        stored = storage.read("s")

        assert stored is not None
        assert _told({"a": data}) == _told(stored.parts)

    def test_parts_grow_and_shrink(self, storage: Storage, connect: Connect) -> None:
        """A part is what was put last, also where large ones are stored in another way than small ones."""
        reader = connect()
        storage.write(first())
        for version, size in enumerate((10, 2 * _MEBIBYTE, 9, _MEBIBYTE, 0), start=2):
            data = bytes([version]) * size
            storage.write(following(version, put={"a": data, "b": b"small"}))

            stored = reader.read("s")

            assert stored is not None
            assert _told({"a": data, "b": b"small"}) == _told(stored.parts)

        storage.write(following(7, put={"a": b"\x07" * _MEBIBYTE}))
        storage.write(following(8, remove=["a"]))
        stored = reader.read("s")
        assert stored is not None
        assert head(version=8) == stored.head
        assert _told({"b": b"small"}) == _told(stored.parts)

    def test_a_refused_save_leaves_no_large_part(self, storage: Storage) -> None:
        """A save that meets a conflict changes nothing, also where large parts are sent ahead."""
        before = {"a": b"1", "b": b"\x01" * _MEBIBYTE}
        storage.write(first(put=before))
        large = b"\x02" * _MEBIBYTE

        with pytest.raises(ConflictError):
            storage.write(following(3, put={"a": large, "b": large, "c": large}))

        stored = storage.read("s")
        assert stored is not None
        assert head() == stored.head
        assert _told(before) == _told(stored.parts)
        storage.write(following(2, remove=["b"]))
        stored = storage.read("s")
        assert stored is not None
        assert _told({"a": b"1"}) == _told(stored.parts)

    def test_many_parts(self, storage: Storage) -> None:
        """Hundreds of parts are put and removed in one write each."""
        parts = {f"form:{number}": str(number).encode() for number in range(500)}
        names = sorted(parts)
        storage.write(first(put=parts))
        storage.write(following(2, remove=names[:-1]))

        stored = storage.read("s")

        assert stored is not None
        assert {names[-1]: parts[names[-1]]} == dict(stored.parts)


class NameClauses:
    """Ids and names are kept byte for byte."""

    def test_session_ids_are_never_mixed(self, storage: Storage) -> None:
        """Each odd id has a session of its own, and deleting one deletes no other."""
        for number, name in enumerate(ODD_NAMES):
            storage.write(first(name, put={"a": str(number).encode()}))
        storage.delete(ODD_NAMES[0])

        assert storage.read(ODD_NAMES[0]) is None
        for number, name in enumerate(ODD_NAMES[1:], start=1):
            parts = {"a": str(number).encode()}
            assert StoredSession(head=head(name), parts=parts) == storage.read(name)

    def test_user_ids_are_never_mixed(self, storage: Storage) -> None:
        """Each odd user id finds its own session and nobody else's."""
        for number, name in enumerate(ODD_TEXTS):
            storage.write(first(f"s{number}", user_id=name))

        for number, name in enumerate(ODD_TEXTS):
            assert [head(f"s{number}", user_id=name)] == list(storage.find(user_id=name).heads)

    def test_part_names_are_never_mixed(self, storage: Storage) -> None:
        """Each odd part name has bytes of its own, and removing one removes no other."""
        names = (*ODD_TEXTS, *LONG_PARTS)
        parts = {name: name.encode() for name in names}
        storage.write(first(put=parts))
        storage.write(following(2, remove=[names[0]]))

        stored = storage.read("s")

        assert stored is not None
        assert {name: parts[name] for name in names[1:]} == dict(stored.parts)
