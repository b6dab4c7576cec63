# SPDX-License-Identifier: Apache-2.0
"""A rerun never waits for a store that is down, and looks again when it is back."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from threading import enumerate as threads
from typing import Any, Final

import pytest
from session_harness.replicas import Replica
from session_harness.servers import Server, Tab, session_of
from session_harness.stores import PATIENCE, FaultyStore, Gate
from session_harness.writers import Seconds

from sessionkit.manager.rerun_check import PAUSE, SLOW
from sessionkit.persistence.health import LONGEST

OpenServer = Callable[..., Server]

QUICK: Final = 5.0
"""Seconds within which a rerun that waits for nothing has surely run."""


@pytest.fixture(name="here")
def _here(open_server: OpenServer, seconds: Seconds) -> Server:
    """Return a server whose seconds the test moves."""
    return open_server(clock=seconds)


def opened_tab(server: Server) -> Tab:
    """Return a tab of a browser whose session is stored; no call of the store is noted yet."""
    tab = server.visited()
    tab.run()
    server.store.calls.clear()
    return tab


def save_elsewhere(server: Server, tab: Tab, **inputs: Any) -> None:
    """Save the tab's session on another replica."""
    other = Replica(server.store.memory)
    session = other.load(str(session_of(tab.cookie)))
    session.inputs.update(inputs)
    other.save(session)


def connected(tab: Tab) -> Any:
    """Return the session that a tab has."""
    return next(iter(tab.connection.state.values())).session


def probed() -> None:
    """Wait until the look that goes ahead is back."""
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
    """After the pause one look goes ahead, for which nobody waits; then all is as before."""
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


def test_nobody_waits_behind_one_who_waits(here: Server, seconds: Seconds) -> None:
    """When a look has not come back after a moment, the reruns of others don't begin one."""
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


def test_the_look_that_goes_ahead_holds_nobody_up(here: Server, seconds: Seconds) -> None:
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
    """Nor does it look: the save meets what is stored."""
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


def test_a_look_that_asked_nothing_heals_nothing(here: Server, seconds: Seconds) -> None:
    """A session with a save in doubt has nothing to look for; that says nothing about the store."""
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
def test_after_a_fork_the_child_looks_though_the_parent_waits(
    here: Server, seconds: Seconds
) -> None:
    """A look that was under way is the parent's."""
    check = here.manager._rerun_check
    check._asking[0] = -100.0
    check._lock.acquire()
    seconds.time = 1.0
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        child = os.fork()  # other threads are what this is about
    if not child:
        os._exit(0 if not check._asking and check._lock.acquire(blocking=False) else 1)
    check._lock.release()

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_store_that_was_never_opened(open_server: OpenServer) -> None:
    """There is nothing to look for."""
    store = FaultyStore()
    server = open_server(store)
    server.manager._rerun_check.refresh_if_due(Replica().new())

    assert [] == store.calls
