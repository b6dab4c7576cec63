# SPDX-License-Identifier: Apache-2.0
"""
Every snippet of the reference does what it says.

The snippets are read from ``docs/reference.md`` by their headings and run as
they stand there; a test adds what the text around them takes for granted.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from sessionkit import (
    FormSnapshot,
    SessionManager,
    SessionRepository,
    UserSession,
    bootstrap_session,
    get_current_session,
    persist_input,
    recover_session,
    save_session,
)

REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"
BLOCK = re.compile(
    r"^#{2,4} (?P<heading>[^\n]+)$|^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)

Run = Callable[..., dict[str, Any]]
Page = Callable[[str], AppTest]


def _snippets() -> dict[str, str]:
    """Return the code below each heading."""
    snippets: dict[str, str] = {}
    heading = ""
    for match in BLOCK.finditer(REFERENCE.read_text(encoding="utf-8")):
        heading = match["heading"] or heading
        if match["code"]:
            assert heading not in snippets, f"two snippets under {heading!r}"
            snippets[heading] = match["code"]
    return snippets


SNIPPETS = _snippets()

pytestmark = pytest.mark.usefixtures("manager")


@pytest.fixture(name="run")
def _run() -> Run:
    """Return a function that runs the snippet under a heading and returns its names."""

    def run(heading: str, **names: Any) -> dict[str, Any]:
        exec(compile(SNIPPETS[heading], f"{REFERENCE.name}: {heading}", "exec"), names)  # noqa: S102 - our own documentation
        return names

    return run


@pytest.fixture(name="page")
def _page() -> Page:
    """Return a function that opens the snippet under a heading as a page."""

    def page(heading: str) -> AppTest:
        opened = AppTest.from_string(SNIPPETS[heading], default_timeout=30).run()
        assert not opened.exception
        return opened

    return page


@pytest.fixture(name="written")
def _written(manager: SessionManager) -> Callable[[str], UserSession]:
    """Return a function that reads a session from the store as another process would."""

    def written(session_id: str) -> UserSession:
        assert manager.flush(timeout=30)
        session = SessionRepository(storage=manager.storage).load(session_id)
        assert session is not None
        return session

    return written


def test_every_snippet_has_a_test() -> None:
    """No snippet of the reference is left out here."""
    here = Path(__file__).read_text(encoding="utf-8")

    assert [] == [heading for heading in SNIPPETS if f'"{heading}"' not in here]


def test_user_session(run: Run) -> None:
    """A session holds navigation, forms and permissions."""
    session = run("UserSession")["session"]

    assert "user123" == session.user_id
    assert "dashboard" == session.current_page
    assert {"view": "overview"} == session.navigation_history[0].params
    assert {"name": "John", "email": "john@example.com"} == session.form_states["contact_form"].data
    assert {"contact_form"} == session.dirty_forms
    assert session.has_permission("write")


def test_session_persistence(run: Run, written: Callable[[str], UserSession]) -> None:
    """An input is kept at once and stored soon; an immediate save is stored when it returns."""
    session = bootstrap_session()

    run("Session Persistence", session=session)

    assert "John Doe" == session.inputs["user_name"]
    assert "John Doe" == written(session.session_id).inputs["user_name"]


def test_session_recovery(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Bootstrapping restores what is stored under the id; recovering reads any session."""
    for session_id in ("existing_session_id", "session_id_123"):
        stored = UserSession(session_id=session_id, user_id="user123", theme="dark")
        save_session(stored, immediate=True)

    names = run("Session Recovery")

    assert ("existing_session_id", "dark") == (names["session"].session_id, names["session"].theme)
    assert "dark" == names["recovered"].theme
    assert "Session recovered: session_id_123\n" == capsys.readouterr().out


