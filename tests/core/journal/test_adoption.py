# SPDX-License-Identifier: Apache-2.0
"""Adoption of what a dead process left, cut off or damaged: never misread, and what can be read is used."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from session_harness.journals import JournaledProcess

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.journal import ReplayReport
from sessionkit.journal.changes import (
    LineBegin,
    LineEnd,
    pack,
    unpack,
)
from sessionkit.journal.segment import PREAMBLE, VERSION, frame, scan

Inputs = dict[str, Any]


class Recorded:
    """
    A journal of several changes, whose process was killed.

    Attributes:
        data: Its segment.
        ends: After how many bytes of it each state of the inputs is recorded.
    """

    def __init__(self, folder: Path) -> None:
        """Record."""
        process = JournaledProcess(folder / "recorded")
        session = process.new(town="London")
        self._stored = process.store.keep()
        self._folder = folder
        self.ends: list[tuple[int, Inputs]] = [(0, {"town": "London"})]
        for change in ({"name": "Ada"}, {"town": "Paris"}, {"size": (3, 4)}, {"name": "Bob"}):
            session.inputs.update(change)
            process.journal.keep(session)
            (path,) = process.files()
            self.ends.append((path.stat().st_size, dict(session.inputs)))
        self.data = path.read_bytes()
        process.killed()

    def expected(self, whole: int) -> Inputs:
        """Return the inputs that so many sound bytes hold."""
        return [inputs for end, inputs in self.ends if end <= whole][-1]

    def restored(self, *segments: bytes) -> tuple[Inputs, ReplayReport]:
        """Return the inputs, and the report, when these are the segments."""
        shutil.rmtree(self._folder / "j", ignore_errors=True)
        left = self._folder / "j" / "dead"
        left.mkdir(parents=True)
        (left / "lock").touch()
        for number, data in enumerate(segments, 1):
            (left / f"{number:08}.segment").write_bytes(data)
        memory = MemoryStorage()
        memory._sessions.update(self._stored)
        process = JournaledProcess(self._folder / "j", memory)
        report = process.replay()
        process.journal.close()
        return process.load().inputs, report

    def aside(self) -> list[bytes]:
        """Return what was kept aside."""
        return [path.read_bytes() for path in (self._folder / "j" / "aside").glob("*")]

    def left(self) -> list[str]:
        """Return the folders that are left."""
        return [path.name for path in (self._folder / "j").iterdir()]


@pytest.fixture(name="recorded")
def _recorded(tmp_path: Path) -> Recorded:
    """A journal of several changes."""
    return Recorded(tmp_path)


def test_a_journal_may_be_cut_off_at_any_byte(recorded: Recorded) -> None:
    """All whole records count, the one that was cut off doesn't; nothing is left of it."""
    wrong = []
    for size in range(len(recorded.data) + 1):
        inputs, _ = recorded.restored(recorded.data[:size])
        if (inputs, recorded.left()) != (recorded.expected(size), []):
            wrong.append(size)

    assert [] == wrong


def test_a_flipped_bit_is_found_wherever_it_is(recorded: Recorded) -> None:
    """All records before it count; the whole file is kept aside."""
    wrong = []
    for position in range(len(PREAMBLE), len(recorded.data)):
        damaged = bytearray(recorded.data)
        damaged[position] ^= 1 << position % 8
        inputs, _ = recorded.restored(bytes(damaged))
        if (inputs, recorded.aside()) != (recorded.expected(position), [bytes(damaged)]):
            wrong.append(position)

    assert [] == wrong


def test_no_bit_of_a_frame_can_be_another_one() -> None:
    """The length, the checksums and the content are all checked."""
    data = PREAMBLE + frame(b"one") + frame(b"two")
    for bit in range(8 * len(PREAMBLE), 8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        found = scan(bytes(damaged))
        sound = [span for span in scan(data).frames if span[1] <= bit // 8]

        assert (sound, True) == (list(found.frames), found.damage is not None), bit


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 64, b"garbage that is no frame", b"\xff" * 12])
def test_what_follows_the_records_is_passed_over(recorded: Recorded, tail: bytes) -> None:
    """Whatever it is."""
    inputs, report = recorded.restored(recorded.data + tail)

    assert (recorded.expected(len(recorded.data)), 1) == (inputs, report.saved)


@pytest.mark.parametrize("data", [b"", PREAMBLE[:7], PREAMBLE])
def test_an_empty_file_holds_nothing(recorded: Recorded, data: bytes) -> None:
    """It is removed."""
    assert (recorded.expected(0), ReplayReport()) == recorded.restored(data)
    assert [] == recorded.left()


def test_a_foreign_file_is_kept_aside(recorded: Recorded) -> None:
    """It is read as nothing, and the records of the other files count."""
    foreign = b"\x89PNG\r\n\x1a\n, and so on, and so forth"
    inputs, _ = recorded.restored(foreign, recorded.data)

    assert recorded.expected(len(recorded.data)) == inputs
    assert [foreign] == recorded.aside()


def test_files_that_are_no_segments_are_left_alone(recorded: Recorded, tmp_path: Path) -> None:
    """And so is the folder that they lie in."""
    recorded.restored(recorded.data)
    folder = tmp_path / "j" / "notes"
    folder.mkdir()
    for name in ("lock", "README", "copy.segment"):
        (folder / name).write_text("mine")
    JournaledProcess(tmp_path / "j").replay()

    assert "mine" == (folder / "README").read_text() == (folder / "copy.segment").read_text()


def test_a_newer_release_is_left_to_itself(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it is read or removed, and the log says what to do."""
    newer = bytearray(recorded.data)
    newer[len(PREAMBLE) - 1] = VERSION + 1
    inputs, report = recorded.restored(recorded.data, bytes(newer))

    assert (recorded.expected(0), ReplayReport()) == (inputs, report)
    assert ["dead"] == recorded.left()
    assert "newer release" in caplog.text


def test_after_damage_a_line_counts_from_its_next_beginning(recorded: Recorded) -> None:
    """A change of what was lost says nothing; what needs nothing before it does."""
    spans = scan(recorded.data).frames
    first, second, third, fourth = (recorded.data[begin:end] for begin, end in spans)
    damaged = PREAMBLE + first + second[:-1] + b"?"
    assert {"town": "London", "name": "Ada"} == recorded.restored(damaged, PREAMBLE + fourth)[0]
    begin = unpack(recorded.data[spans[0][0] + 12 : spans[0][1]])
    assert isinstance(begin, LineBegin)

    assert (
        recorded.expected(0)
        == recorded.restored(damaged, PREAMBLE + frame(pack(LineEnd(line=1))))[0]
    )
    again = PREAMBLE + first + second + third
    assert recorded.expected(recorded.ends[3][0]) == recorded.restored(damaged, again)[0]


def test_a_record_of_no_kind_that_is_known_is_damage(recorded: Recorded) -> None:
    """Its checksum is right, its content is not."""
    data = recorded.data + frame(b"\x92\x09\x01")

    assert recorded.expected(len(recorded.data)) == recorded.restored(data)[0]
    assert [data] == recorded.aside()
