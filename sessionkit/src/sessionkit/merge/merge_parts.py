# SPDX-License-Identifier: Apache-2.0
"""Three-way merge of a part: each field by its rule of :mod:`sessionkit.merge.rules`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from sessionkit.encoding.parts import PlainPart
from sessionkit.merge.rules import (
    MISSING,
    Rule,
    merge_counter,
    merge_counters,
    merge_entries,
    merge_granted,
    merge_history,
    merge_set,
    merge_sets,
    merge_value,
)
from sessionkit.merge.stamps import NEVER, When
from sessionkit.values.equality import same_content

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
"""The rules of fields that have one of their own; all others use :func:`~sessionkit.merge.rules.merge_value`."""

UNSTAMPED: Final = frozenset({*RULES, *_OWNER, "created_at"})
"""Fields that have no stamps: both sides' changes are kept, or it does not matter which was later."""


def merge_part(
    base: PlainPart | None,
    ours: PlainPart | None,
    theirs: PlainPart | None,
    when: When = NEVER,
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
    fields = merge_entries(dict.fromkeys((*ours, *theirs)), rules, known, ours, theirs, when)
    if "user_id" in fields:
        fields |= _merge_owner(base, ours, theirs)
        return {field: value for field, value in fields.items() if value is not MISSING}
    return fields


def _merge_owner(base: PlainPart | None, ours: PlainPart, theirs: PlainPart) -> PlainPart:
    """Merge the owner with its proof: never one side's owner with what the host told the other side."""
    o, t = ({field: side.get(field, MISSING) for field in _OWNER} for side in (ours, theirs))
    if base is None:
        return o if t["user_id"] is None else t
    return t if same_content(o, {field: base.get(field, MISSING) for field in _OWNER}) else o
