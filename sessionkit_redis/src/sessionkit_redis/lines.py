# SPDX-License-Identifier: Apache-2.0
"""
Connections of our own, kept between calls.

Redis' own client spends more time on its pool and its metrics than a small
save takes on the wire. These are its connections, taken out of its pool and
kept, so all that it knows of time-outs, TLS, names and sentinels holds.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import redis
from redis.connection import PythonRespSerializer
from redis.exceptions import ConnectionError as BrokenError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as LateError

from sessionkit_redis.scripts import Command

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
