# SPDX-License-Identifier: Apache-2.0
"""What is recorded: once what a large part was, and then what of it is another; and what older versions recorded."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import attrs
import ormsgpack
import pytest
from session_harness.journals import JournaledProcess, abandon
from session_harness.replicas import Clock
from session_harness.stores import LANDED, LOST

from sessionkit.errors import UnavailableError
from sessionkit.events import JournalFailed, JournalSetAside
from sessionkit.journal import ReplayReport
from sessionkit.journal.changes import LineState
from sessionkit.session import UserSession

Start = Callable[..., JournaledProcess]

LONG = {f"field {number}": f"{number:03}" * 30 for number in range(200)}


@pytest.fixture(name="start")
def _start(tmp_path: Path) -> Start:
    """Start a process over an empty store and journal."""
    return lambda **changes: JournaledProcess(tmp_path / "journal", **changes)


def log_size(process: JournaledProcess) -> int:
    """Return the bytes of what a process has written so far."""
    (path,) = process.files()
    return Path(f"{path}-wal").stat().st_size


# -- what is recorded ----------------------------------------------------------


def test_a_field_of_a_large_session_costs_what_it_is(start: Start) -> None:
    """The first change records what the part was, the others what of it is another."""
    process = start()
    process.journal.keep(UserSession(session_id="another"))
    session = process.new(**LONG)
    sizes = [log_size(process)]
    for number in range(4):
        session.inputs["field 70"] = f"changed {number}"
        process.journal.keep(session)
        sizes.append(log_size(process))
    first, *others = [after - before for before, after in pairwise(sizes)]

    assert first < 2.2 * sum(map(len, LONG.values())), "the fields with their names and times"
    assert max(others) < 15_000, "three pages"
    process = process.killed()
    process.replay()
    assert {**LONG, "field 70": "changed 3"} == process.load().inputs


@pytest.mark.parametrize("fate", [None, LANDED, LOST])
@pytest.mark.parametrize("again", [False, True])
def test_each_change_of_a_large_part_is_read_again(start: Start, fate: Any, *, again: bool) -> None:
    """Before a write, of which the answer may be lost, and after it; of what is new, longer, shorter and gone."""
    process = start()
    session = process.new(**LONG)
    session.inputs["field 3"] = "x" * 500
    process.journal.keep(session)
    session.inputs["new"] = 1
    process.journal.keep(session)
    process.store.next_writes(fate)
    try:
        process.repository.save(session)
    except UnavailableError:
        assert fate is not None
    del session.inputs["field 9"]
    session.get_form_state("order").data["text"] = "y" * 5000
    process.journal.keep(session)
    session.inputs["field 3"] = ""
    session.form_states["order"].data["text"] = "y" * 2000 + "z" + "y" * 2000
    process.journal.keep(session)
    process = process.killed()
    if again:
        process.store.down = True
        process.replay()
        process = process.killed()
        process.store.down = False

    assert ReplayReport(saved=1) == process.replay()
    expected = {**LONG, "field 3": "", "new": 1}
    del expected["field 9"]
    assert expected == process.load().inputs
    assert "y" * 2000 + "z" + "y" * 2000 == process.load().form_states["order"].data["text"]


def test_what_others_changed_in_a_large_part_is_merged(start: Start) -> None:
    """Also where they did so after it was taken into the session, and before more was changed."""
    clock = Clock()
    process = start(now=clock)
    session = process.new(**LONG)
    other = process.next(now=clock)
    for number in range(3):
        clock.advance(seconds=1)
        session.inputs[f"field {number}"] = "ours"
        process.journal.keep(session)
        clock.advance(seconds=1)
        theirs = other.load()
        theirs.inputs[f"field {100 + number}"] = "theirs"
        other.repository.save(theirs)
        if number:
            process.repository.refresh(session)
            process.repository.absorb(session)
            process.journal.keep(session)
    process = process.killed(now=clock)
    process.replay()

    ours = {f"field {number}": "ours" for number in range(3)}
    theirs_ = {f"field {100 + number}": "theirs" for number in range(3)}
    assert {**LONG, **ours, **theirs_} == process.load().inputs


def test_a_change_keeps_its_time_when_others_changes_are_taken_in(start: Start) -> None:
    """It is not as young as they are."""
    clock = Clock()
    process = start(now=clock)
    session = process.new(early=0)
    session.get_form_state("order").data["name"] = ""
    process.repository.save(session)
    clock.advance(minutes=1)
    session.inputs["early"] = "ours"
    process.journal.keep(session)
    clock.advance(minutes=1)
    other = process.next(now=clock)
    theirs = other.load()
    theirs.form_states["order"].data["name"] = "theirs"
    other.repository.save(theirs)
    process.repository.refresh(session)
    process.repository.absorb(session)
    clock.advance(minutes=1)
    later = other.load()
    later.inputs["early"] = "theirs"
    other.repository.save(later)
    clock.advance(minutes=1)
    session.form_states["order"].data["name"] = "ours"
    process.journal.keep(session)
    process = process.killed(now=clock)
    process.replay()

    assert "theirs" == process.load().inputs["early"]
    assert "ours" == process.load().form_states["order"].data["name"]


# -- what older versions recorded ------------------------------------------------


def as_in_format_1(path: Path, state: LineState) -> None:
    """Have a file's one line say what a state does, as the first format did: parts whole, what they were in the head."""
    known, sent = state.head.known, state.head.sent
    assert known is not None
    head = {
        "session_id": state.head.session_id,
        "serializer": state.head.serializer,
        "created_at": state.head.created_at,
        "save_id": state.head.save_id,
        "base": state.base,
        "known": attrs.asdict(known),
        "foreign": state.head.foreign,
        "sent": sent and {"head": attrs.asdict(sent.head), "parts": sent.parts},
        "sent_place": len(state.steps) if sent else 0,
    }
    changes = [
        {"at": step.at, "parts": step.parts, "over": []} for step in (*state.steps, *state.after)
    ]
    with sqlite3.connect(path) as connection:
        ((begin,),) = connection.execute("SELECT min(id) FROM record")
        connection.execute("DELETE FROM record")
        for key, plain in enumerate((head, *changes), begin):
            data = ormsgpack.packb(plain)
            row = (key, crc32(data, crc32(key.to_bytes(8, "big"))), data)
            connection.execute("INSERT INTO record VALUES (?, ?, ?)", row)
        connection.execute("PRAGMA user_version = 1")
    connection.close()


