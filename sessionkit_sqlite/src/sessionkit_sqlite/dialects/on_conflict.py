# SPDX-License-Identifier: Apache-2.0
"""The inserts of SQLite and PostgreSQL, which both know ``ON CONFLICT``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa


def upsert(insert: Callable[[sa.Table], Any], table: sa.Table) -> Sequence[sa.ClauseElement]:
    """
    Return an insert that replaces a row with the same key.

    Args:
        insert: The database's own, of SQLAlchemy's.
        table: Where to.
    """
    new = insert(table)
    key = list(table.primary_key)
    changed = {column.name: new.excluded[column.name] for column in table.c if column not in key}
    return (new.on_conflict_do_update(index_elements=key, set_=changed),)
