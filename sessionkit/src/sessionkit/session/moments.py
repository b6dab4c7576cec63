# SPDX-License-Identifier: Apache-2.0
"""Moments: aware ``datetime`` values in UTC, and microseconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def in_utc(moment: datetime) -> datetime:
    """Return *moment* in UTC; a naive one is taken as local time, as ``datetime.now()`` gives it."""
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def to_micros(moment: datetime) -> int:
    """Return whole microseconds since the epoch, without a float's rounding."""
    utc = moment if moment.tzinfo is UTC else in_utc(moment)
    return (utc - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the moment *micros* microseconds after the epoch, aware, in UTC."""
    return EPOCH + micros * _MICROSECOND


def micros_now() -> int:
    """Return the present moment in microseconds since the epoch."""
    return to_micros(utc_now())
