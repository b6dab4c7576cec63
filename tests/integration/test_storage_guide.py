# SPDX-License-Identifier: Apache-2.0
"""The storage that ``docs/storages.md`` shows passes the suite that it is told to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessionkit import Storage
from sessionkit.testing import StorageConformance

GUIDE = Path(__file__).parents[2] / "docs" / "storages.md"


def _shown_storage() -> Callable[[Path], Storage]:
    """Return the class that the guide shows."""
    blocks = re.findall(
        r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    (code,) = [block for block in blocks if "class FolderStorage" in block]
    names: dict[str, Any] = {"__name__": GUIDE.name}
    exec(compile(code, GUIDE.name, "exec"), names)  # noqa: S102 - our own documentation
    assert 100 > len([line for line in code.splitlines() if line.strip()])
    shown: Callable[[Path], Storage] = names["FolderStorage"]
    return shown


FolderStorage = _shown_storage()


class TestFolderStorage(StorageConformance):
    """What a reader of the guide would run."""

    batch = False

    @pytest.fixture
    def connect(self, tmp_path: Path) -> Callable[[], Storage]:
        """Return a function that opens one more handle on one folder."""
        return lambda: FolderStorage(tmp_path / "sessions")

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> Storage:
        """Return a handle on a folder that has gone, such as one of a share."""
        storage = FolderStorage(tmp_path / "away")
        (tmp_path / "away").rename(tmp_path / "elsewhere")
        return storage
