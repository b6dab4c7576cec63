# SPDX-License-Identifier: Apache-2.0
"""
The suite that proves a host right.

::

    class TestNiceGui(HostConformance):
        @pytest.fixture
        def connect(self, tokens):
            return lambda user=None: FakePage(NiceGuiHost(tokens), user)
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar, Final, Protocol, TypeVar, cast

import pytest

from sessionkit.conflict import FieldDecision, Side
from sessionkit.events import SessionEvent
from sessionkit.host import STATE_KEY, ConnectedHost, FollowingHost, Host
from sessionkit.session.ended import empty
from sessionkit.session.forms import LeftDraft
from sessionkit.session.privacy import Privacy
from sessionkit.session.session import UserSession
from sessionkit.status import PersistenceStatus
from sessionkit.tokens import Tokens

T = TypeVar("T")

_USER: Final = "https://issuer.example|ada"
_OTHER_USER: Final = "https://issuer.example|grace"


class HostConformance:
    """
    Subclass it, override the fixture ``connect``, and let pytest collect the subclass.

    Attributes:
        trusted: What the host says of itself: True only where code needs no
            browser. Clauses about tokens are skipped then.
        users: Whether the host can tell who is logged in; if so, ``connect``
            is called with users.
        connected: Whether it has ``connected``.
        follows: Whether it has ``follow``.
    """

    trusted: ClassVar[bool] = False
    users: ClassVar[bool] = False
    connected: ClassVar[bool] = False
    follows: ClassVar[bool] = False

    @pytest.fixture
    def tokens(self) -> Tokens:
        """Return the app's tokens, which a web host is made with."""
        return Tokens(secrets.token_urlsafe())

    @pytest.fixture
    def connect(self, tokens: Tokens) -> Connect:
        """
        Return a function that opens a connection of a new browser, with no cookie of ours yet.

        A host that is made for the connection gets *tokens*.
        """
        raise NotImplementedError

    @pytest.fixture
    def connection(self, connect: Connect) -> HostConnection:
        """Return a connection of a browser whose user is not logged in."""
        return connect()

    def test_trust_is_declared(self, connection: HostConnection) -> None:
        """``trusted`` says what the host says."""
        assert self.trusted is connection.host.trusted

    def test_active_in_a_run(self, connection: HostConnection) -> None:
        """Code that the framework runs has an active host, also later; other code has none, but of a trusted host."""
        assert self.trusted is connection.host.active()
        assert connection.run(lambda host: host.active()) is True
        assert self.trusted is connection.host.active()
        assert connection.run(lambda host: host.active()) is True

    def test_state_is_a_mapping(self, connection: HostConnection) -> None:
        """Entries are set, read, found and removed, the app's and sessionkit's own."""

        def work(host: Host) -> None:
            state = host.state()
            for key in ("city", STATE_KEY):
                assert key not in state
                assert state.get(key, "nothing") == "nothing"
                state[key] = [key]
                assert [key] == state[key]
                assert key in state
                del state[key]
                with pytest.raises(KeyError):
                    state[key]

        connection.run(work)

    def test_state_lasts_from_run_to_run(self, connection: HostConnection) -> None:
        """What one run keeps is there in the next: the very same object."""
        kept = object()

        connection.run(lambda host: host.state().update({STATE_KEY: kept}))

        assert connection.run(lambda host: host.state()[STATE_KEY] is kept)

    def test_state_is_one_a_connection(self, connect: Connect) -> None:
        """No connection sees what another keeps."""
        ours, theirs = connect(), connect()
        ours.run(lambda host: host.state().update({STATE_KEY: "ours", "city": "Ghent"}))

        assert theirs.run(lambda host: host.state().get(STATE_KEY)) is None
        theirs.run(lambda host: host.state().update({STATE_KEY: "theirs"}))

        assert theirs.run(lambda host: host.state().get("city")) is None
        assert "ours" == ours.run(lambda host: host.state()[STATE_KEY])

    def test_a_new_browser_presents_nothing(self, connection: HostConnection) -> None:
        """Without a cookie there is no token, and nobody made one up."""
        assert connection.run(lambda host: host.token()) is None

    def test_a_token_is_taken_at_any_time(self, connection: HostConnection, tokens: Tokens) -> None:
        """Giving a token, the same again, and taking it away raise nothing."""
        for token in (tokens.issue("one"), tokens.issue("one"), None, None):
            connection.run(_give(token))

    def test_the_latest_token_is_presented(
        self, connection: HostConnection, tokens: Tokens
    ) -> None:
        """From the next run on, what is presented names the session that was given last."""
        self._need_browser()
        for session_id in ("one", "two", "three"):
            connection.run(_give(tokens.issue(session_id)))

            for _ in range(2):
                assert session_id == _presented_id(connection, tokens)

    def test_a_token_that_was_taken_away(self, connection: HostConnection, tokens: Tokens) -> None:
        """After None the old token is not presented again."""
        self._need_browser()
        connection.run(_give(tokens.issue("one")))

        connection.run(_give(None))

        assert _presented_id(connection, tokens) is None

    def test_tokens_are_one_browsers_own(self, connect: Connect, tokens: Tokens) -> None:
        """No browser presents what another was given."""
        self._need_browser()
        ours, theirs = connect(), connect()

        ours.run(_give(tokens.issue("ours")))
        assert _presented_id(theirs, tokens) is None

        theirs.run(_give(tokens.issue("theirs")))
        assert ["ours", "theirs"] == [_presented_id(one, tokens) for one in (ours, theirs)]

    def test_a_token_for_another_device(self, connection: HostConnection, tokens: Tokens) -> None:
        """It takes the place of the one before, though it is for the same session: a login gives a new one."""
        self._need_browser()
        for device_id in (None, "one", "two"):
            connection.run(_give(tokens.issue("session", device_id)))

            assert device_id == _presented_device(connection, tokens)

    def test_each_device_is_known_for_itself(self, connect: Connect, tokens: Tokens) -> None:
        """Browsers that share a session present what each was given."""
        self._need_browser()
        ours, theirs = connect(), connect()
        for connection, device_id in ((ours, "ours"), (theirs, "theirs")):
            connection.run(_give(tokens.issue("session", device_id)))

        assert ["ours", "theirs"] == [_presented_device(one, tokens) for one in (ours, theirs)]

    def test_nobody_is_logged_in(self, connection: HostConnection) -> None:
        """A user who has not logged in has no name."""
        assert connection.run(lambda host: host.user()) is None

    def test_who_is_logged_in(self, connect: Connect) -> None:
        """Each connection has its own user, as ``issuer|subject``, in every run."""
        if not self.users:
            pytest.skip("the host is declared without users = True: it knows no login")
        ours, theirs, nobodys = connect(_USER), connect(_OTHER_USER), connect()

        for _ in range(2):
            users = [one.run(lambda host: host.user()) for one in (ours, theirs, nobodys)]
            assert [_USER, _OTHER_USER, None] == users

    def test_connected_is_declared(self, connection: HostConnection) -> None:
        """``connected`` says whether there is such a method."""
        assert self.connected == callable(getattr(connection.host, "connected", None))

    def test_sessions_are_connected(self, connection: HostConnection, tokens: Tokens) -> None:
        """A host takes the same session at each run, and another one when that has ended."""
        if not self.connected:
            pytest.skip("the host is declared without connected()")
        keeper = NullKeeper(tokens)
        session, other = UserSession(session_id="one"), UserSession(session_id="two")

        for shown in (session, session, other, other):
            connection.run(_connect(shown, keeper))

        assert [{}, {}] == [session.inputs, other.inputs]

    def test_who_does_not_follow_loses_the_session(
        self, connection: HostConnection, tokens: Tokens
    ) -> None:
        """Nothing more is put into a session that has left its object, nor is it to be saved; the next one may be."""
        if not self.connected:
            pytest.skip("the host is declared without connected()")
        session, keeper = UserSession(session_id="one"), NullKeeper(tokens)
        connection.run(_connect(session, keeper))
        connection.run(lambda host: host.state().update({"city": "Ghent"}))
        empty(session)
        keeper.asked.clear()

        connection.run(lambda host: host.state().update({"city": "Bruges"}))
        connection.run(_connect(UserSession(session_id="two"), keeper))

        assert {} == session.inputs
        assert session not in keeper.asked

    def test_follow_is_declared(self, connection: HostConnection) -> None:
        """``follows`` says whether there is a method ``follow``."""
        assert self.follows == callable(getattr(connection.host, "follow", None))

    def test_who_follows_is_the_one_that_is_told(self, connect: Connect, tokens: Tokens) -> None:
        """Another connection, which shows the same session, has nothing of the one that it moved to."""
        if not (self.connected and self.follows):
            pytest.skip("the host is declared without connected() or follow()")
        former, session = UserSession(session_id="one"), UserSession(session_id="two")
        ours, theirs, keeper = connect(), connect(), NullKeeper(tokens)
        for connection in (ours, theirs):
            connection.run(_connect(former, keeper))
        empty(former)
        ours.run(lambda host: cast("FollowingHost", host).follow(former, session))
        ours.run(_connect(session, keeper))
        keeper.asked.clear()

        theirs.run(lambda host: host.state().update({"city": "Ghent"}))

        assert {} == session.inputs
        assert session not in keeper.asked
        assert theirs.run(lambda host: host.token()) is None

    def _need_browser(self) -> None:
        if self.trusted:
            pytest.skip("the host is declared trusted: it has no browser that keeps a token")


