# SPDX-License-Identifier: Apache-2.0
"""What errors of servers become, and what they tell."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from sessionkit.errors import RejectedError, UnavailableError
from sessionkit.testing.storage_samples import first, following
from sessionkit_sqlite.storage import SqlStorage

Opened = Callable[..., SqlStorage]

NOBODY = {
    "postgresql": "postgresql://u:secret@127.0.0.1:1/db",
    "mysql": "mysql://u:secret@127.0.0.1:1/db",
}


@pytest.mark.parametrize("kind", NOBODY)
def test_a_server_that_is_down_is_unavailable(opened: Opened, kind: str) -> None:
    """The call may be tried again; the message says where, without the password, and what to look at."""
    storage = opened(NOBODY[kind])

    for use in (storage.read, storage.read_head):
        with pytest.raises(
            UnavailableError, match=r"127\.0\.0\.1:1/db: .*is the server up"
        ) as caught:
            use("s")

    assert caught.value.__cause__ is not None
    assert "secret" not in str(caught.value)


def test_a_database_that_is_missing_is_rejected(server: Any, opened: Opened) -> None:
    """A wrong name in the url is not tried again for ever."""
    storage = opened(server.url("nowhere"))

    with pytest.raises(RejectedError, match=r"create (it|that database or role), or name another"):
        storage.setup()


@pytest.mark.parametrize(
    ("write", "what"),
    [
        (first("s" * 129), r"session_id 's+'\.\.\. has 129 characters; the most is 128"),
        (first(user_id="u" * 513), r"user_id 'u+'\.\.\. has 513 characters; the most is 512"),
        (
            first(put={"p" * 191: b""}),
            r"part's name 'p+'\.\.\. has 191 characters; the most is 190",
        ),
    ],
)
def test_nothing_is_cut_short(storage: SqlStorage, write: Any, what: str) -> None:
    """A text that does not fit is refused, whatever the database would make of it."""
    with pytest.raises(RejectedError, match=what):
        storage.write(write)

    assert 0 == storage.count(active_since=0)


@pytest.mark.parametrize(
    "write",
    [first("bad\ud800"), first("fine", last_activity=1 << 64)],
    ids=["surrogate", "number"],
)
def test_a_malformed_save_fails_no_other(storage: SqlStorage, write: Any) -> None:
    """It is never tried again, leaves nothing behind, and the others of its batch are stored."""
    outcomes = storage.write_many([first("a"), write, first("z")])

    assert [type(None), RejectedError, type(None)] == [type(outcome) for outcome in outcomes]
    assert ["a", "z"] == [head.session_id for head in storage.find().heads]


def test_a_part_that_mysql_would_answer_by_hanging_up_is_rejected(mariadb: Any) -> None:
    """What is larger than max_allowed_packet is refused before it is sent, with the limit; the rest is stored."""
    mariadb.execute("SET GLOBAL max_allowed_packet = 1048576")
    with closing(SqlStorage.open(mariadb.url(mariadb.new_database()))) as storage:
        storage.setup()
        large = first("large", put={"a": b"\x00" * 300_000})
        fits = first("fits", put={"a": b"x" * 500_000})

        outcomes = storage.write_many([large, fits])

        assert [RejectedError, type(None)] == [type(outcome) for outcome in outcomes]
        assert "max_allowed_packet (1048576 bytes)" in str(outcomes[0])
        assert storage.read("large") is None
    mariadb.execute("SET GLOBAL max_allowed_packet = 16777216")


def test_a_row_that_someone_holds_is_waited_for_and_no_longer(
    server: Any, database: str, storage: SqlStorage, opened: Opened
) -> None:
    """Another writer's lock ends as UnavailableError within the time that was set."""
    storage.write(first())
    hasty = opened(timeout_ms=1000)
    hasty.read("s")
    with closing(server.connect(database)) as holder:
        holder.autocommit = False
        cursor = holder.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 FROM sessionkit_session WHERE session_id = 's' FOR UPDATE")
        begin = time.monotonic()

        with pytest.raises(UnavailableError, match="longer than timeout_ms"):
            hasty.write(following(2))

        assert time.monotonic() - begin < 5
        holder.rollback()
    hasty.write(following(2))
