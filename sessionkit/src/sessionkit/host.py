# SPDX-License-Identifier: Apache-2.0
"""The host contract: the framework that the code runs in, and what it may ask of the manager."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from sessionkit.conflict import FieldDecision, Side
    from sessionkit.events import SessionEvent
    from sessionkit.session.devices import BrowserInfo
    from sessionkit.session.forms import LeftDraft
    from sessionkit.session.session import UserSession
    from sessionkit.status import PersistenceStatus
    from sessionkit.tokens import Tokens

STATE_KEY: Final = "_sessionkit_connection"
"""Where a host's state holds the :class:`~sessionkit.manager.claims.ConnectedSession`."""

ENDED_KEY: Final = "_sessionkit_ended"
"""Where it says that the connection's session was ended by its own page, which has no other one yet."""


class Host(Protocol):
    """
    Says who the browser and the user are.

    Attributes:
        trusted: True where whoever names a session id may have it (scripts, the
            command line, tests). A web host is never trusted.
    """

    trusted: bool

    def active(self) -> bool:
        """Return whether the calling code is run by the framework, now."""

    def state(self) -> MutableMapping[str, Any]:
        """Return what lives as long as the connection; one mapping a connection."""

    def token(self) -> str | None:
        """Return what the browser presented, unverified, or None."""

    def set_token(self, token: str | None) -> None:
        """Give the browser a new token, or none; it may take effect later."""

    def user(self) -> str | None:
        """Return the authenticated user as ``issuer|subject``, or None."""


HostFactory = Callable[..., Host]
"""Makes a host from the app's ``tokens`` and the keywords of its settings table."""


class Keeper(Protocol):
    """What a host may ask of the manager that keeps a session."""

    @property
    def tokens(self) -> Tokens:
        """Signs and reads the tokens of this app."""

    @property
    def watching(self) -> bool:
        """Whether connections left open are to show what others changed: the setting ``watch``."""

    def is_private(self, name: str) -> bool:
        """Return whether the settings say that what is called so is never stored."""

    def joined_input(self, session: UserSession, key: str, before: Any, value: Any) -> Any:  # noqa: ANN401 - any value of a widget
        """
        Return what an input is to become where a page that showed *before* sets *value*.

        That is *value*, but where a policy joins what two writers did (``union``, ``sum``, ``max``, ``min``): it
        holds for what was changed since the page showed it, too.
        """

    def schedule_save(self, session: UserSession) -> None:
        """Have the session saved soon, if it changed; never blocks."""

    def begin_use(self, session: UserSession) -> object:
        """
        Look at the session now and then until :meth:`end_use`: a run that uses it has begun, and may take long.

        Returns:
            What :meth:`end_use` takes; a session may be used several times at once.
        """

    def end_use(self, use: object) -> None:
        """End what :meth:`begin_use` began, once what it changed last has been scheduled; twice is fine."""

    def flush(self, session_id: str | None = None, timeout: float | None = None) -> bool:
        """Save now what waits, and what sessions in use have changed; a timeout of 0 only signals."""

    def save_status(self, session: UserSession) -> PersistenceStatus:
        """Return how the saves of a session stand; never waits for the store."""

    def time_left(self, session: UserSession) -> timedelta | None:
        """Return how long a session goes on from now if nobody uses it any more; None for ever."""

    def drafts_beside(self, session: UserSession, form_id: str) -> list[LeftDraft]:
        """Return what a session's user has filled into a form in other sessions, the latest first; the store is asked."""

    def decisions(self, session: UserSession) -> tuple[FieldDecision, ...]:
        """Return the fields of which one writer's value was dropped and that nobody has settled."""

    def settle(self, session: UserSession, decision: FieldDecision, take: Side | None) -> None:
        """Put one side's value of a field into the session, or leave what is there."""

    def emit(self, event: SessionEvent) -> None:
        """Tell the observers what happened."""


@runtime_checkable
class ServingHost(Host, Protocol):
    """A host that serves many users by one process."""

    def serves(self) -> bool:
        """
        Return whether pages are served by this process, now.

        Code that the host does not run, such as a thread that a page has started,
        is nobody's there: it gets an error instead of a session that all would share.
        """


@runtime_checkable
class NotifiedHost(Host, Protocol):
    """A host that can rerun what nobody touches."""

    def changed(self, session_id: str) -> None:
        """
        Have the tabs of a session rerun, soon: someone else has saved or ended it.

        Called on a thread of the manager's own, with the id of a session that is
        live in this process. Never waits and never raises.
        """


@runtime_checkable
class ConnectedHost(Host, Protocol):
    """A host that has work to do once a connection has its session."""

    def connected(self, session: UserSession, keeper: Keeper) -> None:
        """
        Take the session that the connection has now.

        Called at the end of every bootstrap, on the script's own thread: the
        same session again at each rerun, another one after it was ended or the
        browser turned out to hold another.
        """


@runtime_checkable
class FollowingHost(Host, Protocol):
    """A host that knows which session a connection shows, and goes on with it where it moves."""

    def follow(self, former: UserSession, session: UserSession) -> None:
        """
        Go on with a session that has moved to a fresh id, in another object.

        Called on the script's own thread, before the browser is given its new token,
        and only for a connection that may have it: of all others the object is empty and ended.
        """


@runtime_checkable
class LoadingHost(Host, Protocol):
    """A host that runs a page when it is loaded, before anybody can do anything on it."""

    def is_loading(self) -> bool:
        """
        Return whether the connection's first run is still under way.

        Who is named then has not logged in just now: the page says at each load who is there.
        """


@runtime_checkable
class AskingHost(Host, Protocol):
    """A host that may begin a page before its browser has said who it is."""

    def is_asking(self) -> bool:
        """
        Return whether the browser may yet present a token, later, of which this run knows nothing.

        Asked where it has presented none. Until then a session stands in, and is ``"provisional"``.
        """


@runtime_checkable
class DescribingHost(Host, Protocol):
    """A host that can tell what its browsers are, so that a user knows their devices apart."""

    def browser(self) -> BrowserInfo:
        """Return what the connection's browser is, as it says itself; asked when a user logs in, and once an hour."""


@runtime_checkable
class InputHost(Host, Protocol):
    """A host whose connections show values that others may have changed since."""

    def is_news(self, session: UserSession, key: str, value: Any) -> bool:  # noqa: ANN401 - any value a widget may return
        """
        Return whether a value is the connection's own doing, when the app wants to keep it.

        False for what the connection merely goes on showing: kept, it would undo
        what another one changed meanwhile.
        """


@runtime_checkable
class KeepingHost(Host, Protocol):
    """A host whose widgets give values of the framework's own kinds."""

    def to_keep(self, value: Any) -> Any:  # noqa: ANN401 - any value a widget may return
        """Return what a session keeps of a value: the framework's own kinds as plain data, others as they are."""


@runtime_checkable
class ShowingHost(Host, Protocol):
    """
    A host whose pages leave something in a session by being shown.

    Attributes:
        notes: The name of its own entry in ``UserSession.extensions``, where it notes nothing that users did.
    """

    notes: str

    def is_only_shown(self, session: UserSession, key: str) -> bool:
        """
        Return whether an input is as its widget began, which nobody has to have touched.

        Asked of the live session, and of the same as it is stored.
        """
