# SPDX-License-Identifier: Apache-2.0
"""The storage suite: what every storage has to do."""

from __future__ import annotations

import pytest

from sessionkit.storage import Storage
from sessionkit.testing.storage_batches import BatchClauses
from sessionkit.testing.storage_clauses import Connect, HandleClauses, WriteClauses
from sessionkit.testing.storage_ends import EndClauses, TouchClauses
from sessionkit.testing.storage_lists import CountClauses, FindClauses, PurgeClauses
from sessionkit.testing.storage_parts import NameClauses, PartClauses
from sessionkit.testing.storage_processes import StorageProcessConformance
from sessionkit.testing.storage_races import RaceClauses

__all__ = ["StorageConformance", "StorageProcessConformance"]


class StorageConformance(
    WriteClauses,
    PartClauses,
    NameClauses,
    TouchClauses,
    EndClauses,
    HandleClauses,
    FindClauses,
    CountClauses,
    PurgeClauses,
    BatchClauses,
    RaceClauses,
):
    """
    Subclass it and override the ``connect`` fixture.

    Say what the storage can't do by class attributes::

        class TestDbm(StorageConformance):
            batch = False

            @pytest.fixture
            def connect(self, tmp_path):
                return lambda: DbmStorage(tmp_path / "sessions")
    """

    @pytest.fixture
    def connect(self) -> Connect:
        """Return a function that opens one more handle on the same, empty store."""
        raise NotImplementedError

    @pytest.fixture
    def storage(self, connect: Connect) -> Storage:
        """Return the first handle."""
        return connect()
