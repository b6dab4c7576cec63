# SPDX-License-Identifier: Apache-2.0
"""What the fault tests stand on: a proxy that really loses answers, and servers that really end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
from session_harness.lossy_proxy import LossyProxy
from session_harness.postgresql import PostgresqlServer

PATIENCE: Final = 20.0
POLL: Final = 0.02
HARNESS: Final = Path(__file__).parents[1] / "harness"

START: Final = """
import sys

sys.path.insert(0, sys.argv[1])
from session_harness.postgresql import PostgresqlServer

server = PostgresqlServer()
print(server.process.pid, server.process.folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture(name="echo")
def _echo() -> Iterator[tuple[str, int]]:
    """Return the address of a server that sends back what it gets."""

    def serve(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(1024):
                connection.sendall(data)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            Thread(target=serve, args=(connection,), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        Thread(target=accept, daemon=True).start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)


def asked(connection: socket.socket) -> bytes:
    """Return what comes back; nothing from a connection that was broken off."""
    try:
        connection.sendall(b"x")
        return connection.recv(1)
    except OSError:
        return b""


def test_each_third_answer_is_lost(echo: tuple[str, int]) -> None:
    """From ``begin`` on, every third answer is swallowed and its connection broken off."""
    answers = []
    with LossyProxy(echo, swallow_every=3) as proxy:
        connection = socket.create_connection(("127.0.0.1", proxy.port))
        before = [asked(connection) for _ in range(4)]
        proxy.begin()
        for _ in range(6):
            answers.append(asked(connection))
            if not answers[-1]:
                connection.close()
                connection = socket.create_connection(("127.0.0.1", proxy.port))
        connection.close()

    assert [b"x"] * 4 == before
    assert [b"x", b"x", b"", b"x", b"x", b""] == answers
    assert 2 == proxy.swallowed


def test_delay_is_added_both_ways(echo: tuple[str, int]) -> None:
    """An answer takes as long as both ways together, at least."""
    with (
        LossyProxy(echo, delay_ms=20) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port)) as connection,
    ):
        begin = time.monotonic()
        answer = asked(connection)

    assert b"x" == answer
    assert 0.04 <= time.monotonic() - begin


@pytest.mark.usefixtures("postgresql")  # skips where there is none
def test_no_server_outlives_a_killed_process() -> None:
    """A process that is killed, with no chance to clean up, leaves no server and no folder behind."""
    starter = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", START, str(HARNESS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    pid, folder = starter.stdout.readline().split()
    assert Path(f"/proc/{pid}").exists()

    starter.send_signal(signal.SIGKILL)
    starter.communicate()

    left = [Path(f"/proc/{pid}"), Path(folder)]
    deadline = time.monotonic() + PATIENCE
    while any(path.exists() for path in left) and time.monotonic() < deadline:
        time.sleep(POLL)
    assert [False, False] == [path.exists() for path in left]


@pytest.mark.usefixtures("postgresql")  # skips where there is none
def test_server_ends_and_leaves_nothing() -> None:
    """The end of a server is the end of its process and of its folder."""
    server = PostgresqlServer()
    pid, folder = server.process.pid, server.process.folder
    os.kill(pid, 0)

    server.end()

    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
