# SPDX-License-Identifier: Apache-2.0
"""Tables that are dropped while an app runs are made anew, and what the process has is stored again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa
from session_harness.mariadb import MariadbServer
from session_harness.postgresql import PostgresqlServer

from sessionkit import SessionManager
from sessionkit.errors import ConflictError, NewerFormatError, RejectedError, UnavailableError
from sessionkit.events import SessionEvent, SessionStoredAgain, StoreLostSessions
from sessionkit.records import SessionPage
from sessionkit.settings import load_settings
from sessionkit.testing.storage_samples import NOW, first, following, race, tombstone
from sessionkit_sqlite.layout import Layout
from sessionkit_sqlite.storage import SqlStorage

PART: Final = "sessionkit_part"
SESSION: Final = "sessionkit_session"
SCHEMA: Final = "sessionkit_schema"
ALL: Final = (PART, SESSION, SCHEMA)
BIG: Final = {"inputs": b"i", "form:a": b"a"}


@pytest.fixture(name="url", params=["sqlite", "postgresql", "pg8000", "mariadb"])
def _url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty database, for each dialect in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'sessions.db'}"
        return
    name = "mariadb" if request.param == "mariadb" else "postgresql"
    server: PostgresqlServer | MariadbServer = request.getfixturevalue(name)
    database = server.new_database()
    yield server.url(database).replace(
        "+psycopg", f"+{request.param}".replace("postgresql", "psycopg")
    )
    server.drop_database(database)


@pytest.fixture(name="run")
def _run(url: str) -> Iterator[Callable[..., None]]:
    """Return a function that runs statements in the database, as an administrator does."""
    engine = sa.create_engine(url)

    def run(*statements: str) -> None:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    yield run
    engine.dispose()


@pytest.fixture(name="drop")
def _drop(run: Callable[..., None]) -> Callable[..., None]:
    """Return a function that drops tables."""
    return lambda *names: run(*(f"DROP TABLE {name}" for name in names))


def test_each_call_finds_an_empty_store(storage: SqlStorage, drop: Callable[..., None]) -> None:
    """None raises, whichever comes first; so does a new process."""
    calls: dict[str, tuple[Callable[[], object], object]] = {
        "read": (lambda: storage.read("s"), None),
        "read_head": (lambda: storage.read_head("s"), None),
        "touch": (lambda: storage.touch("s", last_activity=NOW, expires_at=None), False),
        "delete": (lambda: storage.delete("s"), False),
        "find": (storage.find, SessionPage(heads=[])),
        "find of": (lambda: storage.find(user_id="ada"), SessionPage(heads=[])),
        "count": (lambda: storage.count(active_since=0), 0),
        "purge": (lambda: storage.purge(expired_before=0, limit=1), 0),
        "write_many": (lambda: list(storage.write_many([first("a"), first("b")])), [None, None]),
        "write": (lambda: storage.write(first("c", BIG)), None),
        "setup": (storage.setup, None),
    }
    for name, (call, expected) in calls.items():
        drop(*ALL)
        assert expected == call(), name
    storage.write(first("d", BIG))
    found = storage.read("d")
    assert found is not None
    assert BIG == found.parts


def test_a_save_that_expects_another_one_meets_what_is_not_there(
    storage: SqlStorage, drop: Callable[..., None]
) -> None:
    """As where a record was removed: who has the session stores it again."""
    storage.write(first("s", BIG))
    drop(*ALL)
    with pytest.raises(ConflictError) as caught:
        storage.write(following(2, put=BIG))
    assert caught.value.current is None


def test_what_is_left_of_a_session_whose_other_half_was_dropped_is_gone(
    storage: SqlStorage, drop: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """It is missing, and so stored again; what lies in one row is whole, and stays. The log tells once."""
    caplog.set_level(logging.WARNING)
    storage.write(first("large", BIG))
    storage.write(first("small", {"inputs": b"i"}))
    storage.write(first("ended"))
    storage.write(tombstone(2, "ended"))
    drop(PART)
    assert storage.read("large") is None
    small, ended = storage.read("small"), storage.read("ended")
    assert small is not None
    assert {"inputs": b"i"} == small.parts
    assert ended is not None
    assert ended.head.ended
    assert 1 == caplog.text.count("tables were dropped while they were in use")


def test_many_find_out_at_once(storage: SqlStorage, drop: Callable[..., None]) -> None:
    """All are answered, and what one has stored meanwhile stays."""
    drop(*ALL)
    names = [f"s{number}" for number in range(8)]
    race([lambda name=name: storage.write(first(name, BIG)) for name in names])  # type: ignore[misc] # a default
    assert names == [head.session_id for head in storage.find().heads]


def test_tables_of_a_newer_release_are_left_alone(
    storage: SqlStorage, drop: Callable[..., None], run: Callable[..., None]
) -> None:
    """It may have done without one of them."""
    run("UPDATE sessionkit_schema SET version = 99")
    drop(PART)
    with pytest.raises(NewerFormatError, match="99"):
        storage.read("s")


def test_who_never_set_up_is_told_to(url: str) -> None:
    """Nothing is made for somebody who has not asked for it."""
    with closing(SqlStorage.open(url)) as storage, pytest.raises(RejectedError, match=r"setup\(\)"):
        storage.read("s")


def test_tables_that_can_not_be_made_anew_are_waited_for(
    storage: SqlStorage, drop: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has to make them, such as who has the right to; no save is given up before."""

    def refuse(_: Layout) -> None:
        msg = "permission denied"
        raise RejectedError(msg)

    drop(*ALL)
    with monkeypatch.context() as patch:
        patch.setattr(Layout, "bring_up", refuse)
        for call in (lambda: storage.write(first()), lambda: storage.read("s")):
            with pytest.raises(UnavailableError, match="can't be made anew: permission denied"):
                call()
        (outcome,) = storage.write_many([first()])
        assert isinstance(outcome, UnavailableError)
    storage.write(first())


def test_all_live_sessions_are_stored_again(
    url: str, drop: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next save finds out for all; the status says when, and events tell."""
    settings = load_settings(
        storage="sql", storages={"sql": {"url": url}}, security={"folder": tmp_path}
    )
    told: list[SessionEvent] = []
    with SessionManager(settings) as manager:
        emit = manager.plugins.emit
        monkeypatch.setattr(manager.plugins, "emit", lambda one: (told.append(one), emit(one)))
        sessions = [manager.bootstrap(name) for name in ("one", "two", "three")]
        for session in sessions:
            session.set_input("name", session.session_id)
            manager.schedule_save(session)
        assert manager.flush()
        drop(*ALL)
        sessions[0].set_input("more", 1)
        manager.schedule_save(sessions[0])
        for _ in range(5):
            assert manager.flush()
        stored = [manager.repository.load(one.session_id) for one in sessions]
        assert manager.persistence.status().lost_at is not None
    assert ["one", "two", "three"] == [one and one.inputs["name"] for one in stored]
    assert 3 == len([one for one in told if isinstance(one, SessionStoredAgain)])
    assert [3] == [one.sessions for one in told if isinstance(one, StoreLostSessions)]
