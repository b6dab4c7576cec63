# SPDX-License-Identifier: Apache-2.0
"""How many modules the main ways of data pass: the bounds are what they are now, and only ever fall."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from session_harness.tracing import Trace, trace

from sessionkit import SessionManager, load_settings
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.session import UserSession
from sessionkit.values import Opaque

LATER = 600_000
"""Milliseconds after which the background would save; no test waits so long."""

Open = Callable[[], SessionManager]


@pytest.fixture(autouse=True)
def _all_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a process that has met no value that it can't read, whatever tests ran before."""
    monkeypatch.setattr(Opaque, "made", 0)


@pytest.fixture(name="open_manager")
def _open_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """
    Return a function that opens one more replica over one file; what a process makes once is made.

    The ways are those of a script: another test may have imported Streamlit, whose host would be asked, too.
    """
    monkeypatch.delitem(sys.modules, "streamlit", raising=False)
    opened: list[SessionManager] = []

    def open_manager() -> SessionManager:
        settings = load_settings(
            storage="sqlite",
            storages={"sqlite": {"url": f"sqlite:///{tmp_path}/sessions.db"}},
            security={"secret_key": "a secret of thirty-two characters"},
            persistence={"debounce_ms": LATER, "max_wait_ms": LATER, "refresh_interval_ms": 0},
        )
        # No answer of the store is slow by this clock, however busy the machine: reruns would look seldom then.
        opened.append(SessionManager(settings, clock=lambda: 0.0))
        return opened[-1]

    warm = open_manager()
    warm.save(warm.bootstrap("warm"), immediate=True)
    yield open_manager
    for manager in opened:
        manager.close(timeout=10)


@pytest.fixture(name="manager")
def _manager(open_manager: Open) -> SessionManager:
    """Return a replica."""
    return open_manager()


@pytest.fixture(name="session")
def _session(manager: SessionManager) -> UserSession:
    """Return a session that is stored."""
    session = manager.bootstrap("s")
    session.set_input("name", "Ada")
    manager.save(session, immediate=True)
    return session


@pytest.fixture(name="work")
def _work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return a count of what is encoded and decoded."""
    done: Counter[str] = Counter()

    def counted(name: str) -> Callable[[MsgpackSerializer, Any], Any]:
        real = getattr(MsgpackSerializer, name)

        def call(serializer: MsgpackSerializer, value: object) -> object:
            done[name] += 1
            return real(serializer, value)

        return call

    for name in ("dumps", "loads"):
        monkeypatch.setattr(MsgpackSerializer, name, counted(name))
    return done


def assert_done(most: dict[str, int], work: Counter[str], once: Callable[[int], None]) -> None:
    """Show how much was encoded and decoded in the end, when no first time counts any more."""
    for number in range(3):
        once(number)

    assert {name for name in work if work[name] > most[name]} == set(), (work, most)


def assert_within(most: Trace, once: Callable[[int], Trace]) -> None:
    """Show both when one is over; what is done the first time, or when some time has passed, doesn't count."""
    found = min((once(number) for number in range(3)), key=lambda one: one.hops)

    assert found.modules <= most.modules, (found, most)
    assert found.hops <= most.hops, (found, most)


def test_an_input_that_begins_to_wait(manager: SessionManager, session: UserSession) -> None:
    """``persist_input`` of a session that is saved puts it into the queue."""

    def once(number: int) -> Trace:
        assert session is manager.current()
        assert manager.flush()
        return trace(lambda: manager.persist_input("name", number))

    assert_within(Trace(10, 12), once)


def test_an_immediate_save(manager: SessionManager, session: UserSession) -> None:
    """One field was changed."""

    def once(number: int) -> Trace:
        session.set_input("name", number)
        return trace(lambda: manager.save(session, immediate=True))

    assert_within(Trace(23, 48), once)


def test_the_bootstrap_of_a_stored_session(open_manager: Open, session: UserSession) -> None:
    """On a replica that has not met it, and has opened the store, as each process does once."""

    def once(_: int) -> Trace:
        other = open_manager()
        other.check_store()
        return trace(lambda: other.bootstrap(session.session_id))

    assert_within(Trace(28, 64), once)


def test_a_rerun_without_news(manager: SessionManager, session: UserSession) -> None:
    """What nearly every rerun is: the connection has its session, and nobody has changed anything."""
    assert session is manager.bootstrap(session.session_id)

    def once(_: int) -> Trace:
        assert manager.flush()
        return trace(lambda: manager.bootstrap(session.session_id))

    assert_within(Trace(19, 35), once)


def test_a_save_that_meets_another_one(
    open_manager: Open, manager: SessionManager, session: UserSession
) -> None:
    """Both changed one field, and one of them another one, too."""
    other = open_manager()

    def once(number: int) -> Trace:
        theirs = other.bootstrap(session.session_id)
        session.set_input("name", f"Bob {number}")
        manager.save(session, immediate=True)
        theirs.set_input("name", f"Cleo {number}")
        theirs.set_input("city", number)
        found = trace(lambda: other.save(theirs, immediate=True))
        assert {"name": f"Cleo {number}", "city": number} == theirs.inputs
        manager.bootstrap(session.session_id)
        return found

    assert_within(Trace(30, 104), once)


def test_what_an_immediate_save_encodes_and_decodes(
    manager: SessionManager, session: UserSession, work: Counter[str]
) -> None:
    """Each part once, to find what changed; then what changed, as it was, and when that was."""

    def once(number: int) -> None:
        session.set_input("name", number)
        work.clear()
        manager.save(session, immediate=True)

    assert_done({"dumps": 4, "loads": 2}, work, once)


def test_what_a_save_that_meets_another_one_encodes_and_decodes(
    open_manager: Open, manager: SessionManager, session: UserSession, work: Counter[str]
) -> None:
    """Base, ours and theirs of each part that both changed, once each."""
    other = open_manager()

    def once(number: int) -> None:
        theirs = other.bootstrap(session.session_id)
        session.set_input("name", f"Bob {number}")
        manager.save(session, immediate=True)
        theirs.set_input("name", f"Cleo {number}")
        work.clear()
        other.save(theirs, immediate=True)

    assert_done({"dumps": 5, "loads": 7}, work, once)


def test_what_is_looked_at_of_an_absorbed_change(
    open_manager: Open, manager: SessionManager, session: UserSession, work: Counter[str]
) -> None:
    """What others changed is decoded, nothing else."""
    other = open_manager()

    def once(number: int) -> None:
        theirs = other.bootstrap(session.session_id)
        theirs.set_input("name", f"Bob {number}")
        other.save(theirs, immediate=True)
        work.clear()
        manager.bootstrap(session.session_id)
        assert f"Bob {number}" == session.inputs["name"]

    assert_done({"dumps": 2, "loads": 7}, work, once)


def test_the_start_of_a_process(tmp_path: Path) -> None:
    """Settings are read and a manager is made; nothing is opened yet."""
    keys = {"storage": "memory", "security": {"folder": tmp_path}}

    assert_within(Trace(18, 28), lambda _: trace(lambda: SessionManager(load_settings(**keys))))
