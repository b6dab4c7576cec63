# SPDX-License-Identifier: Apache-2.0
"""
Three-way merge: one rule a kind of field.

A rule is a function of base, ours and theirs, each plain data or ``MISSING``, and
of when each got what it has. What one side changed is taken from that side. What
both changed:

* counters: base plus both deltas; the larger count when the base is unknown;
* sets: what either side added is in, what either removed is out;
* histories: the union by id, in time order;
* dicts: by key, recursively; a change beats a removal, and so does a dict or a set a value of another kind,
  and a ``Counter`` or another subclass a plain dict;
* roles and permissions: like sets, but theirs when the base is unknown, since a
  union would bring a revoked one back;
* the owner: as one with whether the host vouched for it, and theirs when the base is unknown;
* anything else: the later change, by its stamp; of two at the same time the greater one as it is written.

But for the owner no rule asks which side is ours: any order of any number of
writers ends alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from sessionkit.encoding.parts import PlainPart
from sessionkit.errors import repr_of
from sessionkit.merge.stamps import NO_STAMP, NO_STAMPS, When, changed_keys, latest
from sessionkit.session.forms import merge_names
from sessionkit.values.dicts import DICT_TYPES, dict_like, kind_of_dict, of_one_kind
from sessionkit.values.equality import same_stored, written

# What is merged may be any plain value.
# ruff: noqa: ANN401

MISSING: Final = object()
"""Stands for a value that is not there."""

Rule = Callable[[Any, Any, Any, When], Any]
"""Takes base, ours, theirs and when each was changed; returns the merged value, or ``MISSING``."""

_OWNER: Final = ("user_id", "authenticated")

# -- values and dicts ----------------------------------------------------------


def merge_value(base: Any, ours: Any, theirs: Any, when: When = NO_STAMPS) -> Any:
    """Take the side that changed; when both did, dicts by key, sets as sets, else the later change."""
    return ours if same_stored(ours, theirs) else _merge_unlike(base, ours, theirs, when)


def _merge_unlike(base: Any, ours: Any, theirs: Any, when: When) -> Any:
    # No call for what most values are.
    if isinstance(ours, dict) and (type(ours) is type(theirs) is dict or of_one_kind(ours, theirs)):
        merged = merge_dict(base, ours, theirs, when)
        return merged if type(merged) is type(ours) else dict_like(ours, merged)
    if not changed(base, theirs, when.base, when.theirs):
        return ours
    if not changed(base, ours, when.base, when.ours):
        return theirs
    if isinstance(ours, set) and isinstance(theirs, set):
        return _merge_sets(base if isinstance(base, set) else set(), ours, theirs)
    ours_at, theirs_at = latest(when.ours), latest(when.theirs)
    mine, others = _precedence(ours, ours_at), _precedence(theirs, theirs_at)
    if mine == others:
        return ours if written(ours) >= written(theirs) else theirs
    return ours if mine > others else theirs


def changed(base: Any, side: Any, before: Any, after: Any) -> bool:
    """Return whether a side is a change of *base*; what was changed and changed back is one, too."""
    if base is MISSING or side is MISSING:
        return base is not side
    return before != after or not same_stored(base, side)


def _precedence(value: Any, stamp: int) -> tuple[int, str, int]:
    if value is MISSING:
        return (0, "", 0)  # a change beats a removal
    if isinstance(value, dict):
        return (3, kind_of_dict(value) or "", stamp)
    return (2 if isinstance(value, set) else 1, "", stamp)


def merge_dict(
    base: Any, ours: Any, theirs: Any, when: When = NO_STAMPS, rule: Rule = merge_value
) -> Any:
    """
    Merge by key; *rule* merges what one key holds.

    The order is that of the side that changed; when both did, the base's, then what is new in the
    order of its stamps.
    """
    base, ours, theirs = (_or_empty(side, dict) for side in (base, ours, theirs))
    if not changed(base, theirs, when.base, when.theirs):
        return ours
    if not changed(base, ours, when.base, when.ours):
        return theirs
    keys = key_order(base, ours, theirs, when)
    rules = {} if rule is merge_value else dict.fromkeys(keys, rule)
    return merge_entries(keys, rules, base, ours, theirs, when)


def merge_entries(  # noqa: PLR0913, PLR0917 - the three sides of the entries
    keys: Iterable[Any],
    rules: Mapping[Any, Rule],
    base: Any,
    ours: Any,
    theirs: Any,
    when: When,
) -> Any:
    """
    Merge what three dicts hold under *keys*, each by its rule of *rules* or the usual one; what goes is left out.

    Where that is what one side has, it is that side's dict itself.
    """
    merged = {}
    # Most entries are alike: then it does not matter to the usual rule what either side was before.
    unlike = {*changed_keys(theirs, ours), *rules}
    times = when.of([key for key in keys if key in unlike or key not in ours])
    is_ours = is_theirs = True
    for key in keys:
        if key not in times:
            merged[key] = ours[key]
            continue
        mine, others = ours.get(key, MISSING), theirs.get(key, MISSING)
        rule = rules.get(key, _merge_unlike)
        # Of two dicts it is not known yet whether they are alike.
        if rule is _merge_unlike and type(mine) in DICT_TYPES and same_stored(mine, others):
            merged[key] = mine
            continue
        value = rule(base.get(key, MISSING), mine, others, times[key])
        is_ours, is_theirs = is_ours and value is mine, is_theirs and value is others
        if value is not MISSING:
            merged[key] = value
    if is_ours and _in_order_of(ours, merged):
        return ours
    if is_theirs and _in_order_of(theirs, merged):
        return theirs
    return merged


def _in_order_of(side: Mapping[Any, Any], merged: Mapping[Any, Any]) -> bool:
    """Return whether two dicts surely have the same keys in the same order."""
    return list(side) == list(merged) and {str}.issuperset(map(type, side))  # 1 equals True


def key_order(
    base: Mapping[Any, Any], ours: Mapping[Any, Any], theirs: Mapping[Any, Any], when: When
) -> list[Any]:
    """Return the keys of three dicts in the order that a merged one has."""

    def place(key: Any) -> tuple[int, str, str]:
        stamps = when.at(key)
        mine = latest(stamps.ours) if key in ours else NO_STAMP
        others = latest(stamps.theirs) if key in theirs else NO_STAMP
        return (max(mine, others), type(key).__name__, repr_of(key))

    if ours.keys() <= base.keys() >= theirs.keys():
        return [*base]
    return [*base, *sorted((ours.keys() | theirs.keys()) - base.keys(), key=place)]


# -- counters, sets, rights, histories -----------------------------------------


def merge_counter(base: Any, ours: Any, theirs: Any, _: When = NO_STAMPS) -> Any:
    """Add both deltas to the base. Without a base: the larger one, or what both counted would count twice."""
    ours, theirs = (0 if side is MISSING else side for side in (ours, theirs))
    return max(ours, theirs) if base is MISSING else ours + theirs - base


def merge_counters(base: Any, ours: Any, theirs: Any, when: When = NO_STAMPS) -> Any:
    """Merge a dict of counters; zeros are dropped, or the order of merging would show."""
    rule = merge_counter if base is MISSING else _merge_count
    merged = merge_dict(base, ours, theirs, when, rule)
    return {key: count for key, count in merged.items() if count}


def _merge_count(base: Any, ours: Any, theirs: Any, _: When) -> Any:
    return merge_counter(0 if base is MISSING else base, ours, theirs)


def merge_set(base: Any, ours: Any, theirs: Any, _: When = NO_STAMPS) -> Any:
    """Merge sets as they are stored, sorted lists: what either side removed stays removed."""
    sides = (set(_or_empty(side, list)) for side in (base, ours, theirs))
    return sorted(_merge_sets(*sides), key=_in_order)


def _in_order(member: Any) -> tuple[bool, str]:
    """Return what texts are sorted by, before what this process can't read."""
    return type(member) is not str, str(getattr(member, "simple", member))


