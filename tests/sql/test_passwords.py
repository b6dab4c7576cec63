# SPDX-License-Identifier: Apache-2.0
"""A password that a session holds lies in no byte that a SQL server keeps: neither in its tables nor in its log."""

from __future__ import annotations

from pathlib import Path

from session_harness.mariadb import MariadbServer
from session_harness.passwords import CANARY, OTHER, save_in_every_way, settings
from session_harness.postgresql import PostgresqlServer

from sessionkit import SessionManager


def test_no_file_of_the_server_holds_it(
    server: PostgresqlServer | MariadbServer, url: str, tmp_path: Path
) -> None:
    """Whatever way it was saved: each save lies in the server's write-ahead log, as it was sent."""
    with (
        SessionManager(settings(tmp_path, "sql", url=url)) as manager,
        SessionManager(settings(tmp_path / "other", "sql", url=url)) as other,
    ):
        session = save_in_every_way(manager, other)
        manager.save(session, immediate=True)
        assert CANARY == session.inputs["Login-Password"]
        manager.rotate_session()
    files = [one for one in (server.process.folder / "data").rglob("*") if one.is_file()]
    kept = {one: one.read_bytes() for one in files}
    assert any(b"Ada Lovelace" in data for data in kept.values())
    held = [
        one for one, data in kept.items() if any(word.encode() in data for word in (CANARY, OTHER))
    ]
    assert [] == held
