# SPDX-License-Identifier: Apache-2.0
"""Signals that end a process: what waits is saved first, and whoever handled them before has the say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

import sessionkit
from sessionkit.errors import ConfigError

BEGIN = """\
import os, signal, sys, threading, time
from pathlib import Path
from sessionkit import SessionPersistence, UserSession, install_signal_handlers

log = Path(sys.argv[1])

# Whoever runs the tests may ignore them, as nohup does, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

def save(session):
    with log.open("a") as file:
        file.write(f"{session.session_id} {session.inputs}\\n")

persistence = SessionPersistence(debounce_ms=3_600_000, max_wait_ms=3_600_000)
session = UserSession(session_id="s")
persistence.schedule_save("s", session, save)
session.inputs["last"] = 1

def ready():
    print("ready", flush=True)

def sleep():
    ready()
    time.sleep(60)
"""

Start = Callable[[str], subprocess.Popen[str]]
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs signals, which Windows lacks")
pytestmark = POSIX


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Path:
    """Return where programs write what they saved."""
    return tmp_path / "log"


@pytest.fixture(name="start")
def _start(log: Path) -> Iterator[Start]:
    """Return a function that starts a program and waits until it is ready; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> subprocess.Popen[str]:
        program = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", BEGIN + code, str(log)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(program)
        assert program.stdout is not None
        assert "ready\n" == program.stdout.readline(), program.communicate()[1]
        return program

    yield start
    for program in started:
        program.kill()
        program.communicate(timeout=30)


def ended(program: subprocess.Popen[str], number: int) -> tuple[int, str]:
    """Send a signal; return how the program ended and what it complained of."""
    program.send_signal(number)
    complaints = program.communicate(timeout=30)[1]
    return program.returncode, complaints


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_would_kill_it_ends_it_orderly(start: Start, log: Path, name: str) -> None:
    """With the exit code that shells give to it, and nothing lost."""
    number = getattr(signal, name)
    program = start("install_signal_handlers()\ninstall_signal_handlers()\nsleep()")

    assert (128 + number, "") == ended(program, number)
    assert "s {'last': 1}\n" == log.read_text()


def test_ctrl_c_stays_what_it_is(start: Start, log: Path) -> None:
    """A KeyboardInterrupt, which scripts may catch."""
    program = start(
        "install_signal_handlers()\ntry:\n    sleep()\nexcept KeyboardInterrupt:\n    sys.exit(7)"
    )

    assert (7, "") == ended(program, signal.SIGINT)
    assert "s {'last': 1}\n" == log.read_text()


def test_without_it_sigterm_loses_what_waits(start: Start, log: Path) -> None:
    """Python's own way; a library installs no handlers unasked."""
    assert (-signal.SIGTERM, "") == ended(start("sleep()"), signal.SIGTERM)
    assert not log.exists()


def test_a_handler_that_was_there_has_the_say(start: Start, log: Path) -> None:
    """As a server's, which ends when it has answered its last request."""
    program = start(
        """
done = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: done.set())
install_signal_handlers()
ready()
done.wait(60)
session.inputs["after the signal"] = 1
sys.exit(3)
"""
    )

    assert (3, "") == ended(program, signal.SIGTERM)
    assert "s {'last': 1, 'after the signal': 1}\n" == log.read_text()


def test_a_signal_that_is_ignored_stays_ignored(start: Start, log: Path) -> None:
    """As under nohup."""
    program = start(
        """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
install_signal_handlers()
os.kill(os.getpid(), signal.SIGHUP)
sleep()
"""
    )

    assert (128 + signal.SIGTERM, "") == ended(program, signal.SIGTERM)
    assert "s {'last': 1}\n" == log.read_text()


def test_more_signals_do_not_cut_the_last_saves_off(start: Start, log: Path) -> None:
    """Supervisors repeat themselves, and users press Ctrl-C again."""
    program = start(
        """
install_signal_handlers()
def slow(one):
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(os.getpid(), number)
        time.sleep(0.05)
    save(one)
persistence.schedule_save("s", session, slow)
sleep()
"""
    )

    assert (128 + signal.SIGTERM, "") == ended(program, signal.SIGTERM)
    assert "s {'last': 1}\n" == log.read_text()


def test_a_signal_amid_schedules_and_saves_loses_nothing(start: Start, log: Path) -> None:
    """Wherever the main thread is then: what it changed before is stored."""
    program = start(
        """
install_signal_handlers()
busy = SessionPersistence(debounce_ms=1, max_wait_ms=2, save_one=save)
count = 0
ready()
try:
    while True:
        session.set_input("count", count + 1)
        busy.schedule_save(None, session, save)
        count += 1
        if count % 100 == 0:
            busy.save_now(session)
finally:
    Path(f"{log}.count").write_text(str(count))
"""
    )
    deadline = time.monotonic() + 30
    while not (log.exists() and log.read_text().count("\n") > 20):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    code, complaints = ended(program, signal.SIGTERM)

    assert (128 + signal.SIGTERM, "") == (code, complaints)
    count = int(Path(f"{log}.count").read_text())
    stored = log.read_text().splitlines()[-1]
    assert any(f"'count': {number}" in stored for number in (count, count + 1)), (count, stored)


def test_it_is_for_the_main_thread() -> None:
    """Python handles signals there alone."""
    found: list[str] = []

    def install() -> None:
        try:
            sessionkit.install_signal_handlers()
        except ConfigError as error:
            found.append(str(error))

    thread = Thread(target=install, name="not-main")
    thread.start()
    thread.join()

    assert ["install_signal_handlers() was called in not-main; call it in the main thread"] == found
