# SPDX-License-Identifier: Apache-2.0
"""A password that a session holds lies in no key of a Redis."""

from __future__ import annotations

from pathlib import Path

from session_harness.passwords import CANARY, OTHER, save_in_every_way, settings
from session_harness.valkeys import Node

from sessionkit import SessionManager


def test_no_key_holds_it(valkey: Node, url: str, tmp_path: Path) -> None:
    """Whatever way it was saved: what the server dumps of each key is without it."""
    with (
        SessionManager(settings(tmp_path, "redis", url=url)) as manager,
        SessionManager(settings(tmp_path / "other", "redis", url=url)) as other,
    ):
        save_in_every_way(manager, other)
        dumped = {key: valkey.client.dump(key) for key in valkey.client.keys("*")}
    assert dumped
    held = [
        key for key, data in dumped.items() if CANARY.encode() in data or OTHER.encode() in data
    ]
    assert [] == held
