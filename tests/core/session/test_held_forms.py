# SPDX-License-Identifier: Apache-2.0
"""How long a form's changes wait, and forms that are saved only when the app asks."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from session_harness.replicas import Replica
from session_harness.servers import Server
from session_harness.stores import PATIENCE, FaultyStore

from sessionkit.errors import ConflictError, UnavailableError
from sessionkit.events import ValueNotSaved
from sessionkit.merge.strategies import LastWriteWins
from sessionkit.session import UserSession
from sessionkit.session.forms import FormState, form_debounce

# -- how long changes wait -----------------------------------------------------


def session_of(**waits: int) -> UserSession:
    """Return a session whose dirty forms wait so many milliseconds."""
    forms = {name: FormState(form_id=name, save_debounce_ms=ms) for name, ms in waits.items()}
    return UserSession(form_states=forms, dirty_forms=set(forms))


def test_of_dirty_forms_the_shortest_wait_counts() -> None:
    """In seconds; zero is a wait, too."""
    assert 0.2 == form_debounce(session_of(a=900, b=200))
    assert 0.0 == form_debounce(session_of(a=900, b=0))


def test_only_dirty_forms_that_save_themselves_count() -> None:
    """Otherwise the setting does."""
    session = session_of(clean=1, manual=2, slow=3000)
    session.mark_form_clean("clean")
    session.form_states["manual"].auto_save = False
    assert 3.0 == form_debounce(session)
    session.mark_form_clean("slow")
    assert form_debounce(session) is None
    assert form_debounce(UserSession()) is None


def test_what_the_app_put_among_the_forms_does_no_harm() -> None:
    """A name without a form, and a form that is none: the save tells of it."""
    session = UserSession(dirty_forms={"unknown", "odd"})
    session.form_states["odd"] = {"save_debounce_ms": 1}  # type: ignore[assignment]
    assert form_debounce(session) is None


# -- forms that are saved when the app asks ------------------------------------


def hold(session: UserSession, **data: Any) -> FormState:
    """Return the session's form ``f``, not saved by itself, with something typed into it."""
    form = session.get_form_state("f")
    form.auto_save = False
    form.data.update(data)
    return form


def save(replica: Replica, *sessions: UserSession) -> None:
    """Save as the writer does by itself."""
    assert [None] * len(sessions) == replica.repository.save_many(sessions, whole=False)


def stored(replica: Replica) -> dict[str, Any] | None:
    """Return the stored data of the form ``f``; None when it is not stored."""
    form = replica.load().form_states.get("f")
    return None if form is None else form.data


def test_it_is_stored_when_asked_for_and_then_waits_again(replica: Replica) -> None:
    """What else changed is stored all the while."""
    session = replica.new()
    form = hold(session, name="Ada")
    session.inputs["city"] = "Ghent"
    save(replica, session)
    assert (None, {"city": "Ghent"}) == (stored(replica), replica.load().inputs)
    replica.save(session)
    form.data["name"] = "Grace"
    save(replica, session)
    assert {"name": "Ada"} == stored(replica)
    replica.save(session)
    assert {"name": "Grace"} == stored(replica)


def test_its_snapshots_wait_with_it(replica: Replica) -> None:
    """Those that are stored stay, also when the app drops its own."""
    session = replica.new()
    form = hold(session, name="Ada")
    form.snapshot("first")
    replica.save(session)
    form.snapshot("second")
    save(replica, session)
    assert ["first"] == [one.description for one in replica.load().form_states["f"].snapshots]
    form.snapshots = []
    save(replica, session)
    assert 1 == len(replica.load().form_states["f"].snapshots)
    replica.save(session)
    assert [] == replica.load().form_states["f"].snapshots


def test_an_automatic_save_of_nothing_else_writes_nothing(replica: Replica) -> None:
    """The store is left alone while the user types."""
    session = replica.new()
    hold(session, name="Ada")
    replica.save(session)
    session.form_states["f"].data["name"] = "Grace"
    writes = len(replica.store.writes)
    save(replica, session)
    assert writes == len(replica.store.writes)


def test_that_it_waits_is_stored_at_once(replica: Replica) -> None:
    """With the data as they were, and its end too."""
    session = replica.new()
    form = session.get_form_state("f")
    form.data["name"] = "Ada"
    save(replica, session)
    hold(session, name="Grace")
    save(replica, session)
    found = replica.load().form_states["f"]
    assert ({"name": "Ada"}, False) == (found.data, found.auto_save)
    form.auto_save = True
    save(replica, session)
    found = replica.load().form_states["f"]
    assert ({"name": "Grace"}, True) == (found.data, found.auto_save)


