# SPDX-License-Identifier: Apache-2.0
"""
A TCP proxy that loses answers, or delays them, in front of any server.

    python lossy_proxy.py TARGET_PORT DELAY_MS

prints its port and passes bytes on until its standard input ends: a process of
its own, so that what is measured does not share an interpreter with it.
"""

from __future__ import annotations

import socket
import sys
import time
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_HOST: Final = "127.0.0.1"
_CHUNK: Final = 1 << 20


class LossyProxy:
    """
    Passes bytes on, and after :meth:`begin` swallows every n-th answer.

    With the answer both connections are closed, so that the client sees a
    lost connection after the server has done the work.

    Attributes:
        port: Where clients connect to.
        swallowed: How many answers were lost so far.
    """

    def __init__(
        self,
        target: tuple[str, int],
        *,
        swallow_every: int = 37,
        at_most: int | None = None,
        greeting: int = 0,
        delay_ms: float = 0.0,
    ) -> None:
        """
        Listen on a free port.

        Args:
            target: Host and port of the server.
            swallow_every: Which answer is lost; an answer is what the server
                sends at once.
            at_most: How many answers are lost in all; None for no end.
            greeting: How many answers of each connection are never lost: those
                of a login, say.
            delay_ms: How long each direction takes.
        """
        self.swallowed = 0
        self._target = target
        self._every = swallow_every
        self._at_most = at_most
        self._greeting = greeting
        self._delay = delay_ms / 1000
        self._lossy = Event()
        self._closed = Event()
        self._lock = Lock()
        self._answers = 0
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((_HOST, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close every connection."""
        self.close()

    def begin(self) -> None:
        """Count answers from now on, and lose some."""
        self._lossy.set()

    def stop(self) -> None:
        """Lose nothing any more."""
        self._lossy.clear()

    def cut(self) -> None:
        """Break every open connection off, as a lost network would do it."""
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            _break_off(end)

    def close(self) -> None:
        """Stop listening and close every connection; closing twice is fine."""
        self._closed.set()
        _break_off(self._listener)
        self.cut()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            try:
                server = socket.create_connection(self._target)
            except OSError:
                _break_off(client)  # the server is down, and so are we
                continue
            self._join(client, server)

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {client, server}
        Thread(target=self._pass_requests, args=(client, server), daemon=True).start()
        Thread(target=self._pass_answers, args=(server, client), daemon=True).start()
        if self._closed.is_set():
            self.cut()

    def _pass_requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                self._wait()
                server.sendall(data)
        self._close(client, server)

    def _pass_answers(self, server: socket.socket, client: socket.socket) -> None:
        seen = 0
        with suppress(OSError):
            while data := server.recv(_CHUNK):
                seen += 1
                if seen > self._greeting and self._is_lost():
                    break
                self._wait()
                client.sendall(data)
        self._close(client, server)

    def _wait(self) -> None:
        if self._delay:
            time.sleep(self._delay)

    def _is_lost(self) -> bool:
        if not self._lossy.is_set():
            return False
        with self._lock:
            self._answers += 1
            lost = self._answers % self._every == 0 and self.swallowed != self._at_most
            self.swallowed += lost
        return lost

    def _close(self, *ends: socket.socket) -> None:
        with self._lock:
            self._open -= {*ends}
        for end in ends:
            _break_off(end)


def _break_off(end: socket.socket) -> None:
    # Closing alone would not wake a thread that waits for this socket.
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


if __name__ == "__main__":
    with LossyProxy((_HOST, int(sys.argv[1])), delay_ms=float(sys.argv[2])) as proxy:
        sys.stdout.write(f"{proxy.port}\n")
        sys.stdout.flush()
        sys.stdin.read()
