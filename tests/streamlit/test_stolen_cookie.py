# SPDX-License-Identifier: Apache-2.0
"""
A tab that was opened with a planted or stolen cookie, in every state, against all that takes the session away from it.

It reads nothing of what follows, what it goes on writing is stored nowhere, and the user has everything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, RLock, Thread, current_thread
from types import ModuleType
from typing import Any, Final

import attrs
import pytest
from streamlit.runtime.context import ContextProxy, StreamlitCookies
from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx
from streamlit.testing.v1 import AppTest, local_script_runner

from sessionkit import (
    SessionManager,
    UserSession,
    bootstrap_session,
    end_session,
    get_current_session,
    log_in,
    log_out,
    revoke_sessions,
    rotate_session,
    save_session,
)
from sessionkit.manager import default_manager
from sessionkit_streamlit.connection import CONNECTION_KEY, Connection
from sessionkit_streamlit.internals.state import hidden

Page = Callable[..., Path]

PATIENCE_S: Final = 20
# Long words: a short one may stand in a random id.
CARD: Final = "CREDIT-CARD"
MINE: Final = "HER-OTHER-VERSION"

USERS_PAGE: Final = """
import stage
if st.button("act", key="act"):
    stage.act()
"""

ATTACKERS_PAGE: Final = """
import stage
persist("typed")
held = session.inputs
st.text_input("Typed", key="typed")

def attack():
    stage.seen.append(repr(session.to_dict()))
    stage.seen.append(repr(held))
    session.inputs["attack"] = held["attack too"] = "ATTACK"
    session.get_form_state("order").data["city"] = "ATTACK"
    session.roles.add("ATTACK")
    persist_input("attack by call", "ATTACK")
    save_session(session)

def go_on(state):
    if stage.state == state:
        stage.wait()
        for _ in range(2):
            attack()
            stage.flush()

@st.fragment
def part():
    conflict_notice()
    go_on("fragment")

part()
go_on("loop")
st.text(repr(session.to_dict()))
"""


@attrs.define(eq=False)
class Seat:
    """
    One tab of a browser, at one replica.

    Attributes:
        manager: The replica's.
        cookies: What its browser holds; tabs of one browser share them.
        tab: The tab.
    """

    manager: SessionManager
    cookies: dict[str, str]
    tab: AppTest

    @property
    def connection(self) -> Connection:
        """What the server knows of it."""
        connection: Connection = self.tab.session_state[hidden(CONNECTION_KEY)].value
        return connection

    @property
    def session(self) -> UserSession:
        """The session that it shows."""
        assert self.connection.session is not None
        return self.connection.session

    def run(self, held: Any = None) -> Seat:
        """Have it send what its browser holds, and trade its ticket."""
        self.tab._run(held)
        assert not self.tab.exception, self.tab.exception
        granted = self.connection.identity.granted
        if granted is not None:
            self.cookies[self.manager.tokens.cookie_name] = granted
        return self

    def run_fragment(self, monkeypatch: pytest.MonkeyPatch, held: Any = None) -> None:
        """Run the one fragment alone, as a timer or a click in it does."""
        (fragment,) = self.tab._fragment_storage._fragments
        mine = current_thread()

        def request(**asked: Any) -> RerunData:
            return RerunData(**asked, fragment_id=fragment if current_thread() is mine else None)

        with monkeypatch.context() as patch:
            patch.setattr(local_script_runner, "RerunData", request)
            self.tab._run(held)
        assert not self.tab.exception, self.tab.exception

    def said(self) -> str:
        """Return all that it shows."""
        return repr([one.value for one in (*self.tab.text, *self.tab.markdown, *self.tab.caption)])


class Seats:
    """The tabs of a test; each script finds the manager and the cookies of its own."""

    def __init__(self) -> None:
        """Begin with none."""
        self.lock = RLock()
        self.known: list[Seat] = []
        self.first: SessionManager | None = None

    def here(self) -> Seat | None:
        """Return the one whose script asks."""
        run = get_script_run_ctx(suppress_warning=True)
        if run is None:
            return None
        state = run.session_state._state
        return next(one for one in self.known if one.tab._session_state._state is state)

    @property
    def manager(self) -> SessionManager | None:
        """The manager of the process that asks."""
        seat = self.here()
        return self.first if seat is None else seat.manager

    @property
    def cookies(self) -> StreamlitCookies:
        """What the browser of the script that asks sent."""
        seat = self.here()
        return StreamlitCookies({} if seat is None else seat.cookies)


@attrs.define(eq=False)
class Stage:
    """
    The user's tab, the attacker's, and what their scripts do.

    Attributes:
        user: The user's tab.
        attacker: The attacker's.
        state: What the attacker's tab is doing.
    """

    user: Seat
    attacker: Seat
    state: str = "idle"
    seen: list[str] = attrs.field(factory=list)
    act: Callable[[], object] = end_session
    entered: Event = attrs.field(factory=Event)
    over: Event = attrs.field(factory=Event)

    def wait(self) -> None:
        """Let the attacker's run last until the user has acted."""
        self.entered.set()
        assert self.over.wait(PATIENCE_S)

    def flush(self) -> None:
        """Have all that waits at both replicas saved."""
        for seat in (self.attacker, self.user):
            seat.manager.flush()

    @contextmanager
    def lasting(self, run: Callable[[], object]) -> Iterator[None]:
        """Have a run of the attacker's under way during the block; what it does then comes after it."""
        thread = Thread(target=run)
        thread.start()
        assert self.entered.wait(PATIENCE_S)
        yield
        self.over.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        self.state = "idle"


