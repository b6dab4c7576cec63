# SPDX-License-Identifier: Apache-2.0
"""A store that can't be reached: clauses of the storage suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from sessionkit.errors import UnavailableError
from sessionkit.storage import Storage
from sessionkit.testing.storage_samples import NOW, first

_CALLS: Final[Mapping[str, Callable[[Any], object]]] = {
    "read": lambda storage: storage.read("s"),
    "write": lambda storage: storage.write(first()),
    "touch": lambda storage: storage.touch("s", last_activity=NOW, expires_at=None),
    "delete": lambda storage: storage.delete("s"),
    "find": lambda storage: storage.find(),
    "count": lambda storage: storage.count(active_since=0),
    "purge": lambda storage: storage.purge(expired_before=NOW, limit=10),
    "read_head": lambda storage: storage.read_head("s"),
}


class OutageClauses:
    """What a storage says while its store is away: what is saved then is tried again, and not lost."""

    @pytest.fixture
    def unreachable(self) -> Storage:
        """
        Return a handle whose store can't be reached.

        Override it with one whose server is stopped, whose port nobody listens at, whose folder was
        moved; a store that is always there has none.
        """
        pytest.skip("the suite was given no unreachable store: override the fixture of that name")

    @pytest.mark.parametrize("method", _CALLS)
    def test_a_store_that_is_away_is_unavailable(self, unreachable: Storage, method: str) -> None:
        """Each call raises UnavailableError, with the driver's error as its cause; none says that nothing is there."""
        if not callable(getattr(unreachable, method, None)):
            pytest.skip(f"the storage has no {method}()")

        with pytest.raises(UnavailableError) as caught:
            _CALLS[method](unreachable)

        assert isinstance(caught.value.__cause__, Exception)
