# SPDX-License-Identifier: Apache-2.0
"""Calls: shared by processes, sent anew, and with answers that are lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import pytest
from session_harness import valkeys
from session_harness.lossy_proxy import LossyProxy
from session_harness.processes import HOST

from sessionkit.testing.storage_samples import NOW, first, following
from sessionkit_redis.storage import RedisStorage

_GREETING: Final = 1


def test_forked_processes_share_a_storage(storage: RedisStorage) -> None:
    """A child that was forked goes on with its parent's storage, and both are right."""
    storage.write(first(put={"a": b"0"}))
    child = os.fork()
    if child == 0:
        found = [storage.read("s") for _ in range(200)]
        storage.write(first("child"))
        os._exit(0 if all(one and one.head.session_id == "s" for one in found) else 1)
    for version in range(2, 300):
        storage.write(following(version, put={"a": str(version).encode()}))

    _, status = os.waitpid(child, 0)
    assert 0 == status
    assert storage.read("child") is not None


def test_scripts_are_sent_anew(storage: RedisStorage, valkey: valkeys.Node) -> None:
    """A server that forgot the scripts, as a new one has, learns them by the way."""
    storage.write(first())
    valkey.client.script_flush()

    assert [None, None] == storage.write_many([following(2), first("t")])
    valkey.client.script_flush()
    assert storage.touch("s", last_activity=NOW, expires_at=None)
    valkey.client.script_flush()
    assert storage.delete("s")


@pytest.mark.usefixtures("url")
def test_one_answer_in_37_is_lost(
    valkey: valkeys.Node, opened: Callable[..., RedisStorage], writers: Callable[..., Any]
) -> None:
    """No save is doubled, none meets a conflict with itself, and what was acknowledged is stored."""
    with LossyProxy((HOST, valkey.port), swallow_every=37, greeting=_GREETING) as proxy:
        with writers(opened(f"redis://{HOST}:{proxy.port}/0")) as load:
            proxy.begin()
            load.have_saved(2000)
            proxy.stop()
        load.check("one answer in 37 lost")

        assert proxy.swallowed > 0
