# SPDX-License-Identifier: Apache-2.0
"""A watch: a thread that hears of changes and outlives broken connections."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from functools import partial
from threading import Event, Thread, current_thread
from typing import Any, Final

from redis import RedisCluster

from sessionkit.records import short
from sessionkit_redis.calls import Calls
from sessionkit_redis.failures import DRIVER_ERRORS
from sessionkit_redis.layout import Keys

_log: Final = logging.getLogger("sessionkit.redis")

_PATIENCE: Final = 0.25
"""Seconds that the thread waits for a message before it looks whether it is to end."""

_NODE_PATIENCE: Final = 0.02
"""The same for one node of a cluster: they are asked in turn."""

_PAUSE: Final = 1.0
"""Seconds between two tries to connect."""

_GIVEN: Final = 10.0
"""Seconds that ``close`` waits for the thread."""


class Watch:
    """Tells of changes until it is closed."""

    def __init__(
        self, calls: Calls, keys: Keys, own: Callable[[], bytes], callback: Callable[[str], None]
    ) -> None:
        """
        Begin, on a thread.

        Args:
            calls: The way to the servers.
            keys: The names of the channels.
            own: Returns what this process' own messages begin with.
            callback: Called with the ids of changed sessions.
        """
        self._calls = calls
        self._channels = [bucket.channel for bucket in keys.buckets]
        self._own = own
        self._callback = callback
        self._ended = Event()
        self._thread = Thread(target=self._run, name="sessionkit-redis-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; closing twice is fine, from inside the callback too."""
        self._ended.set()
        if self._thread is not current_thread():
            self._thread.join(_GIVEN)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._listen()
            except DRIVER_ERRORS as error:
                _log.warning("%s; watching again soon", self._calls.failure(error))
                self._ended.wait(_PAUSE)

    def _listen(self) -> None:
        client = self._calls.client
        if isinstance(client, RedisCluster):
            # Subscribing follows no redirection: know where the slots are now.
            client.nodes_manager.initialize()
        with closing(client.pubsub()) as pubsub:  # type: ignore[no-untyped-call]  # the driver's
            pubsub.ssubscribe(*self._channels)
            get: Callable[[], Any] = partial(pubsub.get_message, timeout=_PATIENCE)
            if isinstance(client, RedisCluster):
                get = partial(pubsub.get_sharded_message, timeout=_NODE_PATIENCE)
            while not self._ended.is_set():
                message = get()
                if message is None:
                    continue
                if message["type"] == "sunsubscribe":
                    return  # the slot has moved: subscribe anew, where it is now
                if message["type"] == "smessage":
                    self._tell(message["data"])

    def _tell(self, data: bytes) -> None:
        sender, _, session_id = data.partition(b":")
        if sender == self._own():
            return
        try:
            self._callback(session_id.decode())
        except Exception:  # noqa: BLE001 - the app's code, which may raise anything
            _log.exception(
                "a watch's callback failed for session %s",
                short(session_id.decode(errors="replace")),
            )
