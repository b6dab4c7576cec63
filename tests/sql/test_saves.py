# SPDX-License-Identifier: Apache-2.0
"""Saves: writers that wait for each other's rows, and where a session's parts lie."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from session_harness.load import check_stored, in_batches, landed, next_write
from session_harness.mariadb import MariadbServer
from session_harness.part_chains import part_chains
from session_harness.postgresql import PostgresqlServer

from sessionkit.errors import ConflictError, UnavailableError
from sessionkit.records import SessionHead, SessionWrite, StoredSession
from sessionkit.testing.storage_samples import first, following
from sessionkit_sqlite.storage import SqlStorage

THREADS: Final = 4

SESSIONS: Final = 20

BATCHES: Final = 15

PATIENCE: Final = 20.0

POLL: Final = 0.15
"""In seconds. MariaDB's list of transactions is a copy, made anew only if nobody read it for 0.1 seconds."""

WAITING: Final = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted",
    "mariadb": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
}

Tell = Callable[[str], None]


def test_batches_of_the_same_sessions_in_any_order(storage: SqlStorage, tell: Tell) -> None:
    """Every save that was acknowledged to anyone counts once, and nobody waits for ever."""
    names = [f"s{number}" for number in range(SESSIONS)]
    begin = time.monotonic()

    def contend(_: int) -> dict[str, int]:
        taken = dict.fromkeys(names, 0)
        for _ in range(BATCHES):
            for name in save_some(storage, random.sample(names, SESSIONS // 2)):
                taken[name] += 1
        return taken

    with ThreadPoolExecutor(THREADS) as pool:
        shares = list(pool.map(contend, range(THREADS)))

    versions = {name: version_of(storage, name) for name in names}
    assert {name: sum(share[name] for share in shares) for name in names} == versions
    tell(f"{sum(versions.values())} saves in {time.monotonic() - begin:.1f} s")


def save_some(storage: SqlStorage, names: Sequence[str]) -> list[str]:
    """Save sessions once on top of what is stored, and return which were taken."""
    stored = {name: storage.read(name) for name in names}
    writes = [next_write(name, seen.head if seen else None) for name, seen in stored.items()]
    deliver = in_batches(storage)
    taken: list[str] = []
    deadline = time.monotonic() + PATIENCE
    while writes:
        assert time.monotonic() < deadline
        outcomes = list(zip(writes, deliver(writes), strict=True))
        taken += [write.head.session_id for write, outcome in outcomes if was_taken(write, outcome)]
        writes = [write for write, outcome in outcomes if isinstance(outcome, UnavailableError)]
    return taken


def was_taken(write: SessionWrite, outcome: Exception | None) -> bool:
    """Return whether a save was stored; whoever meets another one's save was too late."""
    if isinstance(outcome, ConflictError):
        return landed(write, outcome)
    assert outcome is None or isinstance(outcome, UnavailableError)
    return outcome is None


def version_of(storage: SqlStorage, name: str) -> int:
    """Return how often a session was saved."""
    stored = storage.read(name)
    assert stored is not None
    head: SessionHead = stored.head
    return head.version


def test_deadlock_is_tried_again(server: Any, database: str, storage: SqlStorage) -> None:
    """A batch that is rolled back for a deadlock with someone else is stored in the end, once."""
    names = ["a", "b", *(f"c{number}" for number in range(SESSIONS))]
    firsts = [next_write(name, None) for name in names]
    assert [None] * len(names) == list(storage.write_many(firsts))
    seconds = {
        first.head.session_id: next_write(first.head.session_id, first) for first in firsts[:2]
    }

    with server.connect(database) as connection, ThreadPoolExecutor(1) as pool:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        # MariaDB ends the transaction that has done less, PostgreSQL the one that looks first.
        if isinstance(server, PostgresqlServer):
            cursor.execute("SET LOCAL deadlock_timeout = '30s'")
        for name in names[1:]:
            lock(cursor, name)
        saving = pool.submit(storage.write_many, list(seconds.values()))
        wait_for_a_waiter(server)
        lock(cursor, "a")
        cursor.execute("COMMIT")
        outcomes = saving.result(PATIENCE)

    assert [None, None] == list(outcomes)
    check_stored(storage, seconds)


def test_row_that_stays_locked_is_unavailable(
    server: Any, database: str, opened: Callable[..., SqlStorage], storage: SqlStorage
) -> None:
    """A save that waits for a row gives up in time, says so, and succeeds when the row is free."""
    first = next_write("a", None)
    storage.write(first)
    second = next_write("a", first)
    hasty = opened(timeout_ms=2000)

    with server.connect(database) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        lock(cursor, "a")
        begin = time.monotonic()
        with pytest.raises(UnavailableError):
            hasty.write(second)
        took = time.monotonic() - begin
        cursor.execute("ROLLBACK")

    assert took < 10
    hasty.write(second)
    check_stored(storage, {"a": second})


@pytest.mark.parametrize("put", [("a",), ("b",), ("a", "b"), ("b", "c"), ()])
@pytest.mark.parametrize("companions", [0, 1])
def test_a_row_that_changes_while_a_save_waits(
    server: Any, database: str, storage: SqlStorage, put: Sequence[str], companions: int
) -> None:
    """A save that waited for a touch, say, is stored whole: the part in the row, and those beside it."""
    storage.write(first("s", put={"a": b"1"}))
    others = [first(f"other-{number}") for number in range(companions)]
    write = following(2, "s", put=dict.fromkeys(put, b"2"))

    with server.connect(database) as connection, ThreadPoolExecutor(1) as pool:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        lock(cursor, "s")
        saving = pool.submit(storage.write_many, [write, *others])
        wait_for_a_waiter(server)
        cursor.execute("COMMIT")
        outcomes = saving.result(PATIENCE)

    assert [None] * (1 + companions) == list(outcomes)
    assert StoredSession(head=write.head, parts={"a": b"1", **write.put}) == storage.read("s")


def lock(cursor: Any, session_id: str) -> None:
    """Lock a session's row, as a change of an administrator would."""
    cursor.execute(
        "UPDATE sessionkit_session SET user_id = 'other' WHERE session_id = %s",
        (session_id,),
    )


def wait_for_a_waiter(server: Any) -> None:
    """Wait until a transaction waits for a lock."""
    query = WAITING["mariadb" if isinstance(server, MariadbServer) else "postgresql"]
    deadline = time.monotonic() + PATIENCE
    while not server.fetch(query)[0][0]:
        assert time.monotonic() < deadline
        time.sleep(POLL)


@pytest.mark.parametrize("companions", [0, 2])
def test_parts_are_where_they_were_put(storage: SqlStorage, companions: int) -> None:
    """Alone or in a batch, whatever is put and removed, what is read is what was stored last."""
    for chain in part_chains(20, 8):
        for write, parts in chain:
            version = f"{write.head.session_id}-{write.head.version}"
            others = [first(f"{version}-{number}", put={"*": b"1"}) for number in range(companions)]
            assert not any(storage.write_many([write, *others]))
            stored = storage.read(write.head.session_id)
            assert stored is not None
            assert parts == stored.parts
            assert write.head.version == stored.head.version
