# SPDX-License-Identifier: Apache-2.0
"""
Entries of dicts that this process can't read are set aside, and put back at their places.

An entry is set aside whole: with a list, a tuple or a set goes all that it holds, but dicts
are gone into, as in a merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

from sessionkit.values.dicts import DICT_TYPES, dict_like
from sessionkit.values.opaque import Opaque, opaque_in
from sessionkit.values.simplify import MAX_DEPTH

# The app's values may be anything, here as everywhere.
# ruff: noqa: ANN401

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


def set_aside(entries: dict[Any, Any]) -> tuple[dict[Any, Any], dict[Path, SetAside]]:
    """
    Return the entries that can be read, and the others by their path.

    The dict is not changed; it is returned itself if all of it can be read.
    """
    if not Opaque.met or not is_opaque(entries):
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
