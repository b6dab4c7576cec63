# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102, D107 - a mutant says in one place what is broken about it
"""The host suite catches hosts that are broken on purpose."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import pytest
from itsdangerous.encoding import base64_decode

from sessionkit.host import Keeper
from sessionkit.session import UserSession

pytest_plugins = ["pytester"]

T = TypeVar("T")


class Page:
    """A connection of a framework in small."""

    def __init__(self, host: Any, user: str | None) -> None:
        self.host = host
        self.user = user
        self.state: dict[str, Any] = {}
        self.cookie: str | None = None

    def run(self, call: Callable[[Any], T]) -> T:
        entered = self.host.now.set(self)
        try:
            return call(self.host)
        finally:
            self.host.run_ended()
            self.host.now.reset(entered)


class WebHost:
    """A host of that framework, and right."""

    trusted = False

    def __init__(self) -> None:
        self.now: ContextVar[Page | None] = ContextVar("now", default=None)

    @property
    def page(self) -> Page:
        page = self.now.get()
        assert page is not None
        return page

    def active(self) -> bool:
        return self.now.get() is not None

    def state(self) -> MutableMapping[str, Any]:
        return self.page.state

    def token(self) -> str | None:
        return self.page.cookie

    def set_token(self, token: str | None) -> None:
        self.page.cookie = token

    def user(self) -> str | None:
        return self.page.user

    def connected(self, session: UserSession, keeper: Keeper) -> None:
        self.page.state["shown"] = (session, keeper)

    def follow(self, former: UserSession, session: UserSession) -> None:
        shown, keeper = self.page.state["shown"]
        if shown is former:
            self.page.state["shown"] = (session, keeper)

    def run_ended(self) -> None:
        session, keeper = self.page.state.get("shown", (None, None))
        if session is not None and self.goes_on(session):
            self.keep(session)
            keeper.schedule_save(session)

    def goes_on(self, session: UserSession) -> bool:
        return not session.ended

    def keep(self, session: UserSession) -> None:
        session.inputs.update(
            {key: self.page.state[key] for key in {"city"} & self.page.state.keys()}
        )


class TrustsAll(WebHost):
    """Takes a browser for a script."""

    trusted = True


class AlwaysActive(WebHost):
    """Takes code that nobody runs for the framework's."""

    def active(self) -> bool:
        return True


class ActiveOnce(WebHost):
    """Forgets to say so again."""

    def active(self) -> bool:
        first = super().active() and "was" not in self.page.state
        if first:
            self.page.state["was"] = True
        return first


class CopiesState(WebHost):
    """Gives a copy of the state."""

    def state(self) -> MutableMapping[str, Any]:
        return dict(self.page.state)


class LenientState(WebHost):
    """A missing entry is None."""

    def state(self) -> MutableMapping[str, Any]:
        self.page.state = defaultdict(lambda: None, self.page.state)
        return self.page.state


class OneState(WebHost):
    """All connections share one state."""

    def __init__(self) -> None:
        super().__init__()
        self._state: dict[str, Any] = {}

    def state(self) -> MutableMapping[str, Any]:
        return self._state


class InventsToken(WebHost):
    """Presents a token that the browser doesn't have."""

    def token(self) -> str | None:
        return self.page.cookie or "made up"


class RefusesTwice(WebHost):
    """Can't take a token away when there is none."""

    def set_token(self, token: str | None) -> None:
        if token is None and self.page.cookie is None:
            raise LookupError
        super().set_token(token)


class FirstToken(WebHost):
    """The first token stays."""

    def set_token(self, token: str | None) -> None:
        self.page.cookie = self.page.cookie or token


class TokenOfARun(WebHost):
    """A token is presented once."""

    def token(self) -> str | None:
        token, self.page.cookie = self.page.cookie, None
        return token


class KeepsToken(WebHost):
    """A token can't be taken away."""

    def set_token(self, token: str | None) -> None:
        self.page.cookie = token or self.page.cookie


class OneToken(WebHost):
    """All browsers share one token."""

    def __init__(self) -> None:
        super().__init__()
        self._token: str | None = None

    def token(self) -> str | None:
        return self._token

    def set_token(self, token: str | None) -> None:
        self._token = token


class Anonymous(WebHost):
    """Who is not logged in is called so."""

    def user(self) -> str | None:
        return self.page.user or "anonymous"


class SubjectOnly(WebHost):
    """Users of two issuers are one."""

    def user(self) -> str | None:
        return self.page.user and self.page.user.partition("|")[2]


class LastUser(WebHost):
    """Whoever logged in last is the user."""

    def user(self) -> str | None:
        self.last = self.page.user or getattr(self, "last", None)
        return self.last


