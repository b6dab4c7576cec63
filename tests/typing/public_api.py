# SPDX-License-Identifier: Apache-2.0
"""What a type checker tells a user of sessionkit; checked by mypy, never run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, assert_type

from attrs import define, field

from sessionkit import (
    Conflict,
    ConflictError,
    ConflictStrategy,
    FormSnapshot,
    FormState,
    NavigationEntry,
    Origin,
    Serializer,
    SessionHead,
    SessionKitError,
    SessionManager,
    SessionPage,
    SessionPersistence,
    SessionRepository,
    SessionSummary,
    SessionWrite,
    Storage,
    StoredSession,
    UserSession,
    bootstrap_session,
    cleanup_expired_sessions,
    configure,
    end_device,
    end_session,
    get_current_session,
    get_manager,
    init_session_tables,
    list_devices,
    list_sessions,
    log_in,
    log_out,
    persist_input,
    recover_session,
    revoke_sessions,
    rotate_session,
    save_session,
)


@define
class Line:
    """An app's own class."""

    sku: str = ""
    amount: int = 1


@define
class Cart:
    """Another one, which holds it."""

    lines: list[Line] = field(factory=list)


def cached() -> None:
    """A tied function keeps its signature, and what its cache has of its own."""
    session = get_current_session()

    @session.cached("orders of user", depends_on={"orders"})
    @lru_cache(maxsize=9)
    def orders(user: str, *, limit: int = 10) -> list[str]:
        return [user] * limit

    assert_type(orders("ada", limit=3), list[str])
    orders.cache_clear()
    assert_type(session.invalidate("orders"), set[str])
    assert_type(session.cache_version("orders of user"), str)
    session.cached(1)  # type: ignore[arg-type]  # a key is a text
    session.cached("orders")(5)  # type: ignore[type-var]  # a function is needed


def states() -> None:
    """A state is an object of its class, so that its fields are known."""
    session = get_current_session()
    cart = session.state(Cart)
    assert_type(cart, Cart)
    assert_type(cart.lines, list[Line])
    cart.lines.append(Line("tea"))
    assert_type(session.state(Cart, name="wishlist").lines[0].amount, int)

    def migrate(old: dict[str, Any], version: int) -> dict[str, Any]:
        return {**old, "version": version}

    assert_type(session.state(Cart, version=2, migrate=migrate), Cart)
    cart.line = []  # type: ignore[attr-defined]  # it has no such field
    session.state(Cart, version="2")  # type: ignore[arg-type]  # versions are counted
    session.state("Cart")  # type: ignore[arg-type]  # a class is needed


def sessions() -> None:
    """The functions return sessions, and None only where there may be none."""
    init_session_tables()
    assert_type(bootstrap_session(), UserSession)
    assert_type(bootstrap_session("id", "user", restore_from_db=False), UserSession)
    assert_type(bootstrap_session(session_id=None, user_id="user"), UserSession)
    assert_type(get_current_session(), UserSession)
    assert_type(recover_session("id"), UserSession | None)
    assert_type(cleanup_expired_sessions(max_age_hours=24), int)
    persist_input("key", {"any": object()})
    save_session(get_current_session(), immediate=True)
    end_session()
    assert_type(bootstrap_session(user_id=None), UserSession)
    assert_type(log_in("user"), UserSession)
    log_out()
    assert_type(rotate_session(), UserSession)
    assert_type(list_sessions("user"), tuple[SessionSummary, ...])
    assert_type(list_sessions(get_current_session().user_id), tuple[SessionSummary, ...])
    assert_type(list_devices(), tuple[SessionSummary, ...])
    assert_type([one.device.browser for one in list_devices() if one.device], list[str | None])
    assert_type(end_device("id"), bool)
    assert_type(revoke_sessions("user", ["id"], keep_current=True), int)


