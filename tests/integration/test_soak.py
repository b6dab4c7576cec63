# SPDX-License-Identifier: Apache-2.0
"""Nothing grows and nobody starves: an hour in accelerated time, and minutes of real time on a real file."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Final

import pytest
from session_harness.soaking import Hour
from session_harness.typists import Soak

from sessionkit.persistence import health as breaker

HOUR: Final = 3600.0
USERS: Final = 20
MAX_WAIT: Final = 5.0
OUTAGES: Final = ((600.0, 630.0), (1500.0, 1800.0), (2700.0, 2701.0))
RETRIES: Final = 1.0
"""Seconds that the new tries after a lost answer take, at most."""

MINUTES: Final = 180.0 if os.environ.get("CI") else 6.0
"""Seconds that the soak in real time takes; what a few seconds show is that it still works."""


# Minutes of real time need more than a test's usual patience. First in its file: the worker that runs the last test of one
# has been given the next file, which would wait for minutes.
@pytest.mark.timeout(MINUTES + 120)
def test_minutes_of_2000_sessions(tmp_path: Path) -> None:
    """
    Memory, objects, threads and open files stay as they are; each change is stored in time.

    In CI (environment variable CI) it takes three minutes, elsewhere some seconds.
    """
    soak = Soak(tmp_path / "sessions.db", sessions=2000, threads=4)
    soak.run(MINUTES)

    assert [] == soak.late
    assert [] == soak.lost
    assert soak.before.threads == soak.after.threads
    assert soak.before.files == soak.after.files
    assert soak.after.objects <= 1.02 * soak.before.objects
    assert soak.after.resident <= soak.before.resident + 8 * 2**20


@pytest.fixture
def hour(monkeypatch: pytest.MonkeyPatch) -> Hour:
    """Live an hour of 20 users at a time; it goes the same way each time."""
    # The jitter of what is tried again is the one thing that chance decides.
    monkeypatch.setattr(breaker, "random", random.Random(11))  # noqa: S311 - no secret
    hour = Hour(users=USERS, outages=OUTAGES, max_wait=MAX_WAIT)
    hour.run(HOUR)
    return hour


def test_an_hour_of_users(hour: Hour) -> None:
    """
    All that was typed is stored, in time, in far fewer saves; who left is let go of.

    Three outages, one of five minutes, and writes whose answers are lost.
    """
    assert hour.last == hour.stored()
    assert {} == hour.waits.since
    assert hour.waits.longest <= MAX_WAIT + RETRIES
    assert hour.waits.longest_in_outages <= breaker.LONGEST + MAX_WAIT
    assert hour.saves < hour.changes / 4
    assert max(hour.crowd) <= 2 * USERS
    assert hour.crowd[-1] <= USERS < len(hour.last)