class HostConnection(Protocol):
    """
    One connection of one browser, with cookies of its own; fake or true.

    Attributes:
        host: The host under test, as it is seen from outside any run.
    """

    host: Host

    def run(self, call: Callable[[Host], T]) -> T:
        """Have the framework run *call* for this connection, as it runs the app's code."""


class Connect(Protocol):
    """Opens connections."""

    def __call__(self, user: str | None = None) -> HostConnection:
        """Open a connection of a new browser, whose user, if any, is logged in as ``issuer|subject``."""


class NullKeeper:
    """
    A manager that keeps nothing.

    Attributes:
        tokens: The app's.
        asked: The sessions that it was to save.
    """

    def __init__(self, tokens: Tokens) -> None:
        """Take the app's tokens."""
        self.tokens = tokens
        self.asked: list[UserSession] = []
        self.watching = False

    def is_private(self, name: str) -> bool:
        """Return what the default settings say."""
        return Privacy().covers(name)

    def begin_use(self, session: UserSession) -> object:
        """Do nothing."""

    def end_use(self, use: object) -> None:
        """Do nothing."""

    def joined_input(self, session: UserSession, key: str, before: object, value: object) -> object:  # noqa: ARG002 - the protocol's
        """Return the value."""
        return value

    def schedule_save(self, session: UserSession) -> None:
        """Note that it was asked to."""
        self.asked.append(session)

    def flush(self, session_id: str | None = None, timeout: float | None = None) -> bool:  # noqa: ARG002 - the protocol's
        """Return that nothing waits."""
        return True

    def save_status(self, session: UserSession) -> PersistenceStatus:  # noqa: ARG002 - the protocol's
        """Return that nothing waits."""
        return PersistenceStatus(state="saved")

    def time_left(self, session: UserSession) -> timedelta | None:  # noqa: ARG002 - the protocol's
        """Return that a session goes on for ever."""
        return None

    def drafts_beside(self, session: UserSession, form_id: str) -> list[LeftDraft]:  # noqa: ARG002 - the protocol's
        """Return that nothing was left elsewhere."""
        return []

    def decisions(self, session: UserSession) -> tuple[FieldDecision, ...]:  # noqa: ARG002 - the protocol's
        """Return that nothing was decided."""
        return ()

    def settle(self, session: UserSession, decision: FieldDecision, take: Side | None) -> None:
        """Do nothing."""

    def emit(self, event: SessionEvent) -> None:
        """Tell nobody."""


def _give(token: str | None) -> Callable[[Host], None]:
    return lambda host: host.set_token(token)


def _connect(session: UserSession, keeper: NullKeeper) -> Callable[[Host], None]:
    return lambda host: cast("ConnectedHost", host).connected(session, keeper)


def _presented_id(connection: HostConnection, tokens: Tokens) -> str | None:
    """Return the id in the token that the browser presents."""
    token = connection.run(lambda host: host.token())
    return None if token is None else tokens.read(token)


def _presented_device(connection: HostConnection, tokens: Tokens) -> str | None:
    """Return the device in the token that the browser presents."""
    token = connection.run(lambda host: host.token())
    return None if token is None else tokens.inspect(token).device_id
