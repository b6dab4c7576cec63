# SPDX-License-Identifier: Apache-2.0
"""
Any number of saves by one statement, in one round trip.

It relies on READ COMMITTED, PostgreSQL's default: a row that another
transaction has locked is looked at again, by ``save_id``, when it is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sessionkit_sqlite.guarded import current_head, outcome
from sessionkit_sqlite.rows import recent_as_text

if TYPE_CHECKING:
    from sessionkit.errors import StorageError
    from sessionkit.records import SessionWrite
    from sessionkit_sqlite.dialects import Cursor
    from sessionkit_sqlite.statements import Statements

# All of a statement's steps see one snapshot. New rows are inserted first, then rows
# are locked, each in the order of their ids: two batches can't wait for each other.
_SAVE: Final = """
WITH new AS (
  SELECT * FROM unnest(
    %(ids)s::text[], %(expected)s::text[], %(versions)s::bigint[], %(save_ids)s::text[],
    %(recents)s::text[], %(user_ids)s::text[], %(created)s::bigint[], %(activities)s::bigint[],
    %(expiries)s::bigint[], %(ended)s::boolean[], %(formats)s::integer[]
  ) AS new (session_id, expected, version, save_id, recent, user_id, created_at, last_activity,
    expires_at, ended, schema_version)
), created AS (
  INSERT INTO sessionkit_session (session_id, version, save_id, recent, user_id, created_at,
    last_activity, expires_at, ended, schema_version)
  SELECT session_id, version, save_id, recent, user_id, created_at, last_activity, expires_at,
    ended, schema_version
  FROM new WHERE expected IS NULL ORDER BY session_id COLLATE "C"
  ON CONFLICT DO NOTHING
  RETURNING session_id
), locked AS (
  SELECT old.session_id
  FROM sessionkit_session AS old
  JOIN new ON new.session_id = old.session_id AND new.expected = old.save_id
  ORDER BY old.session_id
  FOR UPDATE OF old
), updated AS (
  UPDATE sessionkit_session AS old
  SET version = new.version, save_id = new.save_id, recent = new.recent, user_id = new.user_id,
    created_at = new.created_at, last_activity = greatest(old.last_activity, new.last_activity),
    expires_at = new.expires_at, ended = new.ended, schema_version = new.schema_version
  FROM new JOIN locked ON locked.session_id = new.session_id
  WHERE old.session_id = new.session_id AND old.save_id = new.expected
  RETURNING old.session_id
), taken AS (
  SELECT session_id FROM created UNION ALL SELECT session_id FROM updated
), removed AS (
  DELETE FROM sessionkit_part AS part
  USING unnest(%(removed_ids)s::text[], %(removed_names)s::text[]) AS gone (session_id, name)
  WHERE part.session_id = gone.session_id AND part.name = gone.name
    AND gone.session_id IN (SELECT session_id FROM taken)
), put AS (
  INSERT INTO sessionkit_part (session_id, name, data)
  SELECT put.session_id, put.name, put.data
  FROM unnest(%(put_ids)s::text[], %(put_names)s::text[], %(put_data)s::bytea[])
    AS put (session_id, name, data)
  JOIN taken ON taken.session_id = put.session_id
  ON CONFLICT (session_id, name) DO UPDATE SET data = excluded.data
)
SELECT session_id FROM taken
"""


class PostgresqlSaving:
    """Stores sessions, all by one statement."""

    def __init__(self, sql: Statements) -> None:
        """Take the statements for what was refused."""
        self._sql = sql

    def store(
        self, writes: Sequence[SessionWrite], cursor: Cursor
    ) -> Sequence[StorageError | None]:
        """Store *writes* on a cursor in autocommit; an outcome for each."""
        cursor.execute(_SAVE, _arrays(writes))
        taken = {session_id for (session_id,) in cursor.fetchall()}
        return [
            None
            if write.head.session_id in taken
            else outcome(write, current_head(self._sql, write.head.session_id, cursor))
            for write in writes
        ]


def _arrays(writes: Sequence[SessionWrite]) -> dict[str, list[Any]]:
    heads = [write.head for write in writes]
    put = [(write.head.session_id, *part) for write in writes for part in write.put.items()]
    removed = [(write.head.session_id, name) for write in writes for name in write.remove]
    return {
        "ids": [head.session_id for head in heads],
        "expected": [write.expected for write in writes],
        "versions": [head.version for head in heads],
        "save_ids": [head.save_id for head in heads],
        "recents": [recent_as_text(head) for head in heads],
        "user_ids": [head.user_id for head in heads],
        "created": [head.created_at for head in heads],
        "activities": [head.last_activity for head in heads],
        "expiries": [head.expires_at for head in heads],
        "ended": [head.ended for head in heads],
        "formats": [head.schema_version for head in heads],
        "put_ids": [session_id for session_id, _, _ in put],
        "put_names": [name for _, name, _ in put],
        "put_data": [data for _, _, data in put],
        "removed_ids": [session_id for session_id, _ in removed],
        "removed_names": [name for _, name in removed],
    }
