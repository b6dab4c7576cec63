# SPDX-License-Identifier: Apache-2.0
"""The module-level functions, and SessionRepository over the default manager."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import attrs
import pytest
from session_harness.replicas import Clock
from session_harness.servers import Server
from session_harness.stores import FaultyStore

from sessionkit import (
    ConflictError,
    SessionGoneError,
    SessionRepository,
    UnavailableError,
    UnknownPluginError,
    UserSession,
    bootstrap_session,
    cleanup_expired_sessions,
    end_session,
    get_current_session,
    init_session_tables,
    persist_input,
    recover_session,
    save_session,
)
from sessionkit.defaults.memory import MemoryStorage
from sessionkit.records import SCHEMA_VERSION
from sessionkit.session.fields import to_micros

OpenServer = Callable[..., Server]


@pytest.fixture(name="script")
def _script(open_server: OpenServer, clock: Clock) -> Iterator[Server]:
    """Be a script whose manager is the default one."""
    script = open_server(script=True, now=clock)
    with script.manager:
        yield script


@pytest.fixture(name="repo")
def _repo(script: Server) -> SessionRepository:
    """Return a repository as an app makes one."""
    assert script.manager
    return SessionRepository()


def stored(script: Server, session_id: str) -> UserSession:
    """Return what is stored, as another process sees it."""
    other = Server(FaultyStore(script.store.memory), script=True)
    session = other.manager.repository.load(session_id)
    other.manager.close()
    assert session is not None, f"{session_id!r} is not stored"
    return session


# -- the functions -------------------------------------------------------------


def test_a_day_of_a_session(script: Server) -> None:
    """Bootstrap, input, save, recover, end."""
    init_session_tables()
    session = bootstrap_session(session_id="mine", user_id="alice")
    assert session is get_current_session()
    persist_input("name", "Ada")
    assert script.store.memory.read("mine") is None
    save_session(session, immediate=True)
    assert {"name": "Ada"} == stored(script, "mine").inputs
    assert session is recover_session("mine")
    assert recover_session("other") is None
    end_session()

    assert script.store.stored("mine").head.ended
    assert "mine" != bootstrap_session("mine").session_id


def test_get_current_session_bootstraps(script: Server) -> None:
    """When nobody did."""
    session = get_current_session()

    assert session is bootstrap_session()
    assert script.manager.is_pending(session.session_id)


def test_a_save_is_debounced_unless_it_is_immediate(script: Server) -> None:
    """The default waits for more."""
    session = bootstrap_session("mine")
    save_session(session)
    assert script.store.memory.read("mine") is None
    save_session(session, immediate=True)

    assert 1 == script.store.stored("mine").head.version


def test_a_session_made_by_hand_is_saved_through_the_manager_in_force(script: Server) -> None:
    """Nobody gave it out."""
    save_session(UserSession(session_id="by hand", theme="dark"), immediate=True)

    assert "dark" == stored(script, "by hand").theme


def test_cleanup_removes_what_expired_and_what_was_idle(script: Server, clock: Clock) -> None:
    """It says how many."""
    for name in ("a", "b"):
        save_session(UserSession(session_id=name), immediate=True)
    clock.advance(hours=12)
    save_session(UserSession(session_id="c", last_activity=clock()), immediate=True)

    assert 0 == cleanup_expired_sessions()
    assert 2 == cleanup_expired_sessions(max_age_hours=6)
    clock.advance(hours=25)
    assert 1 == cleanup_expired_sessions()
    assert {} == script.store.keep()


def test_errors_of_the_store_reach_the_caller(script: Server) -> None:
    """All but at bootstrap, which goes on without it."""
    script.store.down = True
    session = bootstrap_session()
    for call in (end_session, cleanup_expired_sessions):
        with pytest.raises(UnavailableError):
            call()
    with pytest.raises(UnavailableError):
        save_session(UserSession(), immediate=True)
    assert session


# -- SessionRepository ---------------------------------------------------------


def test_it_uses_what_the_settings_say_wherever_nothing_is_given(script: Server) -> None:
    """The manager's storage, serializer, strategy and clock; else what is given."""
    assert script.store is SessionRepository().storage
    own = MemoryStorage()
    SessionRepository(own, "json").save(UserSession(session_id="s"))

    assert script.store.memory.read("s") is None
    found = own.read("s")
    assert found is not None
    assert b"json" in found.parts["*"]


