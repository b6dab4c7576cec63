# SPDX-License-Identifier: Apache-2.0
"""
Three-way merge of a part: one rule a kind of field.

A rule is a function of base, ours and theirs, each plain data or ``MISSING``.
What one side changed is taken from that side. What both changed:

* counters: base plus both deltas; the larger count when the base is unknown;
* sets: what either side added is in, what either removed is out;
* histories: the union by id, in time order;
* dicts: by key, recursively; a change beats a removal;
* roles and permissions: like sets, but theirs when the base is unknown, since a
  union would bring a revoked one back;
* the owner: as one with whether the host vouched for it, and theirs when the base is unknown;
* anything else: ours, the later writer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from sessionkit.equality import same_content
from sessionkit.parts import PlainPart

MISSING: Final = object()
"""Stands for a value that is not there."""

Rule = Callable[[Any, Any, Any], Any]
"""Takes base, ours and theirs and returns the merged value, or ``MISSING``."""


def merge_value(base: Any, ours: Any, theirs: Any) -> Any:  # noqa: ANN401 - any plain value
    """Take the side that changed; when both did, dicts by key, sets as sets, else ours."""
    if same_content(ours, theirs) or same_content(theirs, base):
        return ours
    if same_content(ours, base):
        return theirs
    if ours is MISSING:
        return theirs
    # A change beats a removal: when theirs is missing, ours falls through.
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return merge_dict(base, ours, theirs)
    if isinstance(ours, set) and isinstance(theirs, set):
        return _merge_sets(base if isinstance(base, set) else set(), ours, theirs)
    return ours


def merge_dict(base: Any, ours: Any, theirs: Any, rule: Rule = merge_value) -> Any:  # noqa: ANN401
    """
    Merge by key; *rule* merges what one key holds.

    The order is that of the side that changed; when both did, ours, then what is new in theirs.
    """
    base, ours, theirs = (_or_empty(side, dict) for side in (base, ours, theirs))
    if same_content(theirs, base):
        return ours
    if same_content(ours, base):
        return theirs
    keys = [*ours, *(key for key in (*theirs, *base) if key not in ours)]
    merged = {
        key: rule(base.get(key, MISSING), ours.get(key, MISSING), theirs.get(key, MISSING))
        for key in dict.fromkeys(keys)
    }
    return {key: value for key, value in merged.items() if value is not MISSING}


def merge_counter(base: Any, ours: Any, theirs: Any) -> Any:  # noqa: ANN401 - int or MISSING
    """Add both deltas to the base. Without a base: the larger one, or what both counted would count twice."""
    ours, theirs = (0 if side is MISSING else side for side in (ours, theirs))
    return max(ours, theirs) if base is MISSING else ours + theirs - base


def merge_counters(base: Any, ours: Any, theirs: Any) -> Any:  # noqa: ANN401 - dict or MISSING
    """Merge a dict of counters; zeros are dropped, or the order of merging would show."""
    rule = merge_counter if base is MISSING else _merge_count
    merged = merge_dict(base, ours, theirs, rule)
    return {key: count for key, count in merged.items() if count}


def _merge_count(base: Any, ours: Any, theirs: Any) -> Any:  # noqa: ANN401 - int or MISSING
    return merge_counter(0 if base is MISSING else base, ours, theirs)


def merge_set(base: Any, ours: Any, theirs: Any) -> Any:  # noqa: ANN401 - sorted list or MISSING
    """Merge sets as they are stored, sorted lists: what either side removed stays removed."""
    sides = (set(_or_empty(side, list)) for side in (base, ours, theirs))
    return sorted(_merge_sets(*sides))


def merge_sets(base: Any, ours: Any, theirs: Any) -> Any:  # noqa: ANN401 - dict or MISSING
    """Merge a dict of sets."""
    return merge_dict(base, ours, theirs, _merge_present_sets)


def _merge_present_sets(base: Any, ours: Any, theirs: Any) -> Any:  # noqa: ANN401 - sorted list or MISSING
    # A set that one side dropped goes; it does not stay as an empty one.
    rule = merge_value if MISSING in (ours, theirs) else merge_set
    return rule(base, ours, theirs)


def merge_granted(base: Any, ours: Any, theirs: Any) -> Any:  # noqa: ANN401 - sorted list or MISSING
    """Merge roles or permissions: theirs when the base is unknown."""
    return theirs if base is MISSING else merge_set(base, ours, theirs)


def merge_history(base: Any, ours: Any, theirs: Any, *, ident: str) -> Any:  # noqa: ANN401
    """
    Merge lists of records by their id, in time order.

    Args:
        base: The records that both sides started from.
        ours: Records.
        theirs: Records.
        ident: The field that holds a record's id.
    """
    if same_content(ours, theirs) or same_content(theirs, base):
        return ours
    if same_content(ours, base):
        return theirs
    by_id = (
        {record[ident]: record for record in _or_empty(side, list)} for side in (base, ours, theirs)
    )
    b, o, t = by_id
    kept = _merge_sets(set(b), set(o), set(t))
    merged = [
        merge_value(b.get(key, MISSING), o.get(key, MISSING), t.get(key, MISSING)) for key in kept
    ]
    return sorted(merged, key=lambda record: (record["timestamp"], record[ident]))


def _or_empty(side: Any, kind: type[Any]) -> Any:  # noqa: ANN401 - one of the three sides
    return side if isinstance(side, kind) else kind()


def _merge_sets(base: set[Any], ours: set[Any], theirs: set[Any]) -> set[Any]:
    return (ours & theirs) | (ours - base) | (theirs - base)


_snapshots = partial(merge_history, ident="snapshot_id")

_OWNER: Final = ("user_id", "authenticated")

RULES: Final[Mapping[str, Rule]] = {
    "interaction_count": merge_counter,
    "page_views": merge_counters,
    "dirty_forms": merge_set,
    "cache_keys": merge_set,
    "cache_dependencies": merge_sets,
    "roles": merge_granted,
    "permissions": merge_granted,
    "navigation_history": partial(merge_history, ident="entry_id"),
    "snapshots": _snapshots,
    "redo_snapshots": _snapshots,
}
"""The rules of fields that have one of their own; all others use :func:`merge_value`."""


def usual_rule(field: str) -> Rule:
    """Return the rule of a field that no policy is about."""
    return RULES.get(field, merge_value)


def merge_part(
    base: PlainPart | None,
    ours: PlainPart | None,
    theirs: PlainPart | None,
    rule_of: Callable[[str], Rule] = usual_rule,
) -> PlainPart | None:
    """
    Merge one part.

    Args:
        base: The part that both sides started from; None when there was none or it is unknown.
        ours: Our part, or None when we have none.
        theirs: Their part, or None when they have none.
        rule_of: Returns the rule of a field.

    Returns:
        The merged part, or None when it goes.
    """
    if ours is None or theirs is None:
        merged = merge_value(*(MISSING if side is None else side for side in (base, ours, theirs)))
        return None if merged is MISSING else merged
    known = base or {}
    fields = {
        field: rule_of(field)(
            known.get(field, MISSING), ours.get(field, MISSING), theirs.get(field, MISSING)
        )
        for field in dict.fromkeys((*ours, *theirs))
    }
    if "user_id" in fields:
        fields |= _merge_owner(base, ours, theirs)
    return {field: value for field, value in fields.items() if value is not MISSING}


def _merge_owner(base: PlainPart | None, ours: PlainPart, theirs: PlainPart) -> PlainPart:
    """Merge the owner with its proof: never one side's owner with what the host told the other side."""
    o, t = ({field: side.get(field, MISSING) for field in _OWNER} for side in (ours, theirs))
    if base is None:
        return o if t["user_id"] is None else t
    return t if same_content(o, {field: base.get(field, MISSING) for field in _OWNER}) else o
