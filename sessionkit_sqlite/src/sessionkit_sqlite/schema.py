# SPDX-License-Identifier: Apache-2.0
"""The tables: times are integer microseconds, ids are compared byte for byte."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from sessionkit.errors import ConfigError

TABLES_VERSION: Final = 1
"""The layout of the tables that this release creates and uses."""

LONGEST_ID: Final = 128
LONGEST_USER_ID: Final = 512
LONGEST_NAME: Final = 190
"""How many characters a part's name may have; with the session's id a key of InnoDB's size."""


_MYSQL: Final = ("mysql", "mariadb")
"""Either may be at the other's address: which one it is, is known when the tables are created."""

_WITH_PARTIAL_INDICES: Final = ("sqlite", "postgresql")


def _bytes(database: str) -> sa.LargeBinary:
    """Return a type for a part's data: MySQL's BLOB ends at 64 kB."""
    if database not in _MYSQL:
        return sa.LargeBinary()
    from sqlalchemy.dialects import mysql  # noqa: PLC0415 - the others need it not

    return sa.LargeBinary().with_variant(mysql.LONGBLOB(), *_MYSQL)


def _text(database: str, length: int) -> sa.String:
    """
    Return a type for text that is compared byte for byte.

    The usual collations of MySQL and MariaDB take ``A`` for ``a``, and their
    ``_bin`` ones still ignore blanks at the end: ``'Ab '`` would load ``'Ab'``.
    """
    if database == "postgresql":
        return sa.String(length, collation="C")
    if database not in _MYSQL:
        return sa.String(length)
    from sqlalchemy.dialects.mysql import VARCHAR  # noqa: PLC0415 - as above

    return (
        sa.String(length)
        .with_variant(VARCHAR(length, charset="utf8mb4", collation="utf8mb4_0900_bin"), "mysql")
        .with_variant(VARCHAR(length, charset="utf8mb4", collation="utf8mb4_nopad_bin"), "mariadb")
    )


_PREFIX: Final = "sessionkit_"
_NAMESPACE: Final = re.compile(r"[a-z]([a-z0-9_]{0,30}[a-z0-9])?")


class Tables:
    """
    The tables of one app; several apps share a database by a namespace each.

    Attributes:
        namespace: What the names of its tables have in them; empty for the app that has the usual names.
        session: One row a head.
        part: One row a part.
        schema: The version of their layout.
        head: The columns of a head, in the order of its fields.
        living: No tombstone.
        indices: Their indices.
    """

    def __init__(self, namespace: Any = "", database: str = "") -> None:  # noqa: ANN401 - what a settings file says
        """
        Name the tables.

        Args:
            namespace: What tells one app's tables from another's.
            database: The kind of database that they are for, as SQLAlchemy calls it. What is said for another
                one would make SQLAlchemy load all that it knows of that, which takes some 40 ms.

        Raises:
            ConfigError: If *namespace* would not do in the names of tables, on every database.
        """
        if not isinstance(namespace, str) or (namespace and not _NAMESPACE.fullmatch(namespace)):
            msg = (
                f"[storages.sql] namespace is {namespace!r}; it can have up to 32 lower-case letters,"
                " digits and underscores, the first a letter, the last no underscore"
            )
            raise ConfigError(msg)
        self.namespace: str = namespace
        metadata = sa.MetaData()
        self.session = _session_table(self.named("sessionkit_session"), metadata, database)
        self.part = _part_table(self.named("sessionkit_part"), metadata, self.session, database)
        self.schema = sa.Table(
            self.named("sessionkit_schema"),
            metadata,
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("version", sa.Integer, nullable=False),
        )
        self.head: tuple[sa.Column[Any], ...] = tuple(self.session.c)[:10]
        self.living = self.session.c.ended == sa.false()
        self.indices = _indices(self.session, self.living, database)

    @property
    def data(self) -> tuple[sa.Table, sa.Table]:
        """The tables that hold sessions; a table before those that refer to it."""
        return self.session, self.part

    def named(self, text: str) -> str:
        """Return SQL that is written with the usual names, with those of this namespace."""
        return text.replace(_PREFIX, f"{_PREFIX}{self.namespace}_") if self.namespace else text


def _session_table(name: str, metadata: sa.MetaData, database: str) -> sa.Table:
    text = partial(_text, database)
    return sa.Table(
        name,
        metadata,
        sa.Column("session_id", text(LONGEST_ID), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("save_id", text(64), nullable=False),
        sa.Column("recent", sa.Text, nullable=False),
        sa.Column("user_id", text(LONGEST_USER_ID)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_activity", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("ended", sa.Boolean, nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        # The part that a session began with, if it was alone: most sessions are small, have
        # no other, and are saved and loaded as one row. No part is in both places.
        sa.Column("part_name", text(LONGEST_NAME)),
        sa.Column("part_data", _bytes(database)),
    )


def _part_table(name: str, metadata: sa.MetaData, session: sa.Table, database: str) -> sa.Table:
    text = partial(_text, database)
    return sa.Table(
        name,
        metadata,
        sa.Column(
            "session_id",
            text(LONGEST_ID),
            sa.ForeignKey(session.c.session_id, ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("name", text(LONGEST_NAME), primary_key=True),
        sa.Column("data", _bytes(database), nullable=False),
    )


def _indices(
    session: sa.Table, living: sa.ColumnElement[bool], database: str
) -> tuple[sa.Index, ...]:
    def only(rows: sa.ColumnElement[bool]) -> dict[str, Any]:
        return {f"{database}_where": rows} if database in _WITH_PARTIAL_INDICES else {}

    owned = session.c.user_id.is_not(None)
    ending = session.c.expires_at.is_not(None)
    return (
        sa.Index(
            f"{session.name}_user",
            session.c.user_id,
            session.c.last_activity,
            session.c.session_id,
            **only(owned),
        ),
        # With ``ended``, counting reads nothing but the index.
        sa.Index(
            f"{session.name}_activity",
            session.c.last_activity,
            session.c.ended,
            **only(living),
        ),
        sa.Index(
            f"{session.name}_expiry",
            session.c.expires_at,
            **only(ending),
        ),
    )
