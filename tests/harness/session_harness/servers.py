# SPDX-License-Identifier: Apache-2.0
"""Managers as web servers have them, with browsers whose tabs run the page."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping, Sequence
from datetime import datetime
from queue import SimpleQueue
from threading import current_thread
from typing import Any, Final, TypeVar

import attrs
from session_harness.stores import FaultyStore

from sessionkit.conflict import ConflictStrategy
from sessionkit.defaults.local_host import LocalHost
from sessionkit.errors import InvalidTokenError
from sessionkit.events import SessionEvent
from sessionkit.host import Host
from sessionkit.manager.manager import SessionManager
from sessionkit.plugins import Plugins
from sessionkit.plugins.hosts import Hosts
from sessionkit.session import UserSession
from sessionkit.session.devices import UNKNOWN_BROWSER, BrowserInfo
from sessionkit.session.fields import utc_now
from sessionkit.settings import Settings
from sessionkit.settings.settings import PersistenceSettings, SecuritySettings
from sessionkit.storage import SetupStorage, Storage
from sessionkit.tokens import Tokens

E = TypeVar("E", bound=SessionEvent)

SECRET: Final = "the same on all replicas"  # noqa: S105 - signs the tokens of tests
LATER: Final = PersistenceSettings(debounce_ms=2**31 - 1, max_wait_ms=2**31 - 1)
"""Nothing is saved before a flush."""


@attrs.define
class Connection:
    """
    What a web host has of one connection.

    Attributes:
        presented: The token that the browser presented.
        account: The user whom the host vouches for.
        is_asking: Whether the browser has yet to say what it holds.
        browser: What the browser says that it is.
        state: What lives as long as the connection.
        given: The tokens that the browser was given.
    """

    presented: str | None = None
    account: str | None = None
    is_asking: bool = False
    browser: BrowserInfo = UNKNOWN_BROWSER
    state: dict[str, Any] = attrs.field(factory=dict)
    given: list[str | None] = attrs.field(factory=list)


class WebHost:
    """A framework that runs one connection's script at a time."""

    trusted = False

    def __init__(self) -> None:
        """Begin with nobody."""
        self.running: Connection | None = None
        self.threads: set[str] = set()
        self.changes: SimpleQueue[str] = SimpleQueue()

    def active(self) -> bool:
        """Return whether a script is being run."""
        return self.running is not None

    def state(self) -> MutableMapping[str, Any]:
        """Return the running connection's state."""
        return self._now().state

    def token(self) -> str | None:
        """Return what the running connection's browser presented."""
        return self._now().presented

    def set_token(self, token: str | None) -> None:
        """Note what the browser is given."""
        self._now().given.append(token)

    def user(self) -> str | None:
        """Return the running connection's user."""
        return self._now().account

    def is_asking(self) -> bool:
        """Return whether the running connection's browser has yet to say what it holds."""
        return self._now().is_asking

    def browser(self) -> BrowserInfo:
        """Return what the running connection's browser says that it is."""
        return self._now().browser

    def changed(self, session_id: str) -> None:
        """Note that idle tabs are to be rerun."""
        self.threads.add(current_thread().name)
        self.changes.put(session_id)

    def _now(self) -> Connection:
        assert self.running is not None, "asked outside of a script"
        self.threads.add(current_thread().name)
        return self.running


class _GivenHost(Hosts):
    """Knows a test's host alone."""

    def __init__(self, host: Host) -> None:
        """Take the host."""
        self._known = (), set(), [host]

    def imported(self) -> Sequence[Host]:
        """Return it."""
        return self._known[2]


