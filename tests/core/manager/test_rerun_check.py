# SPDX-License-Identifier: Apache-2.0
"""A rerun sees what another replica has saved, asks once an interval at most, and never waits for a store that is down."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from threading import enumerate as threads
from typing import Any, Final

import attrs
import pytest
from session_harness.replicas import Clock, Replica
from session_harness.servers import LATER, Server, Tab, session_of
from session_harness.stores import PATIENCE, FaultyStore, Gate, WholeStore
from session_harness.visitors import ALICE
from session_harness.writers import Seconds

from sessionkit.events import NewerFormat, SessionGone, SessionQuarantined
from sessionkit.manager import rerun_check
from sessionkit.manager.rerun_check import PAUSE, SLOW, RerunCheck, _Look
from sessionkit.manager.store import Store
from sessionkit.persistence.health import LONGEST
from sessionkit.plugins import Plugins
from sessionkit.records import SCHEMA_VERSION, StoredSession
from sessionkit.session.fields import utc_now
from sessionkit.settings import Settings
from sessionkit.settings.settings import PersistenceSettings
from sessionkit_sqlite.storage import SqliteStorage

OpenServer = Callable[..., Server]


def refreshing(**settings: Any) -> PersistenceSettings:
    """Return settings with which nothing is saved before a flush."""
    return PersistenceSettings(
        debounce_ms=LATER.debounce_ms, max_wait_ms=LATER.max_wait_ms, **settings
    )


@pytest.fixture(name="stores", params=["memory", "sqlite"])
def _stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], FaultyStore]]:
    """Return a function that opens one more handle on one store."""
    if request.param == "memory":
        shared = FaultyStore()
        yield lambda: FaultyStore(shared.memory)
        return
    opened: list[SqliteStorage] = []

    def open_store() -> FaultyStore:
        opened.append(SqliteStorage.open(f"sqlite:///{tmp_path}/sessions.db"))
        opened[-1].setup()
        return FaultyStore(opened[-1])  # type: ignore[arg-type]  # nothing goes back in time here

    yield open_store
    for storage in opened:
        storage.close()


@pytest.fixture(name="here")
def _here(open_server: OpenServer, seconds: Seconds) -> Server:
    """Return a server whose seconds the test moves."""
    return open_server(clock=seconds)


@pytest.fixture(name="tab")
def _tab(here: Server) -> Tab:
    """Return a tab there; it has run, and no call of the store is noted yet."""
    return opened_tab(here)


def opened_tab(server: Server) -> Tab:
    """Return a tab of a browser whose session is stored."""
    tab = server.visited()
    tab.run()
    server.store.calls.clear()
    return tab


def save_elsewhere(server: Server, tab: Tab, **inputs: Any) -> Replica:
    """Save the tab's session on another replica; return that one."""
    other = Replica(server.store.memory)
    session = other.load(str(session_of(tab.cookie)))
    session.inputs.update(inputs)
    other.save(session)
    return other


# -- what is seen, and what it costs -------------------------------------------


def test_a_rerun_sees_what_another_replica_saved(
    stores: Callable[[], FaultyStore], open_server: OpenServer, seconds: Seconds
) -> None:
    """Within the interval it asks for nothing; then for the head, and for the whole if that is new."""
    here, there = open_server(stores(), clock=seconds), open_server(stores())
    tab = opened_tab(here)
    theirs = tab.beside(there).run()
    theirs.inputs["a"] = 1
    assert there.manager.flush()

    seconds.time = 0.999
    assert ({}, []) == (tab.run().inputs, here.store.calls)
    seconds.time = 1.0
    assert ({"a": 1}, ["read_head", "read"]) == (tab.run().inputs, here.store.calls)
    seconds.time = 2.0
    assert ({"a": 1}, ["read_head"]) == (tab.run().inputs, here.store.calls[2:])


def test_the_tabs_of_a_session_share_a_refresh(here: Server, tab: Tab, seconds: Seconds) -> None:
    """However many rerun however often."""
    other = tab.beside()
    assert tab.run() is other.run()
    here.store.calls.clear()
    for now in (1.0, 1.5, 1.9):
        seconds.time = now
        tab.run()
        other.run()

    assert ["read_head"] == here.store.calls


