# SPDX-License-Identifier: Apache-2.0
"""Saves: in how many statements, and where a session's parts lie."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import pytest
from session_harness.part_chains import part_chains

from sessionkit.records import SessionWrite, StoredSession
from sessionkit.testing.storage_samples import NOW, first, following, head
from sessionkit_sqlite.storage import SqliteStorage


def test_a_save_of_a_small_session_is_one_statement(
    storage: SqliteStorage, statements: list[str]
) -> None:
    """A part that a session began with, alone, is saved with the head: guarded, in one row, in autocommit."""
    storage.write(first(put={"all": b"1"}, user_id="u"))
    statements.clear()

    storage.write(following(2, put={"all": b"2"}, user_id="u"))

    (statement,) = statements
    assert re.search(r"^UPDATE .* WHERE session_id = .* AND save_id = ", statement)
    assert not re.search(r"SET .*(user_id|last_activity|expires_at|ended) ?=.* WHERE", statement)


def test_a_save_is_one_guarded_transaction(storage: SqliteStorage, statements: list[str]) -> None:
    """The guard is part of the UPDATE; what is read before it is read under the transaction's lock."""
    storage.write(first(put={"old": b"1", "kept": b"1"}))
    statements.clear()

    storage.write(following(2, put={"a": b"2"}, remove=["old"]))

    expected = ["BEGIN IMMEDIATE", "SELECT", "UPDATE", "INSERT", "DELETE", "COMMIT"]
    assert expected == [_verb(statement) for statement in statements]
    assert re.search(r"WHERE session_id = .* AND save_id = ", statements[2])


@pytest.mark.parametrize(
    ("changed", "is_written"),
    [
        ({"user_id": "other"}, True),
        ({"last_activity": NOW + 1}, True),
        ({"last_activity": NOW - 1}, False),
        ({"expires_at": NOW + 1}, True),
        ({"ended": True}, True),
        ({"created_at": NOW - 1}, False),
    ],
)
def test_indices_are_written_when_they_change(
    storage: SqliteStorage, statements: list[str], changed: dict[str, Any], *, is_written: bool
) -> None:
    """To set an indexed column writes a page more for each index, be it to what it was."""
    both = {"a": b"1", "b": b"1"}
    storage.write(first(put=both, user_id="u", expires_at=NOW))
    statements.clear()

    storage.write(following(2, put=both, **{"user_id": "u", "expires_at": NOW, **changed}))

    (update,) = [statement for statement in statements if _verb(statement) == "UPDATE"]
    assert is_written == ("last_activity" in update)


def test_a_batch_is_one_transaction_in_order_of_ids(
    storage: SqliteStorage, statements: list[str]
) -> None:
    """A batch reads once and commits once, for all, and takes its sessions in one order for all writers."""
    storage.write_many([first("b"), first("c"), first("a")])

    assert ["BEGIN IMMEDIATE", "SELECT", "INSERT", "INSERT", "INSERT", "COMMIT"] == [
        _verb(statement) for statement in statements
    ]
    assert ["a", "b", "c"] == [re.findall(r"'(\w)'", line)[0] for line in statements[2:5]]


def _verb(statement: str) -> str:
    return (
        "BEGIN IMMEDIATE" if statement.startswith("BEGIN IMM") else statement.split(maxsplit=1)[0]
    )


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


def test_no_part_is_in_two_places(storage: SqliteStorage, connection: sqlite3.Connection) -> None:
    """The part in the head's row has no row of its own."""
    for chain in part_chains(60, 8):
        for write, _ in chain:
            storage.write(write)

    twice = connection.execute(
        "SELECT count(*) FROM sessionkit_session AS s JOIN sessionkit_part AS p"
        " ON p.session_id = s.session_id AND p.name = s.part_name"
    ).fetchall()
    assert [(0,)] == twice


def test_an_interrupted_save_leaves_nothing_behind(
    storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever breaks a save off, Ctrl-C included, rolls it back, and the connection stays usable."""
    storage.write(first(put={"a": b"1"}))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("sessionkit_sqlite.dialects.sqlite_saves._add", interrupt)
        with pytest.raises(KeyboardInterrupt):
            storage.write(following(2))

    storage.write(following(2, put={"a": b"2"}))
    assert StoredSession(head=head(version=2), parts={"a": b"2"}) == storage.read("s")
