# SPDX-License-Identifier: Apache-2.0
"""A server that stands still: nothing waits for ever."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sessionkit.errors import UnavailableError
from sessionkit.testing.storage_samples import first, following, head
from sessionkit_sqlite.storage import SqlStorage


@contextmanager
def _stopped(pids: list[int]) -> Iterator[None]:
    """Let processes stand still for a while."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("writing", [False, True])
def test_a_backend_that_hangs_is_unavailable(
    postgresql: Any,
    writing: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A call ends within the time-outs, and the next one goes on over another connection."""
    database = postgresql.new_database()
    storage = SqlStorage.open(postgresql.url(database), timeout_ms=500)
    storage.setup()
    storage.write(first())
    sql = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'sessionkit' AND datname = '{}'"
    )
    pids = [pid for (pid,) in postgresql.fetch(sql.format(database))]
    call: Callable[[], object] = (
        (lambda: storage.write(following(2))) if writing else (lambda: storage.read("s"))
    )
    assert pids
    begin = time.monotonic()

    with _stopped(pids), pytest.raises(UnavailableError, match=r"no answer within 1\.5 s"):
        call()

    assert time.monotonic() - begin < 4
    storage.write(following(2))
    stored = storage.read("s")
    storage.close()
    assert stored is not None
    assert head(version=2) == stored.head
