# SPDX-License-Identifier: Apache-2.0
"""A store that is down, loses answers or goes back in time: nothing is lost, nothing doubled."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from session_harness.replicas import Replica
from session_harness.servers import Server, Tab
from session_harness.stores import LANDED, LOST, PATIENCE, REJECTED, FaultyStore, Gate

from sessionkit.errors import RejectedError, UnavailableError
from sessionkit.events import SaveFailed, SessionCreated, StoreUnavailable, StoreWentBack
from sessionkit.records import RECENT_SAVES
from sessionkit.settings.settings import PersistenceSettings
from sessionkit.storage import Storage

OpenServer = Callable[..., Server]


def count(server: Server, session_id: str) -> dict[str, int]:
    """Return the stored page views."""
    session = server.manager.repository.load(session_id)
    assert session is not None
    return session.page_views


# -- down ----------------------------------------------------------------------


def test_a_user_works_through_an_outage(server: Server) -> None:
    """Reruns, inputs and reloads go on; all is stored once when the store is back."""
    tab = server.visited()
    session = tab.run()
    server.store.down = True
    for number in range(5):
        tab.run()
        server.manager.persist_input(f"key{number}", number)
        session.add_navigation("cart")
        assert not server.manager.flush()
    again = tab.reload()
    assert session is again.run()
    assert 5 == len(session.inputs)
    server.store.down = False
    assert server.manager.flush()

    assert {"cart": 5} == count(server, session.session_id)
    assert not server.manager.is_pending(session.session_id)


def test_what_waited_is_tried_again_by_itself(open_server: OpenServer) -> None:
    """Nobody flushes: the writer comes back after its pause."""
    server = open_server(persistence=PersistenceSettings(debounce_ms=0, max_wait_ms=0))
    server.store.next_writes(LOST, LANDED, LOST)
    gate = Gate()
    sent: list[str] = []

    def fourth(write: object) -> None:
        sent.append(write.head.save_id)  # type: ignore[attr-defined]
        if len(sent) == 4:
            gate.reached.set()

    server.store.on_write = fourth
    session = server.tab().run()
    server.manager.persist_input("typed", 1)
    assert gate.reached.wait(PATIENCE)
    assert server.manager.flush()

    assert 1 == len(set(sent))
    assert (1, 1) == (server.store.stored(session.session_id).head.version, session.version)


def test_an_outage_at_bootstrap_asks_the_store_a_bounded_number_of_times(
    open_server: OpenServer,
) -> None:
    """However the browser is known, and however often the page runs."""
    for presented, account in ((None, None), ("garbage", "alice"), (None, "alice")):
        server = open_server()
        server.store.down = True
        tab = server.tab(presented, account)
        session = tab.run()
        for _ in range(5):
            assert session is tab.run()
        assert len(server.store.calls) <= 2
        assert 1 == len(server.told(SessionCreated))


def test_provisional_sessions_of_two_replicas_join_the_stored_one(open_server: OpenServer) -> None:
    """Three states of one session; all their changes are there, counted once."""
    first = open_server()
    tab = first.visited()
    tab.run().add_navigation("cart")
    assert first.manager.flush()
    tabs: list[Tab] = []
    for _ in range(2):
        other = open_server(FaultyStore(first.store.memory))
        other.store.down = True
        tabs.append(tab.beside(other))
        provisional = tabs[-1].run()
        provisional.add_navigation("cart")
        assert 1 == len(other.told(StoreUnavailable))
    for one in tabs:
        one.server.store.down = False
        assert one.server.manager.flush()
    for one in (*tabs, *tabs):
        assert one.server.manager.flush()
        one.beside().run()

    for one in tabs:
        assert ({"cart": 3}, 3) == (one.run().page_views, one.run().interaction_count)


@pytest.mark.parametrize("strategy", ["refuse", "last_write_wins", "first_write_wins"])
def test_a_provisional_session_is_merged_under_any_strategy(
    open_server: OpenServer, strategy: str
) -> None:
    """It is no conflict: what was stored is not overwritten by an outage, nor what was typed lost."""
    first = open_server(conflict_strategy=strategy)
    tab = first.visited()
    tab.run().inputs["before"] = 1
    first.manager.schedule_save(tab.run())
    assert first.manager.flush()
    second = open_server(FaultyStore(first.store.memory), conflict_strategy=strategy)
    second.store.down = True
    moved = tab.beside(second)
    session = moved.run()
    session.inputs["meanwhile"] = 2
    second.store.down = False

    assert second.manager.flush()
    moved.run()

    assert {"before": 1, "meanwhile": 2} == session.inputs
    stored = first.manager.repository.load(session.session_id)
    assert stored is not None
    assert {"before": 1, "meanwhile": 2} == stored.inputs


def test_a_store_that_cannot_be_opened_yet(
    open_server: OpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app starts before its database: sessions are provisional until it is there."""
    server = open_server()
    refused = 0

    def refuse(*_: object, **__: object) -> Storage:
        nonlocal refused
        refused += 1
        msg = "connection refused"
        raise UnavailableError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(server.manager.plugins, "open_storage", refuse)
        tab = server.tab("garbage", "alice")
        session = tab.run()
        server.manager.persist_input("name", "Ada")
        assert session is tab.run()
        assert not server.manager.flush()
    assert server.manager.flush()

    assert 2 == refused, "the first bootstrap, once, and the flush"
    stored = server.manager.repository.load(session.session_id)
    assert stored is not None
    assert {"name": "Ada"} == stored.inputs


