# SPDX-License-Identifier: Apache-2.0
"""Memory storage, beyond what the storage suite says."""

from __future__ import annotations

import pytest

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.errors import RejectedError
from sessionkit.storage import BatchStorage, SetupStorage
from sessionkit.testing.storage_samples import first, following


def test_every_storage_has_a_store_of_its_own() -> None:
    """Two storages share nothing; a handle shares everything."""
    storage = MemoryStorage()
    storage.write(first())

    assert MemoryStorage().read("s") is None
    assert storage.handle().read("s") == storage.read("s")


def test_what_was_read_stays_as_it_was() -> None:
    """A later save changes nothing for those who have read."""
    storage = MemoryStorage()
    storage.write(first(put={"a": b"1"}))
    before = storage.read("s")
    storage.write(following(2, put={"a": b"2"}))

    assert before is not None
    assert (1, {"a": b"1"}) == (before.head.version, dict(before.parts))


def test_the_writers_own_mapping_is_not_kept() -> None:
    """What the writer does to its mapping after the save is no save."""
    storage = MemoryStorage()
    parts = {"a": b"1"}
    storage.write(first(put=parts))
    parts["a"] = b"changed"

    stored = storage.read("s")

    assert stored is not None
    assert b"1" == stored.parts["a"]


def test_abilities() -> None:
    """Memory saves batches and needs no setup."""
    assert isinstance(MemoryStorage(), BatchStorage)
    assert not isinstance(MemoryStorage(), SetupStorage)


@pytest.mark.parametrize("cursor", ["", "x", "x:y"])
def test_foreign_cursor_is_rejected(cursor: str) -> None:
    """A cursor that no page gave is refused, with what would be right."""
    with pytest.raises(
        RejectedError, match=r"^cursor '.*' is not one that find\(\) gave; leave it"
    ):
        MemoryStorage().find(cursor=cursor)
