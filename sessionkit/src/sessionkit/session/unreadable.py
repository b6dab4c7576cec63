# SPDX-License-Identifier: Apache-2.0
"""
What a session holds that this process can't read: kept apart from what apps see, and stored again as it was.

Each record that holds values of the app (the session, a form, a snapshot, an entry of the
history) has its own, by path: the name of the field, then the keys in there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from sessionkit.errors import repr_of
from sessionkit.values.aside import Path, SetAside, put_back, replaced, set_aside

# The app's values may be anything, here as everywhere.
# ruff: noqa: ANN401


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
    gone = [path for path in aside if replaced(entries, path[1:])]
    for path in gone:
        del record.unreadable[path], aside[path]
    if not aside:
        return entries
    return put_back(entries, {path[1:]: entry for path, entry in aside.items()})


def values_not_read(session: Any) -> Iterator[NotRead]:
    """Yield each value of a session that this process can't read."""
    yield from _of(session, "")
    for form_id, form in session.form_states.items():
        where = f"form_states[{form_id!r}]."
        yield from _of(form, where)
        for name in ("snapshots", "redo_snapshots"):
            yield from _of_each(getattr(form, name), f"{where}{name}")
    yield from _of_each(session.navigation_history, "navigation_history")


def _of_each(records: Iterable[Record], where: str) -> Iterator[NotRead]:
    for place, record in enumerate(records):
        yield from _of(record, f"{where}[{place}].")


def _of(record: Record, where: str) -> Iterator[NotRead]:
    for path, entry in record.unreadable.items():
        field, *keys = path
        yield NotRead(
            where + field + "".join(f"[{repr_of(key)}]" for key in keys), entry.reason(path)
        )
