# SPDX-License-Identifier: Apache-2.0
"""Wrong settings: visitors are told so in words, the log has the reason, and ``sessionkit run`` does not start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from browser_harness.farm import Farm
from browser_harness.servers import wait_for
from browser_harness.visitors import Visitor
from playwright.sync_api import expect

CANARY: Final = "canary-password"
KEY: Final = 'security.secret_key = "the key of the browser tests, as long as a key should be"\n'
WRONG: Final = {
    "an unknown key": ('storag = "sqlite"', "did you mean 'storage'?"),
    "a url": (
        f'storage = "redis"\nstorages.redis.url = "reddis://me:{CANARY}@h"',
        "[storages.redis]",
    ),
    "a folder": (
        'storage = "sqlite"\nstorages.sqlite.url = "sqlite:///page.py/sessions.db"',
        "can't be made",
    ),
}
"""What is set, and what is said of it; tests/integration has more of both."""

WORDS: Final = "its server's log says what is wrong"
PAGE: Final = """
import streamlit as st
from sessionkit import bootstrap_session, persist_input
bootstrap_session()
persist_input("name", st.text_input("Name", key="name"))
st.text("the page")
"""


@pytest.mark.parametrize("way", ["app", "plain"])
def test_visitors_are_told_in_words_and_the_log_why(farm: Farm, visitor: Visitor, way: str) -> None:
    """Where the page is the first to need the settings; once they are right, it works."""
    files = {"page.py": PAGE}
    server = farm.start(way, "page.py", files=files, settings=KEY)
    page = visitor.context.new_page()
    for name, (wrong, reason) in WRONG.items():
        server.stop()
        (server.folder / "sessionkit.toml").write_text(f"{wrong}\n{KEY}")
        server.start()
        before = len(server.log())
        page.goto(server.url)
        expect(page.get_by_text(WORDS).first, name).to_be_visible()
        seen = page.locator("[data-testid=stApp]").inner_text()
        assert reason not in seen
        assert "sessionkit.toml" not in seen
        assert CANARY not in seen
        wait_for(lambda said=reason, since=before: said in server.log()[since:], lambda: True, name)  # type: ignore[misc] # a default
    assert CANARY not in server.log()
    server.stop()
    (server.folder / "sessionkit.toml").write_text(KEY)
    server.start()
    page.goto(server.url)
    expect(page.get_by_text("the page", exact=True)).to_be_visible()


def test_sessionkit_run_does_not_start(tmp_path: Path) -> None:
    """It ends with exit code 2, and says what is wrong, where."""
    (tmp_path / "page.py").write_text(PAGE)
    settings = tmp_path / "sessionkit.toml"
    command = [str(Path(sys.executable).with_name("sessionkit")), "run", "page.py"]
    for wrong, reason in WRONG.values():
        settings.write_text(f"{wrong}\n{KEY}")
        done = subprocess.run(  # noqa: S603 - a command of this file
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )
        assert 2 == done.returncode, done.stderr
        assert reason in done.stderr
        assert str(settings) in done.stderr
        assert CANARY not in done.stderr
