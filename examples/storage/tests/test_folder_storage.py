# SPDX-License-Identifier: Apache-2.0
"""The suite that sessionkit's own storages pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from folder_storage.storage import FolderStorage

from sessionkit import Storage
from sessionkit.testing import StorageConformance


class TestFolderStorage(StorageConformance):
    """It has none of the optional methods, and says so by declaring nothing."""

    @pytest.fixture
    def connect(self, tmp_path: Path) -> Callable[[], Storage]:
        """Return a function that opens one more handle on one folder."""
        return lambda: FolderStorage(tmp_path / "sessions")

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> Storage:
        """Return a storage whose folder has gone, as that of a share may."""
        storage = FolderStorage(tmp_path / "share")
        (tmp_path / "share").rename(tmp_path / "elsewhere")
        return storage
