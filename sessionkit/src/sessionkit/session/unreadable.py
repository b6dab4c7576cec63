# SPDX-License-Identifier: Apache-2.0
"""
What a session holds that this process can't read: kept apart from what apps see, and stored again as it was.

Each record that holds values of the app (the session, a form, a snapshot, an entry of the
history) has its own, by path: the name of the field, then the keys in there. An entry of a dict is
set aside whole: with a list, a tuple or a set goes all that it holds, but dicts are gone into, as
in a merge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import attrs

from sessionkit.errors import repr_of
from sessionkit.values import MAX_DEPTH, Opaque
from sessionkit.values.dicts import DICT_TYPES, dict_like
from sessionkit.values.opaque import opaque_in

# The app's values may be anything, here as everywhere.
# ruff: noqa: ANN401

RECORD_IDS: Final[Mapping[str, str]] = {
    "navigation_history": "entry_id",
    "snapshots": "snapshot_id",
    "redo_snapshots": "snapshot_id",
}
"""The fields that hold a list of records, with the field by which two records are the same one."""

Path: TypeAlias = tuple[Any, ...]
"""Keys, from the outermost dict inwards."""


@attrs.frozen
class SetAside:
    """
    An entry that this process can't read.

    Attributes:
        value: What it holds; somewhere in it, or in its key, is an ``Opaque``.
        after: The key that stood before it, or nothing.
    """

    value: Any
    after: Path

    def reason(self, path: Path) -> str:
        """Return why it can't be read; *path* led to it."""
        return next(found.reason for found in opaque_in([path[-1], self.value]))


class Record(Protocol):
    """What holds values of the app."""

    unreadable: dict[Path, SetAside]


class NotRead(NamedTuple):
    """
    A value that this process can't read.

    Attributes:
        path: Where it lies, such as ``inputs['size']``.
        reason: Why, and what would be right.
    """

    path: str
    reason: str


def keep_apart(record: Record, fields: Iterable[str]) -> None:
    """Take what can't be read out of the fields that hold values of the app."""
    for field in fields:
        readable, aside = set_aside(getattr(record, field))
        if aside:
            setattr(record, field, readable)
            record.unreadable |= {(field, *path): entry for path, entry in aside.items()}


def complete(record: Record, field: str, entries: Any) -> Any:
    """
    Return a field's entries as they are stored: with those that can't be read.

    What the app has set in the place of one is its value from now on.
    """
    aside = {path: entry for path, entry in record.unreadable.items() if path[0] == field}
    whole = aside.get((field,))
    if whole is not None:
        if entries is None:
            return whole.value
        del record.unreadable[field,]
        return entries
    if isinstance(entries, list):
        try:
            by_key = _by_key(field, entries)
        except (TypeError, LookupError):
            return entries  # the app put something else there: who writes it tells
        return list(_complete(record, by_key, aside).values())
    return _complete(record, entries, aside)


def _complete(record: Record, entries: Any, aside: dict[Path, SetAside]) -> Any:
    gone = [path for path in aside if replaced(entries, path[1:])]
    for path in gone:
        del record.unreadable[path], aside[path]
    if not aside:
        return entries
    return put_back(entries, {path[1:]: entry for path, entry in aside.items()})


def values_not_read(session: Any) -> Iterator[NotRead]:
    """Yield each value of a session that this process can't read."""
    for where, record in records_of(session):
        for path, entry in record.unreadable.items():
            field, *keys = path
            yield NotRead(
                where + field + "".join(f"[{repr_of(key)}]" for key in keys), entry.reason(path)
            )


def records_of(session: Any) -> Iterator[tuple[str, Record]]:
    """Yield each record of a session with what its fields' paths begin with."""
    yield "", session
    for form_id, form in session.form_states.items():
        where = f"form_states[{form_id!r}]."
        yield where, form
        for name in ("snapshots", "redo_snapshots"):
            yield from _placed(getattr(form, name), f"{where}{name}")
    yield from _placed(session.navigation_history, "navigation_history")


def _placed(records: Iterable[Record], where: str) -> Iterator[tuple[str, Record]]:
    return ((f"{where}[{place}].", record) for place, record in enumerate(records))


# -- fields that hold no values of the app, set aside ------------------------------


