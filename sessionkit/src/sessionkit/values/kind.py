# SPDX-License-Identifier: Apache-2.0
"""Kind, an entry of the table of what can be kept; and the entries of dates, times, durations and their zones."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from sessionkit.errors import SerializationError, text_of
from sessionkit.values.opaque import NotReadableHereError, Opaque, opaque_in

_MICROSECOND: Final = timedelta(microseconds=1)
_ZONE_NAME: Final = re.compile(r"[A-Za-z0-9_+-]{1,40}(?:/[A-Za-z0-9_+-]{1,40}){0,3}")


@attrs.frozen(kw_only=True)
class Kind:
    """
    One type beyond plain data, and its way to simpler data and back.

    Attributes:
        name: The tag in JSON. It is stored: never given to another type.
        code: The extension code in MessagePack, 0 to 127. It is stored, too.
        simplify: Returns simpler data; what they hold may be of any kind.
        restore: Returns the value again. The data come from stored bytes: it may
            raise anything, but imports and calls nothing that they name.
        unordered: True when the simpler data are a list whose order means nothing.
        foreign: True when a library makes it: what that raises at reading may be its release, not damage, and an
            ``Opaque`` can't lie in there.
    """

    name: str
    code: int
    simplify: Callable[[Any], Any]
    restore: Callable[[Any], Any]
    unordered: bool = False
    foreign: bool = False

    def simplified(self, value: Any) -> Any:  # noqa: ANN401 - any value of this kind
        """
        Return simpler data for a value.

        Raises:
            SerializationError: If it can't be kept.
            RuntimeError: If another thread changed a container meanwhile.
        """
        if not self.foreign:
            return self.simplify(value)
        try:
            return self.simplify(value)
        except SerializationError:
            raise
        # Broad: the libraries raise anything, and what apps put into their tables, too.
        except Exception as error:
            msg = f"this {self.name} can't be kept: {type(error).__name__}: {text_of(error)}"
            raise SerializationError(msg) from error

    def restored(self, simple: Any) -> Any:  # noqa: ANN401 - any value that can be kept
        """
        Return the value that *simple* was made from; an ``Opaque`` for what can't be read in this process.

        Raises:
            SerializationError: If the data are not of this kind.
        """
        if self.foreign and Opaque.made and (inner := next(opaque_in(simple), None)):
            return Opaque(self.name, simple, inner.reason)
        try:
            return self.restore(simple)
        except NotReadableHereError as error:
            return Opaque(self.name, simple, error.reason)
        except SerializationError:
            raise
        # Broad: pandas and pyarrow raise anything on bytes that they didn't write.
        except Exception as error:
            msg = f"the stored {self.name} can't be read: {type(error).__name__}: {text_of(error)}"
            if self.foreign:
                return Opaque(self.name, simple, msg)
            raise SerializationError(msg) from error


# -- dates, times, durations ---------------------------------------------------


def zone_to_simple(zone: tzinfo | None) -> str | list[Any] | None:
    """
    Return a zone as its IANA name, or as a list of offset in microseconds and, if it has one, name.

    Raises:
        SerializationError: If the zone is neither a ``ZoneInfo`` with a name nor a ``timezone``.
    """
    if zone is None:
        return None
    if type(zone) is ZoneInfo and zone.key is not None:
        return zone.key
    if type(zone) is not timezone:
        msg = f"a time zone of type {type(zone).__qualname__} can't be kept; use zoneinfo.ZoneInfo(name)"
        raise SerializationError(msg)
    offset, name = zone.utcoffset(None), zone.tzname(None)
    micros = offset // _MICROSECOND
    return [micros] if name == timezone(offset).tzname(None) else [micros, name]


def zone_from_simple(simple: Any) -> tzinfo | None:  # noqa: ANN401 - stored data
    """Return the zone that :func:`zone_to_simple` was given."""
    if simple is None:
        return None
    if not isinstance(simple, str):
        micros, *name = simple
        return timezone(timedelta(microseconds=micros), *name)
    if not _ZONE_NAME.fullmatch(simple):
        msg = f"{simple!r} is no name of a time zone"
        raise SerializationError(msg)
    try:
        return ZoneInfo(simple)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"the time zone {simple!r} isn't known here; install the package tzdata"
        raise NotReadableHereError(msg) from error


def _moment_to_simple(moment: datetime | time) -> str | list[Any]:
    zone = zone_to_simple(moment.tzinfo)
    offset_says_all = zone is None or (isinstance(zone, list) and len(zone) == 1)
    if offset_says_all and not moment.fold:
        return moment.isoformat()
    return [moment.replace(tzinfo=None).isoformat(), zone, moment.fold]


def _moment_from_simple(cls: type[datetime | time]) -> Callable[[Any], datetime | time]:
    def restore(simple: Any) -> datetime | time:  # noqa: ANN401 - stored data
        if isinstance(simple, str):
            return cls.fromisoformat(simple)
        text, zone, fold = simple
        return cls.fromisoformat(text).replace(tzinfo=zone_from_simple(zone), fold=fold)

    return restore


DATE: Final = Kind(name="date", code=16, simplify=date.isoformat, restore=date.fromisoformat)

TIME: Final = Kind(
    name="time", code=17, simplify=_moment_to_simple, restore=_moment_from_simple(time)
)

DATETIME: Final = Kind(
    name="datetime", code=18, simplify=_moment_to_simple, restore=_moment_from_simple(datetime)
)

TIMEDELTA: Final = Kind(
    name="timedelta",
    code=19,
    simplify=lambda span: [span.days, span.seconds, span.microseconds],
    restore=lambda simple: timedelta(*simple),
)
