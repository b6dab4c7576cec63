# SPDX-License-Identifier: Apache-2.0
"""
Saves in PostgreSQL: any number of them by one statement, in one round trip.

It relies on READ COMMITTED, PostgreSQL's default: a row that another
transaction has locked is looked at again, by ``save_id``, when it is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sessionkit_sqlite.rows import current_head, only_part, outcome, recent_as_text, values_of

if TYPE_CHECKING:
    from sessionkit.errors import StorageError
    from sessionkit.records import SessionWrite
    from sessionkit_sqlite.dialect import Cursor, Statements

# The stored activity stays where it is the later one, but not more than a day ahead: records.MOST_AHEAD.
# One session, one part: what most saves are. The part goes where it is.
_RESAVE: Final = """
WITH head AS (
  UPDATE sessionkit_session
  SET version = %(version)s, save_id = %(save_id)s, recent = %(recent)s, user_id = %(user_id)s,
    created_at = %(created_at)s, last_activity = CASE
      WHEN last_activity > %(last_activity)s AND last_activity - 86400000000 <= %(last_activity)s
      THEN last_activity ELSE %(last_activity)s END,
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

# One session, other parts than one: what most saves of a large session are. Nothing is joined that
# the server would have to plan for: the next statement does the same in twice the time.
_RESAVE_PARTS: Final = """
WITH put AS (
  SELECT * FROM unnest(%(names)b::text[], %(data)b::bytea[]) AS put (name, data)
), head AS (
  UPDATE sessionkit_session
  SET version = %(version)s, save_id = %(save_id)s, recent = %(recent)s, user_id = %(user_id)s,
    created_at = %(created_at)s, last_activity = CASE
      WHEN last_activity > %(last_activity)s AND last_activity - 86400000000 <= %(last_activity)s
      THEN last_activity ELSE %(last_activity)s END,
    expires_at = %(expires_at)s, ended = %(ended)s, schema_version = %(schema_version)s,
    part_data = coalesce((SELECT data FROM put WHERE name = part_name), part_data)
  WHERE session_id = %(session_id)s AND save_id = %(expected)s
  RETURNING session_id, part_name
), parts AS (
  INSERT INTO sessionkit_part (session_id, name, data)
  SELECT session_id, name, data FROM head, put WHERE name IS DISTINCT FROM part_name
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
  SELECT * FROM unnest(
    %(ids)b::text[], %(expected)b::text[], %(versions)b::bigint[], %(save_ids)b::text[],
    %(recents)b::text[], %(user_ids)b::text[], %(created)b::bigint[], %(activities)b::bigint[],
    %(expiries)b::bigint[], %(ended)b::boolean[], %(formats)b::integer[],
    %(only_names)b::text[], %(only_data)b::bytea[]
  ) AS new (session_id, expected, version, save_id, recent, user_id, created_at, last_activity,
    expires_at, ended, schema_version, part_name, part_data)
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
  SELECT session_id, name FROM gone UNION ALL SELECT session_id, name FROM put
), updated AS (
  UPDATE sessionkit_session AS old
  SET version = new.version, save_id = new.save_id, recent = new.recent, user_id = new.user_id,
    created_at = new.created_at, last_activity = CASE
      WHEN old.last_activity > new.last_activity
        AND old.last_activity - 86400000000 <= new.last_activity
      THEN old.last_activity ELSE new.last_activity END,
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
  SELECT parts.session_id, parts.name, parts.data
  FROM (
    SELECT session_id, name, data FROM put
    UNION ALL
    SELECT session_id, part_name, part_data FROM new WHERE part_name IS NOT NULL
  ) AS parts (session_id, name, data)
  JOIN taken ON taken.session_id = parts.session_id
    AND taken.part_name IS DISTINCT FROM parts.name
  ON CONFLICT (session_id, name) DO UPDATE SET data = excluded.data
)
SELECT session_id FROM taken
"""


class PostgresqlSaver:
    """Stores sessions, all by one statement."""

    def __init__(self, sql: Statements) -> None:
        """Take the statements for what was refused."""
        self._sql = sql
        self._save = sql.tables.named(_SAVE)
        self._resave = sql.tables.named(_RESAVE)
        self._resave_parts = sql.tables.named(_RESAVE_PARTS)

    def save(self, writes: Sequence[SessionWrite], cursor: Cursor) -> Sequence[StorageError | None]:
        """Store *writes* on a cursor in autocommit; an outcome for each."""
        if _is_resave(writes):
            cursor.execute(*self._of_one(writes[0]))
        else:
            cursor.execute(self._save, _arrays(writes))
        taken = {session_id for (session_id,) in cursor.fetchall()}
        return [
            None
            if write.head.session_id in taken
            else outcome(write, current_head(self._sql, write.head.session_id, cursor))
            for write in writes
        ]

    def _of_one(self, write: SessionWrite) -> tuple[str, dict[str, Any]]:
        """Return the shorter statement for one session, and its parameters."""
        values = {**values_of(write.head), "expected": write.expected}
        part = only_part(write)
        if part is not None:
            values["name"], values["data"] = part
            return self._resave, values
        values["names"], values["data"] = list(write.put), list(write.put.values())
        return self._resave_parts, values


def _is_resave(writes: Sequence[SessionWrite]) -> bool:
    """Return whether a shorter statement does: for one session that was stored, and loses no part."""
    return len(writes) == 1 and writes[0].expected is not None and not writes[0].remove


def _arrays(writes: Sequence[SessionWrite]) -> dict[str, list[Any]]:
    heads = [write.head for write in writes]
    alone = [only_part(write) or (None, None) for write in writes]
    put = [
        (write.head.session_id, *part)
        for write, (only, _) in zip(writes, alone, strict=True)
        if only is None
        for part in write.put.items()
    ]
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
        "only_names": [name for name, _ in alone],
        "only_data": [data for _, data in alone],
        "put_ids": [session_id for session_id, _, _ in put],
        "put_names": [name for _, name, _ in put],
        "put_data": [data for _, _, data in put],
        "removed_ids": [session_id for session_id, _ in removed],
        "removed_names": [name for _, name in removed],
    }