def test_each_session_is_refreshed(here: Server, tab: Tab, seconds: Seconds) -> None:
    """One session's refresh is no other's."""
    other = opened_tab(here)
    save_elsewhere(here, other, a=1)
    seconds.time = 1.0
    tab.run()

    assert {"a": 1} == other.run().inputs


def test_saves_put_off_no_refresh(here: Server, tab: Tab, seconds: Seconds) -> None:
    """Who changes something all the time looks as often as everyone."""
    seconds.time = 5.0
    session = tab.run()
    looked = []
    for now in (5.6, 6.4, 7.0):
        session.inputs["at"] = now
        assert here.manager.flush()
        here.store.calls.clear()
        seconds.time = now
        tab.run()
        looked.append("read_head" in here.store.calls)

    assert [False, True, False] == looked


def test_a_save_of_another_object_is_no_refresh(here: Server, tab: Tab, seconds: Seconds) -> None:
    """A job that saves the session over and over, in the same process, hides nothing from the tab."""
    seconds.time = 5.0
    session = here.manager.repository.load(tab.run().session_id)
    assert session is not None
    for now in (5.8, 6.4):
        seconds.time = now
        session.inputs["job"] = now
        here.manager.repository.save(session)
        tab.run()

    assert {"job": 6.4} == tab.run().inputs


def test_a_load_counts_as_a_refresh(open_server: OpenServer, tab: Tab, seconds: Seconds) -> None:
    """The rerun after the first run has nothing to ask yet."""
    server = open_server(FaultyStore(tab.server.store.memory), clock=seconds)
    seconds.time = 5.0
    restored = tab.beside(server)
    restored.run()
    server.store.calls.clear()

    seconds.time = 5.9
    restored.run()
    assert [] == server.store.calls
    seconds.time = 6.0
    restored.run()
    assert ["read_head"] == server.store.calls


def test_a_session_that_was_never_stored_is_refreshed_too(here: Server, seconds: Seconds) -> None:
    """Another replica may have stored it meanwhile: here nothing was done in it yet."""
    tab = here.tab()
    tab.run()
    assert here.manager.flush()
    here.store.calls.clear()
    seconds.time = 9.0
    tab.run()
    tab.run()

    assert ["read"] == here.store.calls


def test_never_asks_for_nothing(open_server: OpenServer, seconds: Seconds) -> None:
    """Saves still meet what others saved, and bring it."""
    here = open_server(clock=seconds, persistence=refreshing(refresh="never"))
    tab = opened_tab(here)
    save_elsewhere(here, tab, a=1)
    seconds.time = 1000.0

    assert ({}, []) == (tab.run().inputs, here.store.calls)
    tab.run().inputs["b"] = 2
    assert here.manager.flush()
    assert {"a": 1, "b": 2} == tab.run().inputs


def test_without_an_interval_each_rerun_refreshes(
    open_server: OpenServer, seconds: Seconds
) -> None:
    """For those who would rather wait than be late."""
    here = open_server(clock=seconds, persistence=refreshing(refresh_interval_ms=0))
    tab = opened_tab(here)
    tab.run()
    tab.run()

    assert ["read_head"] * 2 == here.store.calls


def test_a_storage_without_heads_is_read(open_server: OpenServer, seconds: Seconds) -> None:
    """As often, and as a whole."""
    here = open_server(WholeStore(), clock=seconds)
    tab = opened_tab(here)
    save_elsewhere(here, tab, a=1)
    seconds.time = 1.0

    assert ({"a": 1}, ["read"]) == (tab.run().inputs, here.store.calls)


def test_times_that_are_not_needed_any_more_are_forgotten() -> None:
    """A process that runs for months keeps one for each session of the last interval."""
    seconds = Seconds()
    never_opened = Store(Settings(), Plugins(), now=utc_now, clock=seconds, emit=lambda _: None)
    check = RerunCheck(1.0, never_opened, clock=seconds)
    for number in range(1000):
        seconds.time += 0.1
        check.record_refreshed(str(number))

    assert len(check._refreshed_at) <= 12


