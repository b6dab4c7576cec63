# SPDX-License-Identifier: Apache-2.0
"""session.cached in a store: what one replica has invalidated no other one goes on showing."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from session_harness.replicas import repository_over

from sessionkit import Storage, UserSession
from sessionkit.defaults.memory import MemoryStorage
from sessionkit.repository.repository import Repository
from sessionkit_sqlite.storage import SqliteStorage

NAMES = ("orders", "stock")


@attrs.define
class World:
    """What functions read: by name, how often it was changed."""

    changes: dict[str, int] = attrs.field(factory=lambda: dict.fromkeys(NAMES, 0))


class Process:
    """One that has the session, and functions with caches of its own."""

    def __init__(self, storage: Storage, world: World) -> None:
        """Load the session; store it if there is none."""
        self.repository: Repository = repository_over(storage)
        found = self.repository.load("s")
        self.session = found or UserSession(session_id="s", inputs={"a": 1})
        self.repository.save(self.session)
        self.world = world
        self.read: dict[str, Callable[[], int]] = {}
        for name in NAMES:
            tie = self.session.cached(f"{name} of user", depends_on={name})
            self.read[name] = tie(functools.cache(functools.partial(world.changes.get, name, 0)))

    def change(self, name: str) -> None:
        """Change something, and say so; others hear of it once it is saved."""
        self.world.changes[name] += 1
        self.session.invalidate(name)

    def meet(self) -> None:
        """Save what is new here, and see what others have saved."""
        self.repository.save(self.session)
        self.repository.refresh(self.session)
        self.repository.absorb(self.session)

    def shown(self) -> dict[str, int]:
        """Return what the functions return."""
        return {name: read() for name, read in self.read.items()}


DOINGS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["change orders", "change stock", "show", "meet", "meet"]),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DOINGS)
def test_no_replica_shows_what_was_read_before_an_invalidation_that_it_knows(
    doings: list[tuple[int, str]],
) -> None:
    """Whoever changed what, in whatever order they met, and whatever they had read between."""
    world = World()
    storage = MemoryStorage()
    processes = [Process(storage, world) for _ in range(3)]
    for which, doing in doings:
        verb, _, name = doing.partition(" ")
        if verb == "change":
            processes[which].change(name)
            assert world.changes[name] == processes[which].read[name]()
        elif verb == "show":
            processes[which].shown()
        else:
            processes[which].meet()
    for _ in range(2):
        for process in processes:
            process.meet()

    assert [world.changes] * 3 == [process.shown() for process in processes]
    versions = {process.session.cache_version("orders of user") for process in processes}
    assert 1 == len(versions)
    before = storage.read("s")
    for process in processes:
        process.meet()
    assert before == storage.read("s")


def test_two_writers_invalidate_at_once() -> None:
    """Both hold: each computes anew what it had read before it heard of the other one."""
    world = World()
    storage = MemoryStorage()
    one, two = Process(storage, world), Process(storage, world)
    one.change("orders")
    assert 1 == one.read["orders"]()
    two.change("orders")
    assert 2 == two.read["orders"]()
    one.meet()
    two.meet()
    one.meet()
    assert [2, 2] == [one.read["orders"](), two.read["orders"]()]
    assert 2 == len(one.session.cache_invalidations)
    one.change("orders")
    one.meet()
    two.meet()
    assert 3 == two.read["orders"]()
    assert one.session.cache_invalidations == two.session.cache_invalidations
    assert 1 == len(two.session.cache_invalidations)


OTHER_PROCESS = """
import sys
from sessionkit import SessionRepository
from sessionkit_sqlite.storage import SqliteStorage

storage = SqliteStorage.open(sys.argv[1])
repository = SessionRepository(storage)
session = repository.load("s")
print(session.cache_version("orders of user"))
session.invalidate("orders")
repository.save(session)
storage.close()
"""


def test_another_process_invalidates(tmp_path: Path) -> None:
    """Over one SQLite file: this one computes anew once it has seen it, and nothing else."""
    url = f"sqlite:///{tmp_path / 'sessions.db'}"
    storage = SqliteStorage.open(url)
    storage.setup()
    world = World()
    here = Process(storage, world)
    here.session.add_cache_key("orders of user", {"orders"})
    here.change("stock")
    here.meet()
    assert {"orders": 0, "stock": 1} == here.shown()

    world.changes.update(orders=5, stock=5)
    here.change("orders")  # not saved yet, as the other one invalidates
    assert 6 == here.read["orders"]()
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", OTHER_PROCESS, url],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "" == done.stdout.strip()
    world.changes["orders"] = 7
    assert 6 == here.read["orders"]()
    here.meet()
    assert {"orders": 7, "stock": 1} == here.shown()
    storage.close()
