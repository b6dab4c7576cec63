# SPDX-License-Identifier: Apache-2.0
"""The tables: times are integer microseconds, ids are compared byte for byte."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

TABLES_VERSION: Final = 1
"""The layout of the tables that this release creates and uses."""

LONGEST_ID: Final = 128
LONGEST_USER_ID: Final = 512
LONGEST_NAME: Final = 190
"""How many characters a part's name may have; with the session's id a key of InnoDB's size."""

_METADATA: Final = sa.MetaData()


def _bytes() -> sa.LargeBinary:
    """Return a type for a part's data: MySQL's BLOB ends at 64 kB."""
    return sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")


def _text(length: int) -> sa.String:
    """
    Return a type for text that is compared byte for byte.

    The usual collations of MySQL and MariaDB take ``A`` for ``a``, and their
    ``_bin`` ones still ignore blanks at the end: ``'Ab '`` would load ``'Ab'``.
    """
    return (
        sa.String(length)
        .with_variant(sa.String(length, collation="C"), "postgresql")
        .with_variant(
            mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_0900_bin"), "mysql"
        )
        .with_variant(
            mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_nopad_bin"), "mariadb"
        )
    )


SESSION: Final = sa.Table(
    "sessionkit_session",
    _METADATA,
    sa.Column("session_id", _text(LONGEST_ID), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("save_id", _text(64), nullable=False),
    sa.Column("recent", sa.Text, nullable=False),
    sa.Column("user_id", _text(LONGEST_USER_ID)),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("last_activity", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("ended", sa.Boolean, nullable=False),
    sa.Column("schema_version", sa.Integer, nullable=False),
    # The part that a session began with, if it was alone: most sessions are small, have
    # no other, and are saved and loaded as one row. No part is in both places.
    sa.Column("part_name", _text(LONGEST_NAME)),
    sa.Column("part_data", _bytes()),
)

HEAD: Final = tuple(SESSION.c)[:10]
"""The columns of a head, in the order of its fields."""

PART: Final = sa.Table(
    "sessionkit_part",
    _METADATA,
    sa.Column(
        "session_id",
        _text(LONGEST_ID),
        sa.ForeignKey(SESSION.c.session_id, ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("name", _text(LONGEST_NAME), primary_key=True),
    sa.Column("data", _bytes(), nullable=False),
)

SCHEMA: Final = sa.Table(
    "sessionkit_schema",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, nullable=False),
)

LIVING: Final = SESSION.c.ended == sa.false()
"""No tombstone."""

_OWNED: Final = SESSION.c.user_id.is_not(None)
_ENDING: Final = SESSION.c.expires_at.is_not(None)

INDICES: Final = (
    sa.Index(
        "sessionkit_session_user",
        SESSION.c.user_id,
        SESSION.c.last_activity,
        SESSION.c.session_id,
        sqlite_where=_OWNED,
        postgresql_where=_OWNED,
    ),
    # With ``ended``, counting reads nothing but the index.
    sa.Index(
        "sessionkit_session_activity",
        SESSION.c.last_activity,
        SESSION.c.ended,
        sqlite_where=LIVING,
        postgresql_where=LIVING,
    ),
    sa.Index(
        "sessionkit_session_expiry",
        SESSION.c.expires_at,
        sqlite_where=_ENDING,
        postgresql_where=_ENDING,
    ),
)

TABLES: Final = (SESSION, PART)
