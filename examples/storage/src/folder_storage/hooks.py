# SPDX-License-Identifier: Apache-2.0
"""What this plugin offers. It is imported to see what there is, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sessionkit import hookimpl
from sessionkit.storage import Storage, StorageFactory


@hookimpl
def sessionkit_storages() -> Mapping[str, StorageFactory]:
    """Offer ``storage = "folder"``."""
    return {"folder": open_storage}


def open_storage(*, path: Path = Path("sessions")) -> Storage:
    """
    Open the storage that ``[storages.folder]`` describes; what is set there is checked against this signature.

    Args:
        path: The folder; it is made when it is missing.
    """
    from folder_storage.storage import FolderStorage  # noqa: PLC0415 - only who asks for it pays for it

    return FolderStorage(path)
