# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import attrs
import pytest

from sessionkit.records import RECENT_SAVES, SessionHead
from sessionkit.repository.tracks import LastSeen, gone_reason, went_back


def head(version: int = 1, **fields: Any) -> SessionHead:
    """Return the head of a session whose saves are called by their version."""
    recent = tuple(f"save-{n}" for n in range(version - 1, max(0, version - 1 - RECENT_SAVES), -1))
    values: dict[str, Any] = {
        "session_id": "s",
        "version": version,
        "save_id": f"save-{version}",
        "recent": recent,
        "created_at": 0,
        "last_activity": 0,
    }
    return SessionHead(**(values | fields))


def seen(*, usable: bool = True, **fields: Any) -> LastSeen:
    """Return what a store holds."""
    return LastSeen(head=head(**fields), parts={}, layout=frozenset(), usable=usable)


KNOWN = head()
OTHER_BEGINNING: dict[str, Any] = {"created_at": 5}


@pytest.mark.parametrize(
    ("reason", "known", "found", "user"),
    [
        (None, KNOWN, seen(version=2), None),
        ("deleted", KNOWN, None, None),
        (None, None, None, None),
        ("ended", KNOWN, seen(ended=True), None),
        ("ended", None, seen(ended=True), None),
        ("ended", KNOWN, seen(ended=True, usable=False), None),
        (None, None, seen(ended=True, usable=False), None),
        ("replaced", KNOWN, seen(**OTHER_BEGINNING), None),
        (None, None, seen(**OTHER_BEGINNING), None),
        ("owner", None, seen(user_id="a"), "b"),
        (None, None, seen(user_id="a"), "a"),
        (None, None, seen(user_id="a"), None),
        (None, None, seen(), "b"),
        (None, None, seen(user_id="a", usable=False), "b"),
        ("owner", KNOWN, seen(user_id="a"), "b"),
        (None, KNOWN, seen(user_id="a"), None),
        (None, attrs.evolve(KNOWN, user_id="a"), seen(user_id="a"), "renamed"),
    ],
)
def test_why_a_session_is_gone(
    reason: str | None, known: SessionHead | None, found: LastSeen | None, user: str | None
) -> None:
    """Deleted, ended, replaced or another user's; a tombstone whose time is over frees the id."""
    assert reason == gone_reason(known, found, user)


@pytest.mark.parametrize(
    ("back", "known", "found"),
    [
        (False, head(3), head(3)),
        (False, head(3), head(4)),
        (False, head(3), head(3 + RECENT_SAVES)),
        (True, head(3), head(2)),
        (True, head(3), head(3, save_id="other")),
        (True, head(3), head(4, recent=("other", "save-2"))),
        (True, head(3), head(3 + RECENT_SAVES, recent=("x",) * RECENT_SAVES)),
        (False, head(3), head(4 + RECENT_SAVES, recent=("x",) * RECENT_SAVES)),
    ],
)
def test_whether_the_store_went_back(*, back: bool, known: SessionHead, found: SessionHead) -> None:
    """It did if it should still show the save that was acknowledged, and doesn't."""
    assert back == went_back(known, found)