def test_a_store_that_refuses_for_good(server: Server) -> None:
    """The user goes on; it is told, and not tried again by itself."""
    tab = server.visited()
    session = tab.run()
    session.theme = "dark"
    server.store.next_writes(REJECTED)
    assert not server.manager.flush()
    server.wait_for_events()

    assert [("the disk is full", False)] == [
        (event.error, event.retrying) for event in server.told(SaveFailed)
    ]
    assert not server.manager.is_pending(session.session_id)
    server.store.next_writes(REJECTED)
    with pytest.raises(RejectedError, match="disk is full"):
        server.manager.save(session, immediate=True)
    tab.run()
    assert server.manager.flush()
    assert 2 == session.version


def test_stopping_while_the_store_is_down(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """It ends, and says whose changes are lost."""
    session = server.tab().run()
    session.inputs["typed"] = 1
    server.store.down = True
    server.manager.close()

    [said] = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert f"closed with unsaved changes of 1 session ({session.session_id[:8]})" in said
    assert said.endswith("old: the store is down; they are lost")


def test_stopping_while_the_store_hangs(server: Server) -> None:
    """It waits no longer than it is told to."""
    gate = Gate()
    server.store.on_write = gate
    server.tab().run().inputs["typed"] = 1
    stopper = Thread(target=server.manager.close, args=(0.05,))
    stopper.start()
    assert gate.reached.wait(PATIENCE)
    stopper.join(PATIENCE)
    stopped = not stopper.is_alive()
    gate.opened.set()

    assert stopped


def test_another_users_sessions_are_saved_while_one_hangs_no_longer(server: Server) -> None:
    """One lost answer doesn't hold up the rest of a batch."""
    sessions = [server.tab().run() for _ in range(5)]
    for session in sessions:
        session.inputs["typed"] = 1
    server.store.next_writes(LOST)
    assert not server.manager.flush()
    assert 4 == len(server.store.keep())
    assert server.manager.flush()

    assert {session.session_id for session in sessions} == set(server.store.keep())


# -- lost answers --------------------------------------------------------------


FATES = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 2),
        st.sampled_from((None, None, LANDED, LOST, REJECTED, "read")),
    ),
    # A head remembers eight saves: so many others may follow before a lost one is looked for.
    max_size=RECENT_SAVES,
)


@settings(max_examples=150, deadline=None)
@given(FATES)
@example([(0, 1, LANDED), (1, 1, None), (0, 0, "read"), (0, 1, None)])
@example([(0, 1, LANDED), (0, 0, REJECTED), (0, 1, None)])
def test_whatever_answers_are_lost_each_change_is_stored_once(
    fates: list[tuple[int, int, str | None]],
) -> None:
    """Two writers, writes that land or not, reads that fail: the counts are exact."""
    first = Replica()
    first.new()
    writers = (first, first.again())
    sessions = [writer.load() for writer in writers]
    for who, views, fate in fates:
        writer, session = writers[who], sessions[who]
        for _ in range(views):
            session.add_navigation("cart")
        writer.store._fates.clear()
        writer.store.failing_reads = int(fate == "read")
        if fate != "read":
            writer.store.next_writes(fate)
        with suppress(UnavailableError, RejectedError):
            writer.save(session)
    for _ in range(2):
        for writer, session in zip(writers, sessions, strict=True):
            writer.store._fates.clear()
            writer.store.failing_reads = 0
            writer.save(session)
            writer.meet(session)

    total = sum(views for _, views, _ in fates)
    for session in (*sessions, first.load()):
        assert total == session.page_views.get("cart", 0)
        assert total == session.interaction_count


# -- back in time --------------------------------------------------------------


def test_a_failover_to_a_lagging_store_is_repaired_by_the_next_change(server: Server) -> None:
    """What was acknowledged is written again, with what is new."""
    tab = server.visited()
    session = tab.run()
    kept = server.store.keep()
    session.add_navigation("cart")
    session.inputs["acknowledged"] = 1
    server.manager.schedule_save(session)
    assert server.manager.flush()
    server.store.go_back(kept)
    session.add_navigation("cart")
    tab.run()
    assert server.manager.flush()

    stored = server.manager.repository.load(session.session_id)
    assert stored is not None
    assert ({"cart": 2}, {"acknowledged": 1}) == (stored.page_views, stored.inputs)
    assert 1 == len(server.told(StoreWentBack))


def test_after_a_failover_two_replicas_keep_each_others_changes() -> None:
    """Both wrote what the store forgot; each brings its own back, and neither removes the other's."""
    one = Replica()
    one.new()
    two = one.again()
    ours, theirs = one.load(), two.load()
    kept = one.store.keep()
    ours.inputs["ours"] = 1
    one.save(ours)
    theirs.inputs["theirs"] = 1
    two.save(theirs)
    one.store.go_back(kept)

    theirs.inputs["theirs since"] = 2
    two.save(theirs)
    ours.inputs["ours since"] = 2
    one.save(ours)
    for writer, session in ((one, ours), (two, theirs)) * 2:
        writer.meet(session)
        writer.save(session)

    wanted = {"ours": 1, "theirs": 1, "ours since": 2, "theirs since": 2}
    assert wanted == one.load().inputs
    assert wanted == ours.inputs
    assert wanted == theirs.inputs
