# SPDX-License-Identifier: Apache-2.0
"""What a dead process left, cut off, damaged or foreign: never misread, and what can be read of it is used."""

from __future__ import annotations

import logging
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import ormsgpack
import pytest
from session_harness.journals import JournaledProcess

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.events import JournalSetAside
from sessionkit.journal import ReplayReport
from sessionkit.session import UserSession

Inputs = dict[str, Any]
Change = Callable[[bytearray], object]

SESSIONS = ("first", "second", "third")


class Recorded:
    """
    The journal of a process that was killed: three sessions, the second one of which changed several times.

    Attributes:
        database: The database, as it is before SQLite's log is moved into it.
        log: SQLite's log.
        whole: The database with all that is in the log.
        ends: After how many bytes of the log each state of the second session is recorded.
    """

    def __init__(self, folder: Path) -> None:
        """Record."""
        self._folder = folder
        process = JournaledProcess(folder / "recorded")
        sessions = {name: process.new(name, town="London") for name in SESSIONS}
        self._stored = process.store.keep()
        process.journal.keep(UserSession(session_id="begun"))
        (path,) = process.files()
        log = Path(f"{path}-wal")
        self.ends: list[tuple[int, Inputs]] = [(0, {"town": "London"})]
        for change in ({"name": "Ada"}, {"town": "Paris"}, {"text": "x" * 9000}, {"name": "Bob"}):
            sessions["second"].inputs.update(change)
            process.journal.keep(sessions["second"])
            self.ends.append((log.stat().st_size, dict(sessions["second"].inputs)))
        for name in ("first", "third"):
            sessions[name].inputs["name"] = name * 1000
            process.journal.keep(sessions[name])
        self.database, self.log = path.read_bytes(), log.read_bytes()
        process.killed()
        self.whole = path.read_bytes()
        self.process = process

    def restored(self, database: bytes, log: bytes | None = None) -> dict[str, Inputs]:
        """Return the inputs of each session when a process finds these files."""
        folder = self._folder / "j"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "1-dead.db").write_bytes(database)
        if log is not None:
            (folder / "1-dead.db-wal").write_bytes(log)
        memory = MemoryStorage()
        memory._sessions.update(self._stored)
        self.process = process = JournaledProcess(folder, memory)
        self.report = process.replay()
        process.journal.close()
        return {name: process.load(name).inputs for name in SESSIONS}

    def damaged(self, *changes: Change) -> bytes:
        """Return the whole database after some damage."""
        data = bytearray(self.whole)
        for change in changes:
            change(data)
        return bytes(data)

    def expected(self, sound: int) -> Inputs:
        """Return the second session's inputs that so many sound bytes of the log hold."""
        return [inputs for end, inputs in self.ends if end <= sound][-1]

    def is_as_it_was_once(self, found: dict[str, Inputs]) -> bool:
        """Return whether each session has a state that it once had."""
        before, last = self.ends[0][1], {"town": "London"}
        return (
            found["second"] in [inputs for _, inputs in self.ends]
            and found["first"] in (before, {**last, "name": "first" * 1000})
            and found["third"] in (before, {**last, "name": "third" * 1000})
        )

    def left(self) -> list[str]:
        """Return the files that are left, but for the lock of who replays."""
        folder = self._folder / "j"
        return sorted(
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if path.is_file() and path.name != "turn"
        )

    def told(self) -> list[JournalSetAside]:
        """Return what was told of what can't be used."""
        return [event for event in self.process.events if isinstance(event, JournalSetAside)]


@pytest.fixture(name="recorded", scope="module")
def _recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Record once: each test restores it in its own way."""
    return Recorded(tmp_path_factory.mktemp("journal"))


@pytest.fixture(name="last")
def _last(recorded: Recorded) -> dict[str, Inputs]:
    """What the sessions were like in the end."""
    ends = {name: {"town": "London", "name": name * 1000} for name in ("first", "third")}
    return {**ends, "second": recorded.ends[-1][1]}


@pytest.fixture(name="chance")
def _chance() -> random.Random:
    """Chance, with a seed that is shown when the test fails."""
    seed = random.randrange(2**32)  # noqa: S311 - no secret
    print(f"seed {seed}")  # noqa: T201 - to do the same again
    return random.Random(seed)  # noqa: S311 - as above


def test_all_is_restored(recorded: Recorded, last: dict[str, Inputs]) -> None:
    """With SQLite's log, as after a kill, and without it, as after an end in order; nothing is left."""
    assert last == recorded.restored(recorded.database, recorded.log)
    assert [] == recorded.left()
    assert last == recorded.restored(recorded.whole)
    assert [] == recorded.left()
    assert ReplayReport(saved=4) == recorded.report


def test_the_log_may_be_cut_off_anywhere(recorded: Recorded, chance: random.Random) -> None:
    """All that was recorded before counts, what was cut off doesn't; nothing is left of it."""
    ends = [end + more for end, _ in recorded.ends for more in (-1, 0, 1) if end]
    sizes = [0, 1, 31, 32, 33, *ends, *(chance.randrange(len(recorded.log)) for _ in range(60))]
    wrong = []
    for size in sizes:
        found = recorded.restored(recorded.database, recorded.log[:size])
        if (found["second"], recorded.left()) != (recorded.expected(size), []):
            wrong.append(size)

    assert [] == wrong