def test_refresh_of_a_repository_always_asks(replica: Replica) -> None:
    """Whoever calls it by hand wants to know now."""
    session = replica.new()
    replica.store.calls.clear()
    replica.repository.refresh(session)
    replica.repository.refresh(session)

    assert ["read_head"] * 2 == replica.store.calls


# -- what others did beside saving ---------------------------------------------


@pytest.mark.parametrize("how", ["end", "delete"])
def test_a_session_that_is_gone_begins_anew(
    here: Server, tab: Tab, seconds: Seconds, how: str
) -> None:
    """A logout on another replica, or an admin, ends it at the next rerun, with its event and a new cookie."""
    before, cookie = tab.run(), tab.cookie
    other = Replica(here.store.memory).repository
    getattr(other, how)(before.session_id)
    seconds.time = 1.0
    after = tab.run()

    assert before is not after
    assert before.session_id != after.session_id
    assert (False, after.session_id) == (tab.cookie == cookie, session_of(tab.cookie))
    assert ["ended"] == [event.reason for event in here.told(SessionGone)]


def test_a_second_tab_of_a_session_that_is_gone(here: Server, tab: Tab, seconds: Seconds) -> None:
    """It begins anew, too, and nothing is told twice."""
    other = tab.beside()
    before = other.run()
    Replica(here.store.memory).repository.end(before.session_id)
    seconds.time = 1.0
    tab.run()
    seconds.time = 2.0

    assert before.session_id != other.run().session_id
    assert 1 == len(here.told(SessionGone))


def test_a_session_that_became_somebodys_is_not_shown(
    here: Server, tab: Tab, seconds: Seconds
) -> None:
    """What its owner did elsewhere since is not for a tab that nobody has logged in to."""
    before = tab.run()
    other = Replica(here.store.memory)
    theirs = other.load(before.session_id)
    theirs.user_id, theirs.authenticated, theirs.inputs["diary"] = ALICE, True, 1
    other.save(theirs)
    seconds.time = 1.0
    after = tab.run()

    assert (False, {}, {}) == (before is after, before.inputs, after.inputs)


def test_a_touch_elsewhere_moves_the_end(
    open_server: OpenServer, seconds: Seconds, clock: Clock
) -> None:
    """It makes no version, but the head tells of it: the session is not over though it was long idle here."""
    here = open_server(clock=seconds, now=clock)
    there = open_server(FaultyStore(here.store.memory), now=clock)
    tab = opened_tab(here)
    before = tab.run()
    clock.advance(hours=20)
    assert there.manager.repository.touch(before.session_id)
    clock.advance(hours=20)
    seconds.time = 1.0

    assert before is tab.run()


def test_a_newer_releases_save_is_told_once(here: Server, tab: Tab, seconds: Seconds) -> None:
    """During a rolling upgrade a tab on the old release goes on; its head is enough from then on."""
    session_id = tab.run().session_id
    stored = here.store.stored(session_id)
    newer = attrs.evolve(stored.head, save_id="f" * 16, schema_version=SCHEMA_VERSION + 1)
    here.store.memory._sessions[session_id] = attrs.evolve(stored, head=newer)
    for now in (1.0, 2.0, 3.0):
        seconds.time = now
        assert session_id == tab.run().session_id

    assert 1 == len(here.told(NewerFormat))
    assert ["read_head", "read", "read_head", "read_head"] == here.store.calls


def test_a_save_that_cant_be_read_is_loaded_once(here: Server, tab: Tab, seconds: Seconds) -> None:
    """It is kept aside, and not again at each rerun."""
    session_id = tab.run().session_id
    stored = here.store.stored(session_id)
    broken = StoredSession(
        head=attrs.evolve(stored.head, save_id="f" * 16),
        parts=dict.fromkeys(stored.parts, b"?"),
    )
    here.store.memory._sessions[session_id] = broken
    for now in (1.0, 2.0, 3.0):
        seconds.time = now
        assert session_id == tab.run().session_id

    assert 1 == len(here.told(SessionQuarantined))
    assert 1 == here.store.calls.count("read")


