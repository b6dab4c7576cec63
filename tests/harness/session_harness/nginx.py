# SPDX-License-Identifier: Apache-2.0
"""A real nginx of the tests' own, with the files that it is given."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final

from session_harness.processes import (
    HOST,
    ServerMissingError,
    ServerProcess,
    as_nobody,
    own_folder,
)

_TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_AROUND: Final = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    default_type application/octet-stream;
    access_log off;
    {temporary}
    include {folder}/app.conf;
}}
"""


def nginx_binary() -> str:
    """
    Return the path of the system's nginx.

    Raises:
        ServerMissingError: If it is not installed.
    """
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        msg = "nginx is not installed: on Debian apt-get install nginx"
        raise ServerMissingError(msg)
    return found


def make_certificate(folder: Path, name: str = "127.0.0.1") -> None:
    """
    Sign a certificate for this machine, as docs/deploying.md shows it.

    Raises:
        ServerMissingError: If OpenSSL is not installed.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        msg = "openssl is not installed"
        raise ServerMissingError(msg)
    folder.mkdir(exist_ok=True)
    files = ("-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem"))
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    subprocess.run([*command, "-subj", f"/CN={name}", *files], check=True, capture_output=True)  # noqa: S603 - found above


class Nginx:
    """
    One nginx with one file in its ``http`` block.

    Attributes:
        folder: Its own; holds the certificate in ``tls``.
    """

    def __init__(self) -> None:
        """
        Make its folder and a certificate.

        Raises:
            ServerMissingError: If nginx or OpenSSL is not installed.
        """
        self._binary = nginx_binary()
        self.folder = own_folder("nginx")
        self._process: ServerProcess | None = None
        make_certificate(self.tls)

    @property
    def tls(self) -> Path:
        """Where the certificate and its key lie."""
        return self.folder / "tls"

    def check(self, text: str) -> str:
        """Return what nginx has against a file; nothing when it takes it."""
        ran = subprocess.run(  # noqa: S603 - the system's nginx
            [*self._command(text), "-t", "-q"], capture_output=True, text=True, check=False
        )
        return ran.stderr if ran.returncode else ""

    def start(self, text: str, port: int) -> None:
        """Serve as a file says, until :meth:`end`; return when it takes connections."""
        command = self._command(text)
        owner = self.folder.stat()
        for path in self.folder.rglob("*"):
            os.chown(path, owner.st_uid, owner.st_gid)
        self._process = ServerProcess(
            command,
            self.folder,
            answers=lambda: socket.create_connection((HOST, port)).close(),
            **as_nobody(),
        )

    def end(self) -> None:
        """End it and remove its folder."""
        if self._process is not None:
            self._process.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self, text: str) -> list[str]:
        (self.folder / "app.conf").write_text(text)
        temporary = " ".join(f"{one}_temp_path {self.folder}/{one};" for one in _TEMPORARY)
        around = _AROUND.format(folder=self.folder, temporary=temporary)
        (self.folder / "nginx.conf").write_text(around)
        return [
            self._binary,
            "-p",
            str(self.folder),
            "-c",
            str(self.folder / "nginx.conf"),
            "-e",
            "stderr",
        ]
