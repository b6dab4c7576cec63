# SPDX-License-Identifier: Apache-2.0
"""
Commands on the very connections of a cluster's nodes.

A cluster's own pipeline takes no WAIT, since it has no key, and a WAIT on
another connection returns at once and lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - the driver's name
    MovedError,
    TimeoutError,  # noqa: A004 - the driver's name
    TryAgainError,
)

from sessionkit_redis.failures import DRIVER_ERRORS
from sessionkit_redis.scripts import Command

if TYPE_CHECKING:
    import redis
    from redis.cluster import ClusterNode

Send: TypeAlias = "Callable[[redis.Redis, Sequence[Command]], list[Any]]"

_TRIES: Final = 4
_ASKING: Final[Command] = ("ASKING",)
_STALE: Final = (MovedError, ClusterDownError, ConnectionError, TimeoutError)
_AGAIN: Final = (*_STALE, AskError, TryAgainError)


class NodeCalls:
    """Sends commands to the nodes that have their keys, and follows keys that move."""

    def __init__(self, client: redis.RedisCluster, send: Send) -> None:
        """
        Use the connections of *client*.

        Args:
            client: Knows which node has which key.
            send: Sends commands to one node in one packet.
        """
        self._client: Any = client  # half of its methods have no types
        self._send = send

    def sent(self, commands: Sequence[Command]) -> list[Any]:
        """Return an answer, or the driver's error, for each command."""
        answers: list[Any] = [None] * len(commands)
        open_ = list(range(len(commands)))
        for _ in range(_TRIES):
            self._round(commands, open_, answers)
            open_ = [at for at in open_ if isinstance(answers[at], _AGAIN)]
            if not open_:
                break
            if any(isinstance(answers[at], _STALE) for at in open_):
                # Whoever uses a node's own connections must tell the client that one is gone.
                self._client.nodes_manager.initialize()
        return answers

    def _round(self, commands: Sequence[Command], open_: list[int], answers: list[Any]) -> None:
        together: dict[ClusterNode, list[int]] = {}
        for at in open_:
            answer = answers[at]
            if isinstance(answer, AskError) and not isinstance(answer, MovedError):
                answers[at] = self._asked(commands[at], answer)
            else:
                together.setdefault(self._node(commands[at]), []).append(at)
        for node, places in together.items():
            found = self._on(node, [commands[at] for at in places])
            for at, answer in zip(places, found, strict=True):
                answers[at] = answer

    def _asked(self, command: Command, error: AskError) -> Any:  # noqa: ANN401 - whatever Redis answers
        node = self._client.get_node(host=error.host, port=error.port)
        if node is None:
            return error
        return self._on(node, [_ASKING, command])[-1]

    def _node(self, command: Command) -> ClusterNode:
        key = command[3] if command[0].startswith("EVAL") else command[1]
        node: ClusterNode = self._client.get_node_from_key(key)
        return node

    def _on(self, node: ClusterNode, commands: Sequence[Command]) -> list[Any]:
        try:
            return self._send(self._client.get_redis_connection(node), commands)
        except DRIVER_ERRORS as error:
            return [error] * len(commands)