# -- who holds what, and how it is taken away ----------------------------------


def log_her_in() -> None:
    """Log the user in."""
    log_in("countess")


def log_her_out_and_in() -> None:
    """Log the user out, and in again."""
    log_out()
    log_in("countess")


def revoke_others() -> None:
    """Log out everywhere else."""
    assert 1 == revoke_sessions("countess", keep_current=True)


def revoke_all() -> None:
    """End all of the user's sessions; they log in again."""
    assert revoke_sessions("countess")
    log_in("countess")


ACTS: Final = {
    "log_in": log_her_in,
    "log_out": log_her_out_and_in,
    "end_session": end_session,
    "rotate_session": rotate_session,
    "revoke all": revoke_all,
    "revoke others": revoke_others,
}
KEPT: Final = {"log_in", "log_out", "rotate_session", "revoke others"}
"""After these the user still has what they had before."""


@pytest.fixture(name="act", params=ACTS)
def _act(request: pytest.FixtureRequest) -> str:
    """Return what the user does."""
    name: str = request.param
    return name


@pytest.fixture(name="stage", params=["one replica", "two replicas"])
def _stage(
    browser: Any,
    page: Page,
    monkeypatch: pytest.MonkeyPatch,
    act: str,
    request: pytest.FixtureRequest,
) -> Iterator[Stage]:
    """Give a user and an attacker, whose tab shows the user's session."""
    seats, here = Seats(), browser.manager
    seats.first = here
    monkeypatch.setattr(default_manager, "_DEFAULT", seats)
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda _: seats.cookies))
    there = here if request.param == "one replica" else SessionManager(browser.settings())

    def sit(manager: SessionManager, cookies: dict[str, str], script: Path) -> Seat:
        seats.known.append(Seat(manager, cookies, browser.open(script)))
        return seats.known[-1]

    user = sit(here, browser.cookies, page(USERS_PAGE, "user.py"))
    attackers = page(ATTACKERS_PAGE, "attacker.py")
    stage = Stage(user, user)
    monkeypatch.setitem(sys.modules, "stage", module(stage))

    def begin() -> None:
        session = get_current_session() if act == "log_in" else log_in("countess")
        session.inputs["note"] = "darjeeling"
        session.extensions["ask"] = {"q": QUESTION}
        save_session(session, immediate=True)

    do(stage, begin)
    taken = dict(user.cookies)
    if act == "revoke others":  # another device of theirs
        taken = {}
        cafe = sit(there, taken, page(USERS_PAGE, "user.py"))
        stage.user = cafe
        do(stage, log_her_in)
        stage.user = user
    stage.flush()
    stage.attacker = sit(there, taken, attackers).run()
    assert "darjeeling" == stage.attacker.session.inputs["note"]
    assert MINE in stage.attacker.said()
    yield stage
    there.close()


QUESTION: Final = {
    "path": "inputs['note']",
    "part": "inputs",
    "keys": ["inputs", "note"],
    "ours": MINE,
    "theirs": "darjeeling",
}