def test_marking_it_clean_asks_for_it_alone(replica: Replica) -> None:
    """The user has saved that form, and no other."""
    session = replica.new()
    hold(session, name="Ada")
    session.form_states["g"] = FormState(form_id="g", auto_save=False, data={"x": 1})
    session.mark_form_clean("f")
    save(replica, session)
    assert {"name": "Ada"} == stored(replica)
    assert ["f"] == list(replica.load().form_states)


def test_a_form_that_is_removed_goes_at_once(replica: Replica) -> None:
    """Nothing holds it any more."""
    session = replica.new()
    hold(session, name="Ada").snapshot()
    replica.save(session)
    del session.form_states["f"]
    save(replica, session)
    assert stored(replica) is None


def test_a_value_that_cannot_be_kept_is_told_when_it_is_asked_for(replica: Replica) -> None:
    """Until then it is nobody's business."""
    session = replica.new()
    hold(session, file=object())
    save(replica, session)
    assert [] == replica.told(ValueNotSaved)
    replica.repository.save_many([session])
    assert ["form_states['f'].data['file']"] == [one.path for one in replica.told(ValueNotSaved)]


def test_what_was_asked_for_survives_an_outage(replica: Replica) -> None:
    """The writer's next try stores what the user saw saved, not what was typed since."""
    session = replica.new()
    form = hold(session, name="Ada")
    replica.store.down = True
    with pytest.raises(UnavailableError):
        replica.save(session)
    form.data["name"] = "Grace"
    replica.store.down = False
    save(replica, session)
    assert {"name": "Ada"} == stored(replica)


def test_a_session_read_back_from_its_dict_waits_likewise(replica: Replica) -> None:
    """What was typed is in the dict, and not in the store before it is asked for."""
    session = replica.new()
    hold(session, name="Ada")
    replica.save(session)
    session.form_states["f"].data["name"] = "Grace"
    again = UserSession.from_dict(session.to_dict())
    other = replica.again()
    save(other, again)
    assert {"name": "Ada"} == stored(replica)
    other.save(again)
    assert {"name": "Grace"} == stored(replica)


# -- two writers ---------------------------------------------------------------


@pytest.fixture
def two(replica: Replica) -> tuple[Replica, UserSession, UserSession]:
    """Give two live sessions of one stored one, whose form ``f`` waits in both."""
    session = replica.new()
    hold(session, name="Ada", city="Ghent")
    replica.save(session)
    other = replica.again()
    return other, session, other.load()


def test_what_another_writer_changed_does_not_touch_what_was_typed(
    replica: Replica, two: tuple[Replica, UserSession, UserSession]
) -> None:
    """The fields that the user did not touch are taken in; nothing of it is stored unasked."""
    other, session, theirs = two
    session.form_states["f"].data["name"] = "typed"
    theirs.form_states["f"].data.update(name="other", city="Oslo", zip="1")
    theirs.inputs["x"] = 1
    other.save(theirs)
    replica.meet(session)
    assert {"name": "typed", "city": "Oslo", "zip": "1"} == session.form_states["f"].data
    assert {"x": 1} == session.inputs
    session.inputs["y"] = 2
    save(replica, session)
    assert {"name": "other", "city": "Oslo", "zip": "1"} == stored(replica)
    replica.save(session)
    assert {"name": "typed", "city": "Oslo", "zip": "1"} == stored(replica)


def test_two_writers_meet_at_a_save(
    replica: Replica, two: tuple[Replica, UserSession, UserSession]
) -> None:
    """An automatic save takes the other's form along; what was typed stays in the live session."""
    other, session, theirs = two
    session.form_states["f"].data["name"] = "typed"
    session.inputs["y"] = 2
    theirs.form_states["f"].data.update(city="Oslo")
    other.save(theirs)
    save(replica, session)
    assert {"name": "Ada", "city": "Oslo"} == stored(replica)
    replica.meet(session)
    assert {"name": "typed", "city": "Oslo"} == session.form_states["f"].data
    replica.save(session)
    other.meet(theirs)
    assert {"name": "typed", "city": "Oslo"} == stored(replica) == theirs.form_states["f"].data


def test_two_writers_who_ask_meet_in_a_strategy(replica: Replica) -> None:
    """It sees, and may return, what was typed."""
    session = replica.new()
    hold(session, name="Ada")
    replica.save(session)
    other = replica.again(strategy=LastWriteWins())
    ours = other.load()
    session.form_states["f"].data["name"] = "theirs"
    replica.save(session)
    ours.form_states["f"].data["name"] = "ours"
    other.save(ours)
    assert {"name": "ours"} == stored(replica)


