# SPDX-License-Identifier: Apache-2.0
"""
How much a value holds, as it would be written: what lies in it several times is written, and counted, as often.

A few lists that hold one another (``x = [x, x]``, thirty times) take no memory and have no end for
whoever writes, compares or looks them through.
"""

from __future__ import annotations

from gc import get_referents, is_tracked
from typing import Any, Final

from sessionkit.errors import SerializationError
from sessionkit.values.dicts import DICT_TYPES

# What is measured may be anything.
# ruff: noqa: ANN401

MOST: Final = 2**24
"""Values that one may hold where nobody says how many; each takes a byte at least."""

_CONTAINERS: Final = DICT_TYPES | {list, tuple, set, frozenset}
_UNTRACKED: Final = {dict, tuple}
_TUPLE: Final = {tuple}
_AT_A_GLANCE: Final = 2**16
_LEVELS: Final = 128
_MANY: Final = 1024


def too_much(most: int) -> SerializationError:
    """Return the error for a value that holds more than *most* values."""
    return SerializationError(
        f"it holds more than {most} values, counting what lists and dicts in it hold in common as often"
        " as they do; store that once, and a key where it is needed again"
    )


def holds_too_much(value: Any, most: int = MOST, *, tuples: bool = True) -> bool:
    """
    Return whether a value holds more values than *most*, in plain containers, however deep.

    Args:
        value: Any value; what it holds is looked at, nothing of it is called.
        most: How many it may hold.
        tuples: Whether to look for tuples in flat dicts, too, which takes a step for each entry. Who hands the
            value to a serializer next need not: ours count again where there are tuples.
    """
    # At each save: so it is done by steps of C as far as it goes.
    level, count = [value], 0
    for _ in range(_LEVELS):
        if len(level) > _MANY and not get_referents(*level):
            return count > most
        # Of other objects it is not asked what they hold.
        containers = [one for one in filter(is_tracked, level) if type(one) in _CONTAINERS]
        if tuples and not _UNTRACKED.isdisjoint(map(type, level)):
            containers += filter(_is_untracked_container, level)
        if not containers:
            return count > most
        level = get_referents(*containers)
        count += len(level)
        if count > _AT_A_GLANCE:
            break
    return _count_exceeds(value, most)


def _is_untracked_container(one: Any) -> bool:
    """
    Return whether the garbage collector leaves a container alone that may yet hold others.

    It leaves tuples alone that hold nothing but texts, numbers and such tuples; and dicts likewise, most of which
    are flat.
    """
    if is_tracked(one):
        return False
    kind = type(one)
    return kind is tuple or (kind is dict and not _TUPLE.isdisjoint(map(type, one.values())))


def _count_exceeds(value: Any, most: int) -> bool:
    """Count in each container once, however often it is held."""
    counts: dict[int, int] = {}
    held: list[Any] = []  # an id is another one's once its owner is gone
    waiting: list[tuple[Any, int, list[Any] | None]] = [(value, 0, None)]
    while waiting:
        one, size, inner = waiting.pop()
        if inner is not None:
            counts[id(one)] = size + sum(counts[id(below)] for below in inner)
            if counts[id(one)] > most:
                return True
        elif type(one) in _CONTAINERS and id(one) not in counts:
            counts[id(one)] = 0  # should it hold itself: whoever writes it tells
            held.append(one)
            members = [*one, *one.values()] if isinstance(one, dict) else list(one)
            inner = [below for below in members if type(below) in _CONTAINERS]
            waiting.append((one, len(members), inner))
            waiting += [(below, 0, None) for below in inner]
    return False
