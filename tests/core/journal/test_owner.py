# SPDX-License-Identifier: Apache-2.0
"""Whose a journal is: files and their locks, processes that fork and die, and who may take over what."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from session_harness.journals import JournaledProcess
from session_harness.stores import PATIENCE, Gate

from sessionkit.journal import ReplayReport
from sessionkit.journal.store import JournalFile, LineWrite, files_in, take_turn
from sessionkit.session import UserSession

Start = Callable[..., JournaledProcess]

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="needs os.fork, which this system lacks"
)

PROGRAM = """
import os, sys
from pathlib import Path
from session_harness.journals import JournaledProcess

process = JournaledProcess(Path(sys.argv[1]))
session = process.new()
session.set_input("name", "Ada")
process.journal.keep(session)
{then}
"""

FORKING = """
child = os.fork()
if child == 0:
    sys.stdout.write("forked\\n")
    sys.stdout.flush()
    sys.stdin.readline()
    os._exit(0)
os.waitpid(child, 0)
"""


def program(then: str) -> list[str]:
    """Return the command that records a change and goes on with something."""
    return [sys.executable, "-c", PROGRAM.format(then=then)]


def environment() -> dict[str, str]:
    """Return the environment of a program that uses what tests do."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@contextmanager
def running(then: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program that says a line when it is there, and ends when its input does."""
    with subprocess.Popen(  # noqa: S603 - ourselves
        [*program(then), str(folder)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(name="start")
def _start(tmp_path: Path) -> Start:
    """Start a process over an empty store and journal."""
    return lambda **changes: JournaledProcess(tmp_path / "journal", **changes)


def test_a_living_process_is_left_alone(start: Start) -> None:
    """Its journal is its own as long as it lives."""
    process = start()
    session = process.new()
    session.set_input("name", "Ada")
    process.journal.keep(session)

    assert ReplayReport() == process.next().replay()
    assert ReplayReport() == process.replay()
    assert 1 == len(process.files())


def test_a_process_that_closes_leaves_only_what_is_not_stored(start: Start, tmp_path: Path) -> None:
    """To the next one; and nothing at all where all is stored."""
    process = start()
    session = process.new()
    session.set_input("name", "Ada")
    process.journal.keep(session)
    process.journal.close()
    process = process.next()
    assert ReplayReport(saved=1) == process.replay()
    process.journal.close()

    assert ["turn"] == [path.name for path in (tmp_path / "journal").iterdir()]


def test_what_was_begun_and_never_used_is_removed(start: Start) -> None:
    """An empty file is what a process leaves that died at once."""
    process = start()
    process.journal.keep(UserSession())
    (path,) = process.files()
    (path.parent / "1-begun.db").touch()

    assert ReplayReport() == process.next().replay()
    assert [path] == process.files()


def test_a_link_to_a_file_is_left_alone(start: Start, tmp_path: Path) -> None:
    """What someone else put there must not become a session."""
    process = start()
    session = process.new()
    session.set_input("name", "Eve")
    process.journal.keep(session)
    process = process.killed()
    (path,) = process.files()
    path.rename(tmp_path / "elsewhere.db")
    path.symlink_to(tmp_path / "elsewhere.db")

    assert ReplayReport() == process.replay()
    assert {} == process.load().inputs


def test_another_users_file_is_left_alone(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor must that."""
    process = start()
    process.journal.keep(UserSession(session_id="s"))
    process = process.killed()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)

    assert ReplayReport() == process.replay()


