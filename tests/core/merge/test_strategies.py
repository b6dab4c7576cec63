# SPDX-License-Identifier: Apache-2.0
"""The strategies that core ships: whose value each takes, and that it decodes no side twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from session_harness.data import merge_sessions

from sessionkit.conflict import Conflict, ConflictStrategy
from sessionkit.merge.strategies import FirstWriteWins, LastWriteWins, Merge, Refuse
from sessionkit.session import UserSession


def copies(session: UserSession | None, asked: list[str], name: str) -> Callable[[], UserSession]:
    """Return what decodes a session, and notes that it was asked."""

    def decode() -> UserSession:
        asked.append(name)
        return session  # type: ignore[return-value]

    return decode


def conflict_of(
    base: UserSession | None, ours: UserSession, theirs: UserSession
) -> tuple[Conflict, list[str]]:
    """Return a conflict, and the list of which of its sides was decoded."""
    asked: list[str] = []
    conflict = Conflict(
        "s",
        base=copies(base, asked, "base"),
        ours=copies(ours, asked, "ours"),
        theirs=copies(theirs, asked, "theirs"),
        merged=lambda: merge_sessions(base, ours, theirs),
        fields=tuple,
    )
    return conflict, asked


OURS = UserSession(session_id="s", inputs={"a": "ours"})
THEIRS = UserSession(session_id="s", inputs={"a": "theirs"})


@pytest.mark.parametrize(
    ("strategy", "resolved", "decoded"),
    [
        (LastWriteWins(), OURS, ["ours"]),
        (FirstWriteWins(), THEIRS, ["theirs"]),
        (Refuse(), None, []),
    ],
)
def test_who_wins(
    strategy: ConflictStrategy, resolved: UserSession | None, decoded: list[str]
) -> None:
    """Whole, and nothing is decoded that isn't looked at."""
    conflict, asked = conflict_of(UserSession(), OURS, THEIRS)

    assert resolved is strategy.resolve(conflict)
    assert decoded == asked


def test_a_side_is_decoded_once() -> None:
    """However often it is looked at."""
    conflict, asked = conflict_of(None, OURS, THEIRS)

    assert conflict.base is None
    assert conflict.base is None
    assert conflict.ours is conflict.ours
    assert ["base", "ours"] == asked


def test_merge_keeps_both_sides_changes() -> None:
    """In a new session under the same id; the three sides stay as they were."""
    base = UserSession(session_id="s", inputs={"a": 0, "b": 0}, interaction_count=1)
    created_at = base.created_at
    ours = UserSession(
        session_id="s", inputs={"a": 1, "b": 0}, interaction_count=2, created_at=created_at
    )
    theirs = UserSession(
        session_id="s", inputs={"a": 0, "b": 2}, interaction_count=3, created_at=created_at
    )
    sides = [side.to_json() for side in (base, ours, theirs)]
    merged = Merge().resolve(conflict_of(base, ours, theirs)[0])

    assert ("s", {"a": 1, "b": 2}, 4) == (
        merged.session_id,
        merged.inputs,
        merged.interaction_count,
    )
    assert merged not in (base, ours, theirs)
    assert sides == [side.to_json() for side in (base, ours, theirs)]


def test_merge_without_a_base_takes_their_rights() -> None:
    """What ours holds may have been revoked; values of both are kept."""
    ours = UserSession(session_id="s", inputs={"a": 1}, roles={"admin"}, permissions={"write"})
    theirs = UserSession(session_id="s", inputs={"b": 2}, roles={"reader"})
    merged = Merge().resolve(conflict_of(None, ours, theirs)[0])

    assert ({"reader"}, set()) == (merged.roles, merged.permissions)
    assert {"a": 1, "b": 2} == merged.inputs
