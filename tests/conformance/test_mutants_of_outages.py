# SPDX-License-Identifier: Apache-2.0
"""The storage suite catches storages that say the wrong thing while their store is away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.errors import RejectedError, UnavailableError
from sessionkit.records import StoredSession
from sessionkit.testing.storage_abilities import OutageClauses


def _nothing() -> None:
    """Say that there is no such session."""


def _raw() -> None:
    msg = "the disk is full"
    raise OSError(msg)


def _final() -> None:
    try:
        _raw()
    except OSError as error:
        msg = "the disk is full"
        raise RejectedError(msg) from error


def _without_cause() -> None:
    msg = "the disk is full"
    raise UnavailableError(msg)


def _right() -> None:
    try:
        _raw()
    except OSError as error:
        msg = "the disk is full"
        raise UnavailableError(msg) from error


class Away(MemoryStorage):
    """Answers reads as it is told to."""

    def __init__(self, answer: Callable[[], None]) -> None:
        """Take the answer."""
        super().__init__()
        self._answer = answer

    def read(self, session_id: str) -> StoredSession | None:
        """Answer."""
        assert "s" == session_id
        self._answer()
        return None


def _asked(answer: Callable[[], None]) -> None:
    OutageClauses().test_a_store_that_is_away_is_unavailable(Away(answer), "read")


@pytest.mark.parametrize("answer", [_nothing, _raw, _final, _without_cause])
def test_the_suite_catches(answer: Callable[[], None]) -> None:
    """Sessions that seem to be gone, the driver's own error, one that is never tried again, one without its cause."""
    with pytest.raises((pytest.fail.Exception, OSError, RejectedError, AssertionError)):
        _asked(answer)


def test_the_suite_passes_what_is_right() -> None:
    """Unavailable, because of the driver's error."""
    _asked(_right)
