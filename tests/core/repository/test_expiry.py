# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

import pytest

from sessionkit.repository.expiry import Expiry

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
