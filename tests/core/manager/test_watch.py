# SPDX-License-Identifier: Apache-2.0
"""With ``watch``, idle tabs are told of what other replicas save."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty
from threading import enumerate as threads
from typing import Any, Final

import pytest
from session_harness.servers import LATER, Server, Tab, session_of
from session_harness.stores import PATIENCE, FaultyStore, Gate, TellingStore
from session_harness.writers import Seconds

from sessionkit.errors import ConfigError, PluginError, UnavailableError
from sessionkit.host import NotifiedHost
from sessionkit.manager.watch import LONGEST, PAUSE, SHORTEST, TabNotification
from sessionkit.settings.settings import PersistenceSettings

OpenServer = Callable[..., Server]

WATCH: Final = PersistenceSettings(
    debounce_ms=LATER.debounce_ms, max_wait_ms=LATER.max_wait_ms, watch=True
)
QUICK: Final = 5.0
"""Seconds within which what waits for nothing has surely happened."""


@pytest.fixture(name="store")
def _store() -> TellingStore:
    """Return the watching server's handle."""
    return TellingStore()


@pytest.fixture(name="here")
def _here(open_server: OpenServer, store: TellingStore, seconds: Seconds) -> Server:
    """Return a server that watches, and whose seconds the test moves."""
    return open_server(store, clock=seconds, persistence=WATCH)


@pytest.fixture(name="tab")
def _tab(here: Server) -> Tab:
    """Return a tab there whose session is stored; no call of the store is noted yet."""
    tab = here.visited()
    tab.run()
    here.store.calls.clear()
    return tab


@pytest.fixture(name="there")
def _there(open_server: OpenServer, store: TellingStore) -> Server:
    """Return another replica."""
    return open_server(TellingStore(store))


def save_there(there: Server, tab: Tab, **inputs: Any) -> None:
    """Save the tab's session on the other replica."""
    tab.beside(there).run().inputs.update(inputs)
    assert there.manager.flush()


def told(server: Server) -> str:
    """Return whose tabs are to be rerun, when somebody's are."""
    return server.web.changes.get(timeout=PATIENCE)


def worked_off(server: Server) -> None:
    """Wait until the thread has done all that it was told to."""
    watcher = server.manager._watcher
    wanted = watcher._wanted
    for thread in threads():
        if thread.name == "sessionkit-watcher":
            watcher._wanted = False  # it ends when nothing is left
            with watcher._changed:
                watcher._changed.notify_all()
            thread.join(PATIENCE)
    watcher._wanted = wanted


def test_an_idle_tab_is_told(here: Server, there: Server, tab: Tab, seconds: Seconds) -> None:
    """And its rerun has what there is, without asking once more."""
    session_id = session_of(tab.cookie)
    seconds.time = 100.0
    save_there(there, tab, a=1)

    assert session_id == told(here)
    assert "sessionkit-watcher" in here.web.threads
    assert ["read_head", "read"] == here.store.calls
    assert {"a": 1} == tab.run().inputs
    assert ["read_head", "read"] == here.store.calls


def test_an_idle_tab_of_a_session_that_ended_is_told(here: Server, there: Server, tab: Tab) -> None:
    """It begins anew by itself, not when somebody clicks."""
    before = tab.run()
    there.manager.repository.end(before.session_id)

    assert before.session_id == told(here)
    assert before.session_id != tab.run().session_id


def test_sessions_that_nobody_has_here_cost_nothing(here: Server, there: Server, tab: Tab) -> None:
    """Neither a call nor a thread."""
    save_there(there, there.visited(), a=1)

    assert tab.run() is not None
    assert [] == here.store.calls
    assert "sessionkit-watcher" not in {thread.name for thread in threads()}


def test_a_message_that_comes_twice_tells_once(here: Server, there: Server, tab: Tab) -> None:
    """There is nothing new the second time."""
    save_there(there, tab, a=1)
    told(here)
    session_id = tab.run().session_id
    there.store.tell(session_id)  # type: ignore[attr-defined]  # a telling store
    worked_off(here)

    with pytest.raises(Empty):
        here.web.changes.get_nowait()
    assert ["read_head", "read", "read_head"] == here.store.calls


