# SPDX-License-Identifier: Apache-2.0
"""Ratios to a baseline that may not get worse, and the guard itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from session_benchmarks import command, guard

ROW = "SQLite NORMAL: save 2 kB"


def _is_traced() -> bool:
    """Return whether each step of Python costs more than elsewhere, as for the lines that tests reach."""
    monitoring = getattr(sys, "monitoring", None)
    return sys.gettrace() is not None or (
        monitoring is not None and monitoring.get_tool(monitoring.COVERAGE_ID) is not None
    )


@pytest.mark.alone
@pytest.mark.skipif(_is_traced(), reason="a tracer slows our steps, and not those of the drivers")
@pytest.mark.parametrize("name", guard.GUARDED)
def test_ratios_reach_their_floors(name: str) -> None:
    """Nothing that is guarded is much slower, against its baseline, than it was when its floor was set."""
    found = list(guard.shortfalls(name, guard.read_floors()))

    assert not found, "\n".join(found)


def test_floors_are_of_what_is_guarded() -> None:
    """No floor is left of a measurement that is gone."""
    assert set(guard.GUARDED) == set(guard.read_floors())


@pytest.fixture(name="measured")
def _measured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return a function that has measurements find what it is given, one after the other."""
    names: list[str] = []

    def measured(*tries: Mapping[str, float]) -> list[str]:
        left = list(tries)

        def measure(name: str) -> Mapping[str, float]:
            names.append(name)
            return left.pop(0)

        monkeypatch.setattr(guard, "measure", measure)
        return names

    return measured


def _shortfalls(**floors: float) -> list[str]:
    return list(guard.shortfalls("sqlite-save", {"sqlite-save": floors}))


def test_one_good_try_is_enough(measured: Callable[..., list[str]]) -> None:
    """A machine that was disturbed once or twice breaks no test, and each row has its own best try."""
    tried = measured({"a": 0.4, "b": 0.9}, {"a": 0.9, "b": 0.4})

    assert [] == _shortfalls(a=0.5, b=0.5)
    assert 2 == len(tried)


def test_good_ratio_is_measured_once(measured: Callable[..., list[str]]) -> None:
    """The guard takes no longer than it has to."""
    tried = measured({"a": 0.5})

    assert [] == _shortfalls(a=0.5)
    assert ["sqlite-save"] == tried


def test_shortfall_says_which_and_what_to_do(measured: Callable[..., list[str]]) -> None:
    """A failure names row, ratio and floor, how to measure it by hand and how to accept it."""
    measured({"a": 0.4}, {"a": 0.45}, {"a": 0.3})

    [text] = _shortfalls(a=0.5)

    assert "a: ratio 0.45 at best of 3 tries, floor 0.5" in text
    assert "python benchmarks/run.py --only sqlite-save" in text
    assert "python benchmarks/run.py --set-floors" in text


def test_rows_and_floors_belong_together(measured: Callable[..., list[str]]) -> None:
    """A row that nobody set a floor for is not passed over, nor is a floor whose row has another name now."""
    measured({"new": 0.4})

    new, old = _shortfalls(old=0.5)

    assert new.startswith("new: there is a row and no floor; set the floors anew")
    assert old.startswith("old: there is a floor and no row; set the floors anew")


def test_floors_are_set_with_a_margin(
    monkeypatch: pytest.MonkeyPatch, measured: Callable[..., list[str]], tmp_path: Path
) -> None:
    """``--set-floors`` keeps the median of three tries, divided by the margin, and the guard reads it."""
    monkeypatch.setattr(guard, "GUARDED", ("sqlite-save",))
    measured({ROW: 0.16}, {ROW: 9.0}, {ROW: 0.08})
    file = tmp_path / "floors.toml"

    guard.set_floors(file)

    assert {"sqlite-save": {ROW: 0.1}} == guard.read_floors(file)


def test_command_sets_floors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--set-floors`` prints what it keeps, and measures nothing else."""
    monkeypatch.setattr(command, "set_floors", lambda: "kept\n")

    command.main(["--set-floors"])

    assert "kept\n" == capsys.readouterr().out
