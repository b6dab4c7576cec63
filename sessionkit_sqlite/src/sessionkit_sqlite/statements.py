# SPDX-License-Identifier: Apache-2.0
"""
Every statement, compiled once a storage.

SQLAlchemy writes the SQL for the database at hand; a storage runs the text on
the driver's own cursor. Going through SQLAlchemy's connection at each save
would cost four times what SQLite itself takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import sqlalchemy as sa

from sessionkit_sqlite.dialect import Statements
from sessionkit_sqlite.schema import HEAD, LIVING, PART, SCHEMA, SESSION

if TYPE_CHECKING:
    from sessionkit_sqlite.dialect import Dialect

_Number: TypeAlias = sa.BindParameter[int]

_CHANGED: Final = [column.name for column in HEAD if column.name != "session_id"]
_INDEXED: Final = ("user_id", "last_activity", "expires_at", "ended")
_LIGHT: Final = [name for name in _CHANGED if name not in _INDEXED]


def compile_statements(dialect: Dialect) -> Statements:
    """Return all statements in the language of *dialect*."""
    sql = dialect.sql
    clauses = {**_layouts(dialect), **_reads(), **_writes(dialect), **_lists(), **_purges(dialect)}
    return Statements(
        put=[sql(clause) for clause in dialect.upsert(PART)],
        # The columns that an update sets are named like the head's fields.
        update=sql(_guarded_update(), column_keys=_CHANGED),
        resave=sql(_light_update(), column_keys=[*_LIGHT, "part_data"]),
        **{purpose: sql(clause) for purpose, clause in clauses.items()},
    )


def _layouts(dialect: Dialect) -> dict[str, sa.ClauseElement]:
    return {
        "layout": sa.select(SCHEMA.c.version),
        "keep_layout": dialect.insert_new(SCHEMA),
        "set_layout": sa.update(SCHEMA).values(version=sa.bindparam("version")),
    }


def _reads() -> dict[str, sa.ClauseElement]:
    wanted = SESSION.c.session_id == sa.bindparam("session_id")
    joined = SESSION.outerjoin(PART)
    since = SESSION.c.last_activity >= sa.bindparam("active_since")
    return {
        "read": (sa.select(*SESSION.c, PART.c.name, PART.c.data).select_from(joined).where(wanted)),
        "own_part": sa.select(SESSION.c.part_name).where(wanted),
        "head": sa.select(*HEAD).where(wanted),
        "count": sa.select(sa.func.count()).select_from(SESSION).where(LIVING, since),
    }


def _writes(dialect: Dialect) -> dict[str, sa.ClauseElement]:
    wanted = SESSION.c.session_id == sa.bindparam("session_id")
    named = PART.c.name == sa.bindparam("name")
    activity: _Number = sa.bindparam("activity")
    return {
        "create": dialect.insert_new(SESSION),
        "put_own": (
            sa.update(SESSION)
            .where(wanted)
            .values(part_name=sa.bindparam("own_name"), part_data=sa.bindparam("data"))
        ),
        "remove": sa.delete(PART).where(PART.c.session_id == sa.bindparam("session_id"), named),
        "touch": (
            sa.update(SESSION)
            .where(wanted, LIVING, SESSION.c.last_activity <= activity)
            .values(last_activity=activity, expires_at=sa.bindparam("expiry"))
        ),
        "delete": sa.delete(SESSION).where(wanted),
    }


def _guarded_update() -> sa.Update:
    """Replace a head by compare-and-set; its activity never moves back."""
    written: _Number = sa.bindparam("activity", type_=sa.BigInteger)
    return (
        sa.update(SESSION)
        .where(SESSION.c.session_id == sa.bindparam("session_id"))
        .where(SESSION.c.save_id == sa.bindparam("expected"))
        .values(
            last_activity=sa.case(
                (SESSION.c.last_activity > written, SESSION.c.last_activity), else_=written
            )
        )
    )


def _light_update() -> sa.Update:
    """
    Replace a head and the part in its row by compare-and-set, where no index has to change.

    A database that is told to set an indexed column writes the index, too, be it the same.
    """
    return sa.update(SESSION).where(
        SESSION.c.session_id == sa.bindparam("session_id"),
        SESSION.c.save_id == sa.bindparam("expected"),
        SESSION.c.part_name == sa.bindparam("name"),
        SESSION.c.last_activity >= sa.bindparam("activity"),
        SESSION.c.user_id.is_not_distinct_from(sa.bindparam("user_id", type_=sa.String)),
        SESSION.c.expires_at.is_not_distinct_from(sa.bindparam("expires_at", type_=sa.BigInteger)),
        SESSION.c.ended == sa.bindparam("ended"),
    )


def _lists() -> dict[str, sa.ClauseElement]:
    key = SESSION.c.session_id
    last: sa.BindParameter[str] = sa.bindparam("last_id")
    every = sa.select(*HEAD).where(LIVING).order_by(key)
    owned = (
        sa.select(*HEAD)
        .where(SESSION.c.user_id == sa.bindparam("user_id"), LIVING)
        .order_by(SESSION.c.last_activity.desc(), key.desc())
    )
    rank: _Number = sa.bindparam("last_rank")
    # Not "rank < :r OR (rank = :r AND ...)": no index helps with that form on every database.
    after = sa.and_(
        SESSION.c.last_activity <= rank, sa.or_(SESSION.c.last_activity < rank, key < last)
    )
    pages = {"find": every, "find_after": every.where(key > last)}
    pages |= {"find_of": owned, "find_of_after": owned.where(after)}
    return {name: _limited(select) for name, select in pages.items()}


def _limited(select: sa.Select[tuple[object, ...]]) -> sa.Select[tuple[object, ...]]:
    """Return *select* cut at the parameter ``limit``."""
    # SQLAlchemy adds an offset of its own as a parameter unless one is given.
    return select.limit(sa.bindparam("limit")).offset(sa.literal_column("0"))


def _purges(dialect: Dialect) -> dict[str, sa.ClauseElement]:
    expired = SESSION.c.expires_at < sa.bindparam("expired_before")
    idle = sa.and_(LIVING, SESSION.c.last_activity < sa.bindparam("idle_before"))
    return {
        "purge": dialect.purge(SESSION, expired),
        "purge_idle": dialect.purge(SESSION, sa.or_(expired, idle)),
    }
