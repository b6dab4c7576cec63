# SPDX-License-Identifier: Apache-2.0
"""The storage suite catches storages whose namespaces share something."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.records import SessionPage
from sessionkit.storage import Storage
from sessionkit.testing.storage_lists import NamespaceClauses


class SharesLists(MemoryStorage):
    """Keeps sessions apart, and lists those of the other app, too."""

    def __init__(self, other: MemoryStorage) -> None:
        """Take the other app's."""
        super().__init__()
        self._other = other

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """List both."""
        mine = super().find(user_id=user_id, limit=limit, cursor=cursor)
        others = self._other.find(user_id=user_id, limit=limit, cursor=cursor)
        return SessionPage(heads=[*mine.heads, *others.heads])


class SharesPurges(SharesLists):
    """Removes what has ended of both."""

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """List one's own."""
        return MemoryStorage.find(self, user_id=user_id, limit=limit, cursor=cursor)

    def purge(self, *, expired_before: int, idle_before: int | None = None, limit: int) -> int:
        """Purge both, and count one's own."""
        self._other.purge(expired_before=expired_before, idle_before=idle_before, limit=limit)
        return super().purge(expired_before=expired_before, idle_before=idle_before, limit=limit)


def _sessions(storage: Storage, elsewhere: Storage) -> None:
    NamespaceClauses().test_namespaces_share_no_session(storage, elsewhere)


def _lists(storage: Storage, elsewhere: Storage) -> None:
    NamespaceClauses().test_namespaces_share_no_list(storage, elsewhere)


@pytest.mark.parametrize(
    ("clause", "mutant"),
    [
        (_sessions, lambda one: one.handle()),
        (_lists, SharesLists),
        (_lists, SharesPurges),
    ],
    ids=["all", "lists", "purges"],
)
def test_the_suite_catches(
    clause: Callable[[Storage, Storage], None],
    mutant: Callable[[MemoryStorage], MemoryStorage],
) -> None:
    """A namespace that is ignored, lists that name another app's sessions, purges that remove them."""
    clause(MemoryStorage(), MemoryStorage())
    storage = MemoryStorage()
    with pytest.raises(AssertionError):
        clause(storage, mutant(storage))
