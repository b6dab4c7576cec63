# SPDX-License-Identifier: Apache-2.0
"""A password that the session holds lies in no byte that leaves the process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from session_harness.passwords import CANARY, OTHER, fill, save_in_every_way, settings

from sessionkit import SessionManager, SessionRepository, UserSession
from sessionkit.defaults.memory import MemoryStorage
from sessionkit.records import SessionWrite, StoredSession


def _bytes_below(folder: Path) -> Iterator[tuple[Path, bytes]]:
    return ((path, path.read_bytes()) for path in folder.rglob("*") if path.is_file())


def _is_clean(data: bytes | str) -> bool:
    text = data if isinstance(data, bytes) else data.encode()
    return CANARY.encode() not in text and OTHER.encode() not in text


def test_no_file_log_event_or_status_holds_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the database, its write-ahead log and the journal, nor what is logged and told; the object does."""
    caplog.set_level(logging.DEBUG)
    url = f"sqlite:///{tmp_path / 'sessions.db'}"
    told: list[Any] = []
    with (
        SessionManager(settings(tmp_path, url=url)) as manager,
        SessionManager(settings(tmp_path / "other", url=url)) as other,
    ):
        emit = manager.emit
        monkeypatch.setattr(manager, "emit", lambda event: (told.append(event), emit(event)))
        session = save_in_every_way(manager, other)
        assert CANARY == session.inputs["Login-Password"]
        assert session.form_states["login"].can_redo
        written = dict(_bytes_below(tmp_path))
        assert {"sessions.db", "sessions.db-wal"} <= {path.name for path in written}
        assert [path for path in written if "journal" in path.parts]
        assert b"Lovelace" in b"".join(written.values())
        assert [] == [path for path, data in written.items() if not _is_clean(data)]
        assert _is_clean(repr(told))
        assert _is_clean(repr(manager.persistence.status()))
        assert _is_clean(repr(manager.decisions(session)))
        assert _is_clean(session.to_json())
        moved = manager.rotate_session()
        assert "Ada Lovelace" == moved.inputs["name"]
    assert _is_clean(caplog.text)
    assert [] == [path for path, data in _bytes_below(tmp_path) if not _is_clean(data)]


@pytest.mark.parametrize("serializer", ["msgpack", "json"])
def test_no_write_of_a_storage_holds_it(serializer: str) -> None:
    """What a repository of an app's own writes is without it, and what it reads back is the rest."""
    writes: list[SessionWrite] = []

    class Watched(MemoryStorage):
        def write(self, write: SessionWrite) -> None:
            writes.append(write)
            super().write(write)

    storage = Watched()
    session = UserSession()
    fill(session)
    repository = SessionRepository(storage, serializer)
    repository.save(session)
    stored: StoredSession | None = storage.read(session.session_id)
    assert stored is not None
    assert _is_clean(repr(writes))
    assert _is_clean(repr(stored))
    loaded = repository.load(session.session_id)
    assert loaded is not None
    assert {"name": "Ada", "account": {"user": "ada", "keys": [{}]}} == loaded.inputs
    form = loaded.form_states["login"]
    assert ({"user": "ada", "nested": {}}, {}) == (form.data, form.errors)
    assert {"tab": "1"} == loaded.navigation_history[-1].params
    assert {"kept": True} == loaded.extensions["plugin"]


def test_what_was_stored_before_is_removed_by_the_next_save() -> None:
    """A release without the rule, or a setting, left it there: whoever saves takes it out."""
    storage = MemoryStorage()
    session = UserSession(inputs={"pin": CANARY})
    SessionRepository(storage).save(session)
    assert not _is_clean(repr(storage.read(session.session_id)))
    repository = SessionRepository(storage)
    loaded = repository.load(session.session_id)
    assert loaded is not None
    loaded.leave_out("pin")
    loaded.set_input("name", "Ada")
    repository.save(loaded)
    assert _is_clean(repr(storage.read(session.session_id)))
    assert CANARY == loaded.inputs["pin"]
