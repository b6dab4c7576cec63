# SPDX-License-Identifier: Apache-2.0
"""On servers too, a session's part lies in the head's row or in a row of its own, never in both."""

from __future__ import annotations

import pytest
from session_harness.part_chains import part_chains

from sessionkit.testing.storage_samples import first
from sessionkit_sqlite.storage import SqlStorage


@pytest.mark.parametrize("companions", [0, 2])
def test_parts_are_where_they_were_put(storage: SqlStorage, companions: int) -> None:
    """Alone or in a batch, whatever is put and removed, what is read is what was stored last."""
    for chain in part_chains(20, 8):
        for write, parts in chain:
            version = f"{write.head.session_id}-{write.head.version}"
            others = [first(f"{version}-{number}", put={"*": b"1"}) for number in range(companions)]
            assert not any(storage.write_many([write, *others]))
            stored = storage.read(write.head.session_id)
            assert stored is not None
            assert parts == stored.parts
            assert write.head.version == stored.head.version
