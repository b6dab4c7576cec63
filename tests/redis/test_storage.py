# SPDX-License-Identifier: Apache-2.0
"""What a storage can do, and what its plugin loads and opens."""

from __future__ import annotations

import subprocess
import sys

from sessionkit.storage import BatchStorage, WatchStorage
from sessionkit.testing.storage_samples import first
from sessionkit_redis.hooks import open_redis, sessionkit_storages
from sessionkit_redis.storage import RedisStorage


def test_abilities(storage: RedisStorage) -> None:
    """It saves batches and can be watched, and needs no setup."""
    assert isinstance(storage, BatchStorage)
    assert isinstance(storage, WatchStorage)
    assert not hasattr(storage, "setup")


def test_hook_opens_what_the_keywords_say(url: str) -> None:
    """The hook offers ``redis``, and its keywords reach the storage."""
    assert {"redis": open_redis} == sessionkit_storages()

    storage = open_redis(url=url, prefix="app", notify=True)
    storage.write(first())

    assert storage.read("s") is not None
    storage.close()


def test_driver_is_not_imported_before_it_is_needed() -> None:
    """To offer the storage costs no import of the driver."""
    code = (
        "import sys, sessionkit_redis.hooks as h; h.sessionkit_storages();"
        "sys.exit('redis' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-W", "error", "-c", code], check=False)  # noqa: S603 - our own

    assert 0 == ran.returncode
