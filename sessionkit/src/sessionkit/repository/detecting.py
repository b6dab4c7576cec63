# SPDX-License-Identifier: Apache-2.0
"""Tells a conflict, which the strategy decides, from changes that a merge may take as they are."""

from __future__ import annotations

from sessionkit.encoding.codec import EncodedParts
from sessionkit.merge.fields import met_fields
from sessionkit.merge.stamps import STAMPS
from sessionkit.merge.strategies import Merge
from sessionkit.repository.save_context import SaveContext
from sessionkit.repository.tracking import Track
from sessionkit.session.session import UserSession


def is_conflict(
    context: SaveContext, session: UserSession, track: Track, ours: EncodedParts
) -> bool:
    """
    Return whether the strategy is to be asked before our changes are stored.

    Any change of ours is in conflict with a save by someone else that no strategy has decided
    on. After a decision the live session may not show yet what was decided: then a change of
    ours is in conflict with it where it is made to the very fields in which both differ, else a
    rule such as "never less" would hold for the first save only.

    Args:
        context: What every save needs.
        session: The live session.
        track: What is known of the store.
        ours: The session's parts, as they are to be saved.
    """
    stored, base = track.stored, track.base
    if stored is None or ours == base:
        return False
    if track.foreign:
        return bool(differing(ours, stored.parts))
    if not session.version or stored.parts == base or type(context.strategy) is Merge:
        return False  # never stored by us, nothing to decide, or a merge anyway
    return bool(met_fields(context.codec, base, ours, stored.parts, stored.parts))


def differing(one: EncodedParts, other: EncodedParts) -> tuple[str, ...]:
    """Return the names of the parts that are not the same, but for the stamps."""
    # Never by sets of bytes: most are the same objects, and hashing takes longer than comparing.
    names = one.keys() | other.keys()
    unequal = [name for name in names if one.get(name) != other.get(name) and name != STAMPS]
    return tuple(sorted(unequal))
