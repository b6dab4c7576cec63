# SPDX-License-Identifier: Apache-2.0
"""Connections: lost at any answer, without an answer, forked, all in use, and the app's own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from session_harness.load import (
    Deliver,
    Report,
    check_stored,
    deliver_all,
    in_batches,
    next_write,
    one_by_one,
)
from session_harness.lossy_proxy import LossyProxy

from sessionkit.errors import UnavailableError
from sessionkit.testing.storage_samples import first, following, head
from sessionkit_sqlite.storage import SqlStorage

ANSWERS = range(1, 7)
"""Two saves have at least as many, on every server."""

Far = Callable[..., tuple[LossyProxy, SqlStorage]]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("way", [one_by_one, in_batches])
def test_save_whose_answer_was_lost_is_stored_once(
    storage: SqlStorage, far: Far, way: Callable[[SqlStorage], Deliver], answer: int
) -> None:
    """The repeated save is no conflict, whether it had been stored or not, and the next one goes on."""
    proxy, lossy = far(swallow_every=answer, at_most=1)
    deliver, report = way(lossy), Report()
    deliver_all(deliver, [next_write(name, None) for name in "ab"], report)

    proxy.begin()
    for _ in ANSWERS:
        writes = [next_write(name, report.acknowledged[name]) for name in "ab"]
        deliver_all(deliver, writes, report)

    assert (1, 1 + len(ANSWERS)) == (proxy.swallowed, report.acknowledged["a"].head.version)
    check_stored(storage, report.acknowledged)


def test_touch_whose_answer_was_lost(storage: SqlStorage, far: Far) -> None:
    """It is repeated; a touch that was done already still finds its session."""
    storage.write(next_write("a", None))
    proxy, lossy = far(swallow_every=1, at_most=1)
    lossy.read("a")
    proxy.begin()

    touched = lossy.touch("a", last_activity=2**52, expires_at=None)

    assert (True, 1) == (touched, proxy.swallowed)
    stored = storage.read("a")
    assert stored is not None
    assert 2**52 == stored.head.last_activity


def test_connection_lost_while_idle(storage: SqlStorage, far: Far) -> None:
    """A connection that broke while nobody used it costs no error and no save."""
    proxy, lossy = far()
    first = next_write("a", None)
    lossy.write(first)
    proxy.cut()
    second = next_write("a", first)

    lossy.write(second)

    check_stored(storage, {"a": second})


def test_connection_lost_before_the_end(storage: SqlStorage, far: Far) -> None:
    """A storage whose connections are lost is closed without an error."""
    proxy, lossy = far()
    assert lossy.read("nobody") is storage.read("nobody")
    proxy.close()

    lossy.close()


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


@pytest.fixture(name="engine")
def _engine(opened: Callable[..., SqlStorage], url: str) -> Iterator[sa.Engine]:
    """Return an engine of the app's, of one connection, on tables that are there."""
    opened().setup()
    engine = sa.create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_timeout=1,
    )
    yield engine
    engine.dispose()


def test_an_engine_of_the_app_is_served_and_given_back(engine: sa.Engine) -> None:
    """The app's transactions on the same connection are still its own to commit."""
    storage = SqlStorage(engine)
    storage.write(first(put={"a": b"1"}))
    assert [None] == list(storage.write_many([following(2, put={"a": b"2"})]))

    with engine.connect() as connection:
        connection.execute(sa.text("DELETE FROM sessionkit_session"))
        connection.rollback()

    stored = storage.read("s")
    assert stored is not None
    assert (head(version=2), {"a": b"2"}) == (stored.head, stored.parts)
    storage.close()
    with engine.connect() as connection:
        assert 1 == connection.execute(sa.text("SELECT 1")).scalar()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_children_open_connections_of_their_own(
    storage: SqlStorage, opened: Callable[..., SqlStorage]
) -> None:
    """A child never speaks on its parent's connection, and the parent's still works."""
    storage.write(first())
    child = os.fork()
    if not child:
        try:
            storage.write(following(2))
            stored = storage.read("s")
            os._exit(0 if stored and stored.head.version == 2 else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)

    assert 0 == os.waitstatus_to_exitcode(status)
    storage.write(following(3))
    stored = opened().read("s")
    assert stored is not None
    assert head(version=3) == stored.head


def test_an_exhausted_pool_is_unavailable(url: str) -> None:
    """When all connections of the app's engine are in use, the call may be tried again."""
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0)
    with engine.connect(), pytest.raises(UnavailableError, match="all connections are in use"):
        SqlStorage(engine).read("s")

    engine.dispose()