def test_recovery_of_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown id gives a new session when bootstrapped, and None when recovered."""
    names = run("Session Recovery")

    assert names["recovered"] is None
    assert "user123" == names["session"].user_id
    assert not capsys.readouterr().out


def test_navigation_history(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The history has the entries in order, and views are counted."""
    session = run("1. Navigation History", UserSession=UserSession)["session"]

    printed = capsys.readouterr().out.splitlines()
    assert printed[1].startswith("products: {'category': 'electronics'} at ")
    assert "{'home': 1, 'products': 1, 'cart': 1}" == printed[-1]
    assert ["home", "products", "cart"] == [entry.page for entry in session.navigation_history]


def test_form_state_management(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A form has data and errors, is dirty until it is marked clean, and knows when that was."""
    session = UserSession()

    form = run("2. Form State Management", session=session)["form_state"]

    assert "johndoe" == form.data["username"]
    assert {"email": ["Email already exists"]} == form.errors
    assert set() == session.dirty_forms
    assert "Form has unsaved changes\n" in capsys.readouterr().out
    assert form.last_saved is not None
    assert timedelta(minutes=1) > datetime.now(UTC) - form.last_saved


def test_form_snapshots(run: Run) -> None:
    """A snapshot made by hand keeps a copy, and is found again."""
    form = UserSession().get_form_state("editor_form")
    form.data = {"text": "first"}

    names = run("3. Form Snapshots (Undo/Redo)", form_state=form)
    form.data["text"] = "second"

    assert [names["snapshot"]] == form.snapshots
    assert {"text": "first"} == form.snapshots[0].data
    assert form.undo()
    assert {"text": "first"} == form.data


def test_undo_and_redo(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Undo goes back to the snapshot, redo to what was undone."""
    form = UserSession().get_form_state("editor_form")

    run("Undo and redo by method", form_state=form)

    expected = ["{'title': 'Draft'}", "{'title': 'Final'}", "True False"]
    assert expected == capsys.readouterr().out.splitlines()


def test_cache_key_tracking(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Cache keys are tracked with their dependencies until they are removed."""
    session = UserSession()

    run("4. Cache Key Tracking", session=session)

    keys, dependencies = capsys.readouterr().out.splitlines()
    assert keys in {"{'user_data', 'user_posts'}", "{'user_posts', 'user_data'}"}
    assert "{'user_id'}" == dependencies
    assert {"user_posts"} == session.cache_keys
    assert {"user_posts": {"user_id", "posts"}} == session.cache_dependencies


def test_permissions_and_roles(run: Run) -> None:
    """A session has the roles and permissions that it was given, and no others."""
    session = run("5. Permissions & Roles", UserSession=UserSession)["session"]

    assert session.has_permission("delete")
    assert session.has_role("admin")
    assert not session.has_permission("admin")
    assert not session.has_role("delete")


def test_session_metrics(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Views and interactions are counted, and the duration is that of the session."""
    session = UserSession()

    run("6. Session Metrics", session=session)

    printed = capsys.readouterr().out.splitlines()
    assert ["Total interactions: 3", "Page views: {'home': 2, 'products': 1}"] == printed[:2]
    assert f"Session duration: {session.session_duration}" == printed[2]
    assert f"Last activity: {session.last_activity}" == printed[3]
    assert timedelta(0) <= session.session_duration


def test_session_repository(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The repository saves, finds by id and by owner, deletes, cleans up and counts."""
    now = datetime.now(UTC)
    old = UserSession(
        session_id="old", created_at=now - timedelta(days=3), last_activity=now - timedelta(days=2)
    )
    SessionRepository().save(old)
    SessionRepository().save(UserSession(session_id="session_id_123", user_id="user123"))
    session = UserSession(session_id="mine", user_id="user456", theme="dark")

    names = run("Session Repository", session=session, UserSession=UserSession)

    repo = names["repo"]
    assert "user123" == names["session_data"]["user_id"]
    assert "dark" == repo.get_session("mine")["theme"]
    assert repo.get_session("session_id_123") is None
    assert repo.get_session("old") is None
    printed = capsys.readouterr().out.splitlines()
    assert ["Cleaned up 1 expired sessions", "1 active sessions"] == printed


class _BusyRepository(SessionRepository):
    """A repository where someone else saves just before each conflict is settled."""

    def __init__(self) -> None:
        """Note what came out."""
        super().__init__()
        self.stored: dict[str, dict[str, Any]] = {}

    def resolve_conflict(
        self, session_id: str, local_session: UserSession, strategy: str = "merge"
    ) -> UserSession | None:
        """Save something else first."""
        elsewhere = SessionRepository().load(session_id)
        assert elsewhere is not None
        elsewhere.inputs[f"before {strategy}"] = True
        SessionRepository().save(elsewhere)
        resolved = super().resolve_conflict(session_id, local_session, strategy)
        assert resolved is not None
        self.stored[strategy] = dict(resolved.inputs)
        return resolved


def test_conflict_resolution(run: Run) -> None:
    """Last write wins takes ours; merge keeps what both did."""
    repo = _BusyRepository()
    repo.save(UserSession(session_id="session_123", inputs={"kept": 1}))
    local = repo.load("session_123")
    assert local is not None
    local.inputs["ours"] = 3

    resolved = run("Conflict Resolution", repo=repo, local_session=local)["resolved"]

    assert {"kept": 1, "ours": 3} == repo.stored["last_write_wins"]
    assert {"kept": 1, "ours": 3, "before merge": True} == repo.stored["merge"] == resolved.inputs


def test_debounced_persistence(run: Run) -> None:
    """Eleven calls in a burst make one save, of the latest state."""
    saved: list[int] = []
    session = UserSession()

    class Repo:
        def save_session(self, given: UserSession) -> None:
            saved.append(given.interaction_count)

    names = run("Debounced Persistence", session=session, repo=Repo())
    names["persistence"].close()

    assert [0] == saved


def test_basic_usage(page: Page, written: Callable[[str], UserSession]) -> None:
    """A page shows its session, and what is typed is stored."""
    opened = page("Basic Usage")
    session_id = opened.markdown[0].value.removeprefix("Session ID: ")

    opened.text_input(key="user_name").input("Ada").run()

    assert not opened.exception
    assert f"Session ID: {session_id}" == opened.markdown[0].value
    assert "Ada" == written(session_id).inputs["user_name"]


def test_navigation_tracking(page: Page) -> None:
    """A click adds to the history, and the page shows it after its rerun."""
    opened = page("Navigation Tracking")

    opened.button[0].click().run()

    assert not opened.exception
    assert "Navigation History:" == opened.markdown[0].value
    assert opened.markdown[1].value.startswith("- dashboard (")


def test_form_page(page: Page) -> None:
    """A form without its mail shows the error; with it, it is saved."""
    opened = page("Form State Management")
    opened.text_input[0].input("Ada").run()
    opened.button[0].click().run()
    assert ["email: Email is required"] == [error.value for error in opened.error]

    opened.text_input[1].input("ada@example.com").run()
    opened.button[0].click().run()

    assert not opened.exception
    assert ["Form saved!"] == [success.value for success in opened.success]


def test_complete_workflow(run: Run, written: Callable[[str], UserSession]) -> None:
    """The whole life of a session, and all of it is stored."""
    session = run("Complete Workflow")["session"]

    stored = written(session.session_id)
    assert "user123" == stored.user_id
    assert {"current_view": "overview"} == stored.inputs
    assert {"theme": "dark", "language": "en"} == stored.form_states["settings_form"].data
    assert {"settings_form"} == stored.dirty_forms
    assert "dashboard" == stored.current_page


def test_serialization(run: Run) -> None:
    """A round trip by dictionary or JSON keeps everything."""
    session = UserSession(
        user_id="user123", roles={"admin"}, inputs={"day": datetime(2025, 1, 2, tzinfo=UTC)}
    )
    session.add_navigation("home", {"n": 1})
    session.get_form_state("f").snapshots.append(FormSnapshot(form_id="f", data={"a": 1}))

    names = run("Serialization", session=session, UserSession=UserSession)

    assert session.to_json() == names["session_json"]
    assert session.to_dict() == names["session_dict"]
    assert session.to_dict() == names["restored_session"].to_dict()
    assert session.to_dict() == UserSession.from_dict(names["session_dict"]).to_dict()


def test_typed_state(run: Run, written: Callable[[str], UserSession]) -> None:
    """What was put into the object is stored by the next save."""
    session = bootstrap_session()
    names = run("Typed state", session=session, save_session=save_session)
    again = written(session.session_id).state(names["Wishlist"])

    assert ["teapot"] == again.items
    assert session.state(names["Wishlist"]) is names["wishlist"]


def test_configuration(run: Run) -> None:
    """Preferences and bounds are kept, and the bounds hold."""
    names = run("Configuration", UserSession=UserSession)
    session, form = names["session"], names["form_state"]
    for number in range(60):
        session.add_navigation(f"page {number}")
    for number in range(30):
        form.snapshots.append(FormSnapshot(form_id="my_form", data={"n": number}))

    assert ("dark", "en", "UTC") == (session.theme, session.language, session.timezone)
    assert 50 == len(session.navigation_history)
    assert (True, 1000) == (form.auto_save, form.save_debounce_ms)
    assert list(range(10, 30)) == [snapshot.data["n"] for snapshot in form.snapshots]


def test_forms_that_are_saved_when_the_app_asks(
    run: Run, written: Callable[[str], UserSession]
) -> None:
    """The price that was saved on purpose is stored, and what was kept since is not."""
    session = bootstrap_session()
    run(
        "Forms that are saved when the app asks",
        session=session,
        save_session=save_session,
        persist_input=persist_input,
    )
    found = written(session.session_id)

    assert {"price": 120} == session.form_states["offer"].data
    assert {"price": 100} == found.form_states["offer"].data
    assert "not sure yet" == found.inputs["comment"]


def test_always_bootstrap(run: Run) -> None:
    """A bootstrapped session is the current one."""
    session = run("1. Always Bootstrap Sessions", bootstrap_session=bootstrap_session)["session"]

    assert session is get_current_session()
    assert "user123" == session.user_id


def test_persist_input_for_widgets() -> None:
    """The practice is a page: the widget's value is in the session."""
    head = "import streamlit as st\nfrom sessionkit import get_current_session, persist_input\n"
    code = SNIPPETS["2. Use persist_input for Widgets"]
    tail = "\nst.write(get_current_session().inputs['user_name'])"
    opened = AppTest.from_string(f"{head}{code}{tail}", default_timeout=30).run()

    opened.text_input(key="user_name").input("Ada").run()

    assert not opened.exception
    assert "Ada" == opened.markdown[0].value


@pytest.mark.parametrize(("changed", "saved", "warned"), [(True, False, True), (True, True, False)])
def test_mark_forms(run: Run, *, changed: bool, saved: bool, warned: bool) -> None:
    """A changed form warns until it is saved."""
    warnings: list[str] = []

    class St:
        warning = warnings.append

    names = {"form_data_changed": changed, "form_saved": saved, "st": St, "session": UserSession()}
    run("3. Mark Forms Dirty/Clean", **names)

    assert warned == bool(warnings)


def test_cleanup(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """The function says how many it removed."""
    with caplog.at_level(logging.INFO):
        run("4. Cleanup Expired Sessions", logger=logging.getLogger("job"))

    assert "Cleaned up 0 expired sessions" in caplog.messages


def test_handle_conflicts(run: Run) -> None:
    """A conflict can be settled by hand, with the current session."""
    session = bootstrap_session()
    persist_input("city", "London")
    save_session(session, immediate=True)
    local = UserSession.from_dict(session.to_dict())
    local.inputs["city"] = "Paris"

    names = run("5. Handle Conflicts", session=session, local_session=local)

    assert {"city": "Paris"} == names["resolved"].inputs
    recovered = recover_session(session.session_id)
    assert recovered is not None
