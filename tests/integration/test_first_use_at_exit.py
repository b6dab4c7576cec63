# SPDX-License-Identifier: Apache-2.0
"""Saves in an ``atexit`` function: whenever sessionkit was imported and first used, they are stored at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

USE = """
def last_words():
    from sessionkit import bootstrap_session, persist_input, save_session
    session = bootstrap_session("job")
    persist_input("result", 42)
    session.theme = "dark"
    save_session(session)
"""
WAYS = {
    "imported there": "import atexit\natexit.register(last_words)",
    "imported before": "import atexit, sessionkit.persistence\natexit.register(last_words)",
    "after the last saves": "import atexit\natexit.register(last_words)\nimport sessionkit.persistence",
    "with threads imported": "import atexit, threading\natexit.register(last_words)",
}
READ = """
from sessionkit import recover_session
session = recover_session("job")
print(session and (session.inputs, session.theme))
"""


def start(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder of its own; return what it said."""
    return subprocess.run(  # noqa: S603 - this Python, and a program of ours
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


@pytest.mark.parametrize("way", WAYS)
def test_what_is_saved_in_an_exit_handler_is_stored(tmp_path: Path, way: str) -> None:
    """No thread of the queue's lives long enough then, and the last saves may be over already."""
    said = start(tmp_path, "-W", "ignore", "-c", USE + WAYS[way])

    assert "Traceback" not in said.stderr
    assert "({'result': 42}, 'dark')" == start(tmp_path, "-c", READ).stdout.strip()


def test_what_cannot_be_saved_there_is_reported(tmp_path: Path) -> None:
    """The log names the sessions that are lost with the process, and why."""
    code = f"""{USE}
import atexit
def report():
    from sessionkit import SessionPersistence, UserSession, UnavailableError
    def fail(session):
        raise UnavailableError("down")
    SessionPersistence(exit_timeout_ms=10).schedule_save("gone", UserSession(session_id="gone"), fail)
atexit.register(report)
"""
    done = start(tmp_path, "-c", code)

    assert "the process ends with unsaved changes of 1 session (gone)" in done.stderr
    assert "they are lost" in done.stderr


def test_what_begins_a_program_counts_as_no_exit(tmp_path: Path) -> None:
    """However it is started: its saves are debounced."""
    asks = "from sessionkit.persistence.exits import EXITS; print(EXITS.over)"
    (tmp_path / "program.py").write_text(asks)
    begins = (["program.py"], ["-m", "program"], ["-c", "import program"], ["-c", asks])
    for arguments in begins:
        said = start(tmp_path, *arguments).stdout
        assert "False" == said.strip(), arguments
