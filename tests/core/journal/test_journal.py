# SPDX-License-Identifier: Apache-2.0
"""A journal: what was kept and not stored is stored by the next process, once."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from session_harness.journals import JournaledProcess
from session_harness.replicas import Clock
from session_harness.stores import LANDED, LOST, REJECTED

from sessionkit.errors import SessionGoneError, UnavailableError
from sessionkit.events import JournalFailed, JournalSetAside, SessionGone, StoreWentBack
from sessionkit.journal import ReplayReport
from sessionkit.merge.strategies import Refuse
from sessionkit.repository.expiry import Expiry
from sessionkit.repository.tracks import Owner
from sessionkit.session import UserSession

Start = Callable[..., JournaledProcess]


@pytest.fixture(name="start")
def _start(tmp_path: Path) -> Start:
    """Start a process over an empty store and journal."""
    return lambda **changes: JournaledProcess(tmp_path / "journal", **changes)


# -- nothing is lost -------------------------------------------------------------


def test_a_change_that_was_kept_outlives_its_process(start: Start) -> None:
    """The next process stores it; with all that it changed, and nothing else."""
    process = start()
    session = process.new(name="Ada", town="London")
    session.set_input("town", "Paris")
    process.journal.keep(session)
    process = process.killed()

    assert "London" == process.load().inputs["town"]
    assert ReplayReport(saved=1) == process.replay()
    assert {"name": "Ada", "town": "Paris"} == process.load().inputs
    assert 1 == process.load().interaction_count


def test_a_session_that_was_never_stored_outlives_its_process(start: Start) -> None:
    """With its own beginning."""
    process = start()
    session = UserSession(session_id="s", user_id="ada")
    session.get_form_state("order").data["cart"] = [1, 2]
    process.journal.keep(session)
    process = process.killed()

    assert ReplayReport(saved=1) == process.replay()
    restored = process.load()
    assert {"cart": [1, 2]} == restored.form_states["order"].data
    assert ("ada", session.created_at) == (restored.user_id, restored.created_at)


def test_what_was_taken_out_stays_out(start: Start) -> None:
    """A form that is no more is a change, too."""
    process = start()
    session = process.new()
    session.get_form_state("order").data["cart"] = 1
    process.repository.save(session)
    del session.form_states["order"]
    process.journal.keep(session)
    process = process.killed()
    process.replay()

    assert {} == process.load().form_states


def test_what_others_stored_meanwhile_is_kept(start: Start) -> None:
    """Merged as if both had been there: counters add up."""
    process = start()
    session = process.new()
    session.set_input("ours", 1)
    session.add_navigation("cart")
    process.journal.keep(session)
    other = process.next()
    theirs = other.load()
    theirs.set_input("theirs", 2)
    theirs.add_navigation("cart")
    other.repository.save(theirs)
    process = process.killed()
    process.replay()

    assert {"ours": 1, "theirs": 2} == process.load().inputs
    assert {"cart": 2} == process.load().page_views
    assert 4 == process.load().interaction_count


def test_a_host_s_user_stays_the_owner_of_what_is_replayed(start: Start) -> None:
    """Also for an object of the process that takes over what was replayed from memory."""
    process = start()
    session = UserSession(session_id="s", user_id="issuer|ada", authenticated=True)
    process.repository.save(session)
    session.get_form_state("order").data["ours"] = 1
    process.journal.keep(session)
    other = process.next()
    theirs = other.load()
    theirs.get_form_state("order").data["theirs"] = 2
    other.repository.save(theirs)
    process = process.killed()
    live = process.load()
    process.replay()
    live.get_form_state("order").data["more"] = 3
    process.repository.save(live)
    asked: list[Owner] = []

    assert process.repository.absorb_for(live, lambda owner: not asked.append(owner))
    assert {Owner("issuer|ada", authenticated=True)} == set(asked)
    assert {"ours": 1, "theirs": 2, "more": 3} == live.form_states["order"].data


def test_the_later_change_of_a_field_wins_whenever_it_is_replayed(start: Start) -> None:
    """Each change is as old as it was when it was kept, also when both lie in one part."""
    clock = Clock()
    process = start(now=clock)
    session = process.new(early=0, late=0)
    clock.advance(minutes=1)
    session.set_input("early", "ours")
    process.journal.keep(session)
    clock.advance(minutes=1)
    other = process.next(now=clock)
    theirs = other.load()
    theirs.inputs.update(early="theirs", late="theirs")
    other.repository.save(theirs)
    clock.advance(minutes=1)
    session.set_input("late", "ours")
    process.journal.keep(session)
    process = process.killed(now=clock)
    clock.advance(minutes=1)
    process.replay()

    assert {"early": "theirs", "late": "ours"} == process.load().inputs


def test_a_change_that_was_taken_back_is_none(start: Start) -> None:
    """Nothing is left to do for it."""
    process = start()
    session = process.new(name="Ada")
    session.inputs["name"] = "Bob"
    process.journal.keep(session)
    session.inputs["name"] = "Ada"
    process.journal.keep(session)
    process = process.killed()

    assert ReplayReport() == process.replay()


def test_a_part_of_another_serializer_is_read(start: Start) -> None:
    """The record says what wrote it."""
    process = start()
    session = process.new()
    session.set_input("size", (3, 4))
    process.journal.keep(session)
    process = process.killed(serializer="json")
    process.replay()

    assert (3, 4) == process.load().inputs["size"]


# -- nothing is stored twice -----------------------------------------------------


def test_what_was_stored_is_not_replayed(start: Start) -> None:
    """And the file holds nothing any more."""
    process = start()
    session = process.new()
    session.add_navigation("cart")
    process.journal.keep(session)
    process.repository.save(session)

    assert [] == process.lines()
    process = process.killed()
    assert ReplayReport() == process.replay()
    assert [] == process.files()
    assert {"cart": 1} == process.load().page_views


@pytest.mark.parametrize("fault", [LANDED, LOST])
@pytest.mark.parametrize("on_top", [0, 1, 8])
def test_a_write_that_was_on_its_way_counts_once(start: Start, fault: Any, on_top: int) -> None:
    """The store tells whether it landed: its save_id is there, or among the recent ones."""
    process = start()
    session = process.new()
    session.add_navigation("cart")
    process.journal.keep(session)
    process.store.next_writes(fault)
    with pytest.raises(UnavailableError):
        process.repository.save(session)
    other = process.next()
    for _ in range(on_top):
        theirs = other.load()
        theirs.add_navigation("cart")
        other.repository.save(theirs)
    process = process.killed()
    process.replay()

    assert {"cart": 1 + on_top} == process.load().page_views
    assert 1 + on_top == process.load().interaction_count


@pytest.mark.parametrize("fault", [LANDED, LOST])
def test_what_was_kept_after_a_write_was_sent_counts_once_too(start: Start, fault: Any) -> None:
    """The change rests on what the write stored, if it did."""
    process = start()
    session = process.new(name="Ada")
    session.add_navigation("cart")
    process.store.next_writes(fault)
    with pytest.raises(UnavailableError):
        process.repository.save(session)  # the journal first hears of the session now
    session.add_navigation("cart")
    session.inputs["name"] = "Bob"
    process.journal.keep(session)
    process = process.killed()
    process.replay()

    assert {"cart": 2} == process.load().page_views
    assert 2 == process.load().interaction_count
    assert "Bob" == process.load().inputs["name"]


@pytest.mark.parametrize("fault", [LANDED, LOST])
def test_a_replay_that_is_killed_counts_once(start: Start, fault: Any) -> None:
    """It says before it writes that it does, as any save."""
    process = start()
    session = process.new()
    session.add_navigation("cart")
    process.journal.keep(session)
    process = process.killed()
    process.store.next_writes(fault)
    assert ReplayReport(waiting=1) == process.replay()
    process = process.killed()
    assert 1 == process.replay().saved

    assert {"cart": 1} == process.load().page_views


def test_a_write_that_was_not_needed_after_all_has_not_landed(start: Start) -> None:
    """Someone else stored the same first: what was kept meanwhile rests on their save."""
    process = start()
    session = process.new(name="Ada")
    session.inputs["name"] = "Bob"
    process.journal.keep(session)

    def meanwhile(_: object) -> None:
        process.store.on_write = None
        theirs = other.load()
        theirs.inputs["name"] = "Bob"
        other.repository.save(theirs)
        session.add_navigation("cart")
        process.journal.keep(session)

    other = process.next()
    process.store.on_write = meanwhile
    process.repository.save(session)
    process = process.killed()
    process.replay()

    assert {"cart": 1} == process.load().page_views
    assert [] == [event for event in process.events if isinstance(event, StoreWentBack)]


def test_what_is_kept_before_the_journal_hears_of_a_write_is_ahead_of_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write was encoded earlier, and lacks it."""
    process = start()
    session = process.new()
    session.add_navigation("cart")
    sending = process.journal.sending

    def late(saves: Any) -> None:
        session.add_navigation("cart")
        process.journal.keep(session)
        sending(saves)

    with monkeypatch.context() as patch:
        patch.setattr(process.journal, "sending", late)
        process.repository.save(session)
    process = process.killed()

    assert {"cart": 1} == process.load().page_views
    process.replay()
    assert {"cart": 2} == process.load().page_views


