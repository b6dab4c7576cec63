# SPDX-License-Identifier: Apache-2.0
"""DESIGN section 4, sentence by sentence: the live session, and base and stored."""

from __future__ import annotations

import gc
from collections.abc import Callable
from threading import RLock, Thread
from weakref import ref

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from session_harness.replicas import Replica
from session_harness.servers import Server
from session_harness.stores import PATIENCE

from sessionkit.events import SessionSaved
from sessionkit.records import SessionWrite
from sessionkit.session import UserSession
from sessionkit.settings.settings import PersistenceSettings

OpenServer = Callable[..., Server]


class CountingLock:
    """A session's lock that counts who came in."""

    def __init__(self) -> None:
        """Begin open."""
        self.lock = RLock()
        self.entered = 0

    def __enter__(self) -> None:
        """Come in."""
        self.lock.acquire()
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self.lock.release()

    def _is_owned(self) -> bool:
        """Say that who flushes at the end doesn't hold it."""
        return False


# -- one live session an id in a process ---------------------------------------


def test_one_live_session_an_id_in_a_process(server: Server) -> None:
    """Tabs, reruns and reloads of one browser get the same object."""
    tab = server.tab()
    session = tab.run()

    assert session is tab.run()
    assert session is tab.beside().run()
    assert session is tab.reload().run()
    assert session is server.manager.current()


def test_replicas_have_objects_of_their_own(open_server: OpenServer) -> None:
    """What is live in one process is only stored for the other."""
    first = open_server()
    tab = first.tab()
    session = tab.run()
    assert first.manager.flush()

    other = tab.beside(open_server(type(first.store)(first.store.memory))).run()

    assert session is not other
    assert session.session_id == other.session_id


def test_the_map_keeps_a_session_while_a_connection_holds_it(server: Server) -> None:
    """A saved session that nobody but a connection's state refers to stays the live one."""
    tab = server.tab()
    tab.run().theme = "dark"
    assert server.manager.flush()
    server.store.memory.delete(tab.run().session_id)
    gc.collect()

    assert "dark" == tab.run().theme


def test_the_map_keeps_a_session_while_a_save_is_pending(server: Server) -> None:
    """The last tab may close before the save: the object is there for the next one."""
    tab = server.tab()
    session = tab.run()
    session.inputs["typed"] = "a moment ago"
    seen = ref(session)
    del session
    again = tab.reload()
    gc.collect()

    assert server.manager.is_pending(seen().session_id)  # type: ignore[union-attr]
    assert seen() is again.run()


def test_the_map_lets_go_of_a_session_that_nobody_holds(open_server: OpenServer) -> None:
    """After the last connection and the last save the memory is free; the store has it."""
    server = open_server(persistence=PersistenceSettings(debounce_ms=0))
    tab = server.tab()
    session = tab.run()
    session.inputs["kept"] = 1
    assert server.manager.flush()
    seen = ref(session)
    del session
    again = tab.reload()
    server.tab().run()  # the writer turns to someone else, and lets go of the first
    assert server.manager.flush()
    gc.collect()

    assert seen() is None
    assert {"kept": 1} == again.run().inputs


def test_tabs_change_the_session_under_its_lock(server: Server) -> None:
    """Two tabs that run at once can't lose each other's counts."""
    session = server.tab().run()
    lock = session.lock = CountingLock()  # type: ignore[assignment]

    server.manager.persist_input("name", "Ada")
    assert 1 == lock.entered
    session.add_navigation("cart")
    assert 2 <= lock.entered


def test_a_tab_waits_for_the_other_one_inside_the_lock(server: Server) -> None:
    """While one tab holds the lock, the other one's change waits."""
    session = server.tab().run()
    started = Thread(target=session.set_input, args=("name", "Ada"))
    with session.lock:
        started.start()
        seen = dict(session.inputs)
        count = session.interaction_count
    started.join(PATIENCE)

    assert ({}, 0) == (seen, count)
    assert ({"name": "Ada"}, 1) == (session.inputs, session.interaction_count)


def test_bootstrap_looks_in_the_map_before_it_asks_the_store(server: Server) -> None:
    """A refresh inside the debounce window sees everything, though nothing is stored yet."""
    tab = server.tab()
    session = tab.run()
    server.manager.persist_input("name", "Ada")
    session.get_form_state("order").data["city"] = "Paris"
    session.add_navigation("cart")
    before = len(server.store.calls)

    seen = tab.reload().run()

    assert ({"name": "Ada"}, {"city": "Paris"}) == (seen.inputs, seen.form_states["order"].data)
    assert "cart" == seen.current_page
    assert [] == server.store.calls[before:]
    assert server.store.memory.read(session.session_id) is None


