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


FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork, which this system lacks")


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
from threading import Event
persistence = SessionPersistence(debounce_ms=3_600_000, exit_timeout_ms=100)
persistence.schedule_save("s", session, lambda _: Event().wait())
""",
        tmp_path / "log",
    )

    assert 0 == ended.returncode
    assert "closed with unsaved changes of 1 session (s)" in ended.stderr


@FORKS
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


def test_what_is_left_at_exit_is_reported(tmp_path: Path) -> None:
    """How many, since when, why, and where it is now; the store is tried until the time is over."""
    ended = run(
        """
tries = []
def down(_):
    tries.append(1)
    raise UnavailableError("no route to host")
def many(sessions):
    down(None)
persistence.discard("s")
late = SessionPersistence(save_many=many, exit_timeout_ms=700, keep=lambda _: None)
for number in range(30):
    late.schedule_save(None, UserSession(session_id=f"session{number:02}"))
import atexit
atexit.register(lambda: None)
import sessionkit.persistence.exits
sessionkit.persistence.exits.EXITS.save_all()
assert len(tries) >= 2, tries
""",
        tmp_path / "log",
    )

    assert 0 == ended.returncode, ended.stderr
    said = [line for line in ended.stderr.splitlines() if line.startswith("closed")]
    assert 1 == len(said)
    assert "unsaved changes of 30 sessions (session0, session0" in said[0]
    assert "and 20 more" in said[0]
    assert said[0].endswith(" s old: no route to host; the journal has them")


def test_a_store_that_comes_back_in_time_is_waited_for(tmp_path: Path) -> None:
    """The end of the process tries again, as long as it may."""
    log = tmp_path / "log"
    ended = run(
        """
left = [3]
def flaky(session):
    left[0] -= 1
    if left[0] >= 0:
        raise UnavailableError("restarting")
    save(session)
persistence.schedule_save("s", session, flaky)
""",
        log,
    )

    assert 0 == ended.returncode
    assert "s {'last': 1}\n" == log.read_text()
    assert "closed with" not in ended.stderr


def test_more_than_a_batch_is_saved_where_no_thread_can_be_started(tmp_path: Path) -> None:
    """While the interpreter shuts down."""
    log = tmp_path / "log"
    ended = run(
        """
import threading
def refuse(_):
    raise RuntimeError("can't create new thread at interpreter shutdown")
threading.Thread.start = refuse
def many(sessions):
    assert len(sessions) <= 2
    for one in sessions:
        save(one)
    return [None] * len(sessions)
late = SessionPersistence(save_many=many, batch_size=2)
for number in range(7):
    late.schedule_save(None, UserSession(session_id=f"s{number}"))
""",
        log,
    )

    assert (0, "") == (ended.returncode, ended.stderr)
    assert {f"s{number} {{}}" for number in range(7)} < set(log.read_text().splitlines())


@FORKS
def test_workers_that_are_forked_save_their_own(tmp_path: Path) -> None:
    """As a web server with prefork has them: each change is written once, by whose it is."""
    log = tmp_path / "log"
    ended = run(
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
children = []
for number in range(4):
    persistence.schedule_save("s", session, save)
    child = os.fork()
    if not child:
        own = UserSession(session_id=f"worker{number}")
        persistence.schedule_save(own.session_id, own, save)
        sys.exit(0)
    children.append(child)
for child in children:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
""",
        log,
    )

    assert (0, "") == (ended.returncode, ended.stderr)
    wanted = [*(f"worker{number} {{}}" for number in range(4)), "s {'last': 1}"]
    assert sorted(wanted) == sorted(log.read_text().splitlines())


@FORKS
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_processes_of_multiprocessing_save_their_own(tmp_path: Path, method: str) -> None:
    """They end without ``atexit``."""
    log = tmp_path / "log"
    (tmp_path / "work.py").write_text(
        """
from pathlib import Path
from sessionkit.persistence import SessionPersistence
from sessionkit.session import UserSession

def work(name, path, inherited=None):
    def save(session):
        with Path(path).open("a") as file:
            file.write(f"{session.session_id} {session.inputs}\\n")
    persistence = inherited or SessionPersistence(debounce_ms=3_600_000, max_wait_ms=3_600_000)
    own = UserSession(session_id=name)
    persistence.schedule_save(name, own, save)
""".replace("\\\\", "\\")
    )
    inherited = "persistence" if method == "fork" else "None"
    ended = run(
        f"""
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
sys.path.insert(0, {str(tmp_path)!r})
import multiprocessing, work
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    for name, one in (("own", None), ("inherited", {inherited})):
        process = context.Process(target=work.work, args=(name, sys.argv[1], one))
        process.start()
        process.join()
        assert process.exitcode == 0
""",
        log,
    )

    assert (0, "") == (ended.returncode, ended.stderr)
    assert ["inherited {}", "own {}", "s {'last': 1}"] == sorted(log.read_text().splitlines())


@FORKS
def test_a_fork_waits_for_saves_in_flight(tmp_path: Path) -> None:
    """A lock that the writer holds then, such as the session's, would stay locked in the child."""
    log = tmp_path / "log"
    ended = run(
        """
import threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
started = threading.Event()
def slow(one):
    with one.lock:
        started.set()
        time.sleep(0.3)
    save(one)
persistence.schedule_save("s", session, slow)
persistence.flush(timeout=0)
started.wait()
child = os.fork()
if not child:
    free = session.lock.acquire(timeout=5)
    os._exit(0 if free else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
late = UserSession(session_id="late")
persistence.schedule_save("late", late, save)
assert persistence.flush(timeout=30)
""",
        log,
    )

    assert (0, "") == (ended.returncode, ended.stderr)
    assert "s {'last': 1}\nlate {}\n" == log.read_text()


@FORKS
def test_forks_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    """Threads change, save and fork at once."""
    log = tmp_path / "log"
    ended = run(
        """
import threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
busy = SessionPersistence(debounce_ms=1, max_wait_ms=5, save_one=save)
stop = threading.Event()
counts = [0, 0, 0]
def work(number):
    own = UserSession(session_id=f"t{number}")
    while not stop.is_set():
        counts[number] += 1
        own.set_input("n", counts[number])
        busy.schedule_save(None, own, save)
        if counts[number] % 50 == 0:
            busy.save_now(own)
threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
for _ in range(15):
    child = os.fork()
    if not child:
        assert not busy.status().pending
        own = UserSession(session_id="child")
        busy.schedule_save("child", own, lambda _: None)
        os._exit(0 if busy.flush(timeout=20) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stop.set()
for thread in threads:
    thread.join()
assert busy.flush(timeout=30)
last = {}
for line in log.read_text().splitlines():
    name, _, inputs = line.partition(" ")
    last[name] = inputs
assert last == {f"t{number}": str({"n": counts[number]}) for number in range(3)}, (last, counts)
""",
        log,
    )

    assert (0, "") == (ended.returncode, ended.stderr)