def test_it_saves_and_gets(repo: SessionRepository) -> None:
    """A dict that makes the same session again."""
    session = UserSession(session_id="s", inputs={"size": (1, 2)}, roles={"editor"})
    repo.save_session(session)
    data = repo.get_session("s")

    assert data is not None
    assert session.to_dict() == data
    assert {"size": (1, 2)} == UserSession.from_dict(data).inputs
    assert repo.get_session("nothing") is None


def test_a_stored_sessions_last_activity_is_the_stored_one(
    repo: SessionRepository, clock: Clock
) -> None:
    """Looking at it is no activity of the user's, and saving it neither."""
    before = clock() - timedelta(hours=2)
    repo.save_session(UserSession(session_id="s", created_at=before, last_activity=before))

    session = repo.load("s")

    assert session is not None
    assert before == session.last_activity
    repo.save_session(session)
    found = repo.storage.read("s")
    assert found is not None
    assert to_micros(before) == found.head.last_activity


def test_the_latest_session_of_a_user(repo: SessionRepository) -> None:
    """As a dict, or None."""
    for name, user in (("a", "alice"), ("b", "alice"), ("c", "bob")):
        repo.save_session(UserSession(session_id=name, user_id=user))
    found = repo.get_session_by_user("alice")

    assert found is not None
    assert "b" == found["session_id"]
    assert repo.get_session_by_user("carol") is None


def test_pages_of_sessions(repo: SessionRepository) -> None:
    """Each once, in one order, however they are cut."""
    names = {f"s{number:03}" for number in range(125)}
    for name in names:
        user = "alice" if name < "s010" else None
        repo.save_session(UserSession(session_id=name, user_id=user))

    def page(**how: Any) -> list[str]:
        return [session["session_id"] for session in repo.get_all_sessions(**how)]

    assert 100 == len(page())
    cut = [name for offset in range(0, 150, 30) for name in page(limit=30, offset=offset)]
    assert names == set(cut)
    assert 125 == len(cut) == len(page(limit=1000))
    assert [] == page(limit=0)
    assert {f"s{number:03}" for number in range(10)} == set(page(user_id="alice"))
    assert page(user_id="alice")[3:5] == page(user_id="alice", offset=3, limit=2)


def test_a_list_is_not_spoilt_by_one_session(script: Server, repo: SessionRepository) -> None:
    """One that a newer release wrote, one that is damaged, one that ended: the others are listed."""
    for name in ("newer", "damaged", "ended", "right"):
        repo.save_session(UserSession(session_id=name, user_id="alice"))
    newer, damaged = script.store.stored("newer"), script.store.stored("damaged")
    head = attrs.evolve(newer.head, schema_version=SCHEMA_VERSION + 1)
    script.store.memory._sessions["newer"] = attrs.evolve(newer, head=head)
    script.store.memory._sessions["damaged"] = attrs.evolve(damaged, parts={"*": b"garbage"})
    repo.end("ended")

    for user in (None, "alice"):
        found = repo.get_all_sessions(user_id=user)
        assert ["right"] == [session["session_id"] for session in found]


def test_sessions_are_deleted_counted_and_touched(
    script: Server, repo: SessionRepository, clock: Clock
) -> None:
    """The rest of what an admin page needs."""
    repo.save_session(UserSession(session_id="s"))
    clock.advance(minutes=31)
    assert 0 == repo.get_active_session_count()
    assert 1 == repo.get_active_session_count(active_threshold_minutes=60)
    assert repo.update_last_activity("s")
    assert 1 == repo.get_active_session_count()
    assert to_micros(clock()) == script.store.stored("s").head.last_activity
    assert repo.delete_session("s")
    assert not repo.delete_session("s")
    assert not repo.update_last_activity("s")
    clock.advance(days=2)

    assert 0 == repo.cleanup_expired_sessions(max_age_hours=24)


