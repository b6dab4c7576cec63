# SPDX-License-Identifier: Apache-2.0
"""Durations as people write them: ``"24h"``, ``"1h30m"``, ``"500ms"``, ``"never"``."""

from __future__ import annotations

import re
from datetime import timedelta
from numbers import Real
from typing import Final

from sessionkit.errors import ConfigError

NEVER: Final = "never"
"""Stands for no limit: None in code."""

_UNITS: Final = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_DURATION: Final = re.compile(
    r"\s*".join(rf"(?:(?P<{unit}>[0-9]{{1,12}}){unit}(?![a-z]))?" for unit in _UNITS)
)
_LONGEST: Final = timedelta(days=365_250)
_SHOWN: Final = 40
_RIGHT: Final = "write a number and a unit (d, h, m, s, ms), such as '30d', '1h30m' or '500ms'"


def parse_duration(text: str) -> timedelta | None:
    """
    Return the duration that *text* says.

    Args:
        text: Whole numbers with the units d, h, m, s and ms, the larger first;
            or ``"never"``.

    Returns:
        The duration; None for ``"never"``.

    Raises:
        ConfigError: If the text says neither.
    """
    written = text.strip()
    if written == NEVER:
        return None
    match = _DURATION.fullmatch(written)
    if not written or match is None:
        msg = f"{text[:_SHOWN]!r} is no duration; {_RIGHT}, or {NEVER!r}"
        raise ConfigError(msg)
    try:
        return sum((int(n) * _UNITS[unit] for unit, n in match.groupdict("0").items()), timedelta())
    except OverflowError:
        msg = f"{text[:_SHOWN]!r} is longer than any calendar; say {NEVER!r}"
        raise ConfigError(msg) from None


def length_of(number: float, unit: str, name: str) -> timedelta:
    """
    Return the time that a function or a command was given as a number.

    Args:
        number: How many; above 0, and a thousand years at most, which any calendar and store has.
        unit: Of what, such as ``hours``.
        name: What messages call it.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is out of bounds.
    """
    if not isinstance(number, Real) or isinstance(number, bool):
        msg = f"{name} is a number of {unit}, such as 24, not {type(number).__name__}"
        raise TypeError(msg)
    try:
        length = timedelta(**{unit: float(number)})
    except (OverflowError, ValueError):  # no number, or none that a timedelta has
        length = timedelta()
    if not timedelta() < length <= _LONGEST:
        msg = f"{name} is a number of {unit} above 0, and 1000 years at most, not {number!r:.40}"
        raise ValueError(msg)
    return length


def format_duration(duration: timedelta | None) -> str:
    """
    Return *duration* as :func:`parse_duration` reads it; less than a millisecond is cut off.

    >>> format_duration(timedelta(minutes=90))
    '1h30m'
    """
    if duration is None:
        return NEVER
    written, rest = "", duration
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        written += f"{count}{unit}" if count else ""
    return written or "0s"
