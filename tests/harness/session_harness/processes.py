# SPDX-License-Identifier: Apache-2.0
"""Real servers as child processes: none outlives the process that started it, however that one ends."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest

HOST: Final = "127.0.0.1"
PATIENCE: Final = 60.0
"""Seconds until a server that does not answer counts as broken."""

_NOBODY: Final = 65534
_RETRYING: Final = 10.0
_POLL: Final = 0.01
_PORTS: Final = (20_000, 32_000)

# The shell ends its child when its standard input does, and that is a pipe
# from us: the system closes it even if we are killed. Then it tidies up, too.
_TIED = """
folder=$1 signal=$2; shift 2
"$@" >&2 & echo $!; exec >&-
read -r orderly; kill -s "$signal" $!; wait $!
[ "$orderly" ] || rm -rf "$folder"
"""


class ServerMissingError(Exception):
    """Raised when a server that a test needs is not installed or does not start."""


@contextmanager
def needed() -> Iterator[None]:
    """Skip the tests whose server is missing; in CI, where all are installed, fail them."""
    try:
        yield
    except ServerMissingError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


def free_port() -> int:
    """Return a TCP port that nobody listens on now."""
    while True:
        # Below those that the system gives to clients: one of them could take the port
        # while a server is down.
        port = random.randrange(*_PORTS)  # noqa: S311 - no secret
        with socket.socket() as free, suppress(OSError):
            free.bind((HOST, port))
            return port


def is_root() -> bool:
    """Return whether this process may do anything, which some servers refuse to."""
    return os.geteuid() == 0


def as_nobody() -> dict[str, Any]:
    """Return the keywords of ``subprocess`` that give up being root."""
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if is_root() else {}


def own_folder(name: str) -> Path:
    """Make a folder that belongs to nobody if we are root; its path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/tmp"))
    if is_root():
        os.chown(folder, _NOBODY, _NOBODY)
    return folder


class ServerProcess:
    """One server, its folder and its process; :meth:`kill` and :meth:`start` make a crash of it."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        answers: Callable[[], object],
        end_signal: str = "KILL",
        **keywords: Any,
    ) -> None:
        """
        Start *command* and wait until it answers.

        Args:
            command: Runs in the foreground.
            folder: Removed at the end.
            answers: Raises while the server takes no connections.
            end_signal: What ends it at once, with nothing left behind.
            keywords: For ``subprocess``.
        """
        self.folder = folder
        self.log = folder / "server.log"
        self._command = [*command]
        self._answers = answers
        self._end_signal = end_signal
        self._keywords = keywords
        self._shell: subprocess.Popen[str] | None = None
        self.pid = 0
        self.start()

    def start(self) -> None:
        """Start the server, which is down, and wait until it answers."""
        begin = time.monotonic()
        while True:
            self._spawn()
            if self._answered(begin + PATIENCE):
                return
            # After a crash its own children may need a moment to let go of its memory.
            self._reap()
            if time.monotonic() > begin + _RETRYING:
                text = self.log.read_text(errors="replace")[-2000:]
                self.end()
                msg = f"{self._command[0]} does not start: {text}"
                raise ServerMissingError(msg)

    def kill(self) -> None:
        """Kill the server as a power cut would."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._reap()

    def end(self) -> None:
        """End the server and remove its folder; ending twice is fine."""
        self._reap()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self) -> None:
        tied = ("/bin/sh", "-c", _TIED, "sh")
        with self.log.open("ab") as log:
            self._shell = subprocess.Popen(  # noqa: S603 - a server that the tests chose
                [*tied, str(self.folder), self._end_signal, *self._command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for pytest, which ends its servers itself
                **self._keywords,
            )
        assert self._shell.stdout is not None
        self.pid = int(self._shell.stdout.readline())
        self._shell.stdout.close()

    def _answered(self, deadline: float) -> bool:
        while time.monotonic() < deadline and _is_alive(self.pid):
            try:
                self._answers()
            except Exception:  # noqa: BLE001 - each driver has its own errors for "not yet"
                time.sleep(_POLL)
            else:
                return True
        return False

    def _reap(self) -> None:
        if self._shell is not None:
            assert self._shell.stdin is not None
            with suppress(BrokenPipeError):
                self._shell.stdin.write("orderly\n")
                self._shell.stdin.close()
            self._shell.wait(PATIENCE)
            self._shell = None


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except FileNotFoundError:
        return False
    return not state.startswith("Z")
