# SPDX-License-Identifier: Apache-2.0
"""
Commands to the servers, singly or many in one packet, with an answer for each.

:class:`Calls` decides which way they go: over :class:`Connections` to one server, over
:class:`NodeCalls` to a cluster's nodes where replicas must acknowledge, else by the driver's client.
"""

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
from sessionkit_redis.failures import DRIVER_ERRORS, TooFewReplicasError, explain
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
        self._connections: Connections | None = None
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
                        self._connections = Connections(client)
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
        answers = self._send(commands, durable=durable)
        unknown = [at for at, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            again = self._send([in_full(commands[at]) for at in unknown], durable=durable)
            for at, answer in zip(unknown, again, strict=True):
                answers[at] = answer
        return answers

    def failure(self, error: BaseException) -> StorageError:
        """Return the driver's error as one of ours."""
        clustered = isinstance(self._client, redis.RedisCluster)
        return explain(error, self.place, clustered=clustered)

    def close(self) -> None:
        """Close the connections, if there are any that are ours."""
        if self._connections is not None:
            self._connections.close()
        if self._client is not None and self._link.owned:
            self._client.close()

    def _send(self, commands: Sequence[Command], *, durable: bool) -> list[Any]:
        if not commands:
            return []
        try:
            client = self.client
            if durable and self._min_replicas:
                return self._send_durably(client, commands)
            if len(commands) == 1 and self._connections is None:
                return [client.execute_command(*commands[0])]  # type: ignore[no-untyped-call]  # the driver's
            return self._pipe(client, commands)
        except DRIVER_ERRORS as error:
            return [error] * len(commands)

    def _pipe(self, client: Client, commands: Sequence[Command]) -> list[Any]:
        if self._connections is not None:
            return self._connections.exchange(commands)
        # A pipeline of a cluster has no transactions anyway.
        pipe = client.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        return list(pipe.execute(raise_on_error=False))

    def _send_durably(self, client: Client, commands: Sequence[Command]) -> list[Any]:
        if isinstance(client, redis.RedisCluster):
            return NodeCalls(client, self._send_and_wait).send(commands)
        return self._send_and_wait(client, commands)

    def _send_and_wait(self, client: Client, commands: Sequence[Command]) -> list[Any]:
        # WAIT waits for what its own connection has written: it must be in the same packet.
        *answers, acknowledged = self._pipe(client, [*commands, self._wait])
        unproven: BaseException
        if isinstance(acknowledged, BaseException):
            unproven = acknowledged
        elif acknowledged < self._min_replicas:
            unproven = TooFewReplicasError(acknowledged, self._min_replicas)
        else:
            return answers
        # A command's own error says more: a former primary says where the key is now, and refuses to WAIT, too.
        return [answer if isinstance(answer, BaseException) else unproven for answer in answers]


# -- connections to one server ---------------------------------------------------------

_CUTOFF: Final = 6000
"""Bytes from which on a value is a chunk of its own, as the driver has it."""


class Connections:
    """
    Connections of our own, kept between calls; each call has one to itself.

    Redis' own client spends more time on its pool and its metrics than a small
    save takes on the wire. These are its connections, taken out of its pool and
    kept, so all that it knows of time-outs, TLS, names and sentinels holds.
    """

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
            return self._try(commands)
        except (BrokenError, LateError, OSError):
            self.close()
            return self._try(commands)

    def close(self) -> None:
        """Close what is idle."""
        while (connection := self._pop_idle()) is not None:
            self._drop(connection)

    def _try(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._take()
        try:
            connection.send_packed_command(self._pack(connection, commands))
            answers = [_answer(connection) for _ in commands]
        except BaseException:
            # Answers may be under way that the next call would take for its own.
            self._drop(connection)
            raise
        self._idle.append(connection)
        return answers

    def _pack(self, connection: Any, commands: Sequence[Command]) -> list[Any]:  # noqa: ANN401 - see above
        if commands[0][0] != "HSET":
            return connection.pack_commands(commands)  # type: ignore[no-any-return]  # see above
        # What is sent ahead is large; this way of packing doesn't copy it.
        ahead = self._packer.pack(*commands[0])
        return [*ahead, *connection.pack_commands(commands[1:])]

    def _take(self) -> Any:  # noqa: ANN401 - see above
        if self._process != os.getpid():
            # A fork: these are the parent's.
            self._process, self._idle = os.getpid(), deque()
        while (connection := self._pop_idle()) is not None:
            # After a failover those to the old master aren't the pool's any more.
            if self._pool.owns_connection(connection):
                return connection
            self._drop(connection)
        return self._pool.get_connection()

    def _pop_idle(self) -> Any:  # noqa: ANN401 - see above
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _drop(self, connection: Any) -> None:  # noqa: ANN401 - see above
        connection.disconnect()
        self._pool.release(connection)


def _answer(connection: Any) -> Any:  # noqa: ANN401 - see above
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


# -- connections to the nodes of a cluster ---------------------------------------------

_Send: TypeAlias = "Callable[[redis.Redis, Sequence[Command]], list[Any]]"

_TRIES: Final = 4
_ASKING: Final[Command] = ("ASKING",)
_STALE: Final = (MovedError, ClusterDownError, BrokenError, LateError)
_AGAIN: Final = (*_STALE, AskError, TryAgainError)


class NodeCalls:
    """
    Sends commands on the very connections of a cluster's nodes, and follows keys that move.

    A cluster's own pipeline takes no WAIT, since it has no key, and a WAIT on
    another connection returns at once and lies.
    """

    def __init__(self, client: redis.RedisCluster, send: _Send) -> None:
        """
        Use the connections of *client*.

        Args:
            client: Knows which node has which key.
            send: Sends commands to one node in one packet.
        """
        self._client: Any = client  # half of its methods have no types
        self._send = send

    def send(self, commands: Sequence[Command]) -> list[Any]:
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
                answers[at] = self._ask(commands[at], answer)
            else:
                together.setdefault(self._node(commands[at]), []).append(at)
        for node, places in together.items():
            found = self._on(node, [commands[at] for at in places])
            for at, answer in zip(places, found, strict=True):
                answers[at] = answer

    def _ask(self, command: Command, error: AskError) -> Any:  # noqa: ANN401 - whatever Redis answers
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