def test_a_save_without_a_change_takes_the_line_off(start: Start) -> None:
    """Someone else stored the same."""
    process = start()
    session = process.new(name="Ada")
    session.inputs["name"] = "Bob"
    process.journal.keep(session)
    other = process.next()
    theirs = other.load()
    theirs.inputs["name"] = "Bob"
    other.repository.save(theirs)
    process.repository.save(session)

    assert [] == process.lines()


def test_keeping_what_is_kept_writes_nothing(start: Start) -> None:
    """Nor does keeping what is stored."""
    process = start()
    session = process.new()
    process.journal.keep(session)
    session.set_input("name", "Ada")
    process.journal.keep(session)
    written = process.journal._files()[0]._written
    process.journal.keep(session)

    assert written == process.journal._files()[0]._written


# -- what can't be stored --------------------------------------------------------


def test_an_outage_leaves_all_to_another_time(start: Start) -> None:
    """The replay is tried again, by the same process or the next."""
    process = start()
    for name in "abc":
        session = process.new(name)
        session.set_input("name", name)
        process.journal.keep(session)
    process = process.killed()
    process.store.down = True
    assert ReplayReport(waiting=3) == process.replay()
    process = process.killed()
    process.store.down = True
    assert ReplayReport(waiting=3) == process.replay()
    process.store.down = False

    assert ReplayReport(saved=3) == process.replay()
    assert list("abc") == [process.load(name).inputs["name"] for name in "abc"]