def test_a_session_is_loaded_once_a_connection(open_server: OpenServer) -> None:
    """Reruns don't read."""
    first = open_server()
    tab = first.tab()
    tab.run()
    assert first.manager.flush()
    second = open_server(type(first.store)(first.store.memory))
    moved = tab.beside(second)

    for _ in range(10):
        moved.run()

    assert ["read"] == second.store.calls


# -- base and stored -----------------------------------------------------------


def test_a_save_writes_the_merge_of_base_ours_and_stored(replica: Replica) -> None:
    """What either of two writers changed is stored."""
    replica.new(a=0)
    other = replica.again()
    ours, theirs = replica.load(), other.load()
    theirs.inputs["theirs"] = 1
    theirs.add_navigation("cart")
    other.save(theirs)
    ours.inputs["ours"] = 2
    ours.add_navigation("help")

    replica.save(ours)

    stored = replica.load()
    assert {"a": 0, "ours": 2, "theirs": 1} == stored.inputs
    assert {"cart": 1, "help": 1} == stored.page_views
    assert ["cart", "help"] == [entry.page for entry in stored.navigation_history]
    assert 2 == stored.interaction_count


def test_what_others_changed_enters_the_live_object_only_when_it_is_absorbed(
    replica: Replica,
) -> None:
    """A save on the writer's thread leaves what the script sees alone."""
    replica.new()
    other = replica.again()
    ours, theirs = replica.load(), other.load()
    theirs.inputs["theirs"] = 1
    other.save(theirs)
    ours.inputs["ours"] = 2

    replica.save(ours)
    assert {"ours": 2} == ours.inputs

    assert ("inputs",) == replica.repository.absorb(ours)
    assert {"ours": 2, "theirs": 1} == ours.inputs


def test_what_others_changed_enters_at_bootstrap_on_the_scripts_own_thread(
    open_server: OpenServer,
) -> None:
    """The writer's thread never touches the live session; the next rerun does."""
    here, there = open_server(), None
    tab = here.tab()
    session = tab.run()
    assert here.manager.flush()
    there = open_server(type(here.store)(here.store.memory))
    tab.beside(there).run().inputs["theirs"] = 1
    assert there.manager.flush()
    session.inputs["ours"] = 2

    here.manager.schedule_save(session)
    assert here.manager.flush()
    assert {"ours": 2} == session.inputs

    tab.run()
    assert {"ours": 2, "theirs": 1} == session.inputs


def test_what_others_changed_enters_change_by_change(replica: Replica) -> None:
    """The app's containers stay the same objects, and so does what nobody else changed."""
    untouched = {"deep": [1]}
    ours = replica.new(mine=untouched, shared="old")
    form = ours.get_form_state("order")
    form.data["city"] = "Paris"
    replica.save(ours)
    inputs, data = ours.inputs, form.data
    other = replica.again()
    theirs = other.load()
    theirs.inputs["shared"] = "new"
    theirs.form_states["order"].data["street"] = "Rue"
    other.save(theirs)

    assert ("form:order", "inputs") == replica.meet(ours)

    assert inputs is ours.inputs
    assert untouched is ours.inputs["mine"]
    assert form is ours.form_states["order"]
    assert data is form.data
    assert {"city": "Paris", "street": "Rue"} == data
    assert "new" == inputs["shared"]


def test_what_others_changed_leaves_what_cannot_be_stored(replica: Replica) -> None:
    """A value that can't be encoded is nobody else's change: the script keeps it."""
    ours = replica.new(kept=1)
    upload = object()
    ours.inputs["upload"] = upload
    other = replica.again()
    theirs = other.load()
    theirs.inputs["theirs"] = 2
    other.save(theirs)

    replica.meet(ours)

    assert {"kept": 1, "upload": upload, "theirs": 2} == ours.inputs


def test_absorbed_changes_are_not_written_back(replica: Replica) -> None:
    """After it base is stored: there is nothing to save."""
    ours = replica.new(ours=1)
    other = replica.again()
    theirs = other.load()
    theirs.inputs["theirs"] = {"b": 1, "a": 2}
    theirs.permissions.add("write")
    other.save(theirs)
    replica.meet(ours)
    before = len(replica.store.writes)

    replica.save(ours)

    assert before == len(replica.store.writes)
    assert 2 == replica.store.stored("s").head.version


