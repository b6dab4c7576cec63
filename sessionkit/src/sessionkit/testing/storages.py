# SPDX-License-Identifier: Apache-2.0
"""The storage suite: what every storage has to do."""

from __future__ import annotations

import pytest

from sessionkit.storage import Storage
from sessionkit.testing.storage_abilities import (
    AbilityClauses,
    BatchClauses,
    HeadClauses,
    OutageClauses,
    SetupClauses,
    WatchClauses,
)
from sessionkit.testing.storage_lists import (
    CountClauses,
    DamageClauses,
    EndClauses,
    FindClauses,
    NamespaceClauses,
    PurgeClauses,
    TouchClauses,
)
from sessionkit.testing.storage_races import RaceClauses, StorageProcessConformance
from sessionkit.testing.storage_samples import Connect
from sessionkit.testing.storage_saves import (
    HandleClauses,
    LossClauses,
    NameClauses,
    PartClauses,
    SkewClauses,
    WriteClauses,
)

__all__ = ["StorageConformance", "StorageProcessConformance"]


class StorageConformance(
    WriteClauses,
    PartClauses,
    NameClauses,
    TouchClauses,
    EndClauses,
    HandleClauses,
    LossClauses,
    SkewClauses,
    FindClauses,
    CountClauses,
    PurgeClauses,
    RaceClauses,
    BatchClauses,
    HeadClauses,
    SetupClauses,
    WatchClauses,
    OutageClauses,
    NamespaceClauses,
    DamageClauses,
    AbilityClauses,
):
    """
    Subclass it and override the ``connect`` fixture.

    Declare by class attributes what the storage can do beyond the eight
    methods: ``batch``, ``heads``, ``setup``, ``watch``. The suite asks no other question
    about what a storage is. Override ``unreachable``, too, where the store can be away, ``damage`` where
    a record can be damaged, and ``elsewhere`` where several apps can share a store::

        class TestDbm(StorageConformance):
            batch = True  # it has write_many

            @pytest.fixture
            def connect(self, tmp_path):
                return lambda: DbmStorage(tmp_path / "sessions")
    """

    @pytest.fixture
    def connect(self) -> Connect:
        """
        Return a function that opens one more handle on the same, empty store.

        The suite never closes what it opens with it, but for one handle: that is yours to do.
        """
        raise NotImplementedError

    @pytest.fixture
    def storage(self, connect: Connect) -> Storage:
        """Return the first handle."""
        return connect()