def test_a_message_that_is_lost_costs_time_only(
    there: Server, tab: Tab, store: TellingStore, seconds: Seconds
) -> None:
    """The next rerun sees it anyway."""
    store.callbacks.clear()
    save_there(there, tab, a=1)
    seconds.time = 1.0

    assert {"a": 1} == tab.run().inputs


def test_a_save_that_brought_what_others_did_is_told(
    here: Server, there: Server, tab: Tab, store: TellingStore
) -> None:
    """The tab would else show its own side until somebody clicks."""
    heard = store.callbacks[:]
    store.callbacks.clear()
    save_there(there, tab, a=1)
    store.callbacks[:] = heard
    tab.run().inputs["b"] = 2
    assert here.manager.flush()

    told(here)
    assert {"a": 1, "b": 2} == tab.run().inputs


def test_a_save_by_a_job_of_this_process_is_told(here: Server, tab: Tab) -> None:
    """The storage tells nobody of its own saves, but the tab's session is another object."""
    job = here.manager.repository.load(tab.run().session_id)
    assert job is not None
    job.inputs["done"] = True
    here.manager.repository.save(job)

    assert job.session_id == told(here)
    assert {"done": True} == tab.run().inputs


def test_the_storages_thread_never_waits(here: Server, there: Server, tab: Tab) -> None:
    """Looking is done on another one, however the store hangs."""
    gate = here.store.on_look = Gate()
    session_id = tab.run().session_id
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            pool.submit(there.store.tell, session_id).result(QUICK)  # type: ignore[attr-defined]  # a telling store
        assert gate.reached.wait(PATIENCE)
        pool.submit(there.store.tell, session_id).result(QUICK)  # type: ignore[attr-defined]  # the same
    gate.opened.set()


def test_a_store_that_is_down_ends_no_watch(here: Server, there: Server, tab: Tab) -> None:
    """A message that can't be looked into is as good as lost; the next one is not."""
    here.store.down = True
    save_there(there, tab, a=1)
    worked_off(here)
    here.store.down = False
    save_there(there, tab, b=2)

    assert session_of(tab.cookie) == told(here)
    assert {"a": 1, "b": 2} == tab.run().inputs


def test_a_host_that_fails_ends_no_watch(
    here: Server, there: Server, tab: Tab, caplog: pytest.LogCaptureFixture
) -> None:
    """What a framework's code raises is logged."""

    def fail(_: str) -> None:
        msg = "no such tab"
        raise RuntimeError(msg)

    changed, here.web.changed = here.web.changed, fail  # type: ignore[method-assign]  # broken on purpose
    with caplog.at_level(logging.ERROR, "sessionkit"):
        save_there(there, tab, a=1)
        worked_off(here)
    here.web.changed = changed  # type: ignore[method-assign]  # the same
    tab.run()
    save_there(there, tab, b=2)

    assert [True] == ["WebHost could not tell tabs" in said for said in caplog.messages]
    assert session_of(tab.cookie) == told(here)


def test_hosts_that_cant_be_had_end_no_watch(
    here: Server, there: Server, tab: Tab, caplog: pytest.LogCaptureFixture
) -> None:
    """A framework's plugin that can't be loaded is told where a session is asked for; here it is logged."""

    def broken() -> Any:
        msg = "the plugin of a framework fails"
        raise PluginError(msg)

    watcher = here.manager._watcher
    hosts, watcher._hosts = watcher._hosts, broken
    with caplog.at_level(logging.WARNING, "sessionkit"):
        save_there(there, tab, a=1)
        worked_off(here)
    watcher._hosts = hosts
    tab.run()
    save_there(there, tab, b=2)

    assert [True] == ["the plugin of a framework fails" in said for said in caplog.messages]
    assert session_of(tab.cookie) == told(here)


# -- beginning and ending ------------------------------------------------------


def test_a_server_host_is_one_that_can_be_told(here: Server) -> None:
    """By having the method."""
    assert isinstance(here.web, NotifiedHost)


def test_nothing_is_watched_unless_it_is_asked_for(there: Server, store: TellingStore) -> None:
    """A subscription costs the store something."""
    there.visited().run()

    assert "watch" not in there.store.calls
    assert [] == store.callbacks


