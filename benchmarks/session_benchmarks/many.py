# SPDX-License-Identifier: Apache-2.0
"""Large tables: many sessions, stored by way of the storage itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from session_benchmarks.flushes import check
from sessionkit.records import SessionHead, SessionWrite
from sessionkit.storage import BatchStorage

_BATCH: Final = 1000


def fill(storage: BatchStorage, heads: Iterable[SessionHead], part: bytes | None = None) -> None:
    """Store sessions of one *part*, or of none, in batches."""
    put = {} if part is None else {"inputs": part}
    writes = (SessionWrite(head=head, put=put) for head in heads)
    while batch := list(islice(writes, _BATCH)):
        check(storage.write_many(batch))


def heads(
    number: int, *, first_activity: int, step: int, expires_at: int | None = None
) -> Iterator[SessionHead]:
    """Yield *number* heads whose activity lies *step* microseconds apart."""
    for row in range(number):
        moment = first_activity + row * step
        yield SessionHead(
            session_id=f"many-{row:08d}",
            version=1,
            save_id=f"{row:016x}",
            user_id=f"user-{row % 1000}",
            created_at=moment,
            last_activity=moment,
            expires_at=expires_at,
        )
