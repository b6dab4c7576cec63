# SPDX-License-Identifier: Apache-2.0
"""A server as a real process, ended by its own process id."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import attrs

HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 60
"""Seconds that anything may take before a test fails: a machine with much else to do may stand still for half of that."""
SHOWN_LOG_LINES: Final = 60


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(ready: Callable[[], bool], alive: Callable[[], bool], what: str) -> None:
    """Return when *ready*; fail when *what* is not alive any more, or takes too long."""
    end = time.monotonic() + PATIENCE_S
    while not ready():
        assert alive(), f"{what} ended before it was ready"
        assert time.monotonic() < end, f"{what} was not ready within {PATIENCE_S} s"
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Return whether somebody accepts connections there."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex((HOST, port)) == 0


@attrs.define
class Server:
    """A server process over one folder; every start uses the same port."""

    way: str
    folder: Path
    command: list[str]
    port: int
    base: str = ""
    environment: dict[str, str] = attrs.field(factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the browser finds it."""
        return f"http://{HOST}:{self.port}{self.base}/"

    @property
    def log_file(self) -> Path:
        """What it said, over all its starts."""
        return self.folder / f"server-{self.port}.log"

    @property
    def database(self) -> Path:
        """The SQLite file of its sessions."""
        return self.folder / "sessions.db"

    def log(self) -> str:
        """Return everything it said."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def last_lines(self) -> str:
        """Return the end of what it said, without the requests that it answered."""
        lines = [line for line in self.log().splitlines() if '"GET /' not in line]
        return "\n".join(lines[-SHOWN_LOG_LINES:])

    def start(self) -> None:
        """Start the process and wait until it answers."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SESSIONKIT_")}
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - a command of this file
                self.command,
                cwd=self.folder,
                env={**environment, "PYTHONUNBUFFERED": "1", **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        process = self.process
        wait_for(self._healthy, lambda: process.poll() is None, f"server {self.command}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process, by its id, and wait until it is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=PATIENCE_S)
        self.process = None

    def restart(self, how: signal.Signals) -> None:
        """End the process and start it again, on the same port and folder."""
        self.stop(how)
        self.start()

    @contextmanager
    def watched(self) -> Iterator[Callable[[], int]]:
        """Give a function whose result moves with every write to the database."""
        with closing(sqlite3.connect(self.database)) as watching:
            yield lambda: int(watching.execute("PRAGMA data_version").fetchone()[0])

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}_stcore/health", timeout=5):  # noqa: S310 - our own server
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
