# SPDX-License-Identifier: Apache-2.0
"""What becomes of the queue when the process forks or ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BEGIN = """\
import os, sys
from pathlib import Path
from sessionkit.errors import UnavailableError
from sessionkit.persistence import SessionPersistence
from sessionkit.session import UserSession

log = Path(sys.argv[1])

def save(session):
    with log.open("a") as file:
        file.write(f"{session.session_id} {session.inputs}\\n")

persistence = SessionPersistence(debounce_ms=3_600_000, max_wait_ms=3_600_000)
session = UserSession(session_id="s")
persistence.schedule_save("s", session, save)
session.inputs["last"] = 1
"""


def run(code: str, log: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of its own."""
    command = [sys.executable, "-c", BEGIN + code, str(log)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)  # noqa: S603 - our own code


def test_what_waits_is_saved_at_exit(tmp_path: Path) -> None:
    """As it is then."""
    log = tmp_path / "log"
    ended = run("", log)

    assert (0, "") == (ended.returncode, ended.stderr)
    assert "s {'last': 1}\n" == log.read_text()


def test_what_waits_is_saved_at_exit_after_an_error(tmp_path: Path) -> None:
    """A program that fails loses nothing either."""
    log = tmp_path / "log"
    ended = run("raise SystemExit('failed')", log)

    assert (1, "failed\n") == (ended.returncode, ended.stderr)
    assert "s {'last': 1}\n" == log.read_text()


def test_exit_does_not_wait_for_ever(tmp_path: Path) -> None:
    """A store that hangs holds it up for so long and no longer; what is lost is logged."""
    ended = run(
        """
import sessionkit.persistence
from threading import Event
sessionkit.persistence._EXIT_TIMEOUT = 0.1
persistence.schedule_save("s", session, lambda _: Event().wait())
""",
        tmp_path / "log",
    )

    assert 0 == ended.returncode
    assert "closed with unsaved changes of sessions s" in ended.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork, which this system lacks")
def test_after_a_fork_the_parent_saves_and_the_child_has_an_empty_queue(tmp_path: Path) -> None:
    """Or both would save, and the child would wait for a thread that it hasn't got."""
    log = tmp_path / "log"
    ended = run(
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
child = os.fork()
if not child:
    assert not persistence.is_pending("s")
    assert persistence.flush()
    own = UserSession(session_id="child")
    persistence.schedule_save("child", own, save)
    assert persistence.flush(timeout=30)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert persistence.is_pending("s")
assert persistence.flush(timeout=30)
""",
        log,
    )

    assert (0, "") == (ended.returncode, ended.stderr)
    assert "child {}\ns {'last': 1}\n" == log.read_text()
