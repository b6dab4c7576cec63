# SPDX-License-Identifier: Apache-2.0
"""Heads read without their parts: clauses of the storage suite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

import attrs
import pytest

from sessionkit.records import SessionHead, SessionWrite
from sessionkit.storage import HeadStorage, Storage
from sessionkit.testing.storage_abilities import AbilityClauses, need
from sessionkit.testing.storage_samples import (
    DAY,
    NOW,
    SECOND,
    Connect,
    first,
    following,
    head,
    tombstone,
)

ReadHead: TypeAlias = Callable[[Storage, str], SessionHead | None]
"""Reads a head through a handle."""

_IDS: Final = ("Ab", "ab", "{ab}")
_LARGEST: Final = (1 << 63) - 1


class HeadClauses(AbilityClauses):
    """What ``read_head`` does: what ``read`` does, but for the parts."""

    @pytest.fixture
    def read_head(self) -> ReadHead:
        """Return a function that reads a head."""
        need(declared=self.heads, method="read_head")
        return lambda storage, session_id: cast("HeadStorage", storage).read_head(session_id)

    def test_head_of_an_unknown_id(self, storage: Storage, read_head: ReadHead) -> None:
        """Of a session that was never written, or was deleted, there is no head."""
        storage.write(first("gone", put={"a": b"1"}))
        storage.delete("gone")

        assert (None, None) == (read_head(storage, "nobody"), read_head(storage, "gone"))

    @pytest.mark.parametrize(
        "fields",
        [
            {"user_id": "https://issuer.example|subject", "expires_at": None},
            {"user_id": None, "created_at": 0, "recent": ()},
            {"version": _LARGEST, "recent": ("a" * 16, "b" * 16), "schema_version": 7},
        ],
    )
    def test_head_is_that_of_the_session(
        self, storage: Storage, read_head: ReadHead, fields: dict[str, Any]
    ) -> None:
        """No field is lost, rounded or changed in type, with parts or without."""
        for session_id in _IDS:
            written = attrs.evolve(head(session_id), **fields)
            storage.write(SessionWrite(head=written, put={"a": b"1", "b": b"2"}))

            found = read_head(storage, session_id)

            assert written == found
            assert repr(written) == repr(found)

    def test_heads_are_read_while_others_save(
        self, storage: Storage, connect: Connect, read_head: ReadHead
    ) -> None:
        """What another handle saves, touches or deletes is seen at the next look, also where it was read before."""
        other = connect()
        for write in (first(put={"a": b"1"}), following(2, put={"a": b"2"})):
            other.write(write)
            assert write.head == read_head(storage, "s")

        other.touch("s", last_activity=NOW + SECOND, expires_at=NOW + 2 * DAY)
        moved = head(version=2, last_activity=NOW + SECOND, expires_at=NOW + 2 * DAY)
        assert moved == read_head(storage, "s")

        other.delete("s")
        assert read_head(storage, "s") is None

    def test_heads_of_what_has_ended(self, storage: Storage, read_head: ReadHead) -> None:
        """Tombstones and expired sessions have heads like any other; who looks decides."""
        storage.write(first())
        storage.write(tombstone(2))
        storage.write(first("expired", expires_at=NOW - SECOND))

        assert head(version=2, ended=True) == read_head(storage, "s")
        assert head("expired", expires_at=NOW - SECOND) == read_head(storage, "expired")