def set_typed_aside(
    plain: Mapping[str, Any], fields: AbstractSet[str]
) -> tuple[dict[str, Any], dict[Path, SetAside]]:
    """
    Return plain data of a record without what can't be read of its own fields, and that by its path.

    Such as a role that was a member of an enum: an earlier release stored it as one. A list loses the entry, a dict
    too; a field of its own has its default.

    Args:
        plain: The record's fields.
        fields: Those that hold no values of the app.
    """
    readable, aside = dict(plain), {}
    for field in fields & plain.keys():
        value = plain[field]
        if not is_opaque(value):
            continue
        if type(value) is Opaque:
            aside[field,] = SetAside(readable.pop(field), ())
        elif isinstance(value, list | dict):
            entries = value if isinstance(value, dict) else _by_key(field, value)
            kept, below = _set_shallow_aside(entries)
            readable[field] = kept if isinstance(value, dict) else list(kept.values())
            aside |= {(field, *path): entry for path, entry in below.items()}
    return readable, aside


def _by_key(field: str, entries: list[Any]) -> dict[Any, Any]:
    """Return the entries of a list by what they are known by: records by their ids, texts by themselves."""
    ident = RECORD_IDS.get(field)
    return {entry if ident is None else entry[ident]: entry for entry in entries}


def _set_shallow_aside(entries: dict[Any, Any]) -> tuple[dict[Any, Any], dict[Path, SetAside]]:
    readable: dict[Any, Any] = {}
    aside: dict[Path, SetAside] = {}
    after: Path = ()
    for key, entry in entries.items():
        if is_opaque([key, _own_of(entry)]):
            aside[key,] = SetAside(entry, after)
        else:
            readable[key] = entry
        after = (key,)
    return readable, aside


def _own_of(entry: Any) -> Any:
    """Return what a record holds besides the app's values, which it keeps apart itself; else the entry."""
    if not isinstance(entry, dict):
        return entry
    return [value for field, value in entry.items() if field not in {"params", "data"}]


# -- entries of dicts, set aside and put back --------------------------------------


def set_aside(entries: dict[Any, Any]) -> tuple[dict[Any, Any], dict[Path, SetAside]]:
    """
    Return the entries that can be read, and the others by their path.

    The dict is not changed; it is returned itself if all of it can be read.
    """
    if not is_opaque(entries):
        return entries, {}
    return _set_aside(entries, ())


def _set_aside(entries: dict[Any, Any], path: Path) -> tuple[dict[Any, Any], dict[Path, SetAside]]:
    readable: dict[Any, Any] = {}
    aside: dict[Path, SetAside] = {}
    after: Path = ()
    for key, value in entries.items():
        here = (*path, key)
        if not is_opaque([key, value]):
            readable[key] = value
        elif type(value) in DICT_TYPES and not is_opaque(key) and len(here) < MAX_DEPTH:
            readable[key], below = _set_aside(value, here)
            aside |= below
        else:
            aside[here] = SetAside(value, after)
        after = (key,)
    return dict_like(entries, readable), aside


def put_back(entries: dict[Any, Any], aside: Mapping[Path, SetAside]) -> dict[Any, Any]:
    """
    Return entries with those that were set aside, at their places.

    What the app has set itself stays, and what lay in a dict that is no longer there goes with it.
    Dicts that get something back are copied.
    """
    made = dict_like(entries, entries)
    below: dict[Any, dict[Path, SetAside]] = {}
    here: dict[Any, SetAside] = {}
    for (key, *deeper), entry in aside.items():
        if deeper:
            below.setdefault(key, {})[tuple(deeper)] = entry
        elif key not in made:
            here[key] = entry
    for key, entries_below in below.items():
        if type(made.get(key)) in DICT_TYPES:
            made[key] = put_back(made[key], entries_below)
    order = list(made)
    for key, entry in here.items():
        order.insert(_place(order, entry.after), key)
        made[key] = entry.value
    return dict_like(made, {key: made[key] for key in order})


def _place(order: list[Any], after: Path) -> int:
    if not after:
        return 0
    return order.index(after[0]) + 1 if after[0] in order else len(order)


def replaced(entries: Any, path: Path) -> bool:
    """Return whether something else stands now where an entry was set aside."""
    *outer, key = path
    for step in outer:
        if type(entries) not in DICT_TYPES or step not in entries:
            return True
        entries = entries[step]
    return type(entries) not in DICT_TYPES or key in entries


def is_opaque(value: Any) -> bool:
    """Return whether a value can't be read here, it or anything in it."""
    return any(opaque_in(value))