def test_a_logout_is_not_undone(start: Start) -> None:
    """What was ended stays ended, and an event tells."""
    process = start()
    session = process.new()
    session.set_input("name", "Ada")
    process.journal.keep(session)
    process.next().repository.end("s")
    process = process.killed()

    assert ReplayReport(gone=1) == process.replay()
    assert ["ended"] == [one.reason for one in process.events if isinstance(one, SessionGone)]
    assert process.repository.load("s") is None
    assert ReplayReport() == process.killed().replay()


def test_what_began_again_is_gone(start: Start) -> None:
    """Nothing of the old session enters the new one."""
    process = start()
    session = process.new()
    session.set_input("name", "Ada")
    process.journal.keep(session)
    process.store.memory.delete("s")
    process.next().new()
    process = process.killed()

    assert ReplayReport(gone=1) == process.replay()
    assert {} == process.load().inputs


def test_what_the_store_has_lost_is_kept_in_a_file(start: Start) -> None:
    """The journal has the changes alone: half a session, whose owner nobody knew, would be worse than none."""
    process = start()
    session = process.new()
    session.set_input("name", "Ada")
    process.journal.keep(session)
    process.store.memory.delete("s")
    process = process.killed()

    assert ReplayReport(aside=1) == process.replay()
    assert process.repository.load("s") is None
    [aside] = [one for one in process.events if isinstance(one, JournalSetAside)]
    assert "the store has no record of it" in aside.reason


def test_what_was_never_stored_is_stored_by_the_next_process(start: Start) -> None:
    """All of it is in the journal."""
    process = start()
    session = UserSession(session_id="s", user_id="ada")
    session.set_input("name", "Ada")
    process.journal.keep(session)
    process = process.killed()

    assert ReplayReport(saved=1) == process.replay()
    assert ("ada", {"name": "Ada"}) == (process.load().user_id, process.load().inputs)


