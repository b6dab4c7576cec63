# SPDX-License-Identifier: Apache-2.0
"""Four writers keep on saving while connections, answers and the server itself are lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from session_harness.load import Deliver, Load, check_stored, in_batches, one_by_one
from session_harness.lossy_proxy import LossyProxy

from sessionkit_sqlite.storage import SqlStorage

FAULTS: Final = 5

ANSWERS: Final = 20

PAUSE: Final = 0.2

PATIENCE: Final = 30.0

Far = Callable[..., tuple[LossyProxy, SqlStorage]]

Tell = Callable[[str], None]


@pytest.fixture(name="deliver", params=[one_by_one, in_batches])
def _deliver(request: pytest.FixtureRequest, storage: SqlStorage) -> Deliver:
    """Return what sends writes to the storage, one by one or in batches."""
    deliver: Deliver = request.param(storage)
    return deliver


def go_on(load: Load) -> None:
    """Let the writers save for a while."""
    time.sleep(PAUSE)
    assert not load.broken()


def test_connections_ended_by_the_server(
    server: Any, database: str, storage: SqlStorage, deliver: Deliver, tell: Tell
) -> None:
    """Each acknowledged save is stored, and none twice, though the server ends connections."""
    ended = 0
    with Load(deliver) as load:
        for _ in range(FAULTS):
            go_on(load)
            ended += server.drop_connections(database)

    assert ended
    check_stored(storage, load.report.acknowledged)
    tell(f"{ended} connections ended: {load.report}")


def test_server_killed_and_started_again(
    server: Any, storage: SqlStorage, deliver: Deliver, tell: Tell
) -> None:
    """Each acknowledged save outlives a crash of the server, and the writers go on by themselves."""
    with Load(deliver) as load:
        for _ in range(2):
            go_on(load)
            server.process.kill()
            time.sleep(PAUSE)
            server.process.start()
        go_on(load)

    check_stored(storage, load.report.acknowledged)
    assert load.report.retries
    tell(f"killed twice: {load.report}")


@pytest.mark.parametrize("way", [one_by_one, in_batches])
def test_one_answer_in_37_is_lost(
    storage: SqlStorage, far: Far, way: Callable[[SqlStorage], Deliver], tell: Tell
) -> None:
    """A save whose answer was lost is sent again, met as its own, and counted once."""
    proxy, lossy = far(swallow_every=37)
    with Load(way(lossy)) as load:
        proxy.begin()
        deadline = time.monotonic() + PATIENCE
        while proxy.swallowed < ANSWERS and time.monotonic() < deadline:
            go_on(load)

    assert ANSWERS <= proxy.swallowed
    check_stored(storage, load.report.acknowledged)
    tell(f"{proxy.swallowed} answers lost: {load.report}")
