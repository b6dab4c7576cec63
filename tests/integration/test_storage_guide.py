# SPDX-License-Identifier: Apache-2.0
"""The storage that ``docs/storages.md`` shows, and its like in ``examples/storage``, pass the suite that they are told to."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessionkit import Storage
from sessionkit.testing import StorageConformance

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "storages.md"
EXAMPLE = ROOT / "examples" / "storage" / "src" / "folder_storage" / "storage.py"


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


FolderStorages: dict[str, Callable[[Path], Storage]] = {
    "guide": _shown_storage(),
    "example": runpy.run_path(str(EXAMPLE))["FolderStorage"],
}


@pytest.mark.parametrize("where", FolderStorages)
class TestFolderStorage(StorageConformance):
    """What a reader of the guide would run."""

    batch = False

    @pytest.fixture
    def connect(self, tmp_path: Path, where: str) -> Callable[[], Storage]:
        """Return a function that opens one more handle on one folder."""
        return lambda: FolderStorages[where](tmp_path / "sessions")

    @pytest.fixture
    def unreachable(self, tmp_path: Path, where: str) -> Storage:
        """Return a handle on a folder that has gone, such as one of a share."""
        storage = FolderStorages[where](tmp_path / "away")
        (tmp_path / "away").rename(tmp_path / "elsewhere")
        return storage