def test_the_merged_state_is_not_put_into_base(replica: Replica) -> None:
    """Or our next save would take what we have not absorbed for removed, and lose it."""
    ours = replica.new()
    other = replica.again()
    theirs = other.load()
    theirs.inputs["theirs"] = 1
    other.save(theirs)
    ours.inputs["ours"] = 2
    replica.save(ours)
    ours.inputs["ours"] = 3
    replica.save(ours)

    assert {"theirs": 1, "ours": 3} == replica.load().inputs


def test_base_is_not_left_where_it_was(replica: Replica) -> None:
    """Or our next save would contribute the same counts once more."""
    ours = replica.new()
    other = replica.again()
    theirs = other.load()
    theirs.add_navigation("cart")
    other.save(theirs)
    ours.add_navigation("cart")
    replica.save(ours)
    ours.add_navigation("cart")
    replica.save(ours)

    assert ({"cart": 3}, 3) == (replica.load().page_views, replica.load().interaction_count)


def test_what_the_app_changes_between_encode_and_landing_is_saved_next(replica: Replica) -> None:
    """Base is what was encoded, not what the session is when the answer comes."""
    session = replica.new()

    def meanwhile(_: SessionWrite) -> None:
        replica.store.on_write = None
        session.inputs["during"] = 2
        session.add_navigation("cart")

    session.inputs["before"] = 1
    replica.store.on_write = meanwhile
    replica.save(session)
    assert {"before": 1} == replica.load().inputs
    replica.save(session)

    assert {"before": 1, "during": 2} == replica.load().inputs
    assert {"cart": 1} == replica.load().page_views


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(("count", "count", "save", "save", "type", "meet", "absorb")),
    ),
    min_size=6,
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(STEPS)
@example([(1, "count"), (1, "save"), (0, "count"), (0, "save"), (0, "count"), (0, "save")])
def test_any_order_of_three_writers_ends_alike(steps: list[tuple[int, str]]) -> None:
    """Nothing is lost, nothing counts twice, and all see the same in the end."""
    first = Replica()
    first.new()
    writers = [first, first.again(), first.again()]
    sessions = [writer.load() for writer in writers]
    for number, (who, step) in enumerate(steps):
        act(writers[who], sessions[who], step, f"{who}-{number}")
    for _ in range(2):
        for writer, session in zip(writers, sessions, strict=True):
            writer.save(session)
            writer.meet(session)

    typed = {f"{who}-{number}" for number, (who, step) in enumerate(steps) if step == "type"}
    counted = sum(step == "count" for _, step in steps)
    for session in (*sessions, first.load()):
        assert typed == set(session.inputs)
        assert counted == session.page_views.get("cart", 0)
        assert counted == len(session.navigation_history)
        assert counted == session.interaction_count


def act(writer: Replica, session: UserSession, step: str, key: str) -> None:
    """Do one step."""
    if step == "count":
        session.add_navigation("cart")
    elif step == "type":
        session.inputs[key] = 1
    elif step == "save":
        writer.save(session)
    elif step == "meet":
        writer.meet(session)
    else:
        writer.repository.absorb(session)


# -- comparison, not announcement ----------------------------------------------


def _in_place(session: UserSession) -> None:
    session.form_states["order"].data["city"] = "Rome"


def _deep(session: UserSession) -> None:
    session.inputs["basket"].append("pear")


def _attribute(session: UserSession) -> None:
    session.theme = "dark"


def _set(session: UserSession) -> None:
    session.permissions.add("write")


def _history(session: UserSession) -> None:
    session.navigation_history.clear()


def _snapshot(session: UserSession) -> None:
    session.form_states["order"].snapshot()


def _cache(session: UserSession) -> None:
    session.cache_keys.add("orders")


def _extension(session: UserSession) -> None:
    session.extensions["tour"]["step"] = 2


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (_in_place, "form:order"),
        (_deep, "inputs"),
        (_attribute, "profile"),
        (_set, "access"),
        (_history, "navigation"),
        (_snapshot, "undo:order"),
        (_cache, "cache"),
        (_extension, "x:tour"),
    ],
)
def test_every_change_is_found_by_comparison_in_its_logical_part(
    replica: Replica, change: Callable[[UserSession], None], part: str
) -> None:
    """The app announces nothing; what changed is saved, and nothing else is said to have changed."""
    session = replica.new(basket=["apple"])
    session.get_form_state("order").data["city"] = "Paris"
    session.add_navigation("cart")
    session.extensions["tour"] = {"step": 1}
    replica.save(session)
    replica.events.clear()

    change(session)
    replica.save(session)

    assert [(part,)] == [event.parts for event in replica.told(SessionSaved)]
    reread = replica.load()
    wanted, kept = session.to_dict(), reread.to_dict()
    assert {**wanted, "last_activity": None} == {**kept, "last_activity": None}
