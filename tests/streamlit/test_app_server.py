# SPDX-License-Identifier: Apache-2.0
"""The server and the browsers that apps are tested with: docs/testing.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sessionkit import SessionKitError, SessionManager, load_settings
from sessionkit.manager import default_manager
from sessionkit_streamlit.testing import AppServer

GUIDE = Path(__file__).parents[2] / "docs" / "testing.md"


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a process does that has used sessionkit nowhere yet."""
    monkeypatch.setattr(default_manager._DEFAULT, "manager", None)


def shop() -> None:
    """Draw a page with a field and a login."""
    import streamlit as st  # noqa: PLC0415 - the function is a page's whole source

    import sessionkit_streamlit as sk  # noqa: PLC0415 - as above
    from sessionkit import bootstrap_session, end_session, log_in, log_out  # noqa: PLC0415 - as above

    session = bootstrap_session()
    sk.text_input("City", key="city")
    st.text(f"user {session.user_id}")
    st.button("Log in", key="in", on_click=log_in, args=("ada",))
    st.button("Log out", key="out", on_click=log_out)
    st.button("End", key="end", on_click=end_session)


@pytest.fixture(name="server")
def _server() -> Iterator[AppServer]:
    with AppServer(shop) as server:
        yield server


def test_a_browser_comes_back_to_what_it_left(server: AppServer) -> None:
    """After F5, in a second tab and after a restart; another browser is somebody else."""
    browser = server.browser()
    browser.open().text_input(key="city").set_value("Ghent").run()

    assert "Ghent" == browser.open().text_input(key="city").value
    before = server.manager
    server.restart()
    assert before is not server.manager
    assert "Ghent" == browser.open().text_input(key="city").value
    assert "" == server.browser().open().text_input(key="city").value


def test_what_is_stored_can_be_looked_at(server: AppServer) -> None:
    """A browser that was nowhere has no session, and one whose session ended has that no more."""
    browser = server.browser()
    assert browser.session() is None
    tab = browser.open()
    tab.text_input(key="city").set_value("Ghent").run()
    session = browser.session()
    assert session is not None
    assert {"city": "Ghent"} == session.inputs

    ended = session.session_id
    tab.button(key="end").click().run()
    after = browser.session()
    assert after is None or ended != after.session_id
    assert "" == browser.open().text_input(key="city").value


def test_a_user_comes_back_on_another_device(server: AppServer) -> None:
    """A login gives a browser another token, which its next tab has; after a logout it opens nothing."""
    desk, phone = server.browser(), server.browser()
    tab = desk.open()
    tab.text_input(key="city").set_value("Ghent").run()
    tab.button(key="in").click().run()
    assert "user ada" == desk.open().text[0].value

    other = phone.open()
    other.button(key="in").click().run()
    other.run()
    assert "Ghent" == other.text_input(key="city").value
    other.button(key="out").click().run()
    assert "user None" == phone.open().text[0].value
    server.restart()
    assert "user ada" == desk.open().text[0].value


def test_a_tab_can_be_prepared_before_it_runs(server: AppServer) -> None:
    """What the first run begins with is set before it."""
    tab = server.browser().open(run=False)
    tab.query_params["page"] = "1"
    tab.run()
    assert not tab.exception


def test_a_file_and_a_store_of_ones_own(tmp_path: Path) -> None:
    """Settings are the app's own, such as a store on the disk."""
    page = tmp_path / "page.py"
    page.write_text("import sessionkit_streamlit as sk\nsk.text_input('City', key='city')\n")
    url = f"sqlite:///{tmp_path / 'sessions.db'}"
    with AppServer(page, storage="sqlite", storages={"sqlite": {"url": url}}) as server:
        browser = server.browser()
        browser.open().text_input(key="city").set_value("Ghent").run()
        server.restart()
        assert "Ghent" == browser.open().text_input(key="city").value
    assert (tmp_path / "sessions.db").exists()


def test_a_page_that_configures_keeps_out_of_its_own_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is checked, and the server's settings stay in force: nothing of a test lands in the app's store."""
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.py"
    page.write_text(
        "import sessionkit_streamlit as sk\nfrom sessionkit import configure\n"
        "configure(storage='sqlite')\nsk.text_input('City', key='city')\n"
    )
    with AppServer(page) as server:
        browser = server.browser()
        browser.open().text_input(key="city").set_value("Ghent").run()
        server.restart()
        assert "Ghent" == browser.open().text_input(key="city").value
    assert not list(tmp_path.rglob("*.db"))


@pytest.mark.parametrize(
    "said",
    [{}, {"persistence": {"debounce_ms": 1}, "security": {"folder": "secrets"}}],
    ids=["none", "some"],
)
def test_the_apps_journal_and_secret_are_left_alone(
    said: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in the journal of the app's settings belongs into the app's store, and its key signs no test's token."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sessionkit.toml").write_text("[persistence]\njournal = 'journal'\n")
    with AppServer(shop, **said) as server:
        server.browser().open().text_input(key="city").set_value("Ghent").run()
    assert ["sessionkit.toml"] == [file.name for file in tmp_path.iterdir()]


def test_a_page_that_is_missing_is_named(tmp_path: Path) -> None:
    """Before anything is started."""
    with pytest.raises(FileNotFoundError, match=r"there is no page .*nowhere\.py; name its file"):
        AppServer(tmp_path / "nowhere.py")


def test_a_process_that_is_in_use_already_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pages would go on with the app's own store; nothing is left in force."""
    with SessionManager(load_settings(storage="memory")) as manager:
        monkeypatch.setattr(default_manager._DEFAULT, "manager", manager)
    with pytest.raises(SessionKitError, match="outside of an AppServer's block"), AppServer(shop):
        pytest.fail("it started")
    assert default_manager.OVERRIDES.anywhere() is None


def _blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_guides_tests_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them, on the page that the guide shows first."""
    page, *rest = _blocks()
    (tmp_path / "page.py").write_text(page)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Callable[[], None]] = {}
    exec("\n".join(rest), names)  # noqa: S102 - what a reader copies
    tests = [one for name, one in names.items() if name.startswith("test_")]

    assert tests
    for test in tests:
        test()