class NeverConnected(WebHost):
    """Has no ``connected`` and doesn't say so."""

    connected = None  # type: ignore[assignment]  # the defect


class ConnectsOnce(WebHost):
    """Takes one session a connection."""

    def connected(self, session: UserSession, keeper: Keeper) -> None:
        first, _ = self.page.state.setdefault("shown", (session, keeper))
        assert first is session


class KeepsTheObject(WebHost):
    """Goes on with the object of a session that has left it."""

    def goes_on(self, session: UserSession) -> bool:
        return bool(session)


class SavesTheObject(WebHost):
    """Puts nothing more into it, but has it saved."""

    def goes_on(self, session: UserSession) -> bool:
        return bool(session)

    def keep(self, session: UserSession) -> None:
        if not session.ended:
            super().keep(session)


class NeverFollows(WebHost):
    """Has no ``follow`` and doesn't say so."""

    follow = None  # type: ignore[assignment]  # the defect


class AllFollow(WebHost):
    """Takes along every connection that shows the session."""

    def __init__(self) -> None:
        super().__init__()
        self._moved: dict[UserSession, UserSession] = {}

    def follow(self, former: UserSession, session: UserSession) -> None:
        self._moved[former] = session

    def run_ended(self) -> None:
        shown, keeper = self.page.state.get("shown", (None, None))
        if shown in self._moved:
            self.page.state["shown"] = (self._moved[shown], keeper)
        super().run_ended()


class TokenOfASession(WebHost):
    """Takes another token of the same session for the same."""

    def set_token(self, token: str | None) -> None:
        if _session_part(token) != _session_part(self.page.cookie):
            super().set_token(token)


class DevicesShareAToken(WebHost):
    """Presents what the session's latest browser was given."""

    def __init__(self) -> None:
        super().__init__()
        self._latest: dict[str | None, str | None] = {}

    def token(self) -> str | None:
        return self._latest.get(_session_part(self.page.cookie))

    def set_token(self, token: str | None) -> None:
        super().set_token(token)
        self._latest[_session_part(token)] = token


def _session_part(token: str | None) -> str | None:
    """Return what tokens of one session have in common."""
    if token is None:
        return None
    said = json.loads(base64_decode(token.partition(".")[0]))
    return str(said[0] if isinstance(said, list) else said)


CAUGHT: Final = {
    TrustsAll: "test_trust_is_declared",
    AlwaysActive: "test_active_in_a_run",
    ActiveOnce: "test_active_in_a_run",
    CopiesState: "test_state_lasts_from_run_to_run",
    LenientState: "test_state_is_a_mapping",
    OneState: "test_state_is_one_a_connection",
    InventsToken: "test_a_new_browser_presents_nothing",
    RefusesTwice: "test_a_token_is_taken_at_any_time",
    FirstToken: "test_the_latest_token_is_presented",
    TokenOfARun: "test_the_latest_token_is_presented",
    KeepsToken: "test_a_token_that_was_taken_away",
    OneToken: "test_tokens_are_one_browsers_own",
    Anonymous: "test_nobody_is_logged_in",
    SubjectOnly: "test_who_is_logged_in",
    LastUser: "test_who_is_logged_in",
    NeverConnected: "test_connected_is_declared",
    ConnectsOnce: "test_sessions_are_connected",
    KeepsTheObject: "test_who_does_not_follow_loses_the_session",
    SavesTheObject: "test_who_does_not_follow_loses_the_session",
    NeverFollows: "test_follow_is_declared",
    AllFollow: "test_who_follows_is_the_one_that_is_told",
    TokenOfASession: "test_a_token_for_another_device",
    DevicesShareAToken: "test_each_device_is_known_for_itself",
}


def _pages(host_class: type[WebHost]) -> Callable[[], Callable[..., Page]]:
    def open_pages() -> Callable[..., Page]:
        host = host_class()
        return lambda user=None: Page(host, user)

    return open_pages


@pytest.mark.parametrize(
    ("mutant", "clause"),
    [pytest.param(mutant, clause, id=mutant.__name__) for mutant, clause in CAUGHT.items()],
)
def test_the_suite_catches(
    mutant: type[WebHost], clause: str, failing: Callable[..., set[str]]
) -> None:
    """The clause that is about the defect fails."""
    suite = ("HostConformance", "connect", _pages(mutant), [clause])

    assert {clause} == failing(*suite, users=True, connected=True, follows=True)


def test_the_suite_passes_what_is_not_broken(failing: Callable[..., set[str]]) -> None:
    """No clause fails for the host that the mutants are made of."""
    suite = ("HostConformance", "connect", _pages(WebHost))

    assert set() == failing(*suite, users=True, connected=True, follows=True)