class ServerPlugins(Plugins):
    """What is installed, with the test's own store and host in the place of the configured ones."""

    def __init__(
        self,
        store: Storage,
        host: Host,
        events: list[SessionEvent],
        strategy: ConflictStrategy | None = None,
    ) -> None:
        """Take what is used instead."""
        super().__init__()
        self._own = (store, host, events, strategy)

    def open_storage(self, *_: object, **__: object) -> Storage:
        """Return the test's store, set up; its calls are the test's to count."""
        store = self._own[0]
        if isinstance(store, SetupStorage):
            store.setup()
        return store

    def storage(self, *_: object, **__: object) -> Storage:
        """Return the test's store."""
        return self._own[0]

    def conflict_strategy(self, *args: Any, **keywords: Any) -> ConflictStrategy:
        """Return the test's strategy, else the configured one."""
        return self._own[3] or super().conflict_strategy(*args, **keywords)

    def hosts(self, *_: object, **__: object) -> Hosts:
        """Return what knows the test's host."""
        return _GivenHost(self._own[1])

    def emit(self, event: SessionEvent) -> None:
        """Note the event."""
        self._own[2].append(event)


class OpeningPlugins(ServerPlugins):
    """The same, opening the test's store as it would any."""

    open_storage = Plugins.open_storage


class Server:
    """
    One process of an app.

    Attributes:
        store: Its handle on the store.
        events: What it told.
        host: Runs its page; a local host when it is a script.
        manager: Its manager.
    """

    def __init__(  # noqa: PLR0913 - each is what some test varies
        self,
        store: FaultyStore | None = None,
        *,
        script: bool = False,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
        strategy: ConflictStrategy | None = None,
        persistence: PersistenceSettings = LATER,
        plugins: type[ServerPlugins] = ServerPlugins,
        **settings: Any,
    ) -> None:
        """Start."""
        self.store = FaultyStore() if store is None else store
        self.events: list[SessionEvent] = []
        self.web = WebHost()
        self.host: Host = LocalHost() if script else self.web
        self.manager = SessionManager(
            Settings(
                storage="memory",
                security=SecuritySettings(secret_key=SECRET),
                persistence=persistence,
                **settings,
            ),
            plugins=plugins(self.store, self.host, self.events, strategy),
            now=now,
            clock=clock,
        )

    def tab(self, presented: str | None = None, account: str | None = None) -> Tab:
        """Open a tab; the page has not run yet."""
        return Tab(self, Connection(presented=presented, account=account))

    def visited(self) -> Tab:
        """Return a tab of a browser that holds a cookie of a session, which is stored."""
        tab = self.tab()
        self.manager.save(tab.run(), immediate=True)
        return tab.reload()

    def wait_for_events(self) -> None:
        """Wait until the writer has told of all that it did before now."""
        last = UserSession()
        self.manager.persistence.schedule_save(last.session_id, last, lambda _: None)
        assert self.manager.flush(last.session_id)

    def told(self, kind: type[E]) -> list[E]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


class Tab:
    """
    One connection of one browser.

    Attributes:
        server: The server that it is connected to.
        connection: What the host has of it.
    """

    def __init__(self, server: Server, connection: Connection) -> None:
        """Connect."""
        self.server = server
        self.connection = connection

    def run(self, session_id: str | None = None, **keywords: Any) -> UserSession:
        """Run the page: return what bootstrap gives."""
        return self.enter().bootstrap(session_id, **keywords)

    def enter(self) -> SessionManager:
        """Let this tab's script be the one that runs."""
        self.server.web.running = self.connection
        return self.server.manager

    def reload(self, server: Server | None = None) -> Tab:
        """Press F5: another connection of the same browser, perhaps to another server."""
        tab = (server or self.server).tab(self.cookie, self.connection.account)
        self.connection.state.clear()
        return tab

    def beside(self, server: Server | None = None) -> Tab:
        """Open one more tab of the same browser."""
        return (server or self.server).tab(self.cookie, self.connection.account)

    @property
    def cookie(self) -> str | None:
        """What the browser holds now."""
        return self.connection.given[-1] if self.connection.given else self.connection.presented


def token_for(session_id: str, secret: str = SECRET) -> str:
    """Return the cookie that a browser holds of a session."""
    return Tokens(secret).issue(session_id)


def session_of(token: str | None) -> str | None:
    """Return the session that a cookie is for; None when it is none of ours."""
    try:
        return Tokens(SECRET).read(token)
    except InvalidTokenError:
        return None