QUICK: Final = 5.0
"""Seconds within which a rerun that waits for nothing has surely run."""


# -- a store that is down, or slow ---------------------------------------------


def connected(tab: Tab) -> Any:
    """Return the session that a tab has."""
    return next(iter(tab.connection.state.values())).session


def probed() -> None:
    """Wait until the check that goes ahead is back."""
    for thread in threads():
        if thread.name == "sessionkit-rerun-check":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_a_store_that_is_down_is_left_alone(here: Server, seconds: Seconds) -> None:
    """One rerun finds out; for some seconds no other asks, of no session."""
    tab, other = opened_tab(here), opened_tab(here)
    here.store.down = True
    for number in range(10):
        seconds.time = 1.0 + number * PAUSE / 10
        for one in (tab, other):
            assert one.run().session_id == session_of(one.cookie)

    assert ["read_head"] == here.store.calls


def test_the_pause_grows(
    here: Server,
    seconds: Seconds,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Up to half a minute: an outage of a day is a few thousand calls, and one line in the log."""
    monkeypatch.setattr("sessionkit.persistence.health.random.uniform", lambda _, most: most)
    tab = opened_tab(here)
    here.store.down = True
    asked: list[float] = []
    for number in range(1, 151):
        seconds.time = float(number)
        tab.run()
        probed()
        if here.store.calls:
            asked.append(seconds.time)
            here.store.calls.clear()

    assert [1, 3, 7, 15, 31, 61, 91, 121] == asked
    assert LONGEST == asked[-1] - asked[-2]
    assert 1 == len([said for said in caplog.messages if "reruns don't look" in said])


def test_a_store_that_is_back_is_asked_again(here: Server, seconds: Seconds) -> None:
    """After the pause one check goes ahead, for which nobody waits; then all is as before."""
    tab = opened_tab(here)
    here.store.down = True
    seconds.time = 1.0
    tab.run()
    here.store.down = False
    save_elsewhere(here, tab, a=1)
    seconds.time = 10.0
    tab.run()
    probed()

    assert {"a": 1} == tab.run().inputs
    assert ["read_head", "read_head", "read"] == here.store.calls
    save_elsewhere(here, tab, b=2)
    seconds.time = 11.0
    assert {"a": 1, "b": 2} == tab.run().inputs


def test_a_slow_store_is_left_alone(here: Server, seconds: Seconds) -> None:
    """What it answers is taken; then it has a pause, like one that is down."""
    tab = opened_tab(here)
    save_elsewhere(here, tab, a=1)

    def dawdle() -> None:
        seconds.time += SLOW

    seconds.time = 1.0
    here.store.on_look = dawdle
    assert {"a": 1} == tab.run().inputs
    here.store.calls.clear()
    seconds.time += PAUSE - 0.1
    tab.run()

    assert [] == here.store.calls


@pytest.mark.parametrize("interval", [0, 1000])
def test_who_comes_during_a_look_has_what_it_finds(
    open_server: OpenServer, seconds: Seconds, interval: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A click ends the run that has asked, and that shows nothing any more: the next one is not to go by what was before."""
    monkeypatch.setattr(rerun_check, "SLOW", PATIENCE)  # however busy the machine
    here = open_server(clock=seconds, persistence=refreshing(refresh_interval_ms=interval))
    tab = opened_tab(here)
    save_elsewhere(here, tab, a=1)
    gate = here.store.on_look = Gate()
    seconds.time = 1.0
    stopped = Thread(target=here.manager._live.refresh_if_due, args=[connected(tab)])
    stopped.start()
    assert gate.reached.wait(PATIENCE)

    with ThreadPoolExecutor(1) as pool:
        clicked = pool.submit(tab.run)
        try:
            with pytest.raises(TimeoutError):
                clicked.result(0.05)
        finally:
            gate.opened.set()
        assert {"a": 1} == clicked.result(PATIENCE).inputs
    stopped.join(PATIENCE)


def test_nobody_waits_behind_one_who_waits(here: Server, seconds: Seconds) -> None:
    """When a refresh has not come back after a moment, the reruns of others don't begin one."""
    tab, other = opened_tab(here), opened_tab(here)
    gate = here.store.on_look = Gate()
    seconds.time = 1.0
    waiting = Thread(target=here.manager._live.refresh_if_due, args=[connected(tab)])
    waiting.start()
    assert gate.reached.wait(PATIENCE)
    seconds.time += SLOW

    with ThreadPoolExecutor(1) as pool:
        pool.submit(other.run).result(QUICK)
        pool.submit(tab.run).result(QUICK)  # nor behind the look at its own session

    gate.opened.set()
    waiting.join(PATIENCE)
    assert ["read_head"] == here.store.calls


def test_the_check_that_goes_ahead_holds_nobody_up(here: Server, seconds: Seconds) -> None:
    """A store that went from refusing to hanging."""
    tab, other = opened_tab(here), opened_tab(here)
    here.store.down = True
    seconds.time = 1.0
    tab.run()
    here.store.down = False
    gate = here.store.on_look = Gate()
    seconds.time = 10.0

    with ThreadPoolExecutor(1) as pool:
        for one in (tab, other, tab):
            pool.submit(one.run).result(QUICK)
    assert gate.reached.wait(PATIENCE)
    gate.opened.set()
    probed()
    assert ["read_head"] * 2 == here.store.calls


def test_a_rerun_does_not_wait_for_a_save_under_way(here: Server, seconds: Seconds) -> None:
    """Nor does it ask: the save meets what is stored."""
    tab = opened_tab(here)
    gate = here.store.on_write = Gate()
    tab.run().inputs["a"] = 1
    here.manager.flush(timeout=0)
    assert gate.reached.wait(PATIENCE)
    seconds.time = 1.0
    with ThreadPoolExecutor(1) as pool:
        pool.submit(tab.run).result(QUICK)

    gate.opened.set()
    assert here.manager.flush()
    assert [] == [name for name in here.store.calls if name.startswith("read")]


def test_a_refresh_that_asked_nothing_heals_nothing(here: Server, seconds: Seconds) -> None:
    """A session with a save in doubt is not refreshed; that says nothing about the store."""
    tab, doubtful = opened_tab(here), opened_tab(here)
    doubtful.run().inputs["a"] = 1
    here.store.down = True
    assert not here.manager.flush()
    seconds.time = 1.0
    tab.run()
    here.store.calls.clear()
    seconds.time = 10.0
    doubtful.run()
    probed()
    gate = here.store.on_look = Gate()
    here.store.down = False

    with ThreadPoolExecutor(1) as pool:
        pool.submit(tab.run).result(QUICK)
    gate.opened.set()
    probed()


def test_a_broken_storage_breaks_no_rerun(here: Server, seconds: Seconds) -> None:
    """A plugin that raises what it should not is left alone like one whose store is down."""
    tab = opened_tab(here)

    def fail() -> None:
        msg = "a bug"
        raise RuntimeError(msg)

    here.store.on_look = fail
    for seconds.time in (1.0, 2.0):
        assert tab.run().session_id == session_of(tab.cookie)

    assert ["read_head"] == here.store.calls


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork, which this system lacks")
def test_after_a_fork_the_child_refreshes_though_the_parent_waits(
    here: Server, seconds: Seconds
) -> None:
    """A refresh that was under way is the parent's."""
    check = here.manager._rerun_check
    check._looks[0] = _Look("s", -100.0)
    check._lock.acquire()
    seconds.time = 1.0
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        child = os.fork()  # other threads are what this is about
    if not child:
        os._exit(0 if not check._looks and check._lock.acquire(blocking=False) else 1)
    check._lock.release()

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_store_that_was_never_opened(open_server: OpenServer) -> None:
    """There is nothing to refresh from, and it is not opened for that."""
    store = FaultyStore()
    server = open_server(store)
    server.manager._rerun_check.refresh_if_due(Replica().new())

    assert [] == store.calls
