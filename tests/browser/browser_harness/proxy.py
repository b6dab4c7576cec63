# SPDX-License-Identifier: Apache-2.0
"""
A TCP proxy that a test can cut, and that moves its users to another replica.

    python proxy.py LISTEN_PORT CONTROL_PORT UPSTREAM_PORT[,UPSTREAM_PORT...]

A line to the control port is answered by ``ok``:

    up N      new connections go to upstream N, counted from 0
    cut       every open connection breaks off, as a lost network would do it
    block     new connections are refused, until ``unblock``
    strip     requests lose their cookies on the way, until ``keep``
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio import StreamReader, StreamWriter

HOST = "127.0.0.1"
CHUNK = 65536


class Proxy:
    """Passes bytes between browsers and one of several servers."""

    def __init__(self, upstreams: list[int]) -> None:
        """Begin with the first of *upstreams*."""
        self.upstreams = upstreams
        self.chosen = 0
        self.blocked = False
        self.stripping = False
        self.open: set[StreamWriter] = set()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Pass one connection on, in both directions, until either side ends it."""
        if self.blocked:
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection(HOST, self.upstreams[self.chosen])
        except OSError:
            writer.transport.abort()
            return
        self.open |= {writer, up_writer}
        await asyncio.gather(
            self._pipe(reader, up_writer, requests=True),
            self._pipe(up_reader, writer, requests=False),
        )
        self.open -= {writer, up_writer}

    async def control(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Obey the lines of one control connection."""
        while words := (await reader.readline()).decode().split():
            self._obey(*words)
            writer.write(b"ok\n")
            await writer.drain()
        writer.close()

    def _obey(self, order: str, argument: str = "0") -> None:
        match order:
            case "up":
                self.chosen = int(argument)
            case "cut":
                for writer in self.open:
                    writer.transport.abort()
            case "block" | "unblock":
                self.blocked = order == "block"
            case "strip" | "keep":
                self.stripping = order == "strip"
            case _:
                msg = f"unknown order {order!r}"
                raise ValueError(msg)

    async def _pipe(self, reader: StreamReader, writer: StreamWriter, *, requests: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                # Headers of a local request come in one piece; websocket frames are masked.
                if requests and self.stripping:
                    data = data.replace(b"\r\nCookie: ", b"\r\nX-Lost: ")
                writer.write(data)
                await writer.drain()
        writer.close()


async def main(listen: int, control: int, upstreams: list[int]) -> None:
    """Serve until the process is ended."""
    proxy = Proxy(upstreams)
    served = await asyncio.start_server(proxy.serve, HOST, listen)
    controlled = await asyncio.start_server(proxy.control, HOST, control)
    async with served, controlled:
        await asyncio.gather(served.serve_forever(), controlled.serve_forever())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), [int(p) for p in sys.argv[3].split(",")]))
