# SPDX-License-Identifier: Apache-2.0
"""The statements that are compiled for SQLite, and the indices that they use."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import sqlalchemy as sa

from sessionkit.testing.storage_samples import first
from sessionkit_sqlite.dialect import Statements
from sessionkit_sqlite.dialects.sqlite import SqliteDialect
from sessionkit_sqlite.schema import Tables
from sessionkit_sqlite.statements import compile_statements
from sessionkit_sqlite.storage import SqliteStorage


@pytest.fixture(name="compiled")
def _compiled(file: Path) -> Iterator[Statements]:
    """Return the statements for a file."""
    engine = sa.create_engine(f"sqlite:///{file}")
    yield compile_statements(SqliteDialect(engine, kept=0), Tables(database="sqlite"))
    engine.dispose()


def test_a_read_is_one_statement(storage: SqliteStorage, statements: list[str]) -> None:
    """One SELECT reads head and parts, and so one snapshot; no transaction is begun."""
    storage.write(first(put={"a": b"1", "b": b"2"}))
    statements.clear()

    storage.read("s")

    assert ["SELECT"] == [statement.split(maxsplit=1)[0] for statement in statements]


@pytest.mark.parametrize(
    ("purpose", "plan"),
    [
        ("read", "SEARCH sessionkit_part USING INDEX"),
        ("count", "USING COVERING INDEX sessionkit_session_activity"),
        ("find_of_after", "USING INDEX sessionkit_session_user (user_id=? AND last_activity<?)"),
        ("find_after", "(session_id>?)"),
        ("purge", "USING INDEX sessionkit_session_expiry (expires_at<?)"),
        ("purge_idle", "USING INDEX sessionkit_session_activity (last_activity<?)"),
    ],
)
def test_indices_are_used(
    connection: sqlite3.Connection, compiled: Statements, purpose: str, plan: str
) -> None:
    """No statement walks over all sessions or sorts them."""
    sql = getattr(compiled, purpose)
    values = dict.fromkeys(re.findall(r":(\w+)", sql), 1)
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]

    assert any(plan in step for step in steps), steps
    assert not any("SCAN" in step or "TEMP B-TREE" in step for step in steps), steps


def test_statements_are_complete(compiled: Statements) -> None:
    """Every statement's parameters are named; none was left as a literal default."""
    texts = [value for value in attrs.asdict(compiled).values() if isinstance(value, str)]

    assert not any("?" in text or "param_" in text for text in texts)
