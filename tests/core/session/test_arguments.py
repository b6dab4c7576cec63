# SPDX-License-Identifier: Apache-2.0
"""What apps hand in by mistake: refused where they do, in words that say what would be right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sessionkit import (
    SessionManager,
    SessionPersistence,
    SessionRepository,
    UserSession,
    bootstrap_session,
    cleanup_expired_sessions,
    list_sessions,
    load_settings,
    recover_session,
    revoke_sessions,
    save_session,
)

Call = Callable[[SessionManager, Any], object]

STORES = pytest.mark.parametrize("manager", ["memory", "sqlite"], indirect=True)

SECRET = "s3cr3t-" * 3


@pytest.fixture(name="manager")
def _manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SessionManager]:
    """Put a manager in force, over the memory or what a test says, with sessions of two users and of nobody."""
    storage = getattr(request, "param", "memory")
    url = f"sqlite:///{tmp_path}/sessions.db"
    settings = load_settings(
        storage=storage,
        storages={"sqlite": {"url": url}} if storage == "sqlite" else {},
        security={"secret_key": SECRET},
    )
    with SessionManager(settings) as manager:
        for name, user in (("a", "alice"), ("b", "bob"), ("n", None)):
            manager.repository.save(UserSession(session_id=name, user_id=user))
        yield manager


def stored(manager: SessionManager) -> set[str]:
    """Return the ids of all sessions that are stored and go on."""
    return {head.session_id for head in manager.repository.heads()}


# -- whose sessions --------------------------------------------------------------


@STORES
def test_a_visitor_who_is_nobody_has_no_sessions_to_list(manager: SessionManager) -> None:
    """A page asks for ``session.user_id`` of whoever is there; it never gets everybody's."""
    assert bootstrap_session().user_id is None

    assert () == list_sessions(None) == manager.list_sessions(None)
    assert SessionRepository().get_session_by_user(None) is None


@STORES
@pytest.mark.parametrize("how", [{}, {"keep_current": True}, {"only": ["a", "b"]}])
def test_nobodys_sessions_cannot_be_ended(manager: SessionManager, how: dict[str, Any]) -> None:
    """Neither everybody's end, nor does a page believe that somebody was logged out."""
    bootstrap_session()

    for revoke in (revoke_sessions, manager.revoke_sessions):
        with pytest.raises(TypeError, match=r"user_id is None: nobody is logged in.*end_session"):
            revoke(None, **how)
    assert {"a", "b", "n"} <= stored(manager)


@pytest.mark.parametrize(
    "call",
    [
        lambda _, user: list_sessions(user),
        lambda _, user: revoke_sessions(user),
        lambda manager, user: manager.repository.heads_of(user),
        lambda _, user: SessionRepository().get_session_by_user(user),
        lambda _, user: SessionRepository().get_all_sessions(user_id=user),
    ],
)
def test_a_user_is_a_text(manager: SessionManager, call: Call) -> None:
    """A number from the app's own table of users would list and end nothing, without a word."""
    for user in (5, b"alice", ["alice"]):
        kind = type(user).__name__
        with pytest.raises(TypeError, match=rf"user_id is a user's id, a str, not {kind}$"):
            call(manager, user)
    assert {"a", "b", "n"} == stored(manager)


def test_below_the_manager_none_is_nobody_either(manager: SessionManager) -> None:
    """Who lists in order to end must not get all."""
    nobody: Any = None
    with pytest.raises(TypeError, match="not None"):
        manager.repository.heads_of(nobody)


@pytest.mark.parametrize(
    "call",
    [
        lambda _, user: bootstrap_session(user_id=user),
        lambda manager, user: manager.recover("a", user),
        lambda _, user: list_sessions(user),
        lambda _, user: revoke_sessions(user),
        lambda manager, user: manager.repository.heads_of(user),
    ],
)
def test_nobody_is_not_called_by_an_empty_text(manager: SessionManager, call: Call) -> None:
    """An app that says so of all who are not logged in would give each the others' session."""
    with pytest.raises(ValueError, match=r"user_id is empty, .* None while nobody is logged in$"):
        call(manager, "")


def test_the_user_to_begin_with_is_a_text(manager: SessionManager) -> None:
    """Before any session is given out."""
    for call in (manager.bootstrap, lambda user_id: manager.recover("a", user_id)):
        with pytest.raises(TypeError, match=r"user_id is a user's id, a str, not int$"):
            call(user_id=5)


def test_the_ids_that_are_meant_are_a_list(manager: SessionManager) -> None:
    """Of a text each part that is an id would count; what an iterator yields counts each time."""
    with pytest.raises(TypeError, match=r"only is a list of session ids.*, not str$"):
        revoke_sessions("alice", "a")
    assert {"a", "b", "n"} == stored(manager)

    manager.repository.save(UserSession(session_id="a2", user_id="alice"))
    assert 2 == revoke_sessions("alice", (name for name in ("nothing", "a2", "a")))
    assert {"b", "n"} == stored(manager)


# -- for how long ----------------------------------------------------------------


