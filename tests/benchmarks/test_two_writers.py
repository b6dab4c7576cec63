# SPDX-License-Identifier: Apache-2.0
"""The table of whose changes are lost: schedules that can fail, and peers that are what it says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from session_benchmarks import command
from session_benchmarks.backends import memory
from session_benchmarks.two_writers import PEERS, Line, lines, ours, peer, table
from session_harness.schedules import SCHEDULES, Library, Race, RefusedError

GUIDE = Path(__file__).parents[2] / "docs" / "two-writers.md"

IN_MEMORY = partial(ours, memory)


class Whole:
    """Stores whole sessions over whatever is there, always."""

    def __init__(self, *, refuses: bool = False) -> None:
        """Begin empty; say whether it refuses a session that was ended."""
        self.stored: dict[str, dict[str, Any]] = {}
        self.refuses = refuses

    def begin(self, data: Mapping[str, Any]) -> str:
        """Store a session."""
        self.stored["s"] = dict(data)
        return "s"

    def visit(self, session_id: str) -> WholeVisit:
        """Load it."""
        assert "s" == session_id
        return WholeVisit(self)


class WholeVisit:
    """A copy of what was stored."""

    def __init__(self, library: Whole) -> None:
        """Copy it."""
        self._library = library
        self._found = "s" in library.stored
        self._ended = False
        self.data: dict[str, Any] = deepcopy(library.stored.get("s", {}))

    def changed(self) -> None:
        """Do nothing."""

    def log_out(self) -> None:
        """End the session."""
        del self._library.stored["s"]
        self._ended = True

    def finish(self) -> None:
        """Store the copy."""
        if self._ended:
            return
        if self._library.refuses and self._found and "s" not in self._library.stored:
            raise RefusedError
        self._library.stored["s"] = deepcopy(self.data)


class Shallow(Whole):
    """Notes what is set, and nothing that changes inside of it."""

    def visit(self, session_id: str) -> WholeVisit:
        """Load it, and forget what happens to nested values."""
        visit = super().visit(session_id)
        visit.data = Top(visit.data)
        return visit


class Top(dict[str, Any]):
    """Hands out copies of its values."""

    def __getitem__(self, key: str) -> Any:
        """Return a copy."""
        return deepcopy(super().__getitem__(key))


@pytest.mark.parametrize(
    ("library", "held"),
    [
        (Whole(), (False, False, True, False)),
        (Whole(refuses=True), (False, True, True, False)),
        (Shallow(), (False, False, False, False)),
    ],
    ids=["whole", "refusing", "shallow"],
)
def test_schedules_find_what_is_wrong(library: Library, held: tuple[bool, ...]) -> None:
    """A library that overwrites, brings back or overlooks is found out, each by its schedule."""
    assert held == tuple(schedule.holds(library) for schedule in SCHEDULES)


def test_race_counts_what_is_lost() -> None:
    """Tabs that meet often lose much, tabs that meet seldom lose little, and never by chance."""
    busy, calm = (Race(pause=pause).lost(Whole()) for pause in (1.0, 9.0))

    assert 0 < calm < busy < 1
    assert busy == Race(pause=1.0).lost(Whole())
    assert busy != Race(pause=1.0, seed=8).lost(Whole())


def test_ours_loses_nothing() -> None:
    """Our own line has no word that is not ok."""
    [line] = lines([IN_MEMORY], quick=True)

    assert ((True,) * len(SCHEDULES), (0, 0)) == (line.held, line.lost)
    assert line.name.endswith(", memory")


def test_table_tells_losses_apart() -> None:
    """A reader sees at a glance which schedules failed and how much was lost."""
    text = table([Line("some library", (True, False, True, True), (0.375, 0.0))])

    assert "| some library | ok | **no** | ok | ok | **38%** | 0 |\n" in text
    for schedule in SCHEDULES:
        assert f"- {schedule.name}: {schedule.promise}.\n" in text


def test_missing_library_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the other libraries the table has our own lines, and says what is not there."""
    monkeypatch.setitem(sys.modules, "beaker.middleware", None)
    monkeypatch.delitem(sys.modules, "session_benchmarks.peers.beaker_sessions", raising=False)

    assert [] == list(lines([partial(peer, "beaker_sessions")], quick=True))
    assert "left out: beaker_sessions" in capsys.readouterr().err


def test_command_prints_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """``--two-writers`` prints and writes the table, the machine and how to repeat it."""
    monkeypatch.setattr(command, "OURS", (IN_MEMORY,))
    monkeypatch.setattr(command, "PEERS", ())
    file = tmp_path / "table.md"
    command.main(["--quick", "--two-writers", "--markdown", str(file)])
    printed = capsys.readouterr().out

    assert file.read_text(encoding="utf-8") == printed
    assert ", memory | ok | ok | ok | ok | 0 | 0 |" in printed
    assert "cores" in printed
    assert "`python benchmarks/run.py --quick --two-writers`" in printed


@pytest.mark.filterwarnings("default")  # what others' code warns of is not ours to mend
@pytest.mark.parametrize("contender", PEERS, ids=lambda peer: peer.args[0])
def test_published_table_is_true(contender: Callable[..., Any]) -> None:
    """What the documentation says of each other library, at this version, is what becomes of its sessions."""
    for module in ("django", "flask_session", "flask_sqlalchemy", "starsessions", "beaker"):
        pytest.importorskip(module, reason=f"{module} is not installed: dependency group peers")
    published = GUIDE.read_text(encoding="utf-8")
    found = list(lines([contender], quick=True))

    assert found
    for line in found:
        name, *cells = line.cells()
        assert f"| {name} | {' | '.join(cells[: len(SCHEDULES)])} | **" in published
        assert all(share > 0 for share in line.lost)