def test_a_flipped_bit_in_the_log_is_found(recorded: Recorded, chance: random.Random) -> None:
    """It ends there: all that was recorded before counts."""
    wrong = []
    for position in [*range(0, 56, 5), *(chance.randrange(len(recorded.log)) for _ in range(60))]:
        data = bytearray(recorded.log)
        data[position] ^= 1 << chance.randrange(8)
        found = recorded.restored(recorded.database, bytes(data))
        if found["second"] != recorded.expected(position):
            wrong.append(position)

    assert [] == wrong


def flip(chance: random.Random, position: int) -> Change:
    """Return a change of one bit."""
    bit = 1 << chance.randrange(8)
    return lambda data: data.__setitem__(position, data[position] ^ bit)


def test_a_damaged_database_is_never_misread_or_lost(
    recorded: Recorded, chance: random.Random, last: dict[str, Inputs]
) -> None:
    """Wherever a bit is flipped, a page is empty or the end is missing: what is not restored is kept."""
    size, page = len(recorded.whole), 4096
    header = [flip(chance, position) for position in range(0, 108, 3)]
    flips = [flip(chance, chance.randrange(size)) for _ in range(100)]
    zeros: list[Change] = [
        lambda data, begin=begin: data.__setitem__(slice(begin, begin + page), bytes(page))  # type: ignore[misc]
        for begin in range(0, size, page)
    ]
    cuts: list[Change] = [
        lambda data, end=end: data.__delitem__(slice(end, None))  # type: ignore[misc]
        for end in chance.sample(range(1, size), 30)
    ]
    wrong = []
    for number, change in enumerate((*header, *flips, *zeros, *cuts)):
        found = recorded.restored(recorded.damaged(change))
        kept = found == last or recorded.left() in (["1-dead.db"], ["aside/1-dead.db"])
        if not (kept and recorded.is_as_it_was_once(found)):
            wrong.append((number, recorded.left(), found))

    assert [] == wrong


def test_tables_that_are_no_text_are_damage(recorded: Recorded) -> None:
    """SQLite says what it can't use, in bytes that are none, and that is no error of the app's."""
    begin = recorded.whole.index(b"CREATE TABLE")
    left = []
    for place in (begin - 10, begin + 4, begin + 40, begin + 66):
        recorded.restored(
            recorded.damaged(lambda data, place=place: data.__setitem__(place, 0xE3))  # type: ignore[misc]
        )
        left += recorded.left()

    assert {"aside/1-dead.db"} == set(left)


def test_damage_of_one_session_costs_no_other(recorded: Recorded, last: dict[str, Inputs]) -> None:
    """The rest is restored; the file is kept aside, and an event says where."""
    place = recorded.whole.index(b"third" * 100) + 7
    found = recorded.restored(recorded.damaged(lambda data: data.__setitem__(place, 0)))
    (told,) = recorded.told()

    assert {**last, "third": {"town": "London"}} == found
    assert ["aside/1-dead.db"] == recorded.left()
    assert "a record is not as it was written" in told.reason
    assert Path(told.path).is_file()


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n, and so on, and so forth" * 30])
def test_a_foreign_file_is_kept_aside(recorded: Recorded, data: bytes) -> None:
    """It is read as nothing; one that is empty is removed."""
    assert {"town": "London"} == recorded.restored(data)["second"]
    assert (["aside/1-dead.db"] if data else []) == recorded.left()
    assert bool(data) == bool(recorded.told())


def test_an_empty_database_does_not_take_its_log_with_it(recorded: Recorded) -> None:
    """SQLite would remove that."""
    recorded.restored(b"", recorded.log)

    assert ["aside/1-dead.db", "aside/1-dead.db-wal"] == recorded.left()


def test_what_is_no_journal_is_left_alone(recorded: Recorded) -> None:
    """Whatever lies in the folder."""
    recorded.restored(recorded.whole)
    folder = recorded.process.folder
    (folder / "notes").mkdir()
    for name in ("README", "notes/more.db", "sessions.sqlite"):
        (folder / name).write_text("mine")
    JournaledProcess(folder).replay()

    assert ["README", "notes/more.db", "sessions.sqlite"] == recorded.left()


