# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

import pytest
from session_harness.replicas import Clock, Replica

from sessionkit.repository.expiry import Expiry
from sessionkit.session import UserSession
from sessionkit.session.fields import EPOCH

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("idle", "absolute", "ends"),
    [
        (None, None, None),
        (10, None, 110),
        (None, 50, 50),
        (10, 200, 110),
        (10, 105, 105),
        (0, None, 100),
    ],
)
def test_a_session_ends_at_the_earlier_of_its_ends(
    idle: int | None, absolute: int | None, ends: int | None
) -> None:
    """One counts from its last activity, the other from its beginning; neither may be there."""
    expiry = Expiry(
        idle=None if idle is None else timedelta(seconds=idle),
        absolute=None if absolute is None else timedelta(seconds=absolute),
    )
    found = expiry.of(created_at=0, last_activity=100 * SECOND)

    assert (None if ends is None else ends * SECOND) == found


def test_an_end_is_exact() -> None:
    """To the microsecond, however long the time is."""
    century = timedelta(days=36525, microseconds=1)
    expiry = Expiry(idle=century, absolute=None)

    assert 36525 * 86400 * SECOND + 8 == expiry.of(created_at=0, last_activity=7)


# -- clocks that are wrong -----------------------------------------------------

DAY = timedelta(days=1)
EXPIRY = Expiry(idle=DAY, absolute=30 * DAY)


@pytest.fixture(name="clock")
def _clock() -> Clock:
    """Return a clock that is right."""
    return Clock()


@pytest.fixture(name="replica")
def _replica(clock: Clock) -> Replica:
    """Return a replica whose clock is right, over a store to which one with a clock a year ahead has written."""
    replica = Replica(expiry=EXPIRY, now=clock)
    ahead = clock.time + 365 * DAY
    replica.again(expiry=EXPIRY, now=lambda: ahead).save(
        UserSession(session_id="s", inputs={"a": 1}, created_at=ahead, last_activity=ahead)
    )
    return replica


def test_a_clock_a_year_ahead_keeps_no_session_that_is_used(replica: Replica, clock: Clock) -> None:
    """From the first use by a right clock on its time counts: unused, the session ends as any other."""
    session = replica.load()
    session.touch()
    replica.save(session)
    clock.advance(hours=23)
    assert {"a": 1} == replica.load().inputs

    clock.advance(hours=2)
    assert replica.repository.load("s") is None


def test_a_save_counts_from_a_right_clock(replica: Replica, clock: Clock) -> None:
    """What is saved then ends a day later, too."""
    session = replica.load()
    session.set_input("b", 2)
    replica.save(session)
    clock.advance(days=1, hours=1)

    assert replica.repository.load("s") is None


def test_a_clean_up_has_what_a_clock_ahead_left_behind_expire(
    replica: Replica, clock: Clock
) -> None:
    """Nobody comes back to it: from the clean-up on it counts as used then."""
    assert 0 == replica.repository.purge()
    clock.advance(days=1, hours=1)

    assert 1 == replica.repository.purge()
    assert {} == replica.store.keep()


def test_a_touch_counts_from_a_right_clock(replica: Replica, clock: Clock) -> None:
    """Likewise."""
    assert replica.repository.touch("s")
    clock.advance(days=1, hours=1)

    assert not replica.repository.touch("s")


def test_a_clock_that_is_wrong_itself_doubts_no_other(replica: Replica) -> None:
    """One that begins in 1970, as without a battery, ends no session of others."""
    before = replica.store.keep()
    wrong = replica.again(expiry=EXPIRY, now=lambda: EPOCH + DAY)

    assert 0 == wrong.repository.purge()
    assert wrong.repository.touch("s")
    wrong.save(wrong.load())

    assert before == replica.store.keep()


def test_a_session_that_began_after_its_last_use_counts_from_there() -> None:
    """Its beginning was written by a wrong clock: it does not put the absolute end off."""
    year = 365 * 86_400 * SECOND
    expiry = Expiry(idle=None, absolute=timedelta(days=1))

    assert 86_400 * SECOND == expiry.of(created_at=year, last_activity=0)
