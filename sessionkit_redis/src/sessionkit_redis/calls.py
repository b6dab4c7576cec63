# SPDX-License-Identifier: Apache-2.0
"""Sends commands, singly or many in one packet, and hands back an answer for each."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import redis
from redis.connection import PythonRespSerializer
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as BrokenError
from redis.exceptions import TimeoutError as LateError

from sessionkit_redis.connect import Client, Link
from sessionkit_redis.failures import DRIVER_ERRORS, TooFewReplicasError, explained
from sessionkit_redis.scripts import Command, in_full

if TYPE_CHECKING:
    from redis.cluster import ClusterNode

    from sessionkit.errors import StorageError


class Calls:
    """
    The way to the servers.

    Attributes:
        place: Where they are, without password.
    """

    def __init__(
        self,
        link: Link,
        *,
        min_replicas: int = 0,
        replica_timeout_ms: int = 0,
    ) -> None:
        """
        Connect at the first call, not before: a server that is down fails calls, not the app's start.

        Args:
            link: The way there.
            min_replicas: How many replicas must acknowledge a durable write.
            replica_timeout_ms: How long to wait for them, in milliseconds.
        """
        self.place = link.place
        self._link = link
        self._connecting = Lock()
        self._client: Client | None = None
        self._lines: Lines | None = None
        self._wait: Command = ("WAIT", min_replicas, replica_timeout_ms)
        self._min_replicas = min_replicas

    @property
    def client(self) -> Client:
        """The client; a cluster's asks for the topology when it is made."""
        if self._client is None:
            with self._connecting:
                if self._client is None:
                    client = self._link.connect()
                    if self._link.owned and isinstance(client, redis.Redis):
                        self._lines = Lines(client)
                    self._client = client
        return self._client

    @property
    def is_clustered(self) -> bool:
        """Whether the client knows the servers as a cluster."""
        try:
            return isinstance(self.client, redis.RedisCluster)
        except DRIVER_ERRORS as error:
            raise self.failure(error) from error

    def one(self, command: Command) -> Any:  # noqa: ANN401 - whatever Redis answers
        """Return the answer to one command, or raise what went wrong."""
        (answer,) = self.many([command])
        if isinstance(answer, BaseException):
            raise self.failure(answer)
        return answer

    def all(self, commands: Sequence[Command]) -> list[Any]:
        """Return the answers to all commands, or raise the first thing that went wrong."""
        answers = self.many(commands)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise self.failure(answer)
        return answers

    def many(self, commands: Sequence[Command], *, durable: bool = False) -> list[Any]:
        """
        Return an answer, or the driver's error, for each command.

        Args:
            commands: Each has its keys in one slot.
            durable: Whether the replicas asked for must acknowledge.
        """
        answers = self._sent(commands, durable=durable)
        unknown = [at for at, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            again = self._sent([in_full(commands[at]) for at in unknown], durable=durable)
            for at, answer in zip(unknown, again, strict=True):
                answers[at] = answer
        return answers

    def failure(self, error: BaseException) -> StorageError:
        """Return the driver's error as one of ours."""
        clustered = isinstance(self._client, redis.RedisCluster)
        return explained(error, self.place, clustered=clustered)

    def close(self) -> None:
        """Close the connections, if there are any that are ours."""
        if self._lines is not None:
            self._lines.close()
        if self._client is not None and self._link.owned:
            self._client.close()

    def _sent(self, commands: Sequence[Command], *, durable: bool) -> list[Any]:
        if not commands:
            return []
        try:
            client = self.client
            if durable and self._min_replicas:
                return self._acknowledged(client, commands)
            if len(commands) == 1 and self._lines is None:
                return [client.execute_command(*commands[0])]  # type: ignore[no-untyped-call]  # the driver's
            return self._piped(client, commands)
        except DRIVER_ERRORS as error:
            return [error] * len(commands)

    def _piped(self, client: Client, commands: Sequence[Command]) -> list[Any]:
        if self._lines is not None:
            return self._lines.exchange(commands)
        # A pipeline of a cluster has no transactions anyway.
        pipe = client.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        return list(pipe.execute(raise_on_error=False))

    def _acknowledged(self, client: Client, commands: Sequence[Command]) -> list[Any]:
        if isinstance(client, redis.RedisCluster):
            return NodeCalls(client, self._waited_for).sent(commands)
        return self._waited_for(client, commands)

    def _waited_for(self, client: Client, commands: Sequence[Command]) -> list[Any]:
        # WAIT waits for what its own connection has written: it must be in the same packet.
        *answers, acknowledged = self._piped(client, [*commands, self._wait])
        if isinstance(acknowledged, BaseException):
            return [acknowledged] * len(answers)
        if acknowledged >= self._min_replicas:
            return answers
        few = TooFewReplicasError(acknowledged, self._min_replicas)
        return [answer if isinstance(answer, BaseException) else few for answer in answers]


# Connections of our own, kept between calls.

_CUTOFF: Final = 6000
"""Bytes from which on a value is a chunk of its own, as the driver has it."""


class Lines:
    """Sends commands and reads their answers, on one connection each time."""

    def __init__(self, client: redis.Redis) -> None:
        """Take connections out of the pool of *client*, which speaks RESP3 and is nobody else's."""
        self._pool: Any = client.connection_pool  # half of its methods have no types
        self._packer: Any = PythonRespSerializer(_CUTOFF, client.get_encoder().encode)
        self._idle: deque[Any] = deque()
        self._process = os.getpid()

    def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """
        Return an answer, or the server's error, for each command.

        What fails by a broken connection is sent once more on a new one: a
        server that comes back breaks all that were idle, and ``save_id`` makes
        a repetition harmless.
        """
        try:
            return self._tried(commands)
        except (BrokenError, LateError, OSError):
            self.close()
            return self._tried(commands)

    def close(self) -> None:
        """Close what is idle."""
        while (line := self._taken()) is not None:
            self._drop(line)

    def _tried(self, commands: Sequence[Command]) -> list[Any]:
        line = self._ready()
        try:
            line.send_packed_command(self._packed(line, commands))
            answers = [_answer(line) for _ in commands]
        except BaseException:
            # Answers may be under way that the next call would take for its own.
            self._drop(line)
            raise
        self._idle.append(line)
        return answers

    def _packed(self, line: Any, commands: Sequence[Command]) -> list[Any]:  # noqa: ANN401 - see above
        if commands[0][0] != "HSET":
            return line.pack_commands(commands)  # type: ignore[no-any-return]  # see above
        # What is sent ahead is large; this way of packing doesn't copy it.
        ahead = self._packer.pack(*commands[0])
        return [*ahead, *line.pack_commands(commands[1:])]

    def _ready(self) -> Any:  # noqa: ANN401 - see above
        if self._process != os.getpid():
            # A fork: these are the parent's.
            self._process, self._idle = os.getpid(), deque()
        while (line := self._taken()) is not None:
            # After a failover those to the old master aren't the pool's any more.
            if self._pool.owns_connection(line):
                return line
            self._drop(line)
        return self._pool.get_connection()

    def _taken(self) -> Any:  # noqa: ANN401 - see above
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _drop(self, line: Any) -> None:  # noqa: ANN401 - see above
        line.disconnect()
        self._pool.release(line)


def _answer(line: Any) -> Any:  # noqa: ANN401 - see above
    try:
        return line.read_response()
    except ResponseError as error:
        return error


# Commands on the very connections of a cluster's nodes.

Send: TypeAlias = "Callable[[redis.Redis, Sequence[Command]], list[Any]]"

_TRIES: Final = 4
_ASKING: Final[Command] = ("ASKING",)
_STALE: Final = (MovedError, ClusterDownError, BrokenError, LateError)
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
