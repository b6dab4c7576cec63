# SPDX-License-Identifier: Apache-2.0
"""The storage suite catches storages that a damaged record breaks."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.records import SessionHead, SessionPage, StoredSession
from sessionkit.testing.storage_lists import DamageClauses


class Sound(MemoryStorage):
    """A store in which a head can be damaged, and that passes on what it finds."""

    def damage(self, session_id: str) -> None:
        """Put a text where a number belongs."""
        stored = self._sessions[session_id]
        head = attrs.evolve(stored.head, expires_at="garbage")  # type: ignore[arg-type]  # the damage
        self._sessions[session_id] = attrs.evolve(stored, head=head)


def _checked(head: SessionHead) -> SessionHead:
    if isinstance(head.expires_at, str):
        raise TypeError(head.expires_at)
    return head


class RaisesInLists(Sound):
    """Looks at each head that it lists."""

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """Raise what Python does."""
        page = super().find(user_id=user_id, limit=limit, cursor=cursor)
        return attrs.evolve(page, heads=[_checked(head) for head in page.heads])


class EndsTheList(Sound):
    """Takes a page with nothing to show for the last one."""

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """Leave the damaged one out, and all that come after it."""
        page = super().find(user_id=user_id, limit=limit, cursor=cursor)
        heads = [head for head in page.heads if not isinstance(head.expires_at, str)]
        return SessionPage(heads=heads, cursor=page.cursor if heads else None)


class RaisesInReads(Sound):
    """Looks at the head that it returns."""

    def read(self, session_id: str) -> StoredSession | None:
        """Raise what Python does."""
        stored = super().read(session_id)
        if stored is not None:
            _checked(stored.head)
        return stored


class SaysNothingIsThere(Sound):
    """Takes what can't be read for nothing."""

    def read(self, session_id: str) -> StoredSession | None:
        """Hide it."""
        stored = super().read(session_id)
        return None if stored is None or isinstance(stored.head.expires_at, str) else stored


def _list_all(storage: Sound) -> None:
    DamageClauses().test_a_damaged_record_breaks_no_list(storage, storage.damage, None, 1)


def _read(storage: Sound) -> None:
    DamageClauses().test_a_damaged_record_is_read_as_it_is(storage, storage.damage)


@pytest.mark.parametrize(
    ("clause", "mutant"),
    [
        (_list_all, RaisesInLists),
        (_list_all, EndsTheList),
        (_read, RaisesInReads),
        (_read, SaysNothingIsThere),
    ],
)
def test_the_suite_catches(clause: Callable[[Sound], None], mutant: type[Sound]) -> None:
    """Python's own errors, a list that ends too early, a record that seems to be gone."""
    clause(Sound())
    with pytest.raises((AssertionError, TypeError)):
        clause(mutant())
