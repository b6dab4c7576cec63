# SPDX-License-Identifier: Apache-2.0
"""A session's part lies in the head's row or in a row of its own, never in both."""

from __future__ import annotations

import pytest
from session_harness.part_chains import part_chains

from sessionkit.records import SessionWrite
from sessionkit_sqlite.storage import SqliteStorage


@pytest.mark.parametrize("batch", [False, True])
def test_parts_are_where_they_were_put(storage: SqliteStorage, batch: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Whatever is put and removed, in whatever order, what is read is what was stored last."""

    def store(write: SessionWrite) -> None:
        if batch:
            assert [None] == list(storage.write_many([write]))
        else:
            storage.write(write)

    for chain in part_chains(60, 8):
        for write, parts in chain:
            store(write)
            stored = storage.read(write.head.session_id)
            assert stored is not None
            assert parts == stored.parts
            assert write.head.version == stored.head.version


def test_no_part_is_in_two_places(storage: SqliteStorage) -> None:
    """The part in the head's row has no row of its own."""
    for chain in part_chains(60, 8):
        for write, _ in chain:
            storage.write(write)

    twice = storage._dialect.autocommit(
        lambda cursor: cursor.execute(
            "SELECT count(*) FROM sessionkit_session AS s JOIN sessionkit_part AS p"
            " ON p.session_id = s.session_id AND p.name = s.part_name"
        ).fetchall()
    )
    assert [(0,)] == twice
