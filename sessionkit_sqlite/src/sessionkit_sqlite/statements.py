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

from sessionkit.records import MOST_AHEAD
from sessionkit_sqlite.dialect import Statements
from sessionkit_sqlite.schema import Tables

if TYPE_CHECKING:
    from sessionkit_sqlite.dialect import Dialect

_Number: TypeAlias = sa.BindParameter[int]

_MOST_AHEAD: Final[sa.ColumnElement[int]] = sa.literal_column(str(MOST_AHEAD), sa.BigInteger)

_CHANGED: Final = [column.name for column in Tables().head if column.name != "session_id"]
_INDEXED: Final = ("user_id", "last_activity", "expires_at", "ended")
_LIGHT: Final = [name for name in _CHANGED if name not in _INDEXED]


def compile_statements(dialect: Dialect, tables: Tables) -> Statements:
    """Return all statements about *tables* in the language of *dialect*."""
    sql = dialect.sql
    clauses = {
        **_layouts(dialect, tables.schema),
        **_reads(tables),
        **_writes(dialect, tables),
        **_lists(tables),
        **_purges(dialect, tables),
    }
    return Statements(
        tables=tables,
        put=[sql(clause) for clause in dialect.upsert(tables.part)],
        # The columns that an update sets are named like the head's fields.
        update=sql(_guarded_update(tables.session), column_keys=_CHANGED),
        resave=sql(_light_update(tables.session), column_keys=[*_LIGHT, "part_data"]),
        **{purpose: sql(clause) for purpose, clause in clauses.items()},
    )


def _layouts(dialect: Dialect, schema: sa.Table) -> dict[str, sa.ClauseElement]:
    return {
        "layout": sa.select(schema.c.version),
        "keep_layout": dialect.insert_new(schema),
        "set_layout": sa.update(schema).values(version=sa.bindparam("version")),
    }


def _reads(tables: Tables) -> dict[str, sa.ClauseElement]:
    session, part = tables.data
    wanted = session.c.session_id == sa.bindparam("session_id")
    joined = session.outerjoin(part)
    since = session.c.last_activity >= sa.bindparam("active_since")
    return {
        "read": (sa.select(*session.c, part.c.name, part.c.data).select_from(joined).where(wanted)),
        "own_part": sa.select(session.c.part_name).where(wanted),
        "head": sa.select(*tables.head).where(wanted),
        "count": sa.select(sa.func.count()).select_from(session).where(tables.living, since),
    }


def _writes(dialect: Dialect, tables: Tables) -> dict[str, sa.ClauseElement]:
    session, part = tables.data
    wanted = session.c.session_id == sa.bindparam("session_id")
    named = part.c.name == sa.bindparam("name")
    activity: _Number = sa.bindparam("activity")
    return {
        "create": dialect.insert_new(session),
        "put_own": (
            sa.update(session)
            .where(wanted)
            .values(part_name=sa.bindparam("own_name"), part_data=sa.bindparam("data"))
        ),
        "remove": sa.delete(part).where(part.c.session_id == sa.bindparam("session_id"), named),
        "touch": (
            sa.update(session)
            .where(
                wanted,
                tables.living,
                sa.or_(
                    session.c.last_activity <= activity,
                    session.c.last_activity - _MOST_AHEAD > activity,
                ),
            )
            .values(last_activity=activity, expires_at=sa.bindparam("expiry"))
        ),
        "delete": sa.delete(session).where(wanted),
    }


def _guarded_update(session: sa.Table) -> sa.Update:
    """Replace a head by compare-and-set; its activity never moves back, but from more than a day ahead."""
    written: _Number = sa.bindparam("activity", type_=sa.BigInteger)
    return (
        sa.update(session)
        .where(session.c.session_id == sa.bindparam("session_id"))
        .where(session.c.save_id == sa.bindparam("expected"))
        .values(
            last_activity=sa.case(
                (
                    sa.and_(
                        session.c.last_activity > written,
                        session.c.last_activity - _MOST_AHEAD <= written,
                    ),
                    session.c.last_activity,
                ),
                else_=written,
            )
        )
    )


def _light_update(session: sa.Table) -> sa.Update:
    """
    Replace a head and the part in its row by compare-and-set, where no index has to change.

    A database that is told to set an indexed column writes the index, too, be it the same.
    """
    return sa.update(session).where(
        session.c.session_id == sa.bindparam("session_id"),
        session.c.save_id == sa.bindparam("expected"),
        session.c.part_name == sa.bindparam("name"),
        session.c.last_activity >= sa.bindparam("activity"),
        session.c.last_activity - _MOST_AHEAD <= sa.bindparam("activity"),
        session.c.user_id.is_not_distinct_from(sa.bindparam("user_id", type_=sa.String)),
        session.c.expires_at.is_not_distinct_from(sa.bindparam("expires_at", type_=sa.BigInteger)),
        session.c.ended == sa.bindparam("ended"),
    )


def _lists(tables: Tables) -> dict[str, sa.ClauseElement]:
    session = tables.session
    key = session.c.session_id
    last: sa.BindParameter[str] = sa.bindparam("last_id")
    every = sa.select(*tables.head).where(tables.living).order_by(key)
    owned = (
        sa.select(*tables.head)
        .where(session.c.user_id == sa.bindparam("user_id"), tables.living)
        .order_by(session.c.last_activity.desc(), key.desc())
    )
    rank: _Number = sa.bindparam("last_rank")
    # Not "rank < :r OR (rank = :r AND ...)": no index helps with that form on every database.
    after = sa.and_(
        session.c.last_activity <= rank, sa.or_(session.c.last_activity < rank, key < last)
    )
    pages = {"find": every, "find_after": every.where(key > last)}
    pages |= {"find_of": owned, "find_of_after": owned.where(after)}
    return {name: _limited(select) for name, select in pages.items()}


def _limited(select: sa.Select[tuple[object, ...]]) -> sa.Select[tuple[object, ...]]:
    """Return *select* cut at the parameter ``limit``."""
    # SQLAlchemy adds an offset of its own as a parameter unless one is given.
    return select.limit(sa.bindparam("limit")).offset(sa.literal_column("0"))


def _purges(dialect: Dialect, tables: Tables) -> dict[str, sa.ClauseElement]:
    session = tables.session
    expired = session.c.expires_at < sa.bindparam("expired_before")
    idle = sa.and_(tables.living, session.c.last_activity < sa.bindparam("idle_before"))
    return {
        "purge": dialect.purge(session, expired),
        "purge_idle": dialect.purge(session, sa.or_(expired, idle)),
    }