def test_what_a_strategy_refused_is_still_asked_for(replica: Replica) -> None:
    """The next save by itself tries it again."""
    session = replica.new()
    form = hold(session, name="Ada")

    class Once:
        asked = 0

        def resolve(self, conflict: Any) -> UserSession | None:
            self.asked += 1
            return None if self.asked == 1 else conflict.ours  # type: ignore[no-any-return]

    other = replica.again(strategy=Once())
    theirs = other.load()
    replica.save(session)
    hold(theirs, name="Grace")
    with pytest.raises(ConflictError):
        other.save(theirs)
    form.data["name"] = "Ada again"
    save(other, theirs)
    assert {"name": "Grace"} == stored(replica)


def test_a_form_that_another_writer_removed_stays_with_who_types(
    replica: Replica, two: tuple[Replica, UserSession, UserSession]
) -> None:
    """And is stored again when it is asked for."""
    other, session, theirs = two
    session.form_states["f"].data["name"] = "typed"
    del theirs.form_states["f"]
    other.save(theirs)
    replica.meet(session)
    save(replica, session)
    assert stored(replica) is None
    assert "typed" == session.form_states["f"].data["name"]
    replica.save(session)
    assert {"name": "typed", "city": "Ghent"} == stored(replica)


def test_a_form_that_nobody_types_into_follows(
    replica: Replica, two: tuple[Replica, UserSession, UserSession]
) -> None:
    """It has nothing of its own to keep."""
    other, session, theirs = two
    theirs.form_states["f"].data["name"] = "other"
    other.save(theirs)
    replica.meet(session)
    assert "other" == session.form_states["f"].data["name"]
    del theirs.form_states["f"]
    other.save(theirs)
    replica.meet(session)
    assert {} == session.form_states


# -- through a manager ---------------------------------------------------------


@pytest.fixture
def server() -> Server:
    """Give a server where nothing is saved before a flush."""
    return Server(FaultyStore(), script=True)


def held_on(server: Server) -> Callable[[], Any]:
    """Return what tells the stored name in the form of the connection's session."""
    session = server.manager.current()
    assert server.manager.flush()

    def name() -> Any:
        found = server.manager.repository.load(session.session_id)
        assert found is not None
        form = found.form_states.get("f")
        return None if form is None else form.data.get("name")

    return name


def test_whatever_is_saved_by_itself_leaves_it(server: Server) -> None:
    """An input, a flush, the end of a run."""
    name = held_on(server)
    session = server.manager.current()
    hold(session, name="Ada")
    server.manager.persist_input("key", 1)
    assert server.manager.flush()
    server.manager.schedule_save(session)
    assert server.manager.flush()
    assert name() is None


@pytest.mark.parametrize("immediate", [True, False])
def test_whoever_saves_asks(server: Server, immediate: bool) -> None:  # noqa: FBT001 - a parameter
    """At once or soon; once."""
    name = held_on(server)
    session = server.manager.current()
    form = hold(session, name="Ada")
    server.manager.save(session, immediate=immediate)
    assert server.manager.flush()
    assert "Ada" == name()
    form.data["name"] = "Grace"
    server.manager.persist_input("key", 1)
    assert server.manager.flush()
    assert "Ada" == name()


def test_a_session_that_moves_takes_along_what_is_stored(server: Server) -> None:
    """What was typed stays in the session and out of the store."""
    session = server.manager.current()
    form = hold(session, name="Ada")
    server.manager.save(session, immediate=True)
    form.data["name"] = "Grace"
    session = server.manager.rotate_session()
    moved = server.manager.repository.load(session.session_id)
    assert moved is not None
    assert "Ada" == moved.form_states["f"].data["name"]
    assert "Grace" == session.form_states["f"].data["name"]


def test_a_dirty_form_has_its_session_saved_sooner(server: Server) -> None:
    """Where the setting would have it wait for weeks."""
    written = Event()
    session = server.manager.current()
    assert server.manager.flush()
    server.store.on_write = lambda _: written.set()
    session.get_form_state("f").save_debounce_ms = 0
    server.manager.persist_input("key", 1)
    assert server.manager.is_pending(session.session_id)
    session.mark_form_dirty("f")
    server.manager.persist_input("key", 2)
    assert written.wait(PATIENCE)


def test_a_login_saves_nothing_unasked() -> None:
    """The session moves to a fresh id; what was typed does not enter the store by that."""
    server = Server(FaultyStore())
    tab = server.visited()
    session = tab.run()
    old = session.session_id
    hold(session, name="Ada")
    tab.connection.account = "alice"
    session = tab.run()
    assert server.manager.flush()
    assert old != session.session_id
    moved = server.manager.repository.load(session.session_id)
    assert moved is not None
    assert ("alice", {}) == (moved.user_id, moved.form_states)
    assert {"name": "Ada"} == session.form_states["f"].data
