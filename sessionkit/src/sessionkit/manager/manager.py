# SPDX-License-Identifier: Apache-2.0
"""The manager of one app's sessions: gives each connection its session, and saves, rotates and ends it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Token
from datetime import datetime, timedelta
from functools import cached_property
from types import EllipsisType, TracebackType
from typing import Any, Final, Self, TypeGuard
from weakref import WeakKeyDictionary

from sessionkit.conflict import FieldDecision, Side
from sessionkit.errors import WRONG_SETTINGS, SessionGoneError, SessionKitError, ShareGoneError
from sessionkit.events import (
    SessionEvent,
    SessionSaved,
    SessionStoredAgain,
    StoreWentBack,
    log_event,
)
from sessionkit.host import ENDED_KEY, STATE_KEY, ConnectedHost, Host
from sessionkit.manager.claims import (
    Claims,
    ConnectedSession,
    connected_session,
    is_blank,
    leave,
)
from sessionkit.manager.copies import SHARED_FOR, Copies, SharedCopy
from sessionkit.manager.default_manager import OVERRIDES
from sessionkit.manager.identity import Identity
from sessionkit.manager.lifecycle import LiveRotation, SessionEnds, SessionSummary
from sessionkit.manager.live_sessions import LiveSessions
from sessionkit.manager.rerun_check import RerunCheck
from sessionkit.manager.saver import BackgroundSaver
from sessionkit.manager.store import Assembly, Store
from sessionkit.manager.watch import Watcher
from sessionkit.persistence.writer import Use
from sessionkit.plugins.plugins import Plugins
from sessionkit.repository.repository import Repository
from sessionkit.session.arguments import SESSION, SESSION_ID, USER_ID
from sessionkit.session.devices import is_struck_off, list_alone
from sessionkit.session.fields import utc_now
from sessionkit.session.forms import LeftDraft
from sessionkit.session.session import UserSession
from sessionkit.settings.settings import Settings, load_settings
from sessionkit.status import PersistenceStatus
from sessionkit.storage import Storage
from sessionkit.tokens import Tokens, load_secret

_LOGGER: Final = logging.getLogger("sessionkit")

_MANAGERS: Final[WeakKeyDictionary[UserSession, SessionManager]] = WeakKeyDictionary()


class SessionManager:
    """
    Keeps the sessions of one app.

    As a context manager it takes the place of the default manager for the code
    inside, and is closed at the end: made for tests.

    Attributes:
        settings: What is used.
        plugins: What is installed.
        now: Returns the present moment, aware.
        persistence: The queue of saves and its writer.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        plugins: Plugins | None = None,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Take the settings; nothing is opened before it is needed.

        Args:
            settings: What to use; None loads them as they stand now.
            plugins: What is installed.
            now: Returns the present moment, aware.
            clock: Returns seconds that never go back.

        Raises:
            ConfigError: If the settings are wrong.
            PluginError: If a plugin that is named to observe can't be loaded.
        """
        self.settings = settings = load_settings() if settings is None else settings
        self.plugins = Plugins() if plugins is None else plugins
        self.plugins.observe(settings.plugins, where=settings.where)
        self.now = now
        self._override: Token[SessionManager | None] | None = None
        self._hosts = self.plugins.hosts(settings.hosts, self._sign, where=settings.where)
        self._store = Store(settings, self.plugins, now=now, clock=clock, emit=self.emit)
        self._rerun_check = RerunCheck(
            settings.persistence.seconds_between_refreshes, self._store, clock=clock
        )
        self._live = LiveSessions(store=self._store, emit=self.emit, rerun_check=self._rerun_check)
        self._watcher = (
            Watcher(self._live, self._hosts.imported, clock=clock)
            if settings.persistence.watch
            else None
        )
        if settings.conflict.fields:
            _ = self.assembly  # what is wrong with them is an error at start
        self._saver = BackgroundSaver(
            self._store, self._live, now=now, part_from_struck_off=self._part_from_struck_off
        )
        self._recovery = self._saver.recovery
        self.persistence: Final = self._saver.persistence
        self._store.recover_by(self._saver.replay_journal)
        if self._watcher is not None:
            self._store.watch_by(self._watcher.begin, is_unwatched=self._watcher.should_begin)
        self._rotation = LiveRotation(
            live=self._live,
            store=self._store,
            persistence=self.persistence,
            moved=self._saver.follow,
            now=now,
            emit=self.emit,
        )
        self._identity = Identity(
            live=self._live,
            store=self._store,
            tokens=self._sign,
            claims=Claims(tokens=self._sign, emit=self.emit),
            rotation=self._rotation,
            discard=self._saver.discard,
            schedule_save=self._saver.schedule_save,
            now=now,
            emit=self.emit,
        )
        self._ends = SessionEnds(
            live=self._live,
            store=self._store,
            rotation=self._rotation,
            discard=self._saver.discard,
        )
        self._copies = Copies(store=self._store, now=now, emit=self.emit)

    # -- what it is made of ----------------------------------------------------

    @cached_property
    def tokens(self) -> Tokens:
        """What browsers are given, signed with the app's key."""
        return Tokens(load_secret(self.settings.security))

    def _sign(self) -> Tokens:
        return self.tokens

    @property
    def assembly(self) -> Assembly:
        """Makes storage, serializer and strategy; raises :class:`ConfigError` as it is made."""
        return self._store.assembly

    @property
    def watching(self) -> bool:
        """Whether connections left open are to show what others changed."""
        return self.settings.persistence.watch

    def is_private(self, name: str) -> bool:
        """Return whether the settings say that what is called so is never stored."""
        return self.settings.privacy.names.covers(name)

    @property
    def host(self) -> Host:
        """The framework that runs the calling code."""
        return self._hosts.active()

    @property
    def storage(self) -> Storage:
        """The open storage, set up; raises as :meth:`Assembly.storage` does."""
        return self.repository.storage

    @property
    def repository(self) -> Repository:
        """Loads and saves whole sessions; opened when it is first needed; raises as :meth:`Assembly.storage` does."""
        return self._store.repository

    def check_store(self) -> None:
        """Open the store, once a process, and raise what is wrong with the settings; see :meth:`Store.check`."""
        self._store.check()

    def emit(self, event: SessionEvent) -> None:
        """Log an event and tell the observers; whatever one raises on a thread of our own is logged there."""
        if isinstance(event, SessionSaved) and event.session_id is not None:
            if self._watcher is not None:
                self._watcher.record_saved(event.session_id, event.version)
            if self._store.outage.is_known:
                self._store.outage.record_answer()
        elif isinstance(event, SessionStoredAgain | StoreWentBack) and event.session_id is not None:
            self._saver.record_lost(event.session_id)
        log_event(event)
        try:
            self.plugins.emit(event)
        except BaseException:  # whatever ends an observer must not end the writer
            if not self.persistence.is_own_thread():
                raise  # the caller's: a Ctrl-C, a time limit, a page that is stopped
            _LOGGER.exception("an observer of %s ended by what is no error", type(event).__name__)

    # -- who gets which session ------------------------------------------------

    def bootstrap(
        self,
        session_id: str | None = None,
        user_id: str | EllipsisType | None = ...,
        *,
        restore_from_db: bool = True,
    ) -> UserSession:
        """
        Return the calling connection's session: the same one at each rerun.

        Args:
            session_id: The session to restore. In a web host it is given only
                to the browser that holds it or the user who owns it.
            user_id: The user that the app vouches for; None for nobody, which logs out
                whom the app has named at this connection before. Left out, it says nothing.
            restore_from_db: False to begin anew when the connection begins.

        Raises:
            InvalidSessionIdError: If *session_id* can't be one.
            TypeError: If *user_id* is neither a text nor None.
            ValueError: If *user_id* is empty: all who are not logged in would be one user.
            ConfigError: If the settings are wrong, or the store refuses them: a password, a
                right, a folder. A store that is down for now raises nothing.
            PluginError: If a plugin is missing or broken. In a page that is run by a framework both are logged, and
                what is raised is a ConfigError in words, which tell visitors nothing of the server.
            SessionKitError: In a web host's process, if no page runs this code.
        """
        if user_id is not ...:
            _check_user(user_id)
        try:
            host = self._hosts.of_connection()
            self.check_store()
        except WRONG_SETTINGS as error:
            self.plugins.refuse_in_words(error)
            raise
        session = self._identity.connect(host, session_id, user_id, restore=restore_from_db)
        _MANAGERS[session] = self
        session.touch()
        self._saver.schedule_save(session)
        if _is_connected(host):
            host.connected(session, self)
        return session

    def log_in(self, user_id: str) -> UserSession:
        """
        Log a user in at the calling connection's browser, and return their session.

        That is the connection's own, which becomes the user's, or the one that the user
        left behind, as at a :meth:`bootstrap` that names them. The browser gets a new
        token; later bootstraps need not name the user. Who was logged in before is logged
        out.

        Args:
            user_id: The user, whom the app has authenticated: it is believed.

        Raises:
            TypeError: If *user_id* is no text.
            ValueError: If *user_id* is empty.
            SessionKitError: If the host itself knows a user (``st.login``); and as
                :meth:`bootstrap` does.
        """
        USER_ID.check(user_id)
        host = self._hosts.of_connection()
        _check_unknown(host, "log_in")
        if not host.trusted:
            self.current()  # whom the browser is logged in as
        self._identity.log_in(host, user_id)
        return self.bootstrap()

    def log_out(self) -> None:
        """
        Log the connection's user out: their session stays stored, and waits for their next login.

        The browser's token opens nothing any more, in no tab; the next bootstrap begins a
        fresh session. Other devices stay. Nothing happens where nobody is logged in. While the
        store is down that holds in this process at once, and for all others when the store answers.

        Raises:
            SessionKitError: If the host itself knows the user (``st.login``).
        """
        host = self._hosts.of_connection()
        _check_unknown(host, "log_out")
        self._identity.confirm(host)
        left_already = ENDED_KEY in host.state()
        if not left_already and self.current().user_id is not None:
            self._identity.log_out(host)

    def current(self) -> UserSession:
        """Return the calling connection's session, bootstrapped when there is none yet; raises as :meth:`bootstrap`."""
        return connected_session(self._hosts.of_connection().state()) or self.bootstrap()

    def persist_input(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value a widget may return
        """
        Keep a value in the session and in the connection's own state, and have it saved soon.

        In a web host nothing is kept between the end of the connection's session and
        the next bootstrap: what a page shows of a session that it has just ended is
        nobody's.

        Args:
            key: A widget's key, or any other name.
            value: What a serializer can keep.

        Raises:
            QueueFullError: If too many sessions wait to be saved already, and that is the policy.
            SessionKitError: As :meth:`bootstrap` does.
        """
        if not isinstance(key, str):
            msg = f"persist_input takes a text as key, not {type(key).__name__}: {key!r}"
            raise TypeError(msg)
        host = self._hosts.of_connection()
        state = host.state()
        session = connected_session(state)
        if session is None and ENDED_KEY in state:
            return
        session = session or self.bootstrap()
        # What ``isinstance`` asks of a protocol takes 20 us, at each input.
        is_news, to_keep = getattr(host, "is_news", None), getattr(host, "to_keep", None)
        if is_news is not None and not is_news(session, key, value):
            return
        session.set_input(key, value if to_keep is None else to_keep(value))
        state[key] = value
        self._saver.queue(session)

    def joined_input(self, session: UserSession, key: str, before: Any, value: Any) -> Any:  # noqa: ANN401 - any value a widget may return
        """
        Return what an input is to become where a page that showed *before* sets *value*.

        A policy that joins what two writers did (``union``, ``sum``, ``max``, ``min``) holds whether they met in
        a save or not: what was changed since the page showed *before* is joined with it.

        Args:
            session: The session.
            key: The input's key.
            before: What the page showed.
            value: What its user made of it.
        """
        policies = self.assembly.policies.at("inputs", key)
        theirs = session.inputs.get(key, before)
        return policies.joined(before, value, theirs) if policies.joins else value

    def recover(self, session_id: str, user_id: str | None = None) -> UserSession | None:
        """
        Return a stored session without making it the connection's; None when there is none.

        In a web host only the browser that holds it or the user who owns it get
        it; anyone else gets None, and an event tells.
        """
        SESSION_ID.check(session_id)
        _check_user(user_id)
        session = self._identity.recover(self.host, session_id, user_id)
        if session is not None:
            _MANAGERS[session] = self
        return session

    def _own_session(self) -> UserSession | None:
        """Return the connection's session, if it still has that; None when it never asked for one."""
        self._identity.confirm(self.host)
        state = self.host.state()
        if STATE_KEY in state and connected_session(state) is None:
            return self.bootstrap()  # it was rotated, and belongs to whoever can say so
        return connected_session(state)

    def _part_from_struck_off(self, session: UserSession) -> None:
        moved = self._rotation.part_from_struck_off(session)
        if moved is not session:
            self.schedule_save(moved)

    def time_left(self, session: UserSession) -> timedelta | None:
        """Return how long a session goes on from now if nobody uses it any more; None for ever."""
        expiry = self.settings.expiry
        absolute = expiry.absolute and session.created_at + expiry.absolute - self.now()
        return min((one for one in (expiry.idle, absolute) if one is not None), default=None)

    # -- two writers -----------------------------------------------------------

    def drafts_beside(self, session: UserSession, form_id: str) -> list[LeftDraft]:
        """
        Return what a session's user has filled into a form in other sessions of theirs and not handed in, the latest first.

        The store is asked. There are none where it can't be reached, and none of a session that is nobody's.

        Args:
            session: The session, which is not looked at itself.
            form_id: The form.
        """
        return self._identity.drafts_beside(session, form_id)

    def decisions(self, session: UserSession) -> tuple[FieldDecision, ...]:
        """
        Return the fields of which one writer's value was dropped, or is asked for, and that nobody has settled.

        Never blocks. A field that was changed again since then is settled.
        """
        repository = self._store.if_open
        return () if repository is None else repository.decisions(session)

    def settle(
        self, session: UserSession, decision: FieldDecision, take: Side | None = None
    ) -> None:
        """
        Settle a decision, and save the session soon.

        Args:
            session: The session.
            decision: One of :meth:`decisions`.
            take: Whose value the session is to hold; None leaves what is there.
        """
        self.repository.settle(session, decision, take)
        self.schedule_save(session)

    # -- saving ----------------------------------------------------------------

    def schedule_save(self, session: UserSession) -> None:
        """
        Have the session saved soon, if it changed; never waits for the store.

        Where too many sessions wait already, an event tells that this one does not.

        Raises:
            SessionKitError: If the manager was closed.
        """
        self._saver.queue(session, raises=False)

    def queue(self, session: UserSession) -> None:
        """Do as :meth:`schedule_save`, and raise :class:`QueueFullError` if that is the policy."""
        self._saver.queue(session)

    def save(self, session: UserSession, *, immediate: bool = False) -> None:
        """
        Save a session, soon or at once, with all its forms: also those that don't save themselves.

        Args:
            session: The session.
            immediate: True to save now, and to raise what went wrong.

        Raises:
            SerializationError: If a value can't be kept; all else was saved.
            UnavailableError: If the store can't be reached; it is tried again by itself.
            QueueFullError: If too many sessions wait to be saved already, and that is the policy.
            SessionGoneError: If the session was ended, deleted or replaced.
            ConflictError: If the conflict strategy refused.
            PluginError: If the strategy failed; nothing was stored.
            RejectedError: If the store will not take it.
        """
        self._saver.save(session, immediate=immediate)

    def is_pending(self, session_id: str) -> bool:
        """Return whether changes of this session wait to be saved."""
        return self._saver.is_pending(session_id)

    def save_status(self, session: UserSession) -> PersistenceStatus:
        """Return how the saves of a session stand; never waits for the store."""
        return self._saver.save_status(session)

    def begin_use(self, session: UserSession) -> Use | None:
        """
        Look at a session now and then, until :meth:`end_use`: for hosts, whose runs may take long.

        What changes in it is found every ``max_wait_ms``, stored, and kept by the journal.

        Args:
            session: The session; it is held meanwhile, and may be used several times at once.

        Returns:
            What :meth:`end_use` ends; None for a session that is never stored.
        """
        return self._saver.begin_use(session)

    def end_use(self, use: object) -> None:
        """End a use that :meth:`begin_use` began, once what it changed last has been scheduled."""
        self._saver.end_use(use)

    @contextmanager
    def in_use(self, session: UserSession) -> Iterator[None]:
        """
        Have what changes in a session stored while a block of code takes long, and after it; for threads and jobs.

        Args:
            session: The session.
        """
        SESSION.check(session)
        use = self.begin_use(session)
        try:
            yield
        finally:
            self.schedule_save(session)
            self.end_use(use)

    def flush(self, session_id: str | None = None, timeout: float | None = None) -> bool:
        """Save now what waits; arguments and result are those of :meth:`SessionPersistence.flush`."""
        return self.persistence.flush(session_id, timeout)

    def close(self, timeout: float | None = None) -> None:
        """Save what waits and close the storage; closing twice is fine."""
        self._saver.close(timeout)
        if self._watcher is not None:
            self._watcher.close()
        self._store.close()

    # -- leaving ---------------------------------------------------------------

    def end_session(self, session: UserSession | None = None) -> None:
        """
        End a session for good: its id is never restored, and a late save brings nothing back.

        Its object is empty from then on, whoever has it, and ``ended``.

        Args:
            session: The session; None for the connection's. The connection gets
                a fresh one at the next bootstrap.

        Raises:
            UnavailableError: If the store can't be reached: nothing has ended; call it again.
        """
        if session is not None:
            SESSION.check(session)
        connected = self._own_session()
        ending = session or connected
        if ending is None:
            return
        aside = self._copies.aside_of(ending)
        self._ends.end(ending)
        self._copies.remove(aside)
        if connected is ending:
            leave(self.host)

    def rotate_session(self) -> UserSession:
        """
        Move the connection's session, with all its state, to a fresh id, and end the old one.

        It goes on in another object, which shares nothing with the one that it had:
        that one is empty and ended, whoever holds it. Other connections of this process
        go on with it if they show the new token or say that they are its owner.

        Returns:
            The session to go on with.

        Raises:
            UnavailableError: If the store can't be reached; nothing changed.
            SessionGoneError: If the session was ended meanwhile.
            RejectedError: If the store will not take the session; nothing changed.
            ConflictError: If two writers met and the strategy refused; nothing changed.
        """
        self._identity.confirm(self.host)
        while True:
            session = self.current()
            try:
                moved = self._rotation.rotate(session)
                break
            except SessionGoneError:
                if self._live.successor_of(session) is None:
                    raise  # else another tab was faster: this one may have that session, or gets one of its own
        _MANAGERS[moved] = self
        list_alone(moved, self._own_device())
        self._identity.renew(self.host, moved)
        self.schedule_save(moved)
        return moved

    def list_sessions(self, user_id: str | None) -> tuple[SessionSummary, ...]:
        """
        Return a user's sessions as far as they are stored, latest activity first.

        Args:
            user_id: The user, whom the caller has authenticated. None, as an anonymous
                session has it, has no sessions: the answer is empty.

        Raises:
            TypeError: If *user_id* is neither a text nor None.
            UnavailableError: If the store can't be reached.
        """
        return self._ends.summaries(user_id, self._own_session(), self._own_device())

    def revoke_sessions(
        self, user_id: str, only: Iterable[str] | None = None, *, keep_current: bool = False
    ) -> int:
        """
        End a user's sessions for good, wherever they are: their devices open nothing any more.

        Args:
            user_id: The user, whom the caller has authenticated.
            only: Ids of the sessions or devices that are meant; those that are not the
                user's are passed over. None for all.
            keep_current: Whether the calling connection's own session stays, for its own device.
                Where other devices share it, go on with :meth:`current`: the object that it had
                is empty and ended, for them as well.

        Returns:
            How many sessions were ended, and devices struck off of those that stay.

        Raises:
            TypeError: If *user_id* is no text, None neither: nobody is logged in then.
            UnavailableError: If the store can't be reached: some may have ended; call it again.
        """
        current = self._own_session()
        device_id = self._own_device()
        kept = current if keep_current else None
        ended = self._ends.revoke(user_id, only, kept, device_id, current=current)
        if current is None:
            return ended
        self._go_on_with_latest(current, device_id)
        if self._live.latest(current) is current and self._live.is_gone(current):
            leave(self.host)
        return ended

    def list_devices(self) -> tuple[SessionSummary, ...]:
        """
        Return where the connection's user is signed in, each browser apart, as far as it is stored, latest activity first.

        Returns:
            Summaries with a ``device``, one of them ``current``. None where nobody is logged in, and for users whom the
            host knows (``st.login``): where those are, their provider knows.

        Raises:
            UnavailableError: If the store can't be reached.
        """
        session = self._own_session()
        if session is None or session.user_id is None:
            return ()
        found = self._ends.summaries(session.user_id, session, self._own_device())
        return tuple(one for one in found if one.device is not None)

    def end_device(self, device_id: str) -> bool:
        """
        Sign the connection's user out at one browser, as :meth:`log_out` does there: nothing of the session is lost.

        What that browser holds opens nothing any more, and a page that is open there begins anew when it runs next. For
        the calling browser itself it is :meth:`log_out`. Go on with :meth:`current`: the object that
        the session had may be empty and ended.

        Args:
            device_id: One of :meth:`list_devices`. One that is not the user's is passed over.

        Returns:
            Whether the user was signed in there.

        Raises:
            TypeError: If *device_id* is no text.
            UnavailableError: If the store can't be reached: it may be signed in still; call it again.
        """
        if not isinstance(device_id, str):
            msg = f"end_device takes the device_id of one of list_devices(), not {type(device_id).__name__}: {device_id!r}"
            raise TypeError(msg)
        current = self._own_session()
        if current is None or current.user_id is None:
            return False
        own = self._own_device()
        if device_id == own:
            self.log_out()
            return True
        ended = self._ends.sign_out(current.user_id, device_id, current)
        self._go_on_with_latest(current, own)
        return ended

    def _go_on_with_latest(self, current: UserSession, device_id: str | None) -> None:
        """Go on with the object that the connection's session is in now, unless its own device was struck off."""
        moved = self._live.latest(current)
        if moved is not current and not is_struck_off(moved, device_id):
            _MANAGERS[moved] = self
            self._identity.renew(self.host, moved)

    def _own_device(self) -> str | None:
        """Return the device that the connection is listed as, or None."""
        connection: ConnectedSession | None = self.host.state().get(STATE_KEY)
        return None if connection is None else connection.device_id

    # -- copies for others -----------------------------------------------------

    def share(
        self, *, expires: timedelta = SHARED_FOR, leave_out: Iterable[str] = ()
    ) -> SharedCopy:
        """
        Make a copy of what the connection's session holds now, for whoever is given its token.

        It holds inputs, what stands in forms, and typed state; nothing that is never stored, and
        neither user, roles, permissions and devices, nor history, undo steps, cache keys, preferences
        and what plugins keep.

        Args:
            expires: For how long it can be opened, at most 366 days.
            leave_out: Names of what is not in it, or patterns of names, as in ``privacy.never``.

        Returns:
            The copy; its ``token`` is kept nowhere else.

        Raises:
            TypeError: If *expires* is no ``timedelta``, or *leave_out* no list of texts.
            ValueError: If *expires* is not above zero, or too long.
            ShareRefusedError: If the copy is too large, or the session has 20 that can be opened.
            UnavailableError: If the store can't be reached; there is no copy.
        """
        session = self._own_session() or self.bootstrap()
        copy = self._copies.share(session, expires, leave_out)
        self._is_stored(session)  # what is not listed can't be revoked
        return copy

    def _is_stored(self, session: UserSession) -> bool:
        """Save a session at once: its process may end any time. Return whether it is stored; else it is tried again by itself."""
        self.schedule_save(session)
        if not self._live.is_saved(session):
            return False
        try:
            self.persistence.save_now(session)
        except SessionKitError:  # save_status() says which
            return False
        return True

    def shared_copies(self) -> tuple[SharedCopy, ...]:
        """Return the copies of the connection's session that can still be opened, oldest first."""
        return self._copies.listed(self.current())

    def revoke_copy(self, copy_id: str) -> bool:
        """
        Have a copy of the connection's session open nothing any more; who has opened it keeps what they have.

        Args:
            copy_id: The copy; one that is another session's is passed over.

        Returns:
            Whether it was one that could be opened.

        Raises:
            UnavailableError: If the store can't be reached: it can still be opened; call it again.
        """
        session = self._own_session() or self.bootstrap()
        revoked = self._copies.revoke(session, copy_id)
        self.schedule_save(session)
        return revoked

    def open_copy(self, token: str, *, replace: bool = False) -> bool:
        """
        Put what somebody shared into the connection's session, which goes on as its own: whose it is stays.

        Args:
            token: The copy's.
            replace: True to set aside what is there, for 30 days (:meth:`go_back`).

        Returns:
            False where somebody did something in the session that would be replaced, and *replace* is
            False: nothing has changed then. True as well where the session is as the copy already.

        Raises:
            TypeError: If *token* is no text.
            ShareGoneError: If there is no such copy, or it has expired or was revoked.
            SerializationError: If it can't be read.
            NewerFormatError: If a newer release wrote it.
            UnavailableError: If the store can't be reached; nothing has changed.
        """
        session = self._own_session() or self.bootstrap()
        blank = is_blank(session, self.host)
        opened = self._copies.open(session, token, blank=blank, replace=replace)
        self.schedule_save(session)
        return opened

    def set_aside(self) -> tuple[datetime, ...]:
        """Return when that was set aside for copies which :meth:`go_back` puts back, the next one first."""
        return self._copies.aside(self.current())

    def go_back(self) -> bool:
        """
        Put back what was set aside last for a copy; what is there now is set aside in its turn, behind all others.

        Returns:
            False where nothing is set aside.

        Raises:
            ShareGoneError: If it was there for longer than 30 days; the next call takes another one.
            SerializationError: If it can't be read; nothing has changed.
            UnavailableError: If the store can't be reached; nothing has changed.
        """
        session = self._own_session() or self.bootstrap()
        try:
            put_back = self._copies.go_back(session)
        except ShareGoneError:
            self.schedule_save(session)
            raise
        if put_back is None:
            return False
        if self._is_stored(session):
            self._copies.remove([put_back])
        return True

    def forget_aside(self) -> None:
        """Let go of all that was set aside for copies."""
        session = self.current()
        self._copies.forget_aside(session)
        self.schedule_save(session)

    # -- in the place of the default one ---------------------------------------

    def __enter__(self) -> Self:
        """Take the place of the default manager; while there is none, in all threads."""
        self._override = OVERRIDES.enter(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the place back and close."""
        if self._override is not None:
            OVERRIDES.leave(self, self._override)
        self.close()


def manager_of(session: UserSession) -> SessionManager | None:
    """Return the manager that gave a session out, or None: it is saved through that one."""
    SESSION.check(session)
    return _MANAGERS.get(session)


def _check_user(user_id: str | None) -> None:
    if user_id is not None:
        USER_ID.check(user_id)


def _check_unknown(host: Host, call: str) -> None:
    if host.user() is not None:
        msg = (
            f"{call}() is for users whom the app itself knows, and this one is logged in by the host"
            " (st.login): st.logout() logs them out, and their session waits for the next st.login"
        )
        raise SessionKitError(msg)


def _is_connected(host: Host) -> TypeGuard[ConnectedHost]:
    return hasattr(host, "connected")  # as at each input
