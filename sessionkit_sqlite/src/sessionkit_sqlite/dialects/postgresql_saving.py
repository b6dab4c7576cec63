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
from sessionkit_sqlite.rows import only_part, recent_as_text, values_of

if TYPE_CHECKING:
    from sessionkit.errors import StorageError
    from sessionkit.records import SessionWrite
    from sessionkit_sqlite.dialects import Cursor
    from sessionkit_sqlite.statements import Statements

# One session, one part: what most saves are. The part goes where it is.
_RESAVE: Final = """
WITH head AS (
  UPDATE sessionkit_session
  SET version = %(version)s, save_id = %(save_id)s, recent = %(recent)s, user_id = %(user_id)s,
    created_at = %(created_at)s, last_activity = greatest(last_activity, %(last_activity)s),
    expires_at = %(expires_at)s, ended = %(ended)s, schema_version = %(schema_version)s,
    part_data = CASE WHEN part_name = %(name)s THEN %(data)b ELSE part_data END
  WHERE session_id = %(session_id)s AND save_id = %(expected)s
  RETURNING session_id, part_name
), put AS (
  INSERT INTO sessionkit_part (session_id, name, data)
  SELECT session_id, %(name)s, %(data)b FROM head WHERE part_name IS DISTINCT FROM %(name)s
  ON CONFLICT (session_id, name) DO UPDATE SET data = excluded.data
)
SELECT session_id FROM head
"""

# Arrays go in binary ("%b"): as text, each item would be looked at for quotes.
# All of a statement's steps see one snapshot. New rows are inserted first, then rows
# are locked, each in the order of their ids: two batches can't wait for each other.
_SAVE: Final = """
WITH put AS (
  SELECT * FROM unnest(%(put_ids)b::text[], %(put_names)b::text[], %(put_data)b::bytea[])
    AS put (session_id, name, data)
), gone AS (
  SELECT * FROM unnest(%(removed_ids)b::text[], %(removed_names)b::text[])
    AS gone (session_id, name)
), new AS (
  SELECT new.*, put.name AS part_name, put.data AS part_data
  FROM unnest(
    %(ids)b::text[], %(expected)b::text[], %(versions)b::bigint[], %(save_ids)b::text[],
    %(recents)b::text[], %(user_ids)b::text[], %(created)b::bigint[], %(activities)b::bigint[],
    %(expiries)b::bigint[], %(ended)b::boolean[], %(formats)b::integer[], %(only)b::text[]
  ) AS new (session_id, expected, version, save_id, recent, user_id, created_at, last_activity,
    expires_at, ended, schema_version, only_part)
  LEFT JOIN put ON put.session_id = new.session_id AND put.name = new.only_part
), created AS (
  INSERT INTO sessionkit_session (session_id, version, save_id, recent, user_id, created_at,
    last_activity, expires_at, ended, schema_version, part_name, part_data)
  SELECT session_id, version, save_id, recent, user_id, created_at, last_activity, expires_at,
    ended, schema_version, part_name, part_data
  FROM new WHERE expected IS NULL ORDER BY session_id COLLATE "C"
  ON CONFLICT DO NOTHING
  RETURNING session_id, part_name
), locked AS (
  SELECT old.session_id
  FROM sessionkit_session AS old
  JOIN new ON new.session_id = old.session_id AND new.expected = old.save_id
  ORDER BY old.session_id
  FOR UPDATE OF old
), displaced AS (
  SELECT session_id, name FROM gone
  UNION ALL
  SELECT put.session_id, put.name FROM put JOIN new USING (session_id) WHERE new.only_part IS NULL
), updated AS (
  UPDATE sessionkit_session AS old
  SET version = new.version, save_id = new.save_id, recent = new.recent, user_id = new.user_id,
    created_at = new.created_at, last_activity = greatest(old.last_activity, new.last_activity),
    expires_at = new.expires_at, ended = new.ended, schema_version = new.schema_version,
    part_name = CASE WHEN (old.session_id, old.part_name) IN (SELECT * FROM displaced)
      THEN NULL ELSE old.part_name END,
    part_data = CASE WHEN old.part_name = new.part_name THEN new.part_data
      WHEN (old.session_id, old.part_name) IN (SELECT * FROM displaced) THEN NULL
      ELSE old.part_data END
  FROM new JOIN locked ON locked.session_id = new.session_id
  WHERE old.session_id = new.session_id AND old.save_id = new.expected
  RETURNING old.session_id, old.part_name
), taken AS (
  SELECT session_id, part_name FROM created UNION ALL SELECT session_id, part_name FROM updated
), removed AS (
  DELETE FROM sessionkit_part AS part USING gone
  WHERE part.session_id = gone.session_id AND part.name = gone.name
    AND gone.session_id IN (SELECT session_id FROM taken)
), stored AS (
  INSERT INTO sessionkit_part (session_id, name, data)
  SELECT put.session_id, put.name, put.data
  FROM put JOIN taken ON taken.session_id = put.session_id
    AND taken.part_name IS DISTINCT FROM put.name
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
        resave = _resave_of(writes[0]) if len(writes) == 1 else None
        if resave is None:
            cursor.execute(_SAVE, _arrays(writes))
        else:
            cursor.execute(_RESAVE, resave)
        taken = {session_id for (session_id,) in cursor.fetchall()}
        return [
            None
            if write.head.session_id in taken
            else outcome(write, current_head(self._sql, write.head.session_id, cursor))
            for write in writes
        ]


def _resave_of(write: SessionWrite) -> dict[str, Any] | None:
    """Return the parameters of the shorter statement, if it can store *write*."""
    part = only_part(write)
    if part is None or write.expected is None:
        return None
    values = values_of(write.head)
    values["expected"] = write.expected
    values["name"], values["data"] = part
    return values


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
        "only": [(only_part(write) or (None,))[0] for write in writes],
        "put_ids": [session_id for session_id, _, _ in put],
        "put_names": [name for _, name, _ in put],
        "put_data": [data for _, _, data in put],
        "removed_ids": [session_id for session_id, _ in removed],
        "removed_names": [name for _, name in removed],
    }