def module(stage: Stage) -> ModuleType:
    """Return the stage as the scripts import it."""
    made = ModuleType("stage")
    made.__getattr__ = partial(getattr, stage)  # type: ignore[method-assign]
    return made


def do(stage: Stage, call: Callable[[], object]) -> None:
    """Have the user's page call something, by a click."""
    stage.act = call
    stage.user.run()
    stage.user.tab.button(key="act").click().run()
    assert not stage.user.tab.exception, stage.user.tab.exception
    stage.user.run()


def act_and_go_on(stage: Stage, act: str) -> None:
    """Have the user do it, and then enter what nobody else may see."""

    def call() -> None:
        ACTS[act]()
        session = bootstrap_session()
        session.inputs["card"] = CARD
        save_session(session, immediate=True)

    do(stage, call)
    stage.flush()


def assert_hers(stage: Stage, act: str, stolen: UserSession) -> None:
    """Check that the user has everything, and the attacker nothing, now and in the store."""
    stage.flush()
    hers, attackers = stage.user.run().session, stage.attacker.run().session
    stage.flush()

    assert (True, None, {}) == (stolen.ended, stolen.user_id, stolen.inputs)
    assert not stolen.form_states
    assert CARD not in repr(stage.seen)
    assert attackers not in {stolen, hers}
    assert attackers.session_id not in {stolen.session_id, hers.session_id}
    assert attackers.user_id is None
    said = stage.attacker.said() + repr(attackers.to_dict())
    assert not [secret for secret in (CARD, MINE, "darjeeling", "countess") if secret in said]
    assert CARD == hers.inputs["card"]
    assert ("darjeeling" if act in KEPT else None) == hers.inputs.get("note")
    repository = stage.user.manager.repository
    for head in repository.heads():
        stored = repository.load(head.session_id)
        assert stored is not None
        if head.session_id != attackers.session_id:
            assert "ATTACK" not in repr(stored.to_dict())
    assert CARD in repr(repository.load(hers.session_id))


# -- the states ------------------------------------------------------------------


def test_an_idle_tab(stage: Stage, act: str) -> None:
    """Its next rerun begins anew."""
    stolen = stage.attacker.session
    act_and_go_on(stage, act)

    assert_hers(stage, act, stolen)


def test_a_loop_that_runs(stage: Stage, act: str) -> None:
    """It goes on with the object that it has, and asks for no session."""
    stage.state = "loop"
    stolen = stage.attacker.session
    with stage.lasting(stage.attacker.tab.run):
        act_and_go_on(stage, act)

    assert 4 == len(stage.seen)
    assert_hers(stage, act, stolen)


def test_a_fragment_that_runs(stage: Stage, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It began before, and ends after."""
    stage.state = "fragment"
    stolen = stage.attacker.session
    with stage.lasting(partial(stage.attacker.run_fragment, monkeypatch)):
        act_and_go_on(stage, act)

    assert 4 == len(stage.seen)
    assert_hers(stage, act, stolen)


def test_a_fragment_that_runs_again(
    stage: Stage, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a timer: the script itself asks for no session any more."""
    stolen = stage.attacker.session
    act_and_go_on(stage, act)
    stage.state = "fragment"
    stage.over.set()
    stage.attacker.run_fragment(monkeypatch)
    stage.state = "idle"

    assert 4 == len(stage.seen)
    assert_hers(stage, act, stolen)


def test_half_typed_text(stage: Stage, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next clicks, in a fragment and outside, send what its browser holds."""
    stolen = stage.attacker.session
    stage.attacker.tab.text_input(key="typed").set_value("ATTACK")
    held = stage.attacker.tab._tree.get_widget_states()
    act_and_go_on(stage, act)
    stage.attacker.run_fragment(monkeypatch, held)
    stage.attacker.run(held)

    assert_hers(stage, act, stolen)


def test_an_open_notice(stage: Stage, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows nothing more, and what is chosen there settles nothing of the user's."""
    stolen = stage.attacker.session
    next(one for one in stage.attacker.tab.button if str(one.key).endswith("_keep")).click()
    held = stage.attacker.tab._tree.get_widget_states()
    act_and_go_on(stage, act)
    stage.attacker.run_fragment(monkeypatch, held)

    assert_hers(stage, act, stolen)
    if act in KEPT:
        assert 1 == len(stage.user.manager.decisions(stage.user.session))