def fields(session: UserSession) -> None:
    """The fields of a session have precise types; the app's own values are Any."""
    assert_type(session.session_id, str)
    assert_type(session.user_id, str | None)
    assert_type(session.inputs, dict[str, Any])
    assert_type(session.origin, Origin)
    assert_type(session.origin == "new", bool)
    assert_type(session.roles, set[str])
    assert_type(session.page_views, dict[str, int])
    assert_type(session.navigation_history, list[NavigationEntry])
    assert_type(session.add_navigation("page", {"n": 1}), NavigationEntry)
    assert_type(session.last_activity, datetime)
    assert_type(session.session_duration, timedelta)
    assert_type(session.current_page, str | None)
    assert_type(session.to_dict(), dict[str, Any])
    assert_type(session.to_json(), str)
    assert_type(UserSession.from_dict(session.to_dict()), UserSession)
    assert_type(UserSession.from_json(session.to_json()), UserSession)


def forms(form: FormState) -> None:
    """Forms know their snapshots."""
    assert_type(form.data, dict[str, Any])
    assert_type(form.errors, dict[str, list[str]])
    assert_type(form.snapshot("before"), FormSnapshot)
    assert_type(form.snapshots, list[FormSnapshot])
    assert_type(form.undo(), bool)
    assert_type(form.can_redo, bool)
    assert_type(form.last_saved, datetime | None)
    assert_type(form.saved_data, dict[str, Any])


def by_hand() -> None:
    """The repository, the queue and the manager can be used on their own."""
    repository = SessionRepository()
    session = UserSession()
    repository.save(session)
    assert_type(repository.load("id"), UserSession | None)
    assert_type(repository.get_session("id"), dict[str, Any] | None)
    assert_type(repository.get_session_by_user("user"), dict[str, Any] | None)
    assert_type(repository.delete_session("id"), bool)
    assert_type(repository.cleanup_expired_sessions(max_age_hours=24), int)
    assert_type(repository.get_active_session_count(active_threshold_minutes=30), int)

    persistence = SessionPersistence(debounce_ms=500)
    persistence.schedule_save(session.session_id, session, repository.save_session)
    persistence.flush(session.session_id)
    persistence.close()

    assert_type(configure(storage="memory"), SessionManager)
    assert_type(get_manager(), SessionManager)
    with SessionManager() as manager:
        assert_type(manager, SessionManager)
        assert_type(manager.bootstrap(), UserSession)
        assert_type(manager.storage, Storage)


class OwnStorage:
    """A storage needs no base class."""

    def read(self, session_id: str) -> StoredSession | None:
        """Find nothing."""
        raise ConflictError(session_id)

    def write(self, write: SessionWrite) -> None:
        """Store nothing."""

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        """Find nothing."""
        return bool(session_id and last_activity and expires_at)

    def delete(self, session_id: str) -> bool:
        """Find nothing."""
        return not session_id

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """Find nothing."""
        heads: list[SessionHead] = []
        return SessionPage(heads=heads[:limit], cursor=cursor or user_id)

    def count(self, *, active_since: int) -> int:
        """Find nothing."""
        return min(0, active_since)

    def purge(self, *, expired_before: int, idle_before: int | None = None, limit: int) -> int:
        """Find nothing."""
        return min(0, expired_before, idle_before or 0, limit)

    def close(self) -> None:
        """Close nothing."""


class OwnSerializer:
    """A serializer needs no base class."""

    def dumps(self, data: Any) -> bytes:
        """Encode anything."""
        return repr(data).encode()

    def loads(self, data: bytes) -> Any:
        """Decode nothing."""
        return data.decode()


class OwnStrategy:
    """A strategy needs no base class."""

    def resolve(self, conflict: Conflict) -> UserSession | None:
        """Take what is stored."""
        assert_type(conflict.base, UserSession | None)
        assert_type(conflict.ours, UserSession)
        return conflict.theirs


def plugins() -> None:
    """What fits a protocol is taken where it is wanted."""
    storage: Storage = OwnStorage()
    serializer: Serializer = OwnSerializer()
    strategy: ConflictStrategy = OwnStrategy()
    assert_type(serializer.dumps([]), bytes)
    SessionRepository(storage=storage, serializer="json", conflict_strategy=strategy)
    SessionRepository("sqlite", serializer)
    SessionRepository(conflict_strategy="merge", now=lambda: datetime.now(UTC))


def errors(error: ConflictError) -> SessionKitError:
    """Errors carry what they speak of."""
    assert_type(error.session_id, str)
    assert_type(error.current, SessionHead | None)
    return error
