# SPDX-License-Identifier: Apache-2.0
"""
Suites that prove a plugin right.

Subclass one in your tests and override its fixture::

    from sessionkit.testing import StorageConformance


    class TestDbm(StorageConformance):
        @pytest.fixture
        def connect(self, tmp_path):
            return lambda: DbmStorage(tmp_path / "sessions")

To be imported from here: five suites, and :func:`conflict_between`, which makes a conflict for a
strategy of your own. Names of clauses are part of the ids that pytest prints, and stay. The room
needs the extra ``testing``, has no lock, and no other room imports it.
"""

from __future__ import annotations

import pytest

# Before the imports, or a failing clause says no more than "AssertionError".
pytest.register_assert_rewrite(
    "sessionkit.testing.hosts",
    "sessionkit.testing.serializers",
    "sessionkit.testing.storage_abilities",
    "sessionkit.testing.storage_lists",
    "sessionkit.testing.storage_races",
    "sessionkit.testing.storage_saves",
    "sessionkit.testing.strategies",
)

from sessionkit.testing.hosts import HostConformance  # noqa: E402 - see above
from sessionkit.testing.serializers import SerializerConformance  # noqa: E402 - see above
from sessionkit.testing.storages import (  # noqa: E402 - see above
    StorageConformance,
    StorageProcessConformance,
)
from sessionkit.testing.strategies import (  # noqa: E402 - see above
    ConflictStrategyConformance,
    conflict_between,
)

__all__ = [
    "ConflictStrategyConformance",
    "HostConformance",
    "SerializerConformance",
    "StorageConformance",
    "StorageProcessConformance",
    "conflict_between",
]
