# SPDX-License-Identifier: Apache-2.0
"""Sends commands, singly or many in one packet, and hands back an answer for each."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import redis
from redis.exceptions import NoScriptError

from sessionkit_redis.connect import Client, Link
from sessionkit_redis.failures import DRIVER_ERRORS, TooFewReplicasError, explained
from sessionkit_redis.lines import Lines
from sessionkit_redis.node_calls import NodeCalls
from sessionkit_redis.scripts import Command, in_full

if TYPE_CHECKING:
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
