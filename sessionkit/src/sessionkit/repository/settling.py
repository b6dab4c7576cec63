# SPDX-License-Identifier: Apache-2.0
"""What a refused write met in the store: the cases that are no conflict, settled before any strategy is asked."""

from __future__ import annotations

from sessionkit.records import RECENT_SAVES, SessionHead
from sessionkit.repository.tracking import Seen


def why_gone(known: SessionHead | None, seen: Seen | None, user_id: str | None) -> str | None:
    """
    Tell whether a session is gone, and why.

    Args:
        known: The head that the writer last saw in the store; None when it never saw one.
        seen: What is stored now.
        user_id: The writer's user.

    Returns:
        ``"deleted"``, ``"ended"``, ``"replaced"``, ``"owner"``, or None when it is there.
    """
    if seen is None:
        return "deleted" if known else None
    if seen.head.ended:
        return "ended" if seen.usable or known else None
    if known and seen.head.created_at != known.created_at:
        return "replaced"  # ids are used again: another session has another beginning
    return "owner" if seen.usable and _belongs_to_other(known, seen, user_id) else None


def _belongs_to_other(known: SessionHead | None, seen: Seen, user_id: str | None) -> bool:
    owner = seen.head.user_id
    if owner is None or (known is not None and known.user_id == owner):
        return False
    if user_id is not None:
        return user_id != owner  # it got its owner since we looked
    # Nobody said who they are. What a host knows the owner of is not theirs for the asking;
    # where the session was theirs before, whoever asks next is looked at again.
    return seen.authenticated and known is None


def went_back(known: SessionHead, found: SessionHead) -> bool:
    """
    Tell whether the store lost an acknowledged save, as after a failover.

    Args:
        known: The head that was acknowledged.
        found: The head that is stored now.

    Returns:
        True when *found* is near enough to show the acknowledged save among its
        recent ones, and does not.
    """
    if known.save_id in (found.save_id, *found.recent):
        return False
    return found.version - known.version <= RECENT_SAVES