def test_what_has_expired_is_gone(start: Start) -> None:
    """Nobody can have it any more."""
    clock = Clock()
    expiry = Expiry(idle=timedelta(hours=1), absolute=None)
    process = start(now=clock, expiry=expiry)
    session = process.new()
    session.set_input("name", "Ada")
    process.journal.keep(session)
    clock.advance(hours=3)
    process = process.killed(now=clock, expiry=expiry)

    assert ReplayReport(gone=1) == process.replay()


def test_what_the_store_rejects_is_kept_in_a_file(start: Start, tmp_path: Path) -> None:
    """It is told, and not tried for ever; the file is a journal that can be replayed."""
    process = start()
    session = process.new()
    session.set_input("name", "Ada")
    process.journal.keep(session)
    process = process.killed()
    process.store.next_writes(REJECTED)

    assert ReplayReport(aside=1) == process.replay()
    (told,) = [event for event in process.events if isinstance(event, JournalSetAside)]
    assert ReplayReport() == process.killed().replay()
    Path(told.path).rename(tmp_path / "journal" / "again.db")
    assert ReplayReport(saved=1) == process.next().replay()
    assert {"name": "Ada"} == process.load().inputs


def test_what_a_strategy_refuses_is_kept_in_a_file(start: Start) -> None:
    """Nobody is there to be asked."""
    process = start(strategy=Refuse())
    session = process.new(name="Ada")
    session.inputs["name"] = "Bob"
    process.journal.keep(session)
    other = process.next()
    theirs = other.load()
    theirs.inputs["name"] = "Eve"
    other.repository.save(theirs)
    process = process.killed(strategy=Refuse())

    assert ReplayReport(aside=1) == process.replay()
    assert "Eve" == process.load().inputs["name"]


# -- a session that moves, ends, is let go of ------------------------------------


def test_a_session_that_moved_is_replayed_under_its_new_id(start: Start) -> None:
    """Whole, for nothing of it is stored there yet."""
    process = start()
    session = process.new(name="Ada")
    session.set_input("town", "Paris")
    process.journal.keep(session)
    former = process.repository.rotation.rotate_in_memory(session, "t", lambda _: None)
    process.journal.follow(session, former.session)
    process = process.killed()

    assert ReplayReport(saved=1) == process.replay()
    assert {"name": "Ada", "town": "Paris"} == process.load("t").inputs
    assert {"name": "Ada"} == process.load("s").inputs


def test_a_session_that_was_rotated_is_all_stored(start: Start) -> None:
    """Nothing is left of it under either id."""
    process = start()
    session = process.new(name="Ada")
    session.set_input("town", "Paris")
    process.journal.keep(session)
    former = process.repository.rotation.rotate(session, "t")
    process.journal.follow(session, former.session)

    assert {"name": "Ada", "town": "Paris"} == process.load("t").inputs
    assert [] == process.lines()


def test_a_session_that_could_not_be_rotated_keeps_its_changes(start: Start) -> None:
    """Whether the process dies now or later."""
    process = start()
    session = process.new(name="Ada")
    session.set_input("town", "Paris")
    process.journal.keep(session)
    process.store.down = True
    with pytest.raises(UnavailableError):
        process.repository.rotation.rotate(session, "t")
    process = process.killed()
    process.replay()

    assert {"name": "Ada", "town": "Paris"} == process.load("s").inputs


def test_what_was_forgotten_is_not_replayed(start: Start) -> None:
    """Such as a session that was ended."""
    process = start()
    session = process.new()
    session.set_input("name", "Ada")
    process.journal.keep(session)
    process.journal.forget("s")

    assert ReplayReport() == process.killed().replay()


def test_what_is_gone_is_taken_off(start: Start) -> None:
    """A save that finds the session ended leaves nothing to replay."""
    process = start()
    session = process.new()
    session.set_input("name", "Ada")
    process.journal.keep(session)
    process.next().repository.end("s")
    with pytest.raises(SessionGoneError):
        process.repository.save(session)

    assert [] == process.lines()