def left_in_format_1(process: JournaledProcess, fate: Any) -> JournaledProcess:
    """Let a process of the first format change a session, save it, change it again, and die."""
    session = process.new(**LONG)
    for change in ({"name": "Ada"}, {"field 7": "x"}):
        session.inputs.update(change)
        session.add_navigation("cart")
        process.journal.keep(session)
    process.store.next_writes(fate)
    with pytest.raises(UnavailableError):
        process.repository.save(session)
    session.inputs["town"] = "Paris"
    session.add_navigation("cart")
    process.journal.keep(session)
    ((line,), (path,)) = process.lines(), process.files()
    state = process.journal.state(line)
    abandon(process.journal)
    as_in_format_1(path, state)
    return process.next()


@pytest.mark.parametrize("fate", [LANDED, LOST])
@pytest.mark.parametrize("down", [False, True])
def test_a_journal_of_the_first_format_is_replayed(start: Start, fate: Any, *, down: bool) -> None:
    """Whether the write landed that was on its way or not, and also if this process dies in the midst of it."""
    process = left_in_format_1(start(), fate)
    process.store.down = down
    process.replay()
    process = process.killed()
    process.store.down = False
    process.replay()

    expected = {**LONG, "name": "Ada", "field 7": "x", "town": "Paris"}
    assert expected == process.load().inputs
    assert {"cart": 3} == process.load().page_views
    assert [] == [one for one in process.events if isinstance(one, JournalSetAside)]
    assert [] == process.files()


def test_an_older_version_leaves_alone_what_this_one_has_taken_over(start: Start) -> None:
    """It could not read what this one writes into it."""
    process = left_in_format_1(start(), LOST)
    process.store.down = True
    process.replay()
    abandon(process.journal)
    (path,) = process.files()

    with sqlite3.connect(path) as connection:
        assert [(2,)] == connection.execute("PRAGMA user_version").fetchall()
    connection.close()


# -- a file that goes -------------------------------------------------------------


def test_a_file_that_was_removed_is_told_and_begun_anew(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """What is kept from then on is safe again, with all that it had changed."""
    caplog.set_level(logging.WARNING)
    process = start()
    session = process.new(name="Ada")
    session.inputs["name"] = "Bob"
    process.journal.keep(session)
    for path in process.folder.iterdir():
        path.unlink()
    session.inputs["town"] = "Paris"
    assert process.journal.keep(session)
    session.inputs["country"] = "France"
    assert process.journal.keep(session)
    told = [one.error for one in process.events if isinstance(one, JournalFailed)]
    process = process.killed()
    process.replay()

    assert {"name": "Bob", "town": "Paris", "country": "France"} == process.load().inputs
    assert 1 == len(told)
    assert "removed" in told[0]
