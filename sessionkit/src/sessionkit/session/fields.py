# SPDX-License-Identifier: Apache-2.0
"""What a session's fields are made of: random ids, moments in UTC, and checks of what is assigned."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from os import urandom
from time import time_ns
from typing import Any, Final

import attrs

from sessionkit.errors import InvalidSessionIdError, shown
from sessionkit.records import short

MAX_ID_LENGTH: Final = 128
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

# -- ids -----------------------------------------------------------------------


def new_session_id() -> str:
    """Return a new session id: 128 random bits, URL-safe, 22 characters."""
    return secrets.token_urlsafe(16)


def new_save_id() -> str:
    """Return a new save id: 64 random bits, 16 hexadecimal digits."""
    return urandom(8).hex()


def new_entry_id() -> str:
    """Return a new id for a history entry, a snapshot or an invalidation: 64 random bits."""
    return secrets.token_hex(8)


def check_session_id(session_id: object) -> str:
    """
    Return *session_id* unchanged if it can be one.

    Args:
        session_id: 1 to 128 printable characters (blanks too) that UTF-8 can encode.

    Raises:
        InvalidSessionIdError: If it is no text, or too long, or holds control
            characters, NUL or lone surrogates.
    """
    if not isinstance(session_id, str):
        msg = f"a session id is a str, not {type(session_id).__name__}"
        raise InvalidSessionIdError(msg)
    if not 1 <= len(session_id) <= MAX_ID_LENGTH:
        msg = f"a session id has 1 to {MAX_ID_LENGTH} characters, this one has {len(session_id)}"
        raise InvalidSessionIdError(msg)
    if not session_id.isprintable():
        odd = next(character for character in session_id if not character.isprintable())
        msg = (
            f"session id {short(session_id)!r} holds {odd!r}; only printable characters are allowed"
        )
        raise InvalidSessionIdError(msg)
    return session_id


def new_or_checked_id(session_id: str | None) -> str:
    """Return a new session id for None; else do as :func:`check_session_id`."""
    return new_session_id() if session_id is None else check_session_id(session_id)


# -- moments: aware datetimes in UTC, and microseconds since the epoch ---------


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def micros_now() -> int:
    """Return the present moment in microseconds since the epoch."""
    return time_ns() // 1000


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


# -- checks, made where the app assigns a field, so that the error stands at its line


def of_type(*kinds: type) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """
    Return a validator that takes instances of *kinds*.

    Raises:
        TypeError: From the validator; the message names class, field and both types.
    """

    def check(instance: object, field: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, kinds):
            wanted = " or ".join(_shown(kind) for kind in kinds)
            owner = type(instance).__name__
            msg = f"{owner}.{field.alias} is a {wanted}, not {_shown(type(value))}: {shown(value)}"
            raise TypeError(msg)

    return check


def _shown(kind: type) -> str:
    return "None" if kind is type(None) else kind.__name__


def _count(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if type(value) is not int or value < 0:
        owner = type(instance).__name__
        msg = f"{owner}.{field.alias} is a whole number from 0 on, not {shown(value)}"
        raise ValueError(msg)


COUNT: Final = _count
"""A validator that takes whole numbers from 0 on."""


NOTHING: Final[frozenset[Any]] = frozenset()
"""An empty set for all that have nothing: Python makes a new one of 216 bytes each time it is asked for one."""


SELDOM: Final = {"seldom": True}
"""Marks a field, by its metadata, that is written only when it holds something."""


def set_of_texts(values: Iterable[str]) -> set[str]:
    """
    Return *values* as a set.

    Raises:
        TypeError: If they are one text, whose characters would become the members.
    """
    if isinstance(values, str):
        msg = f"a set of texts is needed, such as {{{values!r}}}, not the text {values!r}"
        raise TypeError(msg)
    return set(values)
