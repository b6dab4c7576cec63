# SPDX-License-Identifier: Apache-2.0
"""The demo on stores that are made to be distributed: the same app, another config file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import SIGKILL

import pytest
from browser_harness.farm import Farm
from browser_harness.tracker import Tracker
from browser_harness.visitors import Visitor
from session_harness import valkeys
from session_harness.mariadb import MariadbServer
from session_harness.postgresql import PostgresqlServer
from session_harness.processes import needed

SETTINGS = """
storage = "{storage}"
[storages.{storage}]
url = "{url}"
[security]
secret_key = "the key of the browser tests, as long as a key should be"
"""


@contextmanager
def _sql(start: Callable[[], PostgresqlServer | MariadbServer]) -> Iterator[str]:
    with needed():
        server = start()
    yield SETTINGS.format(storage="sql", url=server.url(server.new_database()))
    server.end()


@contextmanager
def _cluster() -> Iterator[str]:
    with needed(), valkeys.cluster(valkeys.valkey_binary()) as cluster:
        yield SETTINGS.format(storage="redis", url=cluster.url)


STORES = {
    "postgresql": lambda: _sql(PostgresqlServer),
    "mariadb": lambda: _sql(MariadbServer),
    "cluster": _cluster,
}


@pytest.fixture(params=STORES, name="settings")
def _settings(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return a config file that names a store, which runs."""
    with STORES[request.param]() as settings:
        yield settings


def test_the_demo_moves_to_another_machine(
    shared_farm: Farm, settings: str, visitor: Visitor
) -> None:
    """The first machine dies; the second, which shares nothing with it but the store, goes on where it was."""
    first, second = (shared_farm.start("demo", "", settings=settings) for _ in range(2))
    proxy = shared_farm.proxy(first, second)
    tracker = Tracker(visitor.open(proxy.url).page)
    tracker.use()
    session = tracker.says("new")

    first.stop(SIGKILL)
    proxy.move_to(1)
    tracker.reload()

    tracker.has_the_draft()
    assert session == tracker.says("restored")
    tracker.press("Undo")
    tracker.holds("Details", "")
    assert not list(first.folder.rglob("*.db"))
    assert not list(second.folder.rglob("*.db"))
