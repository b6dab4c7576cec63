# SPDX-License-Identifier: Apache-2.0
"""Answers that are lost after the server has done the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from session_harness import valkeys
from session_harness.lossy_proxy import LossyProxy
from session_harness.processes import HOST

from sessionkit_redis.storage import RedisStorage

_GREETING: Final = 1


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