def test_the_apps_repository_and_the_managers_dont_count_twice(
    script: Server, repo: SessionRepository
) -> None:
    """One live session, saved in turns by write-behind and by the app's own repository."""
    session = bootstrap_session("mine")
    for _ in range(3):
        session.add_navigation("cart")
        repo.save_session(session)
        session.add_navigation("cart")
        save_session(session)
        assert script.manager.flush()

    found = stored(script, "mine")
    assert ({"cart": 6}, 6) == (found.page_views, found.interaction_count)
    assert 6 == len(found.navigation_history)
    bootstrap_session("mine")
    assert ({"cart": 6}, 6) == (session.page_views, session.interaction_count)


# -- resolve_conflict ----------------------------------------------------------


def met(script: Server, repo: SessionRepository, clock: Clock) -> UserSession:
    """Return a local session that somebody else has saved meanwhile."""
    repo.save_session(UserSession(session_id="s", inputs={"base": 0}))
    local = repo.load("s")
    other = Server(FaultyStore(script.store.memory), script=True)
    theirs = other.manager.bootstrap("s")
    theirs.inputs.update(base="theirs", theirs=1)
    other.manager.close()
    assert local is not None
    clock.time = theirs.last_activity + timedelta(
        minutes=1
    )  # theirs is from a server with a clock of its own
    local.inputs.update(base="local", local=1)
    return local


@pytest.mark.parametrize(
    ("strategy", "inputs"),
    [
        ("merge", {"base": "local", "local": 1, "theirs": 1}),
        ("last_write_wins", {"base": "local", "local": 1}),
        ("first_write_wins", {"base": "theirs", "theirs": 1}),
    ],
)
def test_a_conflict_is_resolved_as_asked(
    script: Server, repo: SessionRepository, clock: Clock, strategy: str, inputs: dict[str, Any]
) -> None:
    """The result is stored and returned, as an object of its own."""
    local = met(script, repo, clock)
    resolved = repo.resolve_conflict(session_id="s", local_session=local, strategy=strategy)

    assert resolved is not None
    assert resolved is not local
    assert inputs == resolved.inputs == stored(script, "s").inputs


def test_a_conflict_may_be_refused(script: Server, repo: SessionRepository, clock: Clock) -> None:
    """Nothing is stored then."""
    local = met(script, repo, clock)
    with pytest.raises(ConflictError):
        repo.resolve_conflict("s", local, "refuse")

    assert {"base": "theirs", "theirs": 1} == stored(script, "s").inputs


def test_an_unknown_strategy_is_an_error(
    script: Server, repo: SessionRepository, clock: Clock
) -> None:
    """Which lists the known ones."""
    with pytest.raises(UnknownPluginError, match="last_write_wins"):
        repo.resolve_conflict("s", met(script, repo, clock), "newest_wins")


def test_a_wrong_id_is_an_error(repo: SessionRepository) -> None:
    """Before anything is stored."""
    with pytest.raises(ValueError, match="'other'"):
        repo.resolve_conflict("other", UserSession(session_id="s"))


def test_without_a_conflict_the_local_session_is_stored(
    script: Server, repo: SessionRepository
) -> None:
    """There was nothing to bring together."""
    resolved = repo.resolve_conflict("s", UserSession(session_id="s", theme="dark"))

    assert resolved is not None
    assert "dark" == resolved.theme == stored(script, "s").theme


def test_a_resolved_conflict_of_a_dict_made_session(
    script: Server, repo: SessionRepository
) -> None:
    """The seed's way: get_session, from_dict, change, resolve."""
    repo.save_session(UserSession(session_id="s", inputs={"base": 0}))
    data = repo.get_session("s")
    assert data is not None
    local = UserSession.from_dict(data)
    local.inputs["local"] = 1
    theirs = SessionRepository()
    other = theirs.load("s")
    assert other is not None
    other.inputs["theirs"] = 1
    theirs.save_session(other)

    resolved = SessionRepository().resolve_conflict("s", local, "merge")

    assert resolved is not None
    assert {"base": 0, "local": 1, "theirs": 1} == resolved.inputs
    assert resolved.inputs == stored(script, "s").inputs


def test_a_conflict_with_what_is_gone_brings_nothing_back(
    script: Server, repo: SessionRepository, clock: Clock
) -> None:
    """It was ended meanwhile."""
    local = met(script, repo, clock)
    repo.end("s")
    with pytest.raises(SessionGoneError, match="ended"):
        repo.resolve_conflict("s", local)

    assert script.store.stored("s").head.ended