def merge_sets(base: Any, ours: Any, theirs: Any, when: When = NO_STAMPS) -> Any:
    """Merge a dict of sets."""
    return merge_dict(base, ours, theirs, when, _merge_present_sets)


def _merge_present_sets(base: Any, ours: Any, theirs: Any, when: When) -> Any:
    # A set that one side dropped goes; it does not stay as an empty one.
    rule = merge_value if MISSING in (ours, theirs) else merge_set
    return rule(base, ours, theirs, when)


def merge_granted(base: Any, ours: Any, theirs: Any, _: When = NO_STAMPS) -> Any:
    """Merge roles or permissions: theirs when the base is unknown."""
    return theirs if base is MISSING else merge_set(base, ours, theirs)


def merge_history(base: Any, ours: Any, theirs: Any, _: When = NO_STAMPS, *, ident: str) -> Any:
    """
    Merge lists of records by their id, in time order.

    Args:
        base: The records that both sides started from.
        ours: Records.
        theirs: Records.
        ident: The field that holds a record's id.
    """
    if same_stored(ours, theirs) or same_stored(theirs, base):
        return ours
    if same_stored(ours, base):
        return theirs
    by_id = (
        {record[ident]: record for record in _or_empty(side, list)} for side in (base, ours, theirs)
    )
    b, o, t = by_id
    kept = _merge_sets(set(b), set(o), set(t))
    merged = [
        _merge_record(b.get(key, MISSING), o.get(key, MISSING), t.get(key, MISSING)) for key in kept
    ]
    return sorted(merged, key=lambda record: (record["timestamp"], record[ident]))


