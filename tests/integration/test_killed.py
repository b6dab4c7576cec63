# SPDX-License-Identifier: Apache-2.0
"""Real processes that save into SQLite and are killed at random moments: what they were told is saved stays so."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from session_harness import killing
from session_harness.killing import Plan

HARNESS = Path(killing.__file__).parent.parent

LATE = 1.0
"""Seconds that a busy machine may take longer than ``max_wait_ms``, and a write."""

CYCLES: Final = 200 if os.environ.get("CI") else 40
"""Lives that end by kill -9, with a journal and without; a tenth of a second each on a quiet machine."""

SHORT: Final = 0.06
"""Seconds that each of many lives takes at most, once it works."""

Lives = list[dict[str, Any]]


@pytest.fixture(name="live")
def _live(tmp_path: Path) -> Callable[..., Lives]:
    """Live as a plan says; return the history of all lives, and what a last one found."""

    def live(**plan: Any) -> Lives:
        seed = random.randrange(2**32)  # noqa: S311 - no secret
        print(f"seed {seed}")  # noqa: T201 - to do the same again
        whole = Plan(folder=str(tmp_path), seed=seed, **plan)
        done = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-m", "session_harness.killing", json.dumps(attrs.asdict(whole))],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HARNESS), *sys.path])},
            stdout=subprocess.PIPE,
            timeout=200,
            check=True,
        )
        lives: Lives = json.loads(done.stdout)
        failures = [line for life in lives for said in life["said"] for line in said]
        assert [] == [line[1] for line in failures if line[0] == "failed"]
        return lives

    return live


def found(said: list[Any]) -> dict[str, int] | None:
    """Return the counts that a process has found when it began, none of them twice; None if it did not begin."""
    lines = [line for line in said if line[0] == "found"]
    for _, counts, views, interactions, *_ in lines:
        assert sum(counts.values()) == views == interactions, "something counted twice, or not"
    return lines[0][1] if lines else None


def promised(said: list[Any], *words: str, before: float = inf) -> dict[str, int]:
    """Return what a process was told is safe: its key, and how far it has counted."""
    lines = [line for line in said if line[0] in words and line[-1] < before]
    return {line[2]: line[1] for line in lines}


def losses(lives: Lives, owed: Callable[[list[Any], float], dict[str, int]]) -> list[str]:
    """Return what the life after each one should have found, and did not."""
    lost: list[str] = []
    due: dict[str, int] = {}
    for life in lives:
        for said in life["said"]:
            now = found(said)
            if now is not None:
                lost += [f"{k}: {n}, not {now.get(k)}" for k, n in due.items() if now.get(k, 0) < n]
                due = {}
        for said, killed in zip(life["said"], life["killed"], strict=True):
            due |= owed(said, killed)
    return lost


def test_what_was_saved_at_once_is_never_lost(live: Callable[..., Lives]) -> None:
    """Without a journal: each save that returned is there. In CI (environment variable CI) 200 lives end, else 40."""
    lives = live(lives=CYCLES, journal=False, save_every=3, longest=SHORT)

    assert [] == losses(lives, lambda said, _: promised(said, "saved"))
    assert sum(len(promised(life["said"][0], "saved")) for life in lives) > 10


def test_without_a_journal_only_what_is_new_can_be_lost(live: Callable[..., Lives]) -> None:
    """A change that is older than max_wait is stored, though it comes amidst others."""
    lives = live(lives=4, journal=False, longest=2.5, early=False)

    assert [] == losses(lives, lambda said, killed: promised(said, "kept", before=killed - LATE))


@pytest.mark.parametrize(("fsync", "lives"), [(False, CYCLES), (True, 20)])
def test_with_a_journal_nothing_is_lost(
    live: Callable[..., Lives], *, fsync: bool, lives: int
) -> None:
    """
    Each change whose call returned is there, and counts once; also where a replay was killed.

    In CI (environment variable CI) 200 lives end, elsewhere 40.
    """
    history = live(lives=lives, fsync=fsync, save_every=7, longest=SHORT)

    assert [] == losses(history, lambda said, _: promised(said, "kept", "saved"))


def test_a_copy_of_the_files_has_all(live: Callable[..., Lives]) -> None:
    """Whenever it is made, of the store and the journal at one moment."""
    history = live(lives=30, copied=True, early=False, save_every=7)

    assert [] == losses(history, lambda said, _: promised(said, "kept", "saved"))


def test_two_processes_share_a_journal(live: Callable[..., Lives], tmp_path: Path) -> None:
    """They change one session, die together and start together: no change is lost or counts twice."""
    history = live(lives=40, together=2, save_every=11)
    owed: dict[str, int] = {}
    for said in (said for life in history[:-1] for said in life["said"]):
        owed |= promised(said, "kept", "saved")
    last = found(history[-1]["said"][0])

    assert last is not None
    assert {} == {
        key: (number, last.get(key)) for key, number in owed.items() if last.get(key, 0) < number
    }
    assert len(list((tmp_path / "journal").glob("*.db"))) <= 1
