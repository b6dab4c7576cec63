# SPDX-License-Identifier: Apache-2.0
"""Parts, and ids and names that are easily mixed up: clauses of the storage suite."""

from __future__ import annotations

from typing import Final

import pytest

from sessionkit.records import StoredSession
from sessionkit.storage import Storage
from sessionkit.testing.storage_samples import first, following, head

_MEBIBYTE: Final = 1 << 20

ODD_NAMES: Final = (
    *("ab", "Ab", "AB", "ab ", " ab", "a b"),
    *("a_b", "a%b", "%", "_", "*", "?", "[a-b]", "{a}", "a:b", "a,b", "a;b", "a/b", "a\\b"),
    *("'", '"', "`", "''", "--", "0", "00", "1e3", "None", "null"),
    # Composed and decomposed, sharp s and its capitals: equal to many a collation.
    *("\u00e9", "e\u0301", "stra\u00dfe", "strasse", "\u0130", "i"),
    *("\u65e5\u672c", "\U0001f989", "\U0001f989\U0001f989"),
    *("x" * 127, "x" * 128, "\U0001f989" * 128),
)
"""Names that a case-blind, padding, folding, quoting or cutting store mixes up."""


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
        assert bytes is type(stored.parts["a"])
        assert data == stored.parts["a"]

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
        for number, name in enumerate(ODD_NAMES):
            storage.write(first(f"s{number}", user_id=name))

        for number, name in enumerate(ODD_NAMES):
            assert [head(f"s{number}", user_id=name)] == list(storage.find(user_id=name).heads)

    def test_part_names_are_never_mixed(self, storage: Storage) -> None:
        """Each odd part name has bytes of its own, and removing one removes no other."""
        parts = {name: name.encode() for name in ODD_NAMES}
        storage.write(first(put=parts))
        storage.write(following(2, remove=[ODD_NAMES[0]]))

        stored = storage.read("s")

        assert stored is not None
        assert {name: parts[name] for name in ODD_NAMES[1:]} == dict(stored.parts)