# -- a disk that fails -----------------------------------------------------------


def test_a_full_disk_fails_no_app(start: Start) -> None:
    """It is told once; what came before stays readable, and what comes after is recorded whole."""
    process = start()
    session = process.new()
    session.set_input("before", 1)
    assert process.journal.keep(session)
    with full_disk(process):
        session.set_input("meanwhile", "x" * 100_000)
        assert [False, False] == [process.journal.keep(session) for _ in range(2)]
    assert ["before"] == list(replayed(process))
    told = [event.error for event in process.events if isinstance(event, JournalFailed)]
    assert 1 == len(told)
    assert "disk is full" in told[0]
    session.set_input("after", 3)
    assert process.journal.keep(session)
    process = process.killed()
    process.replay()

    assert {"before": 1, "meanwhile": "x" * 100_000, "after": 3} == process.load().inputs


@contextmanager
def full_disk(process: JournaledProcess) -> Iterator[None]:
    """Let SQLite find no room for another page."""
    (file,) = process.journal._files()
    ((pages,),) = file._connection.execute("PRAGMA page_count")
    file._connection.execute(f"PRAGMA max_page_count = {pages}")
    yield
    file._connection.execute("PRAGMA max_page_count = 1000000")


def replayed(process: JournaledProcess) -> dict[str, Any]:
    """Return the inputs that the process's own journal has for its one session."""
    (line,) = process.lines()
    inputs = process.journal.state(line).recorded().ours["inputs"]
    return process.repository.codec.decode_part("inputs", inputs or b"")["inputs"]


def test_a_value_that_cannot_be_kept_costs_no_other(start: Start) -> None:
    """As in a save."""
    process = start()
    session = process.new()
    session.inputs.update(name="Ada", upload=object())
    process.journal.keep(session)
    process = process.killed()
    process.replay()

    assert {"name": "Ada"} == process.load().inputs


@pytest.mark.skipif(not hasattr(os, "fdatasync"), reason="the system has no fdatasync")
def test_with_fsync_the_disk_has_a_change_before_it_counts(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's log is what holds it; once for all who wait together, and not at all where that is not asked for."""
    process = start(fsync=True)
    session = process.new()
    synced: list[int] = []
    sync = os.fdatasync

    def noted(descriptor: int) -> None:
        sync(descriptor)
        synced.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fdatasync", noted)
    for number in range(3):
        session.set_input("name", number)
        assert process.journal.keep(session)
        assert number + 1 == len(synced)
    (path,) = process.files()
    assert {Path(f"{path}-wal").stat().st_ino} == set(synced)
    process.journal._files()[0].sync()
    assert 3 == len(synced)
    other = start()
    other.journal.keep(UserSession(session_id="other"))

    assert 3 == len(synced)


@pytest.mark.skipif(not hasattr(os, "fdatasync"), reason="the system has no fdatasync")
def test_what_the_disk_does_not_take_is_told(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written, but nobody knows whether it lasts."""
    process = start(fsync=True)
    session = process.new()
    session.set_input("name", "Ada")

    def failing(_: int) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(os, "fdatasync", failing)

    assert not process.journal.keep(session)
    assert ["the disk is broken"] == [
        event.error.split("] ")[-1] for event in process.events if isinstance(event, JournalFailed)
    ]


# -- bounded ---------------------------------------------------------------------


def test_a_journal_does_not_grow_without_bound(start: Start) -> None:
    """However often a session changes while the store is down; what waits longest stays."""
    process = start()
    process.store.down = True
    first = UserSession(session_id="first")
    process.journal.keep(first)
    session = UserSession(session_id="s")
    for number in range(600):
        session.inputs["text"] = f"{number:05}" * 6000
        process.journal.keep(session)
        if number == 300:
            with pytest.raises(UnavailableError):
                process.repository.save(session)
    (path,) = process.files()
    assert path.stat().st_size + Path(f"{path}-wal").stat().st_size < 12 * 2**20
    process = process.killed()
    assert ReplayReport(saved=2) == process.replay()

    assert "00599" * 6000 == process.load().inputs["text"]
    assert {} == process.load("first").inputs