def test_a_newer_release_is_left_to_itself(
    recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it is read or removed, and the log says what to do."""
    newer = recorded.damaged(lambda data: data.__setitem__(63, 3))

    assert {"town": "London"} == recorded.restored(newer)["second"]
    assert (["1-dead.db"], []) == (recorded.left(), recorded.told())
    assert "newer release" in caplog.text


def test_a_journal_of_the_former_format_is_left_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Versions before the first release kept a folder of segments a process."""
    caplog.set_level(logging.WARNING)
    (tmp_path / "1-a").mkdir()
    segment = tmp_path / "1-a" / "00000001.segment"
    segment.write_bytes(b"sessionkit journal\0\1...")
    process = JournaledProcess(tmp_path)
    process.replay()
    process.replay()

    assert segment.exists()
    assert 1 == caplog.text.count("early version of sessionkit")


# -- records that are well-formed and wrong ----------------------------------------

HEAD = {
    "session_id": "third",
    "serializer": "msgpack",
    "created_at": 1,
    "base": {},
    "known": None,
    "foreign": False,
    "sent": None,
}
CHANGE = {"at": 1, "parts": {}, "over": []}
ODD: dict[str, tuple[int, Any]] = {
    "a number": (0, 7),
    "a list": (0, [[1], "msgpack"]),
    "too little": (0, {"session_id": "third"}),
    "an id that is a list": (0, {**HEAD, "session_id": [1]}),
    "a serializer that is a number": (0, {**HEAD, "serializer": 5}),
    "a part that is a text": (0, {**HEAD, "base": {"inputs": "x"}}),
    "a part that is a length": (0, {**HEAD, "base": {"inputs": 10**15}}),
    "a stored record that is none": (0, {**HEAD, "known": [1, 2]}),
    "a write that is none": (0, {**HEAD, "sent": [1]}),
    "a change that is none": (1, [[1], {}, []]),
    "a change at a text": (1, {**CHANGE, "at": "now"}),
    "a change of a list": (1, {**CHANGE, "parts": []}),
    "a change of a number": (1, {**CHANGE, "over": [1]}),
    "a patch that is a number": (1, {**CHANGE, "patches": {"inputs": 7}}),
    "a patch without an end": (1, {**CHANGE, "patches": {"inputs": [0, b"x"]}}),
    "a patch of what is not there": (1, {**CHANGE, "patches": {"inputs": [0, 1, b"x"]}}),
    "a patch beyond the end": (
        1,
        {**CHANGE, "base": {"inputs": b"abc"}, "patches": {"inputs": [2, 10**15, b"x"]}},
    ),
    "a patch from the end on": (
        1,
        {**CHANGE, "base": {"inputs": b"abc"}, "patches": {"inputs": [2, 1, b"x"]}},
    ),
    "a base that is a list": (1, {**CHANGE, "base": [1]}),
}


def put(path: Path, place: int, plain: object) -> None:
    """Replace a record of the third session, with the right checksum."""
    connection = sqlite3.connect(path)
    for key, data in connection.execute("SELECT id, data FROM record").fetchall():
        if key % 2**10 == 0 and ormsgpack.unpackb(data)["session_id"] == "third":
            bytes_ = ormsgpack.packb(plain)
            row = (key + place, crc32(bytes_, crc32((key + place).to_bytes(8, "big"))), bytes_)
            connection.execute("REPLACE INTO record VALUES (?, ?, ?)", row)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("name", ODD)
def test_a_record_of_another_shape_is_damage(
    recorded: Recorded, last: dict[str, Inputs], tmp_path: Path, name: str
) -> None:
    """The app starts, and the rest is restored."""
    path = tmp_path / "hostile.db"
    path.write_bytes(recorded.whole)
    put(path, *ODD[name])

    assert {**last, "third": {"town": "London"}} == recorded.restored(path.read_bytes())
    assert ["aside/1-dead.db"] == recorded.left()
    assert 1 == len(recorded.told())


@pytest.mark.parametrize(
    ("place", "plain"),
    [
        (0, {**HEAD, "serializer": "nobody's"}),
        (0, {**HEAD, "session_id": "\n"}),
        (0, {**HEAD, "session_id": "x" * 10_000}),
        (0, {**HEAD, "created_at": 10**18}),
        (1, {**CHANGE, "at": -(10**18)}),
        (1, {**CHANGE, "parts": {"inputs": b"\xc1"}}),
        (1, {**CHANGE, "parts": {"inputs": b"\x80", "profile": b"\x01"}}),
        (1, {**CHANGE, "parts": {"nothing:": b"\x80", "\0": b"\x80"}}),
    ],
)
def test_a_session_that_can_not_be_made_is_kept_and_costs_no_other(
    recorded: Recorded, last: dict[str, Inputs], tmp_path: Path, place: int, plain: object
) -> None:
    """Its records are in order, what they hold is not."""
    path = tmp_path / "hostile.db"
    path.write_bytes(recorded.whole)
    put(path, place, plain)
    found = recorded.restored(path.read_bytes())

    assert {**last, "third": found["third"]} == found
    assert 0 == recorded.report.waiting


ENDLESS = (
    "CREATE VIEW record AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
    " SELECT id, 1 AS checksum, 1 AS data FROM n"
)


@pytest.mark.parametrize("schema", ["CREATE TABLE record (id INTEGER PRIMARY KEY)", ENDLESS])
def test_other_tables_are_not_read(recorded: Recorded, tmp_path: Path, schema: str) -> None:
    """A view could be without end."""
    path = tmp_path / "hostile.db"
    connection = sqlite3.connect(path)
    connection.execute(schema)
    connection.commit()
    connection.close()
    recorded.restored(path.read_bytes())

    assert ["aside/1-dead.db"] == recorded.left()
    assert "other tables" in recorded.told()[0].reason
