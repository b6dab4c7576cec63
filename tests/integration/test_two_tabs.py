# SPDX-License-Identifier: Apache-2.0
"""Tabs and replicas of one user over one SQLite file: nobody overwrites anybody."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread

from session_harness.replicas import Replica
from session_harness.servers import Server, Tab, session_of, token_for
from session_harness.stores import PATIENCE

from sessionkit.encoding.packing import SPLIT_ABOVE
from sessionkit.session import UserSession
from sessionkit.settings.settings import PersistenceSettings

ROUNDS = 20

OpenReplica = Callable[..., Server]


def at_once(*works: Callable[[], None]) -> None:
    """Run all at the same time, each on a thread of its own."""
    barrier = Barrier(len(works))
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        barrier.wait(PATIENCE)
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test's thread raises it
            failures.append(error)

    threads = [Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [] == failures


def both(open_replica: OpenReplica) -> tuple[Tab, Tab]:
    """Return two tabs of one browser, each at a server of its own."""
    first, second = open_replica(), open_replica()
    one = first.visited()
    return one, one.beside(second)


def stored(tab: Tab) -> UserSession:
    """Return what is stored of the tab's browser's session."""
    session = tab.server.manager.repository.load(str(session_of(tab.cookie)))
    assert session is not None
    return session


def test_tabs_of_one_process_type_at_once(open_replica: OpenReplica) -> None:
    """Every input and every count is there, while the writer saves all the time."""
    server = open_replica(persistence=PersistenceSettings(debounce_ms=0, max_wait_ms=0))
    session = server.visited().run()

    def use(name: str) -> Callable[[], None]:
        def work() -> None:
            for number in range(200):
                session.set_input(f"{name}{number}", number)
                session.add_navigation(name)
                session.get_form_state(name).data[str(number)] = number
                server.manager.schedule_save(session)

        return work

    at_once(use("a"), use("b"))
    assert server.manager.flush()

    found = server.manager.repository.load(session.session_id)
    assert found is not None
    assert 400 == len(found.inputs)
    assert {"a": 200, "b": 200} == found.page_views
    assert 800 == found.interaction_count == session.interaction_count
    assert [200, 200] == [len(form.data) for form in found.form_states.values()]


def test_replicas_take_turns(open_replica: OpenReplica) -> None:
    """Each sees what the other did as soon as it looks, and nothing counts twice."""
    tabs = both(open_replica)
    for number in range(ROUNDS):
        tab = tabs[number % 2].reload()
        session = tab.run()
        assert number == session.page_views.get("cart", 0)
        session.add_navigation("cart")
        session.inputs[str(number)] = number
        assert tab.server.manager.flush()

    found = stored(tabs[0])
    assert ({"cart": ROUNDS}, ROUNDS) == (found.page_views, found.interaction_count)
    assert ROUNDS == len(found.inputs) == len(found.navigation_history)


def test_replicas_save_at_once(open_replica: OpenReplica) -> None:
    """Whoever comes second merges; reruns take in what the other stored."""
    tabs = both(open_replica)
    for number in range(ROUNDS):
        for tab in tabs:
            session = tab.run()
            session.add_navigation("cart")
            session.inputs[f"{tab.server is tabs[0].server}{number}"] = number
        at_once(*(lambda tab=tab: tab.server.manager.flush() for tab in tabs))  # type: ignore[misc]
    for tab in (*tabs, *tabs):
        tab.run()
        assert tab.server.manager.flush()
        tab.beside().run()

    for session in (stored(tabs[0]), *(tab.run() for tab in tabs)):
        assert {"cart": 2 * ROUNDS} == session.page_views
        assert 2 * ROUNDS == session.interaction_count
        assert 2 * ROUNDS == len(session.inputs)


def test_a_large_session_is_shared_like_a_small_one(open_replica: OpenReplica) -> None:
    """One replica makes it large while the other one has it small."""
    one, two = both(open_replica)
    one.run().inputs["text"] = "x" * SPLIT_ABOVE
    two.run().inputs["note"] = 1
    for tab in (one, two):
        assert tab.server.manager.flush()
    found = stored(one)
    assert ({"text", "note"}, SPLIT_ABOVE) == (set(found.inputs), len(found.inputs["text"]))

    again = one.beside().run()
    again.inputs["text"] = "short"
    assert one.server.manager.flush()
    assert {"text": "short", "note": 1} == stored(two).inputs
    assert {"text": "short", "note": 1} == two.beside().run().inputs


def test_two_replicas_begin_the_same_cookies_session(open_replica: OpenReplica) -> None:
    """A new browser opens two tabs at once: both sessions become one."""
    cookie = token_for("new browser's")
    tabs = [open_replica().tab(cookie) for _ in range(2)]
    for number, tab in enumerate(tabs):
        session = tab.run()
        session.inputs[str(number)] = number + 1
        session.add_navigation("cart")
    at_once(*(lambda tab=tab: tab.server.manager.flush() for tab in tabs))  # type: ignore[misc]

    found = stored(tabs[0])
    assert ({"0": 1, "1": 2}, {"cart": 2}) == (found.inputs, found.page_views)
    assert 2 == found.version


def test_a_logout_in_one_tab_ends_the_other_replicas(open_replica: OpenReplica) -> None:
    """Its late save brings nothing back, and its next run begins anew."""
    one, two = both(open_replica)
    session = two.run()
    session.inputs["late"] = 1
    one.run()
    one.enter().end_session()
    two.server.manager.flush()

    assert one.server.manager.repository.load(session.session_id) is None
    assert session.session_id != two.run().session_id
    assert {} == two.run().inputs


def test_a_restart_loses_nothing(open_replica: OpenReplica) -> None:
    """The server stops, which saves; another one goes on."""
    before = open_replica()
    tab = before.tab()
    session = tab.run()
    before.manager.persist_input("name", "Ada")
    form = session.get_form_state("order")
    form.data["city"] = "Paris"
    form.snapshot("before Rome")
    form.data["city"] = "Rome"
    session.mark_form_dirty("order")
    session.add_navigation("cart")
    before.manager.close()

    again = tab.beside(open_replica()).run()

    assert session is not again
    assert {"name": "Ada"} == again.inputs
    assert ({"order"}, "cart", {"cart": 1}) == (
        again.dirty_forms,
        again.current_page,
        again.page_views,
    )
    assert again.form_states["order"].undo()
    assert {"city": "Paris"} == again.form_states["order"].data


def test_a_rerun_that_changes_nothing_writes_nothing(open_replica: OpenReplica) -> None:
    """On a real store, too: the version stays."""
    tab = open_replica().visited()
    for _ in range(10):
        tab.run()
        assert tab.server.manager.flush()

    assert 1 == stored(tab).version


def test_two_equal_counts_are_two(replica: Replica) -> None:
    """Both replicas count the same view of the same page at once: that makes two."""
    replica.new()
    ours, theirs = replica.load(), replica.load()
    for session in (ours, theirs):
        session.page_views["cart"] = 1
    replica.save(theirs)
    replica.save(ours)

    assert {"cart": 2} == replica.load().page_views
