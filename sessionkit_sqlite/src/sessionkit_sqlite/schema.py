# SPDX-License-Identifier: Apache-2.0
"""The tables: times are integer microseconds, ids are compared byte for byte."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

TABLES_VERSION: Final = 1
"""The layout of the tables that this release creates and uses."""

_METADATA: Final = sa.MetaData()

SESSION: Final = sa.Table(
    "sessionkit_session",
    _METADATA,
    sa.Column("session_id", sa.String(128), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("save_id", sa.String(64), nullable=False),
    sa.Column("recent", sa.Text, nullable=False),
    sa.Column("user_id", sa.String(255)),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("last_activity", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("ended", sa.Boolean, nullable=False),
    sa.Column("schema_version", sa.Integer, nullable=False),
)

PART: Final = sa.Table(
    "sessionkit_part",
    _METADATA,
    sa.Column(
        "session_id",
        sa.String(128),
        sa.ForeignKey(SESSION.c.session_id, ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("name", sa.String(190), primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

SCHEMA: Final = sa.Table(
    "sessionkit_schema",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, nullable=False),
)

LIVING: Final = SESSION.c.ended == sa.false()
"""No tombstone."""

INDICES: Final = (
    sa.Index(
        "sessionkit_session_user",
        SESSION.c.user_id,
        SESSION.c.last_activity,
        SESSION.c.session_id,
        sqlite_where=SESSION.c.user_id.is_not(None),
    ),
    # With ``ended``, counting reads nothing but the index.
    sa.Index("sessionkit_session_activity", SESSION.c.last_activity, SESSION.c.ended),
    sa.Index(
        "sessionkit_session_expiry",
        SESSION.c.expires_at,
        sqlite_where=SESSION.c.expires_at.is_not(None),
    ),
)

TABLES: Final = (SESSION, PART)
