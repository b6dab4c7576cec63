# SPDX-License-Identifier: Apache-2.0
"""The storage suite: what every storage has to do."""

from __future__ import annotations

import pytest

from sessionkit.storage import Storage
from sessionkit.testing.storage_abilities import AbilityClauses
from sessionkit.testing.storage_batches import BatchClauses
from sessionkit.testing.storage_clauses import HandleClauses, WriteClauses
from sessionkit.testing.storage_ends import EndClauses, TouchClauses
from sessionkit.testing.storage_heads import HeadClauses
from sessionkit.testing.storage_lists import CountClauses, FindClauses
from sessionkit.testing.storage_losses import LossClauses, SkewClauses
from sessionkit.testing.storage_outages import OutageClauses
from sessionkit.testing.storage_parts import NameClauses, PartClauses
from sessionkit.testing.storage_processes import StorageProcessConformance
from sessionkit.testing.storage_purges import PurgeClauses
from sessionkit.testing.storage_races import RaceClauses
from sessionkit.testing.storage_samples import Connect
from sessionkit.testing.storage_setup import SetupClauses
from sessionkit.testing.storage_watches import WatchClauses

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
    AbilityClauses,
):
    """
    Subclass it and override the ``connect`` fixture.

    Declare by class attributes what the storage can do beyond the eight
    methods: ``batch``, ``heads``, ``setup``, ``watch``. The suite asks no other question
    about what a storage is. Override ``unreachable``, too, where the store can be away::

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
