# SPDX-License-Identifier: Apache-2.0
"""Setting a store up: clauses of the storage suite."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from sessionkit.records import StoredSession
from sessionkit.storage import SetupStorage, Storage
from sessionkit.testing.storage_abilities import AbilityClauses, need
from sessionkit.testing.storage_samples import RACERS, Connect, first, following, head, race


def _set_up(storage: Storage) -> Callable[[], None]:
    return cast("SetupStorage", storage).setup


class SetupClauses(AbilityClauses):
    """What ``setup`` does."""

    @pytest.fixture
    def connect_unprepared(self, connect: Connect) -> Connect:
        """
        Return a function that opens handles on one store that nobody has set up.

        Override it where ``connect`` hands out a store that is set up already.
        """
        need(declared=self.setup, method="setup")
        return connect

    def test_setup_twice(self, storage: Storage) -> None:
        """Setting up again is fine and loses nothing."""
        need(declared=self.setup, method="setup")
        set_up = _set_up(storage)
        set_up()
        storage.write(first(put={"a": b"1"}))

        set_up()

        assert StoredSession(head=head(), parts={"a": b"1"}) == storage.read("s")
        storage.write(following(2))

    def test_setup_by_many_at_once(self, connect_unprepared: Connect) -> None:
        """Eight replicas that start together set one store up, and each can use it."""
        need(declared=self.setup, method="setup")
        handles = [connect_unprepared() for _ in range(RACERS)]

        race([_set_up(handle) for handle in handles])

        for number, handle in enumerate(handles):
            handle.write(first(f"s{number}"))
        listed = {found.session_id for found in handles[0].find().heads}
        assert {f"s{number}" for number in range(RACERS)} == listed

    def test_setup_while_others_save(self, storage: Storage, connect: Connect) -> None:
        """A replica that starts sets up beneath the saves of another, and none of them is lost."""
        need(declared=self.setup, method="setup")
        _set_up(storage)()
        writes = [first(f"s{number}", put={"a": b"1"}) for number in range(20)]

        def save() -> None:
            for write in writes:
                storage.write(write)

        race([save, _set_up(connect())])

        for write in writes:
            stored = StoredSession(head=write.head, parts=write.put)
            assert stored == storage.read(write.head.session_id)