def test_with_a_storage_that_cant_watch_tabs_are_told_of_their_own_process(
    open_server: OpenServer, caplog: pytest.LogCaptureFixture
) -> None:
    """All there is with one process; for whoever has more, the log says once what is missing."""
    server = open_server(FaultyStore(), persistence=WATCH)
    with caplog.at_level(logging.WARNING, "sessionkit"):
        tab = server.visited()
        job = server.manager.repository.load(tab.run().session_id)
        assert job is not None
        job.inputs["done"] = True
        server.manager.repository.save(job)

    assert job.session_id == told(server)
    assert 1 == len([said for said in caplog.messages if "FaultyStore can't tell" in said])


def test_a_storage_that_refuses_to_watch_is_an_error(open_server: OpenServer) -> None:
    """With what it says, such as the key that has to be set besides."""

    class Refusing(TellingStore):
        def watch(self, _: object) -> Any:
            msg = "notify is false"
            raise ConfigError(msg)

    with pytest.raises(ConfigError, match=r"^persistence\.watch is true, but: notify is false$"):
        _ = open_server(Refusing(), persistence=WATCH).manager.storage


def test_a_storage_that_cant_watch_for_now_is_asked_again(
    open_server: OpenServer, seconds: Seconds, caplog: pytest.LogCaptureFixture
) -> None:
    """Sessions go on meanwhile."""

    class Down(TellingStore):
        def watch(self, callback: Callable[[str], None]) -> Any:
            if seconds.time < 1.0:
                msg = "the server is down"
                raise UnavailableError(msg)
            return super().watch(callback)

    server = open_server(Down(), clock=seconds, persistence=WATCH)
    with caplog.at_level(logging.WARNING, "sessionkit"):
        tab = server.visited()
        tab.run()
    assert 1 == len([said for said in caplog.messages if "the server is down" in said])
    seconds.time = PAUSE
    assert tab.reload().run()

    assert ["watch"] == [name for name in server.store.calls if name == "watch"]


def test_close_ends_the_watch(here: Server, there: Server, tab: Tab, store: TellingStore) -> None:
    """Then the storage; nothing is heard, and no thread is left."""
    save_there(there, tab, a=1)
    session_id = told(here)
    heard = store.callbacks[0][1]
    here.manager.close()
    here.store.calls.clear()
    heard(session_id)
    worked_off(here)
    here.manager.close()

    assert [] == store.callbacks
    assert [] == here.store.calls
    assert 2 == store.closed, "the watch, and the storage"
    assert "sessionkit-watcher" not in {thread.name for thread in threads()}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork, which this system lacks")
def test_a_forked_child_watches_anew(tab: Tab, store: TellingStore) -> None:
    """The storage's thread is the parent's; the child's begins with its first session."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        child = os.fork()  # other threads are what this is about
    if not child:
        store.callbacks.clear()
        tab.reload().run()
        os._exit(0 if 1 == len(store.callbacks) else 1)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# -- pages that change something at each run -----------------------------------


def test_two_tabs_dont_wake_each_other_for_ever(
    here: Server, there: Server, tab: Tab, seconds: Seconds
) -> None:
    """A tab that answers is told later and later."""
    save_there(there, tab, a=1)
    told(here)
    tab.run().inputs["seen"] = 1
    assert here.manager.flush()
    save_there(there, tab, a=2)
    with pytest.raises(Empty):
        here.web.changes.get(timeout=0.1)
    watcher = here.manager._watcher
    with watcher._changed:
        seconds.time = SHORTEST
        watcher._changed.notify_all()

    assert session_of(tab.cookie) == told(here)


def test_a_tab_that_does_not_answer_is_told_at_once() -> None:
    """However often others save."""
    echo = TabNotification.after(None, 0.0)

    assert 0.0 == echo.next_at(0.0)
    assert 0.1 == TabNotification.after(echo, 0.0).next_at(0.1)


def test_gaps_double_up_to_a_minute_while_answers_come() -> None:
    """And begin anew after a rest."""
    now, gaps, echo = 0.0, [], TabNotification.after(None, 0.0)
    for _ in range(9):
        echo.answered = True
        gaps.append(echo.next_at(now) - now)
        now = echo.next_at(now)
        echo = TabNotification.after(echo, now)

    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == gaps
    assert LONGEST == gaps[-1]
    echo.answered = True
    assert SHORTEST == TabNotification.after(echo, now + 2 * LONGEST + 1).gap
