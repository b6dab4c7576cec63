# SPDX-License-Identifier: Apache-2.0
"""
What repositories are to do, told in as little as it takes: values, stamps, and three-way merges of them.

Nothing here knows of parts, bytes, encoding or storages. What is stored is one
:class:`State`; each seat has the state that it started from, the one that its
session shows, and the one that it saw last in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, TypeAlias

import attrs

from sessionkit.session import UserSession
from sessionkit.values.equality import content

Path: TypeAlias = tuple[str, ...]
Register: TypeAlias = tuple[int, str]
"""When a value was changed, and the value as it is written: of two, the greater one is the later change."""

SETS: Final = ("roles", "permissions", "dirty_forms", "cache_keys")


@attrs.frozen
class State:
    """
    The content of a session.

    Attributes:
        registers: Values, by where they lie.
        counts: Counters that are not zero, by name.
        sets: Names, and ids of entries, by the set's name; none that is empty.
    """

    registers: Mapping[Path, Register] = {}
    counts: Mapping[str, int] = {}
    sets: Mapping[str, frozenset[str]] = {}

    @property
    def shown(self) -> State:
        """The same without stamps: what an app can see."""
        return attrs.evolve(
            self, registers={p: (0, text) for p, (_, text) in self.registers.items()}
        )


EMPTY: Final = State()


def shown(session: UserSession) -> State:
    """Return what a session shows."""
    forms = session.form_states.items()
    return State(
        {path: (0, content(value)) for path, value in values_of(session)},
        _filled({**session.page_views, "": session.interaction_count}),
        _filled(
            {
                **{name: frozenset(getattr(session, name)) for name in SETS},
                "": frozenset(entry.entry_id for entry in session.navigation_history),
                **{
                    f"form {form_id}": frozenset(one.snapshot_id for one in form.snapshots)
                    for form_id, form in forms
                },
            }
        ),
    )


def values_of(session: UserSession) -> Iterator[tuple[Path, Any]]:
    """Yield what lies where in a session, dicts taken apart."""
    yield ("theme",), session.theme
    yield ("language",), session.language
    forms = ((("form", name), form.data) for name, form in session.form_states.items())
    dicts = ((("inputs",), session.inputs), (("extensions",), session.extensions), *forms)
    yield from chain.from_iterable(_leaves(path, found) for path, found in dicts)


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for key, entry in value.items():
        yield from _leaves((*path, key), entry)


def stamped(before: State, after: State, now: int) -> State:
    """Return *after* with a stamp for each value that is not what it was *before*: now, or just above its last one."""
    registers = {}
    for path, (_, text) in after.registers.items():
        stamp, was = before.registers.get(path, (0, None))
        registers[path] = (stamp if was == text else max(now, stamp + 1), text)
    return attrs.evolve(after, registers=registers)


def merged(base: State, ours: State, theirs: State) -> State:
    """Return what both sides changed since *base*."""
    sides = (base, ours, theirs)
    registers = _each(sides, lambda state: state.registers, None, _merged_register)
    counts = _each(sides, lambda state: state.counts, 0, lambda b, o, t: o + t - b)
    sets = _each(sides, lambda state: state.sets, frozenset(), _merged_set)
    return State(registers, _filled(counts), _filled(sets))


def _filled(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value}


def _each(
    sides: tuple[State, State, State],
    field: Callable[[State], Mapping[Any, Any]],
    nothing: object,
    rule: Callable[[Any, Any, Any], Any],
) -> dict[Any, Any]:
    dicts = [field(side) for side in sides]
    found = {key: rule(*(side.get(key, nothing) for side in dicts)) for key in set(chain(*dicts))}
    return {key: value for key, value in found.items() if value is not None}


def _merged_register(
    base: Register | None, ours: Register | None, theirs: Register | None
) -> Register | None:
    if theirs == base:
        return ours
    if ours == base:
        return theirs
    return max((side for side in (ours, theirs) if side is not None), default=None)


def _merged_set(
    base: frozenset[str], ours: frozenset[str], theirs: frozenset[str]
) -> frozenset[str]:
    return (ours & theirs) | (ours - base) | (theirs - base)


@attrs.frozen
class Stored:
    """
    What is stored, after one of its saves.

    Attributes:
        state: The content.
        save_id: The save.
        version: How many there were.
    """

    state: State
    save_id: str
    version: int


@attrs.define
class Doubt:
    """
    A write whose answer was lost.

    Attributes:
        ours: What the session showed then.
        on: The save that it was to replace.
        landed: The save that it became; None when it did not land.
    """

    ours: State
    on: str
    landed: Stored | None = None