def test_files_are_for_the_owner_only(start: Start, tmp_path: Path) -> None:
    """They hold what users typed."""
    process = start(fsync=True)
    process.journal.keep(UserSession(session_id="s"))
    process = process.killed()
    process.store.down = True
    process.replay()
    folder = tmp_path / "journal"

    assert 0o700 == folder.stat().st_mode & 0o777
    assert {0o600} == {path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert {".db", ".db-wal", ""} == {path.suffix for path in folder.iterdir()}


# -- processes that fork and die -------------------------------------------------


def test_what_a_program_leaves_is_replayed(tmp_path: Path) -> None:
    """However it ends."""
    for then in ("", "os._exit(1)", "os.kill(os.getpid(), 9)"):
        subprocess.run([*program(then), str(tmp_path)], env=environment(), check=False, timeout=60)  # noqa: S603
        process = JournaledProcess(tmp_path)
        process.new()

        assert 1 == process.replay().gone + process.replay().saved, then


def test_a_child_does_not_keep_its_parents_journal_locked(tmp_path: Path) -> None:
    """The parent was killed, its child lives on: what the parent left can be taken over."""
    with running(FORKING, tmp_path) as parent:
        assert ReplayReport() == JournaledProcess(tmp_path).replay()
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(PATIENCE)
        process = JournaledProcess(tmp_path)

        assert 1 == len(process.files())
        report = process.replay()
        assert 1 == report.aside  # its store died with it
        assert [] == process.files()
        assert 1 == len(list((tmp_path / "aside").iterdir()))


def in_a_child(work: Callable[[], None]) -> None:
    """Do something in a fork; fail if that fails."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    assert 0 == os.waitpid(child, 0)[1]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_writes_into_a_journal_of_its_own(tmp_path: Path) -> None:
    """The parent goes on with its own, which the child's end doesn't touch."""
    process = JournaledProcess(tmp_path)
    session = process.new()
    session.set_input("name", "parent")
    process.journal.keep(session)
    (mine,) = process.files()
    log = Path(f"{mine}-wal")
    before = log.stat().st_size
    mine_only = UserSession(session_id="child", inputs={"name": "child"})

    in_a_child(lambda: process.journal.keep(mine_only) or os._exit(2))
    assert before == log.stat().st_size
    assert 2 == len(process.files())
    session.set_input("name", "later")
    process.journal.keep(session)
    assert ReplayReport(saved=1) == process.next().replay()
    assert "child" == process.load("child").inputs["name"]
    process = process.killed()
    assert ReplayReport(saved=1) == process.replay()
    assert "later" == process.load().inputs["name"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_waits_for_who_writes_into_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock inside SQLite that another thread has would stay locked in the child."""
    process = JournaledProcess(tmp_path)
    inside: list[str] = []
    reached, never = Event(), Event()
    write = JournalFile.write

    def slow(file: JournalFile, writes: Sequence[LineWrite]) -> None:
        inside.append("SQLite")
        reached.set()
        never.wait(0.2)
        write(file, writes)
        inside.clear()

    monkeypatch.setattr(JournalFile, "write", slow)
    writing = Thread(target=lambda: process.journal.keep(UserSession(session_id="s")))
    writing.start()
    assert reached.wait(PATIENCE)

    in_a_child(lambda: os._exit(len(inside)))
    writing.join()
    assert process.journal.keep(UserSession(session_id="other")), "the parent goes on"


@pytest.mark.skipif(not hasattr(os, "fdatasync"), reason="the system has no fdatasync")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_waits_for_no_disk_of_its_parents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that waited for the disk when the process forked is not in the child."""
    process = JournaledProcess(tmp_path, fsync=True)
    reached, gate = Event(), Event()
    sync = os.fdatasync

    def slow(descriptor: int) -> None:
        if not reached.is_set():
            reached.set()
            assert gate.wait(PATIENCE)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    waiting = Thread(target=lambda: process.journal.keep(UserSession(session_id="s")))
    waiting.start()
    assert reached.wait(PATIENCE)
    child = UserSession(session_id="child")

    in_a_child(lambda: process.journal.keep(child) or os._exit(2))
    gate.set()
    waiting.join()


ENDING_CHILD = """
child = os.fork()
if child == 0:
    sys.exit(0)  # with all that Python does at its end
os.waitpid(child, 0)
session.set_input("name", "Bob")
process.journal.keep(session)
os._exit(1)
"""


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_that_ends_as_a_program_does_leaves_its_parents_journal_alone(
    tmp_path: Path,
) -> None:
    """To close the parent's connection would move and remove the parent's log."""
    subprocess.run(  # noqa: S603 - ourselves
        [*program(ENDING_CHILD), str(tmp_path)], env=environment(), check=False, timeout=60
    )
    process = JournaledProcess(tmp_path)
    process.journal.take_over()
    ((path,), (line,)) = process.files(), process.journal.left()

    inputs = process.journal.state(line).recorded().ours["inputs"]
    assert {"name": "Bob"} == process.repository.codec.decode_part("inputs", inputs or b"")[
        "inputs"
    ]
    assert path.exists()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_that_does_nothing_leaves_nothing(tmp_path: Path) -> None:
    """Its end is not its parent's."""
    process = JournaledProcess(tmp_path)
    session = process.new()
    session.set_input("name", "parent")
    process.journal.keep(session)

    in_a_child(process.journal.close)
    assert 1 == len(process.files())
    assert ReplayReport() == process.next().replay()
    assert process.journal.keep(session)


def test_only_one_takes_over_what_is_left(tmp_path: Path) -> None:
    """Two processes that start at once do not replay one journal twice."""
    process = JournaledProcess(tmp_path)
    session = process.new()
    session.add_navigation("cart")
    process.journal.keep(session)
    first = process.killed()
    second = first.next()
    gate = Gate()
    first.store.on_write = gate
    replay = Thread(target=first.replay)
    replay.start()
    assert gate.reached.wait(PATIENCE)
    waiting = Thread(target=second.replay)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive(), "a session could be handed out before all of it is stored"
    gate.opened.set()
    replay.join()
    waiting.join()

    assert {"cart": 1} == second.load().page_views


def test_a_file_that_goes_while_the_folder_is_read_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has stored what was in it removes it."""
    kept, gone = JournalFile.make(tmp_path), JournalFile.make(tmp_path)
    scandir = os.scandir

    def listed(folder: Path) -> list[os.DirEntry[str]]:
        entries = list(scandir(folder))
        gone.path.unlink()
        return entries

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", listed)
        found = files_in(tmp_path)
    kept.close()
    gone.close()

    assert [kept.path] == found


def test_a_file_that_goes_while_it_is_opened_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite may have no other word for it than an error of the disk."""
    file = JournalFile.make(tmp_path)
    file.let_go()

    def connect(*_: object, **__: object) -> None:
        file.path.unlink()
        raise sqlite3.OperationalError("disk I/O error")  # noqa: TRY003, EM101 - SQLite's own words

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect)
        taken = JournalFile.take_over(file.path, fsync=False)

    assert taken is None


def test_no_one_waits_for_ever(tmp_path: Path) -> None:
    """Of a replay that takes long, others see what is stored when they can wait no more."""
    file = JournalFile.make(tmp_path)
    with take_turn(tmp_path, 0.0), take_turn(tmp_path, 0.0):
        pass
    file.close()


def test_a_file_has_one_owner(tmp_path: Path) -> None:
    """Who lets go of it leaves it to the next."""
    file = JournalFile.make(tmp_path)
    assert JournalFile.take_over(file.path, fsync=False) is None
    file.let_go()
    again = JournalFile.take_over(file.path, fsync=False)
    assert again is not None
    assert JournalFile.take_over(file.path, fsync=False) is None
    again.close()

    assert [] == list(tmp_path.iterdir())
