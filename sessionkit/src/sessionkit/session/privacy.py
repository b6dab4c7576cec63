# SPDX-License-Identifier: Apache-2.0
"""What never leaves the process: entries whose names say that they hold a password, a token or the like."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from functools import lru_cache
from gc import is_tracked
from operator import is_
from typing import Any, Final

import attrs

from sessionkit.values import MAX_DEPTH
from sessionkit.values.dicts import DICT_TYPES, dict_like

# The app's values may be anything, here as everywhere.
# ruff: noqa: ANN401

_LOGGER: Final = logging.getLogger(__name__)

_EXCEPT: Final = "!"
_NAMES: Final = 65_536
"""How many names are remembered."""

_JUDGES: Final = 256

NEVER: Final = (
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*secret*",
    "*token*",
    "*api_key*",
    "*api-key*",
    "*apikey*",
    "*private_key*",
    "*credential*",
    "!*max_tokens*",
    "!*token_count*",
    "!*token_limit*",
)
"""The patterns that count where none are set."""

Fields = dict[str, Any]
"""Fields of a session, a form or a part by name."""

_Done = dict[tuple[int, int], tuple[Any, Any]]
"""What was made of values, with these, by their ``id()`` and how deep they lie: deeper ones are not gone into."""


class _Names:
    """
    Judges names by patterns, each name once.

    Names recur at every save, so those that are stored are kept in a set, which a whole dict is compared with at once.
    """

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._never = _compiled(one for one in patterns if not one.startswith(_EXCEPT))
        self._stored = _compiled(one[1:] for one in patterns if one.startswith(_EXCEPT))
        self._harmless: set[object] = set()
        self._covered: set[str] = set()

    def any(self, names: Iterable[object]) -> bool:
        """Return whether one of the names is never stored."""
        return not self._harmless.issuperset(names) and any(map(self, names))

    def __call__(self, name: object) -> bool:
        """Return whether what stands under a name is never stored."""
        if name in self._harmless:
            return False
        if name in self._covered:
            return True
        if not isinstance(name, str):
            return False
        folded = name.casefold()
        covered = bool(
            self._never
            and self._never.match(folded)
            and not (self._stored and self._stored.match(folded))
        )
        if (
            len(self._harmless) + len(self._covered) >= _NAMES
        ):  # an app that makes up names for ever
            self._harmless.clear()
            self._covered.clear()
        if covered:
            _LOGGER.info("what is called %r is never stored: the setting privacy.never", name)
            self._covered.add(name)
        else:
            self._harmless.add(name)
        return covered


_judge = lru_cache(_JUDGES)(_Names)


def _compiled(patterns: Iterable[str]) -> re.Pattern[str] | None:
    texts = [translate(one.casefold()) for one in patterns]
    return re.compile("|".join(texts)) if texts else None


@attrs.frozen
class Privacy:
    """
    Says by their names which entries are never stored.

    Attributes:
        patterns: Patterns as for :mod:`fnmatch`, in capitals or not; a name that one of those
            that begin with ``!`` fits is stored all the same.

    Example:
        >>> Privacy(("*token*", "!max_tokens")).covers("Access_Token")
        True
    """

    patterns: tuple[str, ...] = NEVER
    _covers: _Names = attrs.field(
        init=False,
        eq=False,
        repr=False,
        default=attrs.Factory(lambda own: _judge(own.patterns), takes_self=True),
    )

    def covers(self, name: object) -> bool:
        """Return whether what stands under *name* is never stored."""
        return self._covers(name)

    def extended(self, patterns: Iterable[str]) -> Privacy:
        """Return the same with more patterns."""
        more = tuple(sorted(set(patterns) - set(self.patterns)))
        return Privacy(self.patterns + more) if more else self

    def public(self, fields: Fields) -> Fields:
        """
        Return fields without the entries that are never stored; nothing is changed in place.

        Of inputs, of the data and errors of forms and their snapshots, of what pages were opened
        with and of extensions, however deep in dicts, lists and tuples.

        Args:
            fields: A session's, a form's or a part's.
        """
        public: Fields = {}
        for name in _LOOKED_AT.intersection(fields):
            value = fields[name]
            if type(value) is dict and not value:  # as a form's errors nearly always
                continue
            kept = self._field(name, value)
            if kept is not value:
                public[name] = kept
        return fields | public if public else fields

    def stripped(self, parts: Mapping[str, Fields]) -> dict[str, Fields]:
        """Return those of several parts in which something is never stored, without that."""
        found = {}
        for name, fields in parts.items():
            public = self.public(fields)
            if public is not fields:
                found[name] = public
        return found

    def _field(self, name: str, value: Any) -> Any:
        if name in _ENTRIES:
            return self._entries(value, 0, {})
        if name in _RECORDS and isinstance(value, list):
            return _unless_same(value, [self._record(one, _RECORDS[name]) for one in value])
        return value

    def _record(self, record: Any, field: str) -> Any:
        if not isinstance(record, dict) or field not in record:
            return record
        kept = self._entries(record[field], 0, {})
        return record if kept is record[field] else {**record, field: kept}

    def _entries(self, value: Any, depth: int, done: _Done) -> Any:
        kind = type(value)
        if depth > MAX_DEPTH:  # what holds itself is refused by whoever writes it
            return value
        # Most lists and dicts hold nothing to go into: that is told without a call for each item.
        if kind in DICT_TYPES:
            flat = not is_tracked(value) or _GONE_INTO.isdisjoint(map(type, value.values()))
            return self._flat(value) if flat else self._once(value, depth, done)
        if (kind is list or kind is tuple) and not _GONE_INTO.isdisjoint(map(type, value)):
            return self._once(value, depth, done)
        return value

    def _once(self, value: Any, depth: int, done: _Done) -> Any:
        """Go into a value once, however often it is held there: lists that hold one another have no end else."""
        place = (id(value), depth)
        if place not in done:
            inner = self._dict if isinstance(value, dict) else self._list
            done[place] = value, inner(value, depth + 1, done)
        return done[place][1]

    def _list(self, value: Any, depth: int, done: _Done) -> Any:
        return _unless_same(value, type(value)(self._entries(one, depth, done) for one in value))

    def _dict(self, value: dict[Any, Any], depth: int, done: _Done) -> dict[Any, Any]:
        kept = {
            key: self._entries(one, depth, done)
            for key, one in value.items()
            if not self.covers(key)
        }
        return _dict_unless_same(value, kept)

    def _flat(self, value: dict[Any, Any]) -> dict[Any, Any]:
        if not self._covers.any(value):
            return value
        return _dict_unless_same(
            value, {key: one for key, one in value.items() if not self.covers(key)}
        )


_ENTRIES: Final = frozenset({"inputs", "data", "saved_data", "errors", "value"})
"""Fields whose entries have names of the app's."""

_RECORDS: Final[Mapping[str, str]] = {
    "snapshots": "data",
    "redo_snapshots": "data",
    "navigation_history": "params",
}
"""Fields that hold records, with the field of a record whose entries have names of the app's."""


_LOOKED_AT: Final = _ENTRIES | _RECORDS.keys()


_GONE_INTO: Final = DICT_TYPES | {list, tuple}
"""Types of values that hold entries, or may."""


def _unless_same(value: Any, kept: Any) -> Any:
    return value if all(map(is_, kept, value)) else kept


def _dict_unless_same(value: dict[Any, Any], kept: dict[Any, Any]) -> dict[Any, Any]:
    same = len(kept) == len(value) and all(map(is_, kept.values(), value.values()))
    return value if same else dict_like(value, kept)