def _merge_record(base: Any, ours: Any, theirs: Any) -> Any:
    merged = merge_value(base, ours, theirs)
    if MISSING in (ours, theirs) or not ("others" in ours or "others" in theirs):
        return merged
    # Fields that undo leaves alone: whoever says so of one is right.
    return {**merged, "others": merge_names(ours.get("others", ()), theirs.get("others", ()))}


def _merge_sets(base: set[Any], ours: set[Any], theirs: set[Any]) -> set[Any]:
    return (ours & theirs) | (ours - base) | (theirs - base)


def _or_empty(side: Any, kind: type[Any]) -> Any:
    return side if isinstance(side, kind) else kind()


# -- a part, each field by its rule --------------------------------------------


_merge_snapshots = partial(merge_history, ident="snapshot_id")

RULES: Final[Mapping[str, Rule]] = {
    "interaction_count": merge_counter,
    "page_views": merge_counters,
    "dirty_forms": merge_set,
    "cache_keys": merge_set,
    "cache_dependencies": merge_sets,
    "cache_invalidations": merge_value,
    "roles": merge_granted,
    "permissions": merge_granted,
    "navigation_history": partial(merge_history, ident="entry_id"),
    "saved_data": merge_value,
    "snapshots": _merge_snapshots,
    "redo_snapshots": _merge_snapshots,
}
"""The rules of fields that have one of their own; all others use :func:`merge_value`."""


def merge_part(
    base: PlainPart | None,
    ours: PlainPart | None,
    theirs: PlainPart | None,
    when: When = NO_STAMPS,
    rules: Mapping[str, Rule] = RULES,
) -> PlainPart | None:
    """
    Merge one part.

    Args:
        base: The part that both sides started from; None when there was none or it is unknown.
        ours: Our part, or None when we have none.
        theirs: Their part, or None when they have none.
        when: When each value of each side was changed.
        rules: The rules of fields that have one of their own.

    Returns:
        The merged part, or None when it goes.
    """
    if ours is None or theirs is None:
        b, o, t = (MISSING if side is None else side for side in (base, ours, theirs))
        merged = merge_value(b, o, t, when)
        return None if merged is MISSING else merged
    known = base or {}
    fields: PlainPart = merge_entries(
        dict.fromkeys((*ours, *theirs)), rules, known, ours, theirs, when
    )
    if "user_id" in fields:
        fields = fields | _merge_owner(base, ours, theirs)
        return {field: value for field, value in fields.items() if value is not MISSING}
    return fields


def _merge_owner(base: PlainPart | None, ours: PlainPart, theirs: PlainPart) -> PlainPart:
    """Merge the owner with its proof: never one side's owner with what the host told the other side."""
    o, t = ({field: side.get(field, MISSING) for field in _OWNER} for side in (ours, theirs))
    if base is None:
        return o if t["user_id"] is None else t
    # Texts and booleans, all of them: what is equal is the same.
    return t if o == {field: base.get(field, MISSING) for field in _OWNER} else o