@STORES
def test_an_age_out_of_reason_removes_nothing(manager: SessionManager) -> None:
    """As the command refuses it: of 0 hours everything would be too old."""
    said = r"max_age_hours is a number of hours above 0, and 1000 years at most, not "
    for hours in (0, -1, 0.0, 1e-12, math.nan, math.inf, 1e9, 10**400):
        for cleanup in (cleanup_expired_sessions, SessionRepository().cleanup_expired_sessions):
            with pytest.raises(ValueError, match=said):
                cleanup(hours)
    assert {"a", "b", "n"} == stored(manager)


def test_an_age_is_a_number(manager: SessionManager) -> None:
    """Of no other kind."""
    wrong: tuple[Any, ...] = ("24", True, timedelta(hours=1))
    for hours in wrong:
        kind = type(hours).__name__
        with pytest.raises(TypeError, match=rf"max_age_hours is a number of hours.*, not {kind}$"):
            cleanup_expired_sessions(hours)
        with pytest.raises(TypeError, match=r"active_threshold_minutes is a number of minutes"):
            SessionRepository().get_active_session_count(hours)
    assert {"a", "b", "n"} == stored(manager)


@STORES
def test_a_thousand_years_are_an_age(manager: SessionManager) -> None:
    """The calendar has them, and so do the stores."""
    assert 0 == cleanup_expired_sessions(24 * 365 * 1000)
    assert {"a", "b", "n"} == stored(manager)


# -- which session ---------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda _, wrong: recover_session(wrong),
        lambda manager, wrong: manager.flush(wrong),
        lambda manager, wrong: manager.persistence.flush(wrong),
        lambda manager, wrong: manager.repository.load(wrong),
        lambda manager, wrong: manager.repository.end(wrong),
        lambda _, wrong: SessionRepository().get_session(wrong),
        lambda _, wrong: SessionRepository().delete_session(wrong),
        lambda _, wrong: SessionRepository().update_last_activity(wrong),
    ],
)
def test_an_id_is_a_text(manager: SessionManager, call: Call) -> None:
    """``flush(10)`` waits for no ten seconds: it would save nothing, and say that all is saved."""
    for wrong in (10, b"a", UserSession(session_id="a")):
        kind = type(wrong).__name__
        with pytest.raises(TypeError, match=rf"session_id is a session's id, a str.*, not {kind}$"):
            call(manager, wrong)
    assert {"a", "b", "n"} == stored(manager)


@pytest.mark.parametrize(
    "call",
    [
        lambda _, wrong: recover_session(wrong),
        lambda manager, wrong: manager.repository.load(wrong),
        lambda manager, wrong: manager.repository.end(wrong),
        lambda _, wrong: SessionRepository().delete_session(wrong),
    ],
)
def test_an_id_is_not_none(manager: SessionManager, call: Call) -> None:
    """Where nothing else could be meant."""
    with pytest.raises(TypeError, match=r"session_id is a session's id, a str, not None$"):
        call(manager, None)
    assert {"a", "b", "n"} == stored(manager)


def test_the_time_to_wait_is_a_number(manager: SessionManager) -> None:
    """Told before anything is saved."""
    for call in (manager.flush, manager.persistence.flush):
        with pytest.raises(TypeError, match=r"timeout is a number of seconds, or None.*, not str$"):
            call(timeout="5")  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize(
    "call",
    [
        lambda _, wrong: save_session(wrong),
        lambda _, wrong: save_session(wrong, immediate=True),
        lambda manager, wrong: manager.save(wrong),
        lambda manager, wrong: manager.schedule_save(wrong),
        lambda manager, wrong: manager.save_status(wrong),
        lambda manager, wrong: manager.repository.save(wrong),
        lambda manager, wrong: manager.repository.save_many([wrong]),
        lambda _, wrong: SessionRepository().save_session(wrong),
        lambda _, wrong: SessionRepository().resolve_conflict("a", wrong),
        lambda _, wrong: SessionPersistence(save_many=lambda _: []).save_now(wrong),
        lambda _, wrong: SessionPersistence(save_many=lambda _: []).schedule_save(None, wrong),
    ],
)
def test_a_session_is_one(manager: SessionManager, call: Call) -> None:
    """Neither an id, nor what ``get_session`` returned, nor the None of a session that isn't there."""
    for wrong, kind in ((None, "None"), ("a", "str"), ({"session_id": "a"}, "dict")):
        with pytest.raises(TypeError, match=rf"session is a UserSession.*, not {kind}$"):
            call(manager, wrong)
    assert {"a", "b", "n"} == stored(manager)


def test_the_session_to_end_is_one(manager: SessionManager) -> None:
    """Of an id in its place nothing would end."""
    with pytest.raises(TypeError, match=r"session is a UserSession.*, not str$"):
        manager.end_session("a")  # type: ignore[arg-type]  # what is tested


def test_a_status_is_a_sessions(manager: SessionManager) -> None:
    """Of a number nothing waits, ever."""
    for call in (manager.persistence.status, manager.persistence.is_pending):
        with pytest.raises(
            TypeError, match=r"session is a UserSession or a session's id.*not int$"
        ):
            call(10)  # type: ignore[operator]  # what is tested
